/* Sealed blobs from strangers never open, and what was sealed comes back as it was. */
#include <stdlib.h>
#include <string.h>

#include "memory/seal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static const uint8_t key[SEAL_KEY_LEN] = {42};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len) {
    char *plain = NULL;
    uint8_t *blob = NULL;
    size_t plain_len = 0, blob_len = 0;
    if (seal_init() < 0)
        abort();
    const struct seal_label label = {"fuzz", "subject", len, seal_version(data, len)};
    if (seal_open(key, &label, data, len, &plain, &plain_len) >= 0)
        abort();
    if (seal_box(key, &label, data, len, &blob, &blob_len) < 0)
        abort();
    if (seal_open(key, &label, blob, blob_len, &plain, &plain_len) < 0 || plain_len != len ||
        (len > 0 && memcmp(plain, data, len) != 0))
        abort();
    secret_free(plain);
    free(blob);
    return 0;
}
