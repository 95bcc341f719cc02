/* The loop's end over nng: what holds for every end, and names that go once used. */
#include <check.h>
#include <sys/stat.h>

#include "end_rig.h"
#include "ipc/nng_end.h"

/* Its name goes as soon as its one peer is there. */
START_TEST(a_private_name_is_gone_once_used) {
    static const struct nng_end_ops ops = {end_up, end_message, end_down};
    struct side side = {0};
    struct nng_end *end;
    struct stat st;
    struct sp *sp;
    ck_assert_int_eq(nng_end_listen(base, path, 0666, true, &ops, &side, &end), 0);
    ck_assert_int_eq(stat(path, &st), 0);
    ck_assert_int_eq(sp_dial(dir_fd, "peer", &sp), 0);
    wait_count(&side.ups, 1);
    ck_assert_int_lt(stat(path, &st), 0);
    sp_free(sp);
    wait_count(&side.downs, 1);
    nng_end_close(end);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("nng");
    TCase *tcase = tcase_create("nng");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_set_timeout(tcase, 30);
    end_cases(tcase);
    tcase_add_test(tcase, a_private_name_is_gone_once_used);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
