/* Request heads: what is accepted keeps every bound, says the same when it is written out again,
 * and was never refused while it came in; what is refused has a status and words. Then the route,
 * the client's address and the parameters of a path. */
#include <arpa/inet.h>

#include "fuzz.h"
#include "gateway/proxies.h"
#include "gateway/routes.h"

static bool slice_equal(struct slice a, struct slice b) {
    return a.len == b.len && memcmp(a.at, b.at, a.len) == 0;
}

static bool slice_has(struct slice slice, char c) {
    return memchr(slice.at, c, slice.len) != NULL;
}

/* Written out in the plainest form. */
static size_t serialise(const struct strict_head *head, char *out, size_t cap) {
    size_t used = 0;
#define ADD(...) used += (size_t)snprintf(out + used, cap - used, __VA_ARGS__)
    ADD("%.*s %.*s%s%.*s HTTP/1.%u\r\n", (int)head->method.len, head->method.at,
        (int)head->path.len, head->path.at, head->query.len > 0 ? "?" : "", (int)head->query.len,
        head->query.at, head->minor);
    for (size_t i = 0; i < head->header_count; i++)
        ADD("%.*s: %.*s\r\n", (int)head->headers[i].name.len, head->headers[i].name.at,
            (int)head->headers[i].value.len, head->headers[i].value.at);
    ADD("\r\n");
#undef ADD
    MUST(used < cap);
    return used;
}

static void within_bounds(const struct strict_head *head, size_t len) {
    static const char *const once[] = {"host", "content-length", "authorization", "cookie"};
    MUST(head->head_len <= len && head->head_len <= STRICT_HEAD_MAX);
    MUST(head->header_count <= STRICT_HEADERS_MAX && head->minor <= 1);
    MUST(head->path.len > 0 && (head->path.at[0] == '/' || slice_is(head->path, "*")));
    MUST(strict_find(head, "transfer-encoding") == NULL);
    MUST(head->minor == 0 || strict_find(head, "host") != NULL);
    for (size_t i = 0; i < head->header_count; i++) {
        struct slice name = head->headers[i].name, value = head->headers[i].value;
        MUST(name.len > 0 && !slice_has(name, ' ') && !slice_has(name, ':'));
        MUST(!slice_has(value, '\r') && !slice_has(value, '\n') && !slice_has(value, '\0'));
        for (size_t o = 0; o < COUNT_OF(once); o++)
            MUST(!slice_is_nocase(name, once[o]) ||
                 strict_find(head, once[o]) == &head->headers[i].value);
    }
    const struct slice *length = strict_find(head, "content-length");
    MUST(head->has_length == (length != NULL));
    if (length != NULL) {
        char text[24];
        MUST(slice_is(*length, (snprintf(text, sizeof(text), "%llu",
                                         (unsigned long long)head->content_length),
                                text)));
    }
}

static void round_trip(const struct strict_head *head) {
    static char text[2 * STRICT_HEAD_MAX];
    struct strict_head again;
    const struct strict_fault *fault = NULL;
    size_t len = serialise(head, text, sizeof(text));
    if (len > STRICT_HEAD_MAX) /* a blank behind every colon may be one too many */
        return;
    MUST(strict_parse(text, len, &again, &fault) == STRICT_OK && again.head_len == len);
    MUST(slice_equal(head->method, again.method) && slice_equal(head->path, again.path) &&
         slice_equal(head->query, again.query) && head->header_count == again.header_count);
    for (size_t i = 0; i < head->header_count; i++)
        MUST(slice_equal(head->headers[i].name, again.headers[i].name) &&
             slice_equal(head->headers[i].value, again.headers[i].value));
    MUST(head->content_length == again.content_length &&
         head->expect_continue == again.expect_continue);
}

static void route(const struct strict_head *head) {
    static struct route_match match;
    char allowed[ROUTE_ALLOW_SIZE];
    for (unsigned where = 0; where <= (WHERE_OWNER | WHERE_OPERATORS); where++) {
        route_find(head->method, head->path, where, &match);
        MUST(match.params <= ROUTE_PARAMS_MAX);
        for (unsigned i = 0; match.route != NULL && i < match.params; i++)
            MUST(strlen(match.param[i]) > 0 && strlen(match.param[i]) < ROUTE_PARAM_SIZE);
        if (match.route != NULL)
            MUST((match.route->where & where) != 0 &&
                 slice_is(head->method, match.route->method_name));
        route_allow(head->path, where, allowed);
        if (match.route != NULL)
            MUST(strstr(allowed, match.route->method_name) != NULL);
        MUST(strlen(allowed) >= strlen("OPTIONS") &&
             strcmp(allowed + strlen(allowed) - strlen("OPTIONS"), "OPTIONS") == 0);
    }
}

/* Nobody but a trusted peer can say whose address counts, and a trusted one is never the client. */
static void client(const struct strict_head *head) {
    struct proxies proxies = {0};
    struct in6_addr trusted, stranger;
    MUST(proxies_add(&proxies, "192.0.2.1") == 0 && proxies_add(&proxies, "2001:db8::1") == 0);
    MUST(address_parse((struct slice){"192.0.2.1", 9}, &trusted) == 0);
    MUST(address_parse((struct slice){"192.0.2.2", 9}, &stranger) == 0);
    struct in6_addr found = proxies_client(&proxies, &stranger, head);
    MUST(memcmp(&found, &stranger, sizeof(found)) == 0);
    found = proxies_client(&proxies, &trusted, head);
    MUST(memcmp(&found, &trusted, sizeof(found)) == 0 || !proxies_trust(&proxies, &found));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len) {
    const char *bytes = (const char *)data;
    struct strict_head head;
    const struct strict_fault *fault = NULL;
    enum strict_verdict verdict = strict_parse(bytes, len, &head, &fault);
    if (verdict == STRICT_BAD)
        MUST(fault != NULL && fault->status >= 400 && fault->status <= 505 &&
             fault->code[0] != '\0' && fault->detail[0] != '\0');
    if (verdict != STRICT_OK)
        return 0;
    within_bounds(&head, len);
    round_trip(&head);
    for (size_t part = 0; part < head.head_len; part += 1 + part / 16) {
        struct strict_head unused;
        MUST(strict_parse(bytes, part, &unused, &fault) == STRICT_MORE);
    }
    route(&head);
    client(&head);
    return 0;
}
