/* libFuzzer harness for providers/sse.c and providers/url.c. The first byte says in what pieces the
 * rest arrives; whatever the pieces, the events must be the same. Built as meson.build here says.
 */
#include <stdlib.h>
#include <string.h>

#include "providers/http.h"
#include "providers/url.h"

#define EVENT_MAX 512

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A sum over all events: order, names, lengths and bytes. */
static int on_event(void *ctx, const char *name, const char *data, size_t len) {
    uint64_t *sum = ctx;
    if (len > EVENT_MAX || data[len] != '\0')
        abort();
    for (const char *c = name; *c != '\0'; c++)
        *sum = *sum * 31 + (uint8_t)*c;
    for (size_t i = 0; i < len; i++)
        *sum = *sum * 37 + (uint8_t)data[i];
    *sum = *sum * 41 + len;
    return 0;
}

static int parse(const char *text, size_t len, size_t piece, uint64_t *ret_sum) {
    *ret_sum = 0;
    struct sse *sse = sse_new(EVENT_MAX, on_event, ret_sum);
    int r = 0;
    for (size_t at = 0; at < len && r == 0; at += piece)
        r = sse_feed(sse, text + at, len - at < piece ? len - at : piece);
    sse_free(sse);
    return r;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    uint64_t whole, split;
    if (size < 1)
        return 0;
    const char *text = (const char *)data + 1;
    int r = parse(text, size - 1, size, &whole);
    if (parse(text, size - 1, data[0] % 7 + 1u, &split) != r || (r == 0 && whole != split))
        abort();
    char *copy = strndup(text, size - 1);
    struct url url;
    if (url_parse(copy, &url) == 0 && (!url_host_valid(url.host) || url.port == 0))
        abort();
    free(copy);
    return 0;
}
