/* What of a changed configuration holds without a restart. */
#include <check.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "ipc/metrics.h"
#include "supervisor/reload_rules.h"

static struct config *read_config(const char *text) {
    char path[64], why[256] = "";
    struct config *config = NULL;
    SCOPE_FD int fd = memfd_create("config", MFD_CLOEXEC);
    ck_assert_int_eq(write_all(fd, text, strlen(text)), 0);
    (void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    ck_assert_msg(config_load(path, &config, why, sizeof(why)) == 0, "%s", why);
    return config;
}

static const char *keyed;

static bool may_renew(const char *before, const char *after) {
    struct config *running = read_config(before), *fresh = read_config(after);
    bool may = reload_may_renew(running, fresh, keyed);
    config_free(running);
    config_free(fresh);
    return may;
}

#define HERE  "[model]\nbase_url=http://127.0.0.1:8000/v1\n"
#define THERE "[model]\nbase_url=https://api.example:443/v1\n"
#define BOTH  "[egress]\nallow=127.0.0.1:8000 api.example:443\n"

START_TEST(a_model_of_the_same_host) {
    ck_assert(may_renew(HERE, HERE));
    ck_assert(may_renew(HERE "model=a\nprovider=openai\n", HERE "model=b\n"));
    ck_assert(may_renew(HERE, "[model]\nbase_url=http://127.0.0.1:8000/elsewhere\n"));
}
END_TEST

START_TEST(another_host_is_reached_at_all_times) {
    keyed = "api.example:443";
    ck_assert(may_renew(HERE BOTH, THERE BOTH));
    ck_assert(may_renew(THERE BOTH, "[model]\nbase_url=https://api.example/v2\n"));
    ck_assert(!may_renew(HERE, THERE));
    ck_assert(!may_renew(HERE BOTH, THERE));
    ck_assert(!may_renew(HERE, THERE BOTH));
    ck_assert(!may_renew(HERE BOTH, "[model]\nbase_url=https://api.example:444/v1\n" BOTH));
    ck_assert(!may_renew(HERE "[egress]\nallow=api.example:443\n",
                         THERE "[egress]\nallow=api.example:443\n"));
}
END_TEST

/* Its key is there before, for that host and no other. */
START_TEST(another_host_has_its_key) {
    static const char *const others[] = {NULL, "", "127.0.0.1:8000", "api.example:444",
                                         "api.example"};
    keyed = "api.example:443";
    ck_assert(may_renew(HERE BOTH, THERE BOTH));
    for (size_t i = 0; i < COUNT_OF(others); i++) {
        keyed = others[i];
        ck_assert(!may_renew(HERE BOTH, THERE BOTH));
        ck_assert(may_renew(HERE "model=a\n" BOTH, HERE BOTH));
    }
}
END_TEST

/* A new zygote would have that, too. */
START_TEST(nothing_waits_for_a_restart_of_cloisterd) {
    ck_assert(!may_renew(HERE "model=a\n", HERE "model=b\n[google]\nclient_id=x\n"));
    ck_assert(!may_renew(HERE "model=a\n", HERE "model=b\nca_file=/x\n"));
    ck_assert(may_renew(HERE "model=a\n",
                        HERE "model=b\n[gateway]\nallowed_origins=https://x.example\n"));
}
END_TEST

START_TEST(who_provides) {
    struct config *config = read_config("[model]\nprovider=openai\n");
    ck_assert_uint_eq(model_provider_of(config), PROVIDER_OPENAI);
    config_free(config);
    config = read_config("");
    ck_assert_uint_eq(model_provider_of(config), PROVIDER_ANTHROPIC);
    config_free(config);
}
END_TEST

int main(void) {
    Suite *s = suite_create("reload");
    TCase *t = tcase_create("reload");
    tcase_add_test(t, a_model_of_the_same_host);
    tcase_add_test(t, another_host_is_reached_at_all_times);
    tcase_add_test(t, another_host_has_its_key);
    tcase_add_test(t, nothing_waits_for_a_restart_of_cloisterd);
    tcase_add_test(t, who_provides);
    suite_add_tcase(s, t);
    SRunner *runner = srunner_create(s);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed > 0;
}
