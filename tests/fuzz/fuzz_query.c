/* Query strings and cookies: a value that is found is within its room and comes back as it was; a
 * name that stands twice is refused; a cookie that is read could be ours. The input's first line is
 * the query or the cookie header, its second what a value is to be. */
#include <errno.h>

#include "fuzz.h"
#include "gateway/cookies.h"
#include "gateway/query.h"

static void query_read(const char *query) {
    static const char *const names[] = {"code", "state", ""};
    char value[128], text[3 * sizeof(value) + 64], again[128];
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        int r = query_get(query, names[i], value, sizeof(value));
        MUST(r == 0 || r == 1 || r == -EINVAL || r == -ENOSPC);
        MUST(memchr(value, '\0', sizeof(value)) != NULL && (r != 0 || value[0] == '\0'));
        if (r != 1)
            continue;
        size_t used = (size_t)sprintf(text, "other=1&%s=", names[i]);
        for (const char *c = value; *c != '\0'; c++)
            used += (size_t)sprintf(text + used, "%%%02x", (unsigned)(uint8_t)*c);
        MUST(query_get(text, names[i], again, sizeof(again)) == 1 && strcmp(value, again) == 0);
        (void)sprintf(text + used, "&%s=1", names[i]);
        MUST(query_get(text, names[i], again, sizeof(again)) == -EINVAL);
    }
}

static void cookies_read(const char *header) {
    char value[TOKEN_MAX + 1], set[COOKIE_SIZE], small[4];
    for (enum cookie cookie = COOKIE_CONNECT; cookie <= COOKIE_SESSION; cookie++)
        for (int secure = 0; secure < 2; secure++) {
            bool found = cookie_read(header, secure, cookie, value);
            MUST(found ? token_fits(value) : value[0] == '\0');
            if (!found)
                continue;
            cookie_write(secure, cookie, value, COOKIE_WAY_S, set);
            char again[TOKEN_MAX + 1];
            MUST(cookie_read(set, secure, cookie, again) && strcmp(value, again) == 0);
        }
    int r = cookie_get(header, "a", small, sizeof(small));
    MUST(memchr(small, '\0', sizeof(small)) != NULL && (r == 1 || r <= 0));
}

static void time_read(const char *text) {
    char out[40];
    uint64_t ms;
    if (parse_u64(text, 0, INT64_MAX, &ms) == 0 && time_text((int64_t)ms, out))
        MUST(strlen(out) == strlen("2026-11-22T13:00:00.123Z"));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len) {
    struct input input = {data, len};
    char *first = input_until(&input, '\n'), *second = input_until(&input, '\n');
    query_read(first);
    cookies_read(first);
    time_read(second);
    MUST(!token_fits(second) || strlen(second) <= TOKEN_MAX);
    free(first);
    free(second);
    return 0;
}
