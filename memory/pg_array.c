#include "memory/pg_array.h"

#include <endian.h>
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#define HEAD_SIZE 20u
#define LEN_SIZE  4u
#define ARRAY_MAX (64u << 20) /* the server takes no more than a GiB; ours are far below */

static uint8_t *put_32(uint8_t *at, uint32_t value) {
    value = htobe32(value);
    return mempcpy(at, &value, sizeof(value));
}

static size_t size_of(enum pg_array_type type, const struct pg_param *value) {
    if (value->data == NULL)
        return 0;
    return type == PG_ARRAY_BIGINT ? sizeof(int64_t) : value->len;
}

static int number_of(const struct pg_param *value, int64_t *ret) {
    char *end;
    errno = 0;
    intmax_t number = strtoimax(value->data, &end, 10);
    if (errno != 0 || end == value->data || *end != '\0')
        return -EINVAL;
    *ret = number;
    return 0;
}

/* To the order of the wire. */
static void turn_doubles(uint8_t *at, size_t len) {
    uint64_t bits;
    for (size_t i = 0; i + sizeof(bits) <= len; i += sizeof(bits)) {
        memcpy(&bits, at + i, sizeof(bits));
        bits = htobe64(bits);
        memcpy(at + i, &bits, sizeof(bits));
    }
}

/* Puts one value, and moves `at` past it. */
static int put_value(uint8_t **at, enum pg_array_type type, const struct pg_param *value) {
    size_t len = size_of(type, value);
    *at = put_32(*at, value->data == NULL ? UINT32_MAX : (uint32_t)len);
    if (value->data == NULL)
        return 0;
    if (type == PG_ARRAY_BIGINT) {
        int64_t number;
        if (number_of(value, &number) < 0)
            return -EINVAL;
        uint64_t big = htobe64((uint64_t)number);
        *at = mempcpy(*at, &big, sizeof(big));
        return 0;
    }
    *at = mempcpy(*at, value->data, len);
    if (type == PG_ARRAY_FLOAT8 || type == PG_ARRAY_BOX)
        turn_doubles(*at - len, len);
    return 0;
}

int pg_array(enum pg_array_type type, unsigned n, pg_array_value *value, const void *ctx,
             struct pg_param *ret) {
    size_t size = HEAD_SIZE;
    bool any_null = false;
    for (unsigned i = 0; i < n; i++) {
        struct pg_param one = value(ctx, i);
        size += LEN_SIZE + size_of(type, &one);
        any_null |= one.data == NULL;
        if (size > ARRAY_MAX)
            return -EINVAL;
    }
    uint8_t *data = malloc(size), *at = data;
    if (data == NULL)
        return -ENOMEM;
    const uint32_t head[] = {1, any_null, type, n, 1};
    for (size_t i = 0; i < COUNT_OF(head); i++)
        at = put_32(at, head[i]);
    for (unsigned i = 0; i < n; i++) {
        struct pg_param one = value(ctx, i);
        if (put_value(&at, type, &one) < 0) {
            free(data);
            return -EINVAL;
        }
    }
    *ret = PG_BYTES(data, size);
    return 0;
}
