#include "business/page.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define LATEST INT64_C(253402300800) /* the end of the year 9999: PostgreSQL counts further */

bool page_read(struct business_call *call, int64_t a_second, struct page *ret) {
    const char *cursor = business_text(call, "cursor");
    uint8_t bytes[64];
    uint64_t at;
    *ret = (struct page){0};
    if (*cursor == '\0')
        return true;
    ssize_t len = base64url_decode(cursor, strlen(cursor), bytes, sizeof(bytes) - 1);
    if (len > 0) {
        bytes[len] = '\0';
        char *key = strchr((char *)bytes, ' ');
        if (key != NULL)
            *key++ = '\0';
        if (key != NULL && *key != '\0' && strlen(key) < sizeof(ret->key) &&
            parse_u64((const char *)bytes, 0, (uint64_t)(LATEST * a_second), &at) == 0) {
            ret->at = (int64_t)at;
            (void)snprintf(ret->key, sizeof(ret->key), "%s", key);
            ret->given = true;
            return true;
        }
    }
    business_refuse_argument(call, "cursor: must be next_cursor of the page before");
    return false;
}

void page_write(json_t *result, int64_t at, const char *key) {
    char text[64], out[BASE64URL_SIZE(sizeof(text))];
    int len = snprintf(text, sizeof(text), "%" PRId64 " %s", at, key);
    base64url_encode((const uint8_t *)text, (size_t)len, out);
    (void)json_object_set_new(result, "next_cursor", json_string(out));
}
