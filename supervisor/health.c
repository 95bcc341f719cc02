#include "supervisor/daemon.h"

size_t health_reasons(void *ctx, const char **reasons, size_t max) {
    const struct daemon *daemon = ctx;
    struct turns_status status;
    turns_status(daemon->turns, &status);
    const struct {
        bool bad;
        const char *word;
    } checks[] = {
        {!store_ready(daemon->store), "database"},
        {!keys_client_ready(daemon->keys), "keys"},
        {!zygote_ready(daemon->zygote), "zygote"},
        {status.draining, "draining"},
    };
    size_t n = 0;
    for (size_t i = 0; i < COUNT_OF(checks) && n < max; i++)
        if (checks[i].bad)
            reasons[n++] = checks[i].word;
    return n;
}
