/* providers/sse.c: the vectors of WHATWG HTML 9.2, each at every split position. */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "providers/http.h"

struct record {
    char text[2048]; /* "name|data;" for each event */
    int stop_after;  /* return 7 at this event; 0: never */
};

static int on_event(void *ctx, const char *name, const char *data, size_t len) {
    struct record *record = ctx;
    size_t used = strlen(record->text);
    ck_assert_uint_eq(strlen(data), len);
    (void)snprintf(record->text + used, sizeof(record->text) - used, "%s|%s;", name, data);
    return record->stop_after > 0 && --record->stop_after == 0 ? 7 : 0;
}

static const struct {
    const char *in, *out;
} vectors[] = {
    {"data: a\n\n", "|a;"},
    {"data: a\r\n\r\n", "|a;"},
    {"data: a\r\r", "|a;"},
    {"data: a\r\n\rdata: b\n\r", "|a;|b;"},
    {"data: a\n\ndata: b\n\n", "|a;|b;"},
    {"data:a\n\n", "|a;"},
    {"data:  a\n\n", "| a;"},
    {"data\n\n", "|;"},
    {"data:\n\n", "|;"},
    {"data\ndata\n\n", "|\n;"},
    {"data: one\ndata: two\n\n", "|one\ntwo;"},
    {"event: ping\ndata: {}\n\n", "ping|{};"},
    {"event: ping\n\ndata: x\n\n", "|x;"},
    {"event: a\nevent: b\ndata: x\n\n", "b|x;"},
    {": comment\ndata: x\n\n", "|x;"},
    {":\n\n:\n\n", ""},
    {"\xef\xbb\xbf"
     "data: x\n\n",
     "|x;"},
    {"data: x\n\n\xef\xbb\xbf"
     "data: y\n\n",
     "|x;"},
    {"id: 1\nretry: 5\ndata: x\nunknown: y\n\n", "|x;"},
    {"data : x\n\n", ""},
    {"data: a:b: c\n\n", "|a:b: c;"},
    {"data: unfinished\n", ""},
    {"data: \xc3\xa4\n\n", "|\xc3\xa4;"},
    {"\n\n\ndata: x\n\n\n\n", "|x;"},
};

START_TEST(every_split) {
    const char *in = vectors[_i].in;
    size_t len = strlen(in);
    for (size_t a = 0; a <= len; a++)
        for (size_t b = a; b <= len; b++) {
            struct record record = {0};
            struct sse *sse = sse_new(1024, on_event, &record);
            ck_assert_int_eq(sse_feed(sse, in, a), 0);
            ck_assert_int_eq(sse_feed(sse, in + a, b - a), 0);
            ck_assert_int_eq(sse_feed(sse, in + b, len - b), 0);
            ck_assert_str_eq(record.text, vectors[_i].out);
            sse_free(sse);
        }
}
END_TEST

START_TEST(too_long_is_refused) {
    char line[200];
    struct record record = {0};
    memset(line, 'x', sizeof(line));
    struct sse *sse = sse_new(100, on_event, &record);
    ck_assert_int_eq(sse_feed(sse, "data: short\n\n", 13), 0); /* control */
    ck_assert_str_eq(record.text, "|short;");
    ck_assert_int_eq(sse_feed(sse, line, sizeof(line)), -EFBIG);
    ck_assert_int_eq(sse_feed(sse, "\n\n", 2), -EFBIG); /* stays ended */
    sse_free(sse);
    sse = sse_new(100, on_event, &record);
    int r = 0;
    for (int i = 0; i < 50 && r == 0; i++)
        r = sse_feed(sse, "data: 0123456789\n", 17);
    ck_assert_int_eq(r, -EFBIG);
    sse_free(sse);
}
END_TEST

START_TEST(handler_stops) {
    struct record record = {.stop_after = 2};
    const char *in = "data: 1\n\ndata: 2\n\ndata: 3\n\n";
    struct sse *sse = sse_new(100, on_event, &record);
    ck_assert_int_eq(sse_feed(sse, in, strlen(in)), 7);
    ck_assert_str_eq(record.text, "|1;|2;");
    sse_free(sse);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("sse");
    TCase *t = tcase_create("sse");
    tcase_add_loop_test(t, every_split, 0, (int)(sizeof(vectors) / sizeof(vectors[0])));
    tcase_add_test(t, too_long_is_refused);
    tcase_add_test(t, handler_stops);
    suite_add_tcase(suite, t);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
