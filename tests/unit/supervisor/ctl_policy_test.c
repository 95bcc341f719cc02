/* What `cloisterctl show policy` prints is what policy.h judges by, both ways. */
#include <check.h>
#include <stdio.h>
#include <string.h>

#include "agent/policy.h"
#include "supervisor/ctl_policy.h"
#include "supervisor/ctl_table.h"

static const char *word_at(const json_t *row, const char *origin, const char *taint) {
    return json_string_value(json_object_get(json_object_get(row, origin), taint));
}

START_TEST(every_tool_as_it_is_judged) {
    json_t *policy = ctl_policy(false), *tools = json_object_get(policy, "tools");
    ck_assert_uint_eq(json_array_size(tools), TOOL_COUNT);
    for (int tool = 0; tool < TOOL_COUNT; tool++) {
        const json_t *row = json_array_get(tools, (size_t)tool);
        ck_assert_str_eq(json_string_value(json_object_get(row, "tool")),
                         policy_tool_word((enum tool_id)tool));
        for (int at = 0; at < ORIGIN_OTHER; at++)
            for (int tainted = 0; tainted < 2; tainted++)
                ck_assert_str_eq(word_at(row, policy_origin_word((enum origin)at),
                                         tainted ? "tainted" : "clean"),
                                 policy_verdict_word(policy_tool((enum tool_id)tool,
                                                                 (enum origin)at, tainted != 0)));
    }
    ck_assert_uint_eq(json_array_size(json_object_get(policy, "changes")), 4);
    ck_assert_uint_eq(json_array_size(json_object_get(policy, "limits")), 5);
    json_decref(policy);
}
END_TEST

START_TEST(a_person_reads_a_table) {
    char *text = NULL;
    size_t len;
    FILE *out = open_memstream(&text, &len);
    json_t *policy = ctl_policy(true);
    ctl_table_print(out, policy);
    (void)fclose(out);
    ck_assert_ptr_nonnull(strstr(text, "update_event        allow / propose"));
    ck_assert_ptr_nonnull(strstr(text, "proposals  5 "));
    json_decref(policy);
    free(text);
}
END_TEST

int main(void) {
    Suite *s = suite_create("ctl policy");
    TCase *t = tcase_create("policy");
    tcase_add_test(t, every_tool_as_it_is_judged);
    tcase_add_test(t, a_person_reads_a_table);
    suite_add_tcase(s, t);
    SRunner *runner = srunner_create(s);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed > 0;
}
