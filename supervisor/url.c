#include "supervisor/url.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

bool url_valid(const char *url) {
    size_t len = strlen(url);
    const char *host = strncasecmp(url, "https://", 8) == 0  ? url + 8
                       : strncasecmp(url, "http://", 7) == 0 ? url + 7
                                                             : NULL;
    if (host == NULL || len > RETURN_TO_MAX)
        return false;
    for (const char *c = url; *c != '\0'; c++)
        if (*c <= ' ' || *c >= 0x7f || strchr("#\\\"<>^`{|}", *c) != NULL)
            return false;
    size_t authority = strcspn(host, "/?");
    return authority > 0 && *host != ':' && memchr(host, '@', authority) == NULL;
}

static bool unreserved(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c != '\0' && strchr("-._~", c) != NULL);
}

int url_append(char *url, size_t cap, const char *name, const char *value) {
    static const char digits[] = "0123456789ABCDEF";
    size_t used = strlen(url);
    const char *query = strchr(url, '?');
    const char *between = query == NULL                                  ? "?"
                          : url[used - 1] == '?' || url[used - 1] == '&' ? ""
                                                                         : "&";
    int n = snprintf(url + used, cap - used, "%s%s=", between, name);
    if (n < 0 || (size_t)n >= cap - used)
        return -ENOSPC;
    used += (size_t)n;
    for (; *value != '\0'; value++) {
        if (cap - used < 4)
            return -ENOSPC;
        if (unreserved(*value)) {
            url[used++] = *value;
        } else {
            url[used++] = '%';
            url[used++] = digits[(uint8_t)*value >> 4];
            url[used++] = digits[(uint8_t)*value & 15];
        }
        url[used] = '\0';
    }
    return 0;
}

int url_join(char *out, size_t cap, const char *base, const char *path) {
    size_t len = strlen(base);
    while (len > 0 && base[len - 1] == '/')
        len--;
    int n = snprintf(out, cap, "%.*s/%s", (int)len, base, path);
    return n < 0 || (size_t)n >= cap ? -ENOSPC : 0;
}
