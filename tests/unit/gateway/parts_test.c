/* The gateway's pure parts: routes, fields, queries, events, rates. */
#include <arpa/inet.h>
#include <check.h>
#include <errno.h>
#include <malloc.h>
#include <poll.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "gateway/bucket.h"
#include "gateway/fields.h"
#include "gateway/front_cache.h"
#include "gateway/front_limits.h"
#include "gateway/problem.h"
#include "gateway/query.h"
#include "gateway/routes.h"
#include "gateway/sse.h"

static struct slice slice_of(const char *text) {
    return (struct slice){text, strlen(text)};
}

START_TEST(test_routes) {
    static struct route_match match;
    char allow[ROUTE_ALLOW_SIZE];
    route_find(slice_of("DELETE"), slice_of("/v1/users/a%2Fb%20c/memory/m1"), WHERE_OWNER, &match);
    ck_assert_ptr_nonnull(match.route);
    ck_assert_str_eq(match.route->pattern, "/v1/users/{user}/memory/{id}");
    ck_assert_str_eq(match.param[0], "a/b c");
    ck_assert_str_eq(match.param[1], "m1");
    route_find(slice_of("PUT"), slice_of("/v1/chat"), WHERE_OWNER, &match);
    ck_assert(match.route == NULL && match.path_known);
    route_allow(slice_of("/v1/users/x/memory"), WHERE_OWNER, allow);
    ck_assert_str_eq(allow, "GET, DELETE, OPTIONS");
    static const char *const nowhere[] = {
        "/v1",       "/v1/",     "/v1/chat/", "/v1/users//memory",       "//",
        "/connect/", "/metrics", "/readyz",   "/v1/users/x/memory/m1/n", "*"};
    for (size_t i = 0; i < COUNT_OF(nowhere); i++) {
        route_find(slice_of("GET"), slice_of(nowhere[i]), WHERE_OWNER, &match);
        ck_assert_msg(match.route == NULL && !match.path_known, "%s", nowhere[i]);
    }
    route_find(slice_of("GET"), slice_of("/metrics"), WHERE_OPERATORS, &match);
    ck_assert_ptr_nonnull(match.route);
    route_find(slice_of("GET"), slice_of("/v1/chat"), WHERE_OPERATORS, &match);
    ck_assert(match.route == NULL && !match.path_known);
}
END_TEST

/* A document describes every route of its listener: path, then method below it. Pages of the public
 * are for people. */
static void has_every_route(const char *document, unsigned where) {
    static uint8_t text[400000];
    ssize_t len = file_read(document, text, sizeof(text) - 1);
    ck_assert_int_gt(len, 0);
    text[len] = '\0';
    for (size_t i = 0; i < routes_count; i++) {
        if ((routes[i].where & where) == 0 || (where == WHERE_PUBLIC && route_is_page(&routes[i])))
            continue;
        char path[128], method[32];
        (void)snprintf(path, sizeof(path), "\n  %s:\n", routes[i].pattern);
        (void)snprintf(method, sizeof(method), "\n    %s:\n", routes[i].method_name);
        for (char *c = method; *c != '\0'; c++)
            *c = (char)(*c >= 'A' && *c <= 'Z' ? *c + 32 : *c);
        const char *at = strstr((const char *)text, path);
        ck_assert_msg(at != NULL, "openapi.yaml has no %s", routes[i].pattern);
        at += strlen(path) - 1;
        const char *next = strstr(at, "\n  /"), *found = strstr(at, method);
        ck_assert_msg(found != NULL && (next == NULL || found < next), "openapi.yaml has no %s %s",
                      routes[i].method_name, routes[i].pattern);
    }
}

/* One that is asked a thousand things once keeps what is asked again. */
START_TEST(test_kept_answers) {
    struct front_cache *cache;
    struct front_kept *kept;
    char key[32], text[500];
    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    ck_assert_int_eq(front_cache_new(1000, 20000, 60000, &cache), 0);
    front_cache_put(cache, "mine", front_cache_generation(cache), 200, "{\"a\":1}");
    kept = front_cache_get(cache, "mine");
    ck_assert_ptr_nonnull(kept);
    front_cache_made(cache, kept, "made of it", 10);
    for (int i = 0; i < 1000; i++) {
        snprintf(key, sizeof(key), "once %d", i);
        front_cache_put(cache, key, front_cache_generation(cache), 200, text);
    }
    ck_assert_ptr_null(front_cache_get(cache, "once 999"));
    kept = front_cache_get(cache, "mine");
    ck_assert_ptr_nonnull(kept);
    ck_assert_str_eq(kept->result, "{\"a\":1}");
    ck_assert_str_eq(kept->made, "made of it");
    ck_assert_uint_eq(kept->made_len, 10);
    for (int i = 0; i < 2; i++)
        front_cache_put(cache, "again", front_cache_generation(cache), 200, text);
    ck_assert_ptr_nonnull(front_cache_get(cache, "again"));
    uint64_t before = front_cache_generation(cache);
    front_cache_clear(cache);
    ck_assert_ptr_null(front_cache_get(cache, "again"));
    front_cache_put(cache, "again", before, 200, text); /* asked before the change */
    ck_assert_ptr_null(front_cache_get(cache, "again"));
    front_cache_free(cache);
}
END_TEST

/* For a while, and no more than there is room for. */
START_TEST(test_kept_answers_go) {
    struct front_cache *cache;
    char key[32], text[500];
    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    ck_assert_int_eq(front_cache_new(1000, 20000, 20, &cache), 0);
    front_cache_put(cache, "mine", front_cache_generation(cache), 200, text);
    ck_assert_ptr_nonnull(front_cache_get(cache, "mine")); /* control */
    (void)poll(NULL, 0, 40);
    ck_assert_ptr_null(front_cache_get(cache, "mine"));
    front_cache_free(cache);
    ck_assert_int_eq(front_cache_new(1000, 20000, 60000, &cache), 0);
    unsigned there = 0;
    for (int i = 0; i < 200; i++) {
        snprintf(key, sizeof(key), "twice %d", i / 2);
        front_cache_put(cache, key, front_cache_generation(cache), 200, text);
    }
    for (int i = 0; i < 100; i++) {
        snprintf(key, sizeof(key), "twice %d", i);
        there += front_cache_get(cache, key) != NULL;
    }
    ck_assert_uint_gt(there, 10);
    ck_assert_uint_le(there * sizeof(text), 20000);
    ck_assert_ptr_nonnull(front_cache_get(cache, "twice 99")); /* the longest unused go */
    front_cache_free(cache);
}
END_TEST

START_TEST(test_openapi_has_every_route) {
    has_every_route(OPENAPI "/openapi.yaml", WHERE_OWNER | WHERE_OPERATORS);
    has_every_route(OPENAPI "/openapi_public.yaml", WHERE_PUBLIC);
}
END_TEST

START_TEST(test_query) {
    char out[32];
    ck_assert_int_eq(query_get("a=1&b=x+y%21&c", "b", out, sizeof(out)), 1);
    ck_assert_str_eq(out, "x y!");
    ck_assert_int_eq(query_get("a=1&b", "b", out, sizeof(out)), 1);
    ck_assert_str_eq(out, "");
    ck_assert_int_eq(query_get("ab=1", "a", out, sizeof(out)), 0);
    ck_assert_int_eq(query_get(NULL, "a", out, sizeof(out)), 0);
    ck_assert_int_eq(query_get("a=1&a=2", "a", out, sizeof(out)), -EINVAL);
    ck_assert_int_eq(query_get("a=%0", "a", out, sizeof(out)), -EINVAL);
    ck_assert_int_eq(query_get("a=Z%c3%bcrich", "a", out, sizeof(out)), 1);
    ck_assert_str_eq(out, "Zürich");
    ck_assert_int_eq(query_get("a=Z%fcrich", "a", out, sizeof(out)), -EINVAL); /* Latin-1 */
    ck_assert_str_eq(out, "");
    ck_assert_int_eq(query_get("a=0123456789012345678901234567890123", "a", out, sizeof(out)),
                     -ENOSPC);
    ck_assert_int_eq(cookie_get("x=1; name=v; y=2", "name", out, sizeof(out)), 1);
    ck_assert_str_eq(out, "v");
    ck_assert_int_eq(cookie_get("xname=v", "name", out, sizeof(out)), 0);
    ck_assert_int_eq(cookie_get("name=v; name=w", "name", out, sizeof(out)), -EINVAL);
    char when[40];
    ck_assert(time_text(1767225600123, when));
    ck_assert_str_eq(when, "2026-01-01T00:00:00.123Z");
    ck_assert(!time_text(-1, when));
}
END_TEST

START_TEST(test_fields) {
    struct field_fault fault;
    static const char *const bad[] = {
        "", "{", "[1]", "\"x\"", "{\"a\":1,\"a\":2}", "{}x", "{'a':1}", "{\"a\":\"\\u0000\"}"};
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        ck_assert_ptr_null(fields_parse((const uint8_t *)bad[i], strlen(bad[i]), &fault));
        ck_assert_str_eq(fault.code, "invalid_json");
    }
    ck_assert_ptr_null(fields_parse((const uint8_t *)"{\"a\":\"\xff\"}", 9, &fault));
    ck_assert_str_eq(fault.code, "invalid_utf8");
    char deep[200];
    memset(deep, '[', sizeof(deep));
    ck_assert_ptr_null(fields_parse((const uint8_t *)deep, sizeof(deep), &fault));
    ck_assert_ptr_nonnull(strstr(fault.detail, "nested"));
    json_t *object = fields_parse((const uint8_t *)"{\"a\":\"[[[[[[[[[[[[[[[[[[[[\"}", 28, &fault);
    ck_assert_ptr_nonnull(object);
    json_decref(object);
    ck_assert(name_valid("Zoë Ω 日本", 128) && !name_valid("a\nb", 128) && !name_valid("", 128));
    ck_assert(!name_valid("a\xc2\x9f", 128) && name_valid("a\xc2\xa0", 128));
    ck_assert(!name_valid("a\xc2\x85", 128) && !name_valid("\x7f", 128) && !name_valid("abc", 2));
}
END_TEST

START_TEST(test_zones) {
    static const char *const good[] = {"Europe/Berlin", "UTC", "America/Argentina/Ushuaia",
                                       "Etc/GMT+5"};
    static const char *const bad[] = {
        "",         "Mars/Olympus",   "../passwd", "/etc/passwd", "Europe",       "Europe/",
        "zone.tab", "Europe/Berlin ", "tzdata.zi", ".",           "Europe/../UTC"};
    for (size_t i = 0; i < COUNT_OF(good); i++)
        ck_assert_msg(timezone_known(good[i]), "%s", good[i]);
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        ck_assert_msg(!timezone_known(bad[i]), "%s", bad[i]);
}
END_TEST

/* A gateway that is short of descriptors does not tell its callers that they are wrong. */
START_TEST(test_zones_without_descriptors) {
    struct rlimit limit;
    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
    const struct rlimit none = {0, limit.rlim_max};
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &none), 0);
    bool zone = timezone_known("Europe/Berlin"), other = timezone_known("../passwd");
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
    ck_assert(zone && !other);
}
END_TEST

static char *escaped(const char *text, size_t len, bool more, size_t *ret_taken) {
    struct evbuffer *out = evbuffer_new();
    size_t taken = json_escape(out, text, len, more);
    if (ret_taken != NULL)
        *ret_taken = taken;
    (void)evbuffer_add(out, "", 1);
    char *copy = strdup((const char *)evbuffer_pullup(out, -1));
    evbuffer_free(out);
    return copy;
}

START_TEST(test_escape) {
    size_t taken;
    SCOPE_FREE char *plain = escaped("a\"b\\c\n\r\t\b\f\x01\x7f", 11, false, NULL);
    ck_assert_str_eq(plain, "a\\\"b\\\\c\\n\\r\\t\\b\\f\\u0001");
    SCOPE_FREE char *wide = escaped("é日🙂", 9, false, NULL);
    ck_assert_str_eq(wide, "é日🙂");
    SCOPE_FREE char *broken = escaped("a\xff\xc3(\xed\xa0\x80", 7, false, NULL);
    ck_assert_str_eq(broken, "a\xef\xbf\xbd\xef\xbf\xbd(\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd");
    SCOPE_FREE char *half = escaped("ok\xe6\x97", 4, true, &taken);
    ck_assert_str_eq(half, "ok");
    ck_assert_uint_eq(taken, 2);
}
END_TEST

/* Every event is one JSON line, text comes back whole, memory and credit stay within their bounds.
 */
START_TEST(test_events) {
    struct sse *sse;
    struct evbuffer *out = evbuffer_new();
    static char text[20000];
    ck_assert_int_eq(sse_new(65536, 16384, &sse), 0);
    for (size_t i = 0; i + 3 < sizeof(text); i += 3)
        memcpy(text + i, i % 2 == 0 ? "日" : "a\nb", 3);
    ck_assert_int_eq(sse_text(sse, text, strlen(text)), 0);
    ck_assert_int_eq(sse_event(sse, "tool", "{\"name\":\"x\"}"), 0);
    ck_assert_int_eq(sse_event(sse, "tool", "{\n}"), -EINVAL);
    sse_pump(sse, 16384, out);
    ck_assert_uint_eq(evbuffer_get_length(out), 0); /* the client takes nothing: nothing goes */
    ck_assert_uint_eq(sse_credit(sse), 0);
    sse_pump(sse, 0, out);
    ck_assert(!sse_empty(sse));
    ck_assert_uint_lt(evbuffer_get_length(out), 16384 + 6 * SSE_TEXT_MAX + 64);
    for (unsigned turns = 0; !sse_empty(sse); turns++) {
        ck_assert_uint_lt(turns, 100);
        sse_pump(sse, 0, out);
    }
    (void)evbuffer_add(out, "", 1);
    const char *at = (const char *)evbuffer_pullup(out, -1);
    char *joined = calloc(1, sizeof(text)), *end = joined;
    for (const char *data; (data = strstr(at, "data: ")) != NULL; at = data + 1) {
        json_t *object = json_loadb(data + 6, strcspn(data + 6, "\n"), 0, NULL);
        ck_assert_ptr_nonnull(object);
        ck_assert_int_eq(strncmp(data + 6 + strcspn(data + 6, "\n"), "\n\n", 2), 0);
        end = stpcpy(end, field_text(object, "text"));
        json_decref(object);
    }
    ck_assert_str_eq(joined, text);
    ck_assert_uint_eq(sse_credit(sse), strlen(text));
    free(joined);
    evbuffer_free(out);
    sse_free(sse);
}
END_TEST

START_TEST(test_event_bounds) {
    struct sse *sse;
    char text[1024];
    memset(text, 'x', sizeof(text));
    ck_assert_int_eq(sse_new(4096, 1024, &sse), 0);
    for (unsigned i = 0; i < 4; i++)
        ck_assert_int_eq(sse_text(sse, text, sizeof(text)), 0);
    ck_assert_int_eq(sse_text(sse, text, 1), -EDQUOT);
    for (unsigned i = 0; i < SSE_EVENTS_MAX; i++)
        ck_assert_int_eq(sse_event(sse, "tool", "{}"), 0);
    ck_assert_int_eq(sse_event(sse, "tool", "{}"), -ENOBUFS);
    /* Half given back is not yet all: what has left counts until its credit was sent. */
    struct evbuffer *out = evbuffer_new();
    sse_pump(sse, 0, out);
    ck_assert_uint_eq(sse_credit(sse), 4096);
    ck_assert_int_eq(sse_text(sse, text, sizeof(text)), 0);
    evbuffer_free(out);
    sse_free(sse);
}
END_TEST

static size_t heap_used(void) {
    struct mallinfo2 info = mallinfo2();
    return info.uordblks + info.hblkhd;
}

/* A reader that never quite catches up: the queue turns over for ever in the same memory. */
START_TEST(test_never_empty) {
    struct sse *sse;
    char text[4000];
    memset(text, 'x', sizeof(text));
    ck_assert_int_eq(sse_new(16384, 8192, &sse), 0);
    struct evbuffer *out = evbuffer_new();
    ck_assert_int_eq(sse_text(sse, text, sizeof(text)), 0);
    size_t before = heap_used();
    for (unsigned i = 0; i < 20000; i++) {
        ck_assert_int_eq(sse_text(sse, text, sizeof(text)), 0);
        sse_pump(sse, 8191, out); /* room for one event */
        ck_assert(!sse_empty(sse));
        (void)evbuffer_drain(out, evbuffer_get_length(out));
        while (sse_credit(sse) > 0) {
        }
        if (i % 20 == 19) /* events of 4096 outrun pieces of 4000 */
            ck_assert_int_eq(sse_text(sse, text, 96 * 20), 0);
    }
    ck_assert_uint_lt(heap_used(), before + 65536);
    evbuffer_free(out);
    sse_free(sse);
}
END_TEST

START_TEST(test_rates) {
    ck_assert_int_ge(sodium_init(), 0);
    SCOPE_FREE void *memory = calloc(1, buckets_size(16));
    struct buckets *buckets = buckets_begin(memory, 16, false, 0);
    for (unsigned i = 0; i < 10; i++)
        ck_assert_uint_eq(buckets_take(buckets, "a", 1, 2, 10, 1000), 0);
    ck_assert_uint_eq(buckets_take(buckets, "a", 1, 2, 10, 1000), 500);
    ck_assert_uint_eq(buckets_take(buckets, "b", 1, 2, 10, 1000), 0);
    ck_assert_uint_eq(buckets_take(buckets, "a", 1, 2, 10, 1500), 0);
    ck_assert_uint_gt(buckets_take(buckets, "a", 1, 2, 10, 1500), 0);
    for (unsigned i = 0; i < 1000; i++) /* more keys than slots: no harm */
        ck_assert_uint_eq(buckets_take(buckets, &i, sizeof(i), 2, 10, 2000), 0);
}
END_TEST

/* What a process before left counts on; what cannot be of before is forgotten, and so is a table
 * that is made anew. */
START_TEST(test_rates_that_were_left) {
    ck_assert_int_ge(sodium_init(), 0);
    SCOPE_FREE void *memory = calloc(1, buckets_size(16));
    struct buckets *buckets = buckets_begin(memory, 16, false, 0);
    for (unsigned i = 0; i < 10; i++)
        ck_assert_uint_eq(buckets_take(buckets, "a", 1, 2, 10, 1000), 0);
    ck_assert_uint_eq(buckets_take(buckets, "b", 1, 2, 1, 9000), 0);
    buckets = buckets_begin(memory, 16, true, 1100);
    ck_assert_uint_eq(buckets_take(buckets, "a", 1, 2, 10, 1100), 400);
    ck_assert_uint_eq(buckets_take(buckets, "b", 1, 2, 1, 1100), 0);
    ck_assert_ptr_null(memmem(memory, buckets_size(16), "203.0.113.9", 11));
    ck_assert_uint_eq(buckets_take(buckets, "203.0.113.9", 11, 2, 10, 1100), 0);
    ck_assert_ptr_null(memmem(memory, buckets_size(16), "203.0.113.9", 11));
    memset(memory, 0, buckets_size(16));
    buckets = buckets_begin(memory, 16, false, 1100);
    ck_assert_uint_eq(buckets_take(buckets, "a", 1, 2, 10, 1100), 0);
}
END_TEST

static uint64_t front_wait(struct front_limits *limits, const char *address, const char *client,
                           const char *slug) {
    struct call call = {.address = {{{0}}}};
    struct front_request request = {.operation = "get_business",
                                    .arguments = json_pack("{s:s*}", "business", slug),
                                    .client = {"mcp", client, ""}};
    ck_assert_int_eq(inet_pton(AF_INET6, address, &call.address), 1);
    uint64_t wait = front_limits_take(limits, &call, &request);
    json_decref(request.arguments);
    return wait;
}

static struct front_limits *front_limits_of(const char *settings, void *memory) {
    char path[] = "/tmp/cloister-limits-XXXXXX", why[256] = "";
    struct config *config;
    SCOPE_FD int fd = mkstemp(path);
    ck_assert_int_eq(write_all(fd, settings, strlen(settings)), 0);
    ck_assert_msg(config_load(path, &config, why, sizeof(why)) == 0, "%s", why);
    (void)unlink(path);
    memset(memory, 0, front_limits_size());
    struct front_limits *limits = front_limits_begin(memory, config, false);
    config_free(config);
    return limits;
}

#define AT_ONCE 6 /* of five a minute: a fifth of them, and five */

/* An address, a client that gives its name, and a business: each has a count of its own, and what
 * is refused by one is not counted by another. */
START_TEST(test_front_limits) {
    ck_assert_int_ge(sodium_init(), 0);
    SCOPE_FREE void *memory = malloc(front_limits_size());
    struct front_limits *limits = front_limits_of(
        "[business]\ncalls_per_minute=5\nclient_calls_per_minute=0\nbusiness_calls_per_minute=0\n",
        memory);
    for (unsigned i = 0; i < AT_ONCE; i++)
        ck_assert_uint_eq(front_wait(limits, "2001:db8::1", "", NULL), 0);
    ck_assert_uint_gt(front_wait(limits, "2001:db8::1", "other", "anna"), 0);
    ck_assert_uint_eq(front_wait(limits, "2001:db8::2", "", NULL), 0);
    limits = front_limits_of(
        "[business]\ncalls_per_minute=0\nclient_calls_per_minute=5\nbusiness_calls_per_minute=0\n",
        memory);
    for (unsigned i = 0; i < AT_ONCE; i++) {
        ck_assert_uint_eq(front_wait(limits, "2001:db8::1", "bot", NULL), 0);
        ck_assert_uint_eq(front_wait(limits, "2001:db8::1", "", NULL), 0);
    }
    ck_assert_uint_gt(front_wait(limits, "2001:db8::2", "bot", NULL), 0);
    ck_assert_uint_eq(front_wait(limits, "2001:db8::2", "", NULL), 0); /* no name is no client */
    limits = front_limits_of(
        "[business]\ncalls_per_minute=5\nclient_calls_per_minute=0\nbusiness_calls_per_minute=5\n",
        memory);
    for (unsigned i = 0; i < AT_ONCE; i++)
        ck_assert_uint_eq(front_wait(limits, "2001:db8::1", "", "anna"), 0);
    for (unsigned i = 0; i < 2 * AT_ONCE; i++)
        ck_assert_uint_gt(front_wait(limits, "2001:db8::2", "", "anna"), 0);
    for (unsigned i = 0; i < AT_ONCE; i++) /* those cost that address nothing */
        ck_assert_uint_eq(front_wait(limits, "2001:db8::2", "", "bert"), 0);
}
END_TEST

START_TEST(test_problem) {
    struct problem problem = {.status = 429,
                              .code = "busy",
                              .detail = "Say \"please\"\n\xff",
                              .retry_after_ms = 5,
                              .action_url = "javascript:x"};
    SCOPE_FREE char *text = problem_document(&problem);
    ck_assert_str_eq(text,
                     "{\"type\":\"about:blank\",\"title\":\"Too Many Requests\",\"status\":429,"
                     "\"code\":\"busy\",\"retry_after_ms\":5}");
    ck_assert(web_address("https://a/") && !web_address("https://a/ b") && !web_address("ftp://a"));
}
END_TEST

int main(void) {
    Suite *suite = suite_create("gateway parts");
    TCase *tcase = tcase_create("parts");
    tcase_add_test(tcase, test_routes);
    tcase_add_test(tcase, test_kept_answers);
    tcase_add_test(tcase, test_kept_answers_go);
    tcase_add_test(tcase, test_openapi_has_every_route);
    tcase_add_test(tcase, test_query);
    tcase_add_test(tcase, test_fields);
    tcase_add_test(tcase, test_zones);
    tcase_add_test(tcase, test_zones_without_descriptors);
    tcase_add_test(tcase, test_escape);
    tcase_add_test(tcase, test_events);
    tcase_add_test(tcase, test_event_bounds);
    tcase_add_test(tcase, test_never_empty);
    tcase_add_test(tcase, test_rates);
    tcase_add_test(tcase, test_rates_that_were_left);
    tcase_add_test(tcase, test_front_limits);
    tcase_add_test(tcase, test_problem);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
