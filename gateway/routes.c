#include "gateway/routes.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { OWNER = WHERE_OWNER, OPERATORS = WHERE_OPERATORS, PUBLIC = WHERE_PUBLIC };

#define ROUTE(METHOD, pattern, caller, right, where, body, handler, summary)                       \
    {METHOD_##METHOD, #METHOD,     pattern, CALLER_##caller, FRONTEND_##right,                     \
     where,           BODY_##body, handler, summary},
const struct route routes[] = {
#include "gateway/routes.def"
};
#undef ROUTE
const size_t routes_count = COUNT_OF(routes);

static int hex_value(char c) {
    return c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10;
}

ssize_t percent_decode(struct slice text, char *out, size_t cap) {
    size_t used = 0;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.at[i];
        if (c == '%') {
            if (i + 2 >= text.len)
                return -EINVAL;
            const char digits[] = {text.at[i + 1], text.at[i + 2], '\0'};
            if (strspn(digits, "0123456789abcdefABCDEF") != 2)
                return -EINVAL;
            c = (char)(hex_value(digits[0]) << 4 | hex_value(digits[1]));
            i += 2;
        }
        if (c == '\0')
            return -EINVAL;
        if (used + 1 >= cap) {
            out[used] = '\0';
            return -ENOSPC;
        }
        out[used++] = c;
    }
    out[used] = '\0';
    return (ssize_t)used;
}

/* The bytes up to the next '/', which is skipped. */
static struct slice next_segment(struct slice *rest) {
    const char *slash = memchr(rest->at, '/', rest->len);
    struct slice segment = {rest->at, slash == NULL ? rest->len : (size_t)(slash - rest->at)};
    size_t skip = segment.len + (slash != NULL);
    *rest = (struct slice){rest->at + skip, rest->len - skip};
    return segment;
}

static size_t segments(struct slice path) {
    size_t n = 0;
    for (size_t i = 0; i < path.len; i++)
        n += path.at[i] == '/';
    return n;
}

/* Most patterns differ from a path in its first words. */
static bool may_match(const char *pattern, struct slice path) {
    size_t i = 0;
    while (i < path.len && pattern[i] == path.at[i] && pattern[i] != '\0')
        i++;
    return i == path.len ? pattern[i] == '\0' : pattern[i] == '{';
}

static bool path_matches(const struct route *route, struct slice path, struct route_match *match) {
    struct slice pattern = {route->pattern, strlen(route->pattern)};
    match->params = 0;
    if (path.len == 0 || !may_match(route->pattern, path) || segments(path) != segments(pattern))
        return false;
    for (size_t left = segments(pattern) + 1; left > 0; left--) {
        struct slice wanted = next_segment(&pattern), got = next_segment(&path);
        if (wanted.len > 0 && wanted.at[0] == '{') {
            char *param = match->param[match->params++];
            if (got.len == 0 || percent_decode(got, param, ROUTE_PARAM_SIZE) == -EINVAL)
                return false; /* what is too long stays cut: longer than any field may be */
        } else if (wanted.len != got.len || memcmp(wanted.at, got.at, got.len) != 0) {
            return false;
        }
    }
    return true;
}

bool route_is_page(const struct route *route) {
    return (route->where & WHERE_OPERATORS) == 0 && strncmp(route->pattern, "/v1/", 4) != 0 &&
           strncmp(route->pattern, "/assets/", 8) != 0 && strcmp(route->pattern, "/mcp") != 0 &&
           strcmp(route->pattern, "/openapi.yaml") != 0;
}

void route_find(struct slice method, struct slice path, unsigned where, struct route_match *ret) {
    ret->route = NULL;
    ret->path_known = false;
    for (size_t i = 0; i < routes_count; i++) {
        if ((routes[i].where & where) == 0 || !path_matches(&routes[i], path, ret))
            continue;
        ret->path_known = true;
        if (!slice_is(method, routes[i].method_name))
            continue;
        ret->route = &routes[i];
        return;
    }
}

void route_allow(struct slice path, unsigned where, char out[static ROUTE_ALLOW_SIZE]) {
    static struct route_match scratch;
    size_t used = 0;
    for (size_t i = 0; i < routes_count; i++) {
        if ((routes[i].where & where) == 0 || !path_matches(&routes[i], path, &scratch))
            continue;
        int n = snprintf(out + used, ROUTE_ALLOW_SIZE - used, "%s, ", routes[i].method_name);
        if (n > 0 && (size_t)n < ROUTE_ALLOW_SIZE - used)
            used += (size_t)n;
    }
    (void)snprintf(out + used, ROUTE_ALLOW_SIZE - used, "OPTIONS");
}
