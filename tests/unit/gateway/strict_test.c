/* HTTP strictness on raw bytes. */
#include <check.h>
#include <string.h>

#include "gateway/strict.h"

#define GET(more)  "GET / HTTP/1.1\r\nHost: x\r\n" more "\r\n"
#define POST(more) "POST /v1/chat HTTP/1.1\r\nHost: x\r\n" more "\r\n"

static const struct {
    const char *bytes;
    unsigned status; /* 0: fine */
} heads[] = {
    {GET(""), 0},
    {"GET / HTTP/1.0\r\n\r\n", 0},
    {POST("Content-Length: 0\r\n"), 0},
    {POST("Content-Length:5\r\n"), 0},
    {POST("content-length: \t 5 \t\r\n"), 0},
    {GET("Accept: a\r\nAccept: b\r\n"), 0},
    {GET("X-Text: caf\xc3\xa9\r\n"), 0},
    {"GET /a%20b?c=%2f HTTP/1.1\r\nHost: [::1]:80\r\n\r\n", 0},
    /* lengths and codings */
    {POST("Content-Length: 4\r\nContent-Length: 4\r\n"), 400},
    {POST("Content-Length: 4\r\ncontent-LENGTH: 5\r\n"), 400},
    {POST("Content-Length: +4\r\n"), 400},
    {POST("Content-Length: -4\r\n"), 400},
    {POST("Content-Length: 4, 4\r\n"), 400},
    {POST("Content-Length: 0x4\r\n"), 400},
    {POST("Content-Length: 04\r\n"), 400},
    {POST("Content-Length: 4 4\r\n"), 400},
    {POST("Content-Length:\r\n"), 400},
    {POST("Content-Length: 99999999999999999999\r\n"), 400},
    {POST("Content-Length: 18446744073709551620\r\n"), 400}, /* 4, to who counts in 64 bits */
    {POST("Content-Length: 00\r\n"), 400},
    {POST("Transfer-Encoding: chunked\r\n"), 411},
    {POST("Transfer-Encoding: gzip, chunked\r\n"), 411},
    {POST("Transfer-Encoding: identity\r\n"), 411},
    {POST("Transfer-Encoding: chunked\r\nContent-Length: 4\r\n"), 400},
    {POST("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n"), 400},
    /* names, folding, line ends */
    {POST("Content-Length : 4\r\n"), 400},
    {POST(" Content-Length: 4\r\n"), 400},
    {POST("X: a\r\n b\r\n"), 400},
    {POST("X: a\r\n\tb\r\n"), 400},
    {POST("X\r\n"), 400},
    {POST(": a\r\n"), 400},
    {POST("X(y): a\r\n"), 400},
    {POST("X: a\rb\r\n"), 400},
    {POST("X: a\rbY: c\r\n"), 400},
    {"GET / HTTP/1.1\nHost: x\n\n", 400},
    {"GET / HTTP/1.1\r\nHost: x\n\r\n\r\n", 400},
    {POST("X: a\x01\r\n"), 400},
    {POST("X: a\x7f\r\n"), 400},
    /* hosts */
    {"GET / HTTP/1.1\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\nHost: x\r\nHost: x\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\nHost:\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\nHost: a@b\r\n\r\n", 400},
    /* what may come once */
    {GET("Authorization: Bearer a\r\nAuthorization: Bearer b\r\n"), 400},
    {GET("Idempotency-Key: a\r\nIdempotency-Key: b\r\n"), 400},
    {GET("Cookie: a=b\r\nCookie: c=d\r\n"), 400},
    {GET("Content-Type: a\r\nContent-Type: b\r\n"), 400},
    {GET("Cloister-Grant: a\r\ncloister-grant: b\r\n"), 400},
    {GET("Cloister-Csrf: a\r\nCLOISTER-CSRF: b\r\n"), 400},
    {GET("Cloister-Booking: a\r\nCloister-Booking: b\r\n"), 400},
    {GET("Origin: https://a\r\nOrigin: https://b\r\n"), 400},
    {GET("Sec-Fetch-Site: same-origin\r\nSec-Fetch-Site: none\r\n"), 400},
    {GET("If-None-Match: a\r\nIf-None-Match: b\r\n"), 400},
    {GET("Expect: 100-continue\r\nExpect: 100-continue\r\n"), 400},
    {GET("Expect: 100-continue\r\n"), 0},
    {GET("Expect: more\r\n"), 417},
    /* request lines */
    {"GET  / HTTP/1.1\r\nHost: x\r\n\r\n", 400},
    {"GET / HTTP/1.1 \r\nHost: x\r\n\r\n", 400},
    {" GET / HTTP/1.1\r\nHost: x\r\n\r\n", 400},
    {"\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n", 400},
    {"GET /\r\nHost: x\r\n\r\n", 400},
    {"GET\r\n\r\n", 400},
    {"G@T / HTTP/1.1\r\nHost: x\r\n\r\n", 400},
    {"GET http://x/ HTTP/1.1\r\nHost: x\r\n\r\n", 400},
    {"GET x HTTP/1.1\r\nHost: x\r\n\r\n", 400},
    {"GET /a b HTTP/1.1\r\nHost: x\r\n\r\n", 400},
    {"GET /a#b HTTP/1.1\r\nHost: x\r\n\r\n", 400},
    {"GET /%00 HTTP/1.1\r\nHost: x\r\n\r\n", 400},
    {"GET /%zz HTTP/1.1\r\nHost: x\r\n\r\n", 400},
    {"GET /%2 HTTP/1.1\r\nHost: x\r\n\r\n", 400},
    {"GET /caf\xc3\xa9 HTTP/1.1\r\nHost: x\r\n\r\n", 400},
    {"GET / HTTP/2.0\r\nHost: x\r\n\r\n", 505},
    {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505},
    {"GET / HTTP/1.2\r\nHost: x\r\n\r\n", 505},
    {"GET / http/1.1\r\nHost: x\r\n\r\n", 400},
    {"GET / HTTP/1.10\r\nHost: x\r\n\r\n", 400},
    {"\x16\x03\x01\x02", 400},
};

START_TEST(test_heads) {
    struct strict_head head;
    const struct strict_fault *fault = NULL;
    enum strict_verdict verdict =
        strict_parse(heads[_i].bytes, strlen(heads[_i].bytes), &head, &fault);
    ck_assert_msg((verdict == STRICT_OK) == (heads[_i].status == 0), "%s", heads[_i].bytes);
    if (verdict == STRICT_BAD)
        ck_assert_msg(fault->status == heads[_i].status, "%u: %s", fault->status, heads[_i].bytes);
}
END_TEST

/* Whatever piece of a good head is there, it is never refused; a bad one never becomes good. */
START_TEST(test_every_prefix) {
    struct strict_head head;
    const struct strict_fault *fault = NULL;
    size_t len = strlen(heads[_i].bytes);
    for (size_t n = 0; n < len; n++) {
        enum strict_verdict verdict = strict_parse(heads[_i].bytes, n, &head, &fault);
        ck_assert_int_ne(verdict, STRICT_OK);
        if (heads[_i].status == 0)
            ck_assert_int_eq(verdict, STRICT_MORE);
    }
}
END_TEST

START_TEST(test_nul_bytes) {
    static const char bytes[] = "GET / HTTP/1.1\r\nHost: x\0y\r\n\r\n";
    struct strict_head head;
    const struct strict_fault *fault = NULL;
    ck_assert_int_eq(strict_parse(bytes, sizeof(bytes) - 1, &head, &fault), STRICT_BAD);
}
END_TEST

START_TEST(test_sizes) {
    static char bytes[STRICT_HEAD_MAX * 2];
    struct strict_head head;
    const struct strict_fault *fault = NULL;
    memset(bytes, 'a', sizeof(bytes));
    memcpy(bytes, "GET /", 5);
    ck_assert_int_eq(strict_parse(bytes, STRICT_LINE_MAX, &head, &fault), STRICT_MORE);
    ck_assert_int_eq(strict_parse(bytes, STRICT_LINE_MAX + 1, &head, &fault), STRICT_BAD);
    ck_assert_uint_eq(fault->status, 414);
    static const char start[] = "GET / HTTP/1.1\r\nHost: x\r\nX: ";
    memcpy(bytes, start, sizeof(start) - 1);
    ck_assert_int_eq(strict_parse(bytes, STRICT_HEAD_MAX, &head, &fault), STRICT_MORE);
    ck_assert_int_eq(strict_parse(bytes, STRICT_HEAD_MAX + 1, &head, &fault), STRICT_BAD);
    ck_assert_uint_eq(fault->status, 431);
    char *at = stpcpy(bytes, "GET / HTTP/1.1\r\nHost: x\r\n");
    for (unsigned i = 0; i < STRICT_HEADERS_MAX; i++)
        at = stpcpy(at, "A: b\r\n");
    at = stpcpy(at, "\r\n");
    ck_assert_int_eq(strict_parse(bytes, (size_t)(at - bytes), &head, &fault), STRICT_BAD);
    ck_assert_uint_eq(fault->status, 431);
    at =
        stpcpy(at - strlen("A: b\r\n\r\n"), "\r\n"); /* one less, with the Host as many as may be */
    ck_assert_int_eq(strict_parse(bytes, (size_t)(at - bytes), &head, &fault), STRICT_OK);
    ck_assert_uint_eq(head.header_count, STRICT_HEADERS_MAX);
}
END_TEST

START_TEST(test_long_hosts) {
    static const char begin[] = "GET / HTTP/1.1\r\nHost: ", end[] = "\r\n\r\n";
    struct strict_head head;
    const struct strict_fault *fault = NULL;
    for (size_t len = 255; len <= 256; len++) {
        char bytes[512], *at = stpcpy(bytes, begin);
        memset(at, 'h', len);
        at = stpcpy(at + len, end);
        ck_assert_int_eq(strict_parse(bytes, (size_t)(at - bytes), &head, &fault),
                         len == 255 ? STRICT_OK : STRICT_BAD);
    }
    ck_assert_uint_eq(fault->status, 400);
}
END_TEST

START_TEST(test_parts) {
    static const char bytes[] =
        "POST /v1/chat?a=b&c HTTP/1.1\r\nhOST: x:1\r\nContent-Length: 17\r\n"
        "Expect: 100-Continue\r\n\r\n{}";
    struct strict_head head;
    const struct strict_fault *fault = NULL;
    ck_assert_int_eq(strict_parse(bytes, sizeof(bytes) - 1, &head, &fault), STRICT_OK);
    ck_assert(slice_is(head.method, "POST"));
    ck_assert(slice_is(head.path, "/v1/chat"));
    ck_assert(slice_is(head.query, "a=b&c"));
    ck_assert(slice_is(*strict_find(&head, "host"), "x:1"));
    ck_assert_ptr_null(strict_find(&head, "hos"));
    ck_assert_uint_eq(head.head_len, sizeof(bytes) - 3);
    ck_assert_uint_eq(head.content_length, 17);
    ck_assert(head.has_length && head.expect_continue && head.minor == 1);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("strict");
    TCase *tcase = tcase_create("bytes");
    tcase_add_loop_test(tcase, test_heads, 0, (int)COUNT_OF(heads));
    tcase_add_loop_test(tcase, test_every_prefix, 0, (int)COUNT_OF(heads));
    tcase_add_test(tcase, test_nul_bytes);
    tcase_add_test(tcase, test_sizes);
    tcase_add_test(tcase, test_long_hosts);
    tcase_add_test(tcase, test_parts);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
