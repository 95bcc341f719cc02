#include "providers/url.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

bool url_host_is_address(const char *host) {
    struct in6_addr v6;
    struct in_addr v4;
    return inet_pton(AF_INET, host, &v4) == 1 || inet_pton(AF_INET6, host, &v6) == 1;
}

static bool v6_valid(const char *host) {
    struct in6_addr v6;
    return inet_pton(AF_INET6, host, &v6) == 1 && !IN6_IS_ADDR_V4MAPPED(&v6) &&
           !IN6_IS_ADDR_V4COMPAT(&v6);
}

/* One label: no leading or trailing hyphen, at most 63 bytes. Returns its length, 0 when malformed.
 */
static size_t label_length(const char *at) {
    size_t len = 0;
    while (isalnum((unsigned char)at[len]) || at[len] == '-' || at[len] == '_')
        len++;
    return len == 0 || len > 63 || at[0] == '-' || at[len - 1] == '-' ? 0 : len;
}

/* inet_aton() would take a last label like these for a number: "1", "0x7f". */
static bool label_is_number(const char *label, size_t len) {
    if (len > 1 && label[0] == '0' && (label[1] == 'x' || label[1] == 'X'))
        return true;
    for (size_t i = 0; i < len; i++)
        if (!isdigit((unsigned char)label[i]))
            return false;
    return true;
}

bool url_host_valid(const char *host) {
    struct in_addr v4;
    if (strlen(host) > URL_HOST_MAX)
        return false;
    if (strchr(host, ':') != NULL)
        return v6_valid(host);
    if (inet_pton(AF_INET, host, &v4) == 1)
        return true;
    for (const char *at = host;; at++) {
        size_t len = label_length(at);
        if (len == 0)
            return false;
        const char *end = at + len;
        if (*end == '\0')
            return !label_is_number(at, len);
        if (*end != '.')
            return false;
        at = end;
    }
}

static int host_take(const char *from, size_t len, char *host) {
    if (len == 0 || len > URL_HOST_MAX)
        return -EINVAL;
    for (size_t i = 0; i < len; i++)
        host[i] = (char)tolower((unsigned char)from[i]);
    host[len] = '\0';
    return url_host_valid(host) ? 0 : -EINVAL;
}

/* Reads "host[:port]" of `len` bytes; *ret_port stays as it is when there is none. */
static int authority_take(const char *text, size_t len, char *host, uint16_t *ret_port,
                          bool *ret_has_port) {
    const char *end = text + len, *host_end, *rest;
    bool bracket = len > 0 && text[0] == '[';
    if (bracket) {
        host_end = memchr(text, ']', len);
        rest = host_end == NULL ? NULL : host_end + 1;
    } else {
        host_end = memchr(text, ':', len);
        rest = host_end = host_end == NULL ? end : host_end;
    }
    if (rest == NULL || (rest != end && *rest != ':'))
        return -EINVAL;
    const char *start = bracket ? text + 1 : text;
    int r = host_take(start, (size_t)(host_end - start), host);
    if (r < 0 || (strchr(host, ':') != NULL) != bracket)
        return -EINVAL;
    *ret_has_port = rest != end;
    if (rest == end)
        return 0;
    char digits[6] = "";
    size_t n = (size_t)(end - rest - 1);
    if (n == 0 || n >= sizeof(digits))
        return -EINVAL;
    memcpy(digits, rest + 1, n);
    uint64_t port;
    if (parse_u64(digits, 1, 65535, &port) < 0)
        return -EINVAL;
    *ret_port = (uint16_t)port;
    return 0;
}

int url_parse_pair(const char *text, char *host, uint16_t *ret_port) {
    bool has_port = false;
    int r = authority_take(text, strlen(text), host, ret_port, &has_port);
    return r == 0 && has_port ? 0 : -EINVAL;
}

int url_pair_of(const char *text, char out[static URL_PAIR_SIZE]) {
    struct url url;
    int r = url_parse(text, &url);
    if (r < 0)
        return r;
    const bool v6 = strchr(url.host, ':') != NULL;
    (void)snprintf(out, URL_PAIR_SIZE, "%s%s%s:%u", v6 ? "[" : "", url.host, v6 ? "]" : "",
                   url.port);
    return 0;
}

static bool printable(const char *text) {
    for (const char *c = text; *c != '\0'; c++)
        if ((unsigned char)*c <= 0x20 || (unsigned char)*c >= 0x7f)
            return false;
    return true;
}

int url_parse_smtp(const char *text, struct url *ret) {
    struct url url = {0};
    bool has_port;
    if (!printable(text))
        return -EINVAL;
    if (strncmp(text, "smtps://", 8) == 0) {
        url.tls = true;
        url.port = 465;
        text += 8;
    } else if (strncmp(text, "smtp://", 7) == 0) {
        url.port = 587;
        text += 7;
    } else {
        return -EINVAL;
    }
    size_t authority = strcspn(text, "/?#");
    if (text[authority] != '\0' && strcmp(text + authority, "/") != 0)
        return -EINVAL;
    int r = authority_take(text, authority, url.host, &url.port, &has_port);
    if (r == 0)
        *ret = url;
    return r;
}

int url_parse(const char *text, struct url *ret) {
    struct url url = {0};
    if (!printable(text))
        return -EINVAL;
    if (strncmp(text, "https://", 8) == 0) {
        url.tls = true;
        url.port = 443;
        text += 8;
    } else if (strncmp(text, "http://", 7) == 0) {
        url.port = 80;
        text += 7;
    } else {
        return -EINVAL;
    }
    bool has_port;
    size_t authority = strcspn(text, "/?#");
    int r = authority_take(text, authority, url.host, &url.port, &has_port);
    if (r < 0)
        return r;
    text += authority;
    url.path_len = strcspn(text, "#");
    url.path = url.path_len > 0 ? text : NULL;
    *ret = url;
    return 0;
}
