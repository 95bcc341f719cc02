#include "gateway/query.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "gateway/routes.h"

static ssize_t form_decode(struct slice text, char *out, size_t cap) {
    char spaced[4096];
    if (text.len >= sizeof(spaced))
        return -ENOSPC;
    for (size_t i = 0; i < text.len; i++)
        spaced[i] = text.at[i] == '+' ? ' ' : text.at[i];
    ssize_t n = percent_decode((struct slice){spaced, text.len}, out, cap);
    explicit_bzero(spaced, text.len);
    return n;
}

int query_get(const char *query, const char *name, char *out, size_t cap) {
    int found = 0;
    size_t name_len = strlen(name);
    out[0] = '\0';
    for (const char *at = query == NULL ? "" : query; *at != '\0';) {
        size_t len = strcspn(at, "&");
        if (len >= name_len && memcmp(at, name, name_len) == 0 &&
            (len == name_len || at[name_len] == '=')) {
            size_t skip = len == name_len ? len : name_len + 1;
            if (found++)
                return -EINVAL;
            ssize_t n = form_decode((struct slice){at + skip, len - skip}, out, cap);
            if (n < 0)
                return (int)n;
            if (!utf8_valid(out, (size_t)n)) {
                out[0] = '\0';
                return -EINVAL;
            }
        }
        at += len + (at[len] == '&');
    }
    return found;
}

int cookie_get(const char *header, const char *name, char *out, size_t cap) {
    int found = 0;
    size_t name_len = strlen(name);
    out[0] = '\0';
    for (const char *at = header == NULL ? "" : header; *at != '\0';) {
        at += strspn(at, " \t");
        size_t len = strcspn(at, ";");
        if (len > name_len && memcmp(at, name, name_len) == 0 && at[name_len] == '=') {
            size_t value_len = len - name_len - 1;
            if (found++)
                return -EINVAL;
            if (value_len >= cap)
                return -ENOSPC;
            memcpy(out, at + name_len + 1, value_len);
            out[value_len] = '\0';
        }
        at += len + (at[len] == ';');
    }
    return found;
}

bool time_text(int64_t ms, char out[static 40]) {
    time_t seconds = (time_t)(ms / 1000);
    struct tm parts;
    if (ms < 0 || gmtime_r(&seconds, &parts) == NULL || parts.tm_year > 8099)
        return false;
    size_t n = strftime(out, 40, "%Y-%m-%dT%H:%M:%S", &parts);
    (void)snprintf(out + n, 40 - n, ".%03dZ", (int)(ms % 1000));
    return true;
}
