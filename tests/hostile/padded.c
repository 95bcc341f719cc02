#include "tests/hostile/padded.h"

#include <errno.h>
#include <string.h>

#define TAG 0xba, 0x3e /* field 999, bytes */

static size_t put_length(size_t value, uint8_t *out) {
    size_t n = 0;
    for (; value > 127; value >>= 7)
        out[n++] = (uint8_t)(value | 128);
    out[n++] = (uint8_t)value;
    return n;
}

uint8_t *padded(Cloister__Message *message, size_t size) {
    message->protocol = PROTOCOL_VERSION;
    size_t said = cloister__message__get_packed_size(message);
    SCOPE_FREE uint8_t *data = calloc(1, size + 16);
    if (data == NULL || said + 3 > size)
        return NULL;
    (void)cloister__message__pack(message, data);
    uint8_t *at = data + said;
    memcpy(at, (const uint8_t[]){TAG}, 2);
    size_t left = size - said - 2;
    for (size_t n = 1; n <= 5 && n <= left; n++)
        if (put_length(left - n, at + 2) == n) {
            memset(at + 2 + n, 0, left - n);
            return take_ptr(data);
        }
    return NULL;
}

ssize_t unpadded(const uint8_t *data, size_t len, uint8_t *out, size_t cap) {
    Cloister__Message *message = cloister__message__unpack(NULL, len, data);
    if (message == NULL)
        return -EPROTO;
    unsigned unknown = message->base.n_unknown_fields;
    message->base.n_unknown_fields = 0;
    size_t size = cloister__message__get_packed_size(message);
    if (size <= cap)
        (void)cloister__message__pack(message, out);
    message->base.n_unknown_fields = unknown;
    cloister__message__free_unpacked(message, NULL);
    return size <= cap ? (ssize_t)size : -EMSGSIZE;
}
