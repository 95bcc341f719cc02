/* ipc/config: file, environment, defaults; every mistake is named with its line. */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "ipc/config.h"

static char path[] = "/tmp/config_test.XXXXXX";
static char why[512];

static int load(const char *text, struct config **ret) {
    FILE *file = fopen(path, "w");
    fputs(text, file);
    fclose(file);
    why[0] = '\0';
    return config_load(path, ret, why, sizeof(why));
}

START_TEST(file_environment_default) {
    struct config *config = NULL;
    ck_assert_int_eq(load("; a comment\n[google]\nclient_id = abc\n[model]\nmodel=m\n", &config),
                     0);
    ck_assert_str_eq(config_str(config, CONFIG_google_client_id), "abc");
    ck_assert_str_eq(config_str(config, CONFIG_google_token_url),
                     "https://oauth2.googleapis.com/token");
    ck_assert(config_is_set(config, CONFIG_model_model));
    ck_assert(!config_is_set(config, CONFIG_model_provider));
    ck_assert_uint_eq(config_u64(config, CONFIG_agents_max), 2000);
    config_free(config);
    setenv("CLOISTER_MODEL_MODEL", "other", 1);
    ck_assert_int_eq(load("[model]\nmodel=m\n", &config), 0);
    ck_assert_str_eq(config_str(config, CONFIG_model_model), "other");
    config_free(config);
    unsetenv("CLOISTER_MODEL_MODEL");
}
END_TEST

START_TEST(comments_may_stand_behind_values) {
    struct config *config = NULL;
    ck_assert_int_eq(load("# first\n[model]\nmodel=m#1  \t # a model\nprovider=openai ; likewise\n"
                          "[google]\nclient_id=# none\n[keys] # section\nprovider=systemd#\n",
                          &config),
                     -EINVAL);
    ck_assert_ptr_nonnull(strstr(why, "file, systemd or aws-kms"));
    ck_assert_int_eq(load("# first\n[model]\nmodel=m#1  \t # a model\nprovider=openai ; likewise\n"
                          "[google]\nclient_id=# none\n[keys] # section\nprovider=systemd #\n",
                          &config),
                     0);
    ck_assert_str_eq(config_str(config, CONFIG_model_model), "m#1");
    ck_assert_str_eq(config_str(config, CONFIG_model_provider), "openai");
    ck_assert_str_eq(config_str(config, CONFIG_google_client_id), "");
    ck_assert_str_eq(config_str(config, CONFIG_keys_provider), "systemd");
    config_free(config);
}
END_TEST

/* inih takes one of more than 198 bytes for two. */
START_TEST(lines_may_be_long) {
    struct config *config = NULL;
    static char text[20000];
    for (int digits = 188; digits < 210; digits++) {
        (void)snprintf(text, sizeof(text), "[model]\nmodel=%0*d ; it\n[google]\nclient_id=x%s",
                       digits, 1, digits % 2 == 0 ? "\n" : "");
        ck_assert_msg(load(text, &config) == 0, "%s", why);
        ck_assert_uint_eq(strlen(config_str(config, CONFIG_model_model)), (size_t)digits);
        ck_assert_str_eq(config_str(config, CONFIG_google_client_id), "x");
        config_free(config);
    }
    (void)snprintf(text, sizeof(text),
                   "# %0300d\n[egress]\nallow = a:1\n   %0300d:1\nallow= %0300d:1 # c\n[model]\n"
                   "model=%0400d",
                   1, 2, 3, 4);
    ck_assert_msg(load(text, &config) == 0, "%s", why);
    ck_assert_uint_eq(strlen(config_str(config, CONFIG_egress_allow)), 3 + 1 + 302 + 1 + 302);
    ck_assert_uint_eq(strlen(config_str(config, CONFIG_model_model)), 400);
    config_free(config);
    config = NULL;
    (void)snprintf(text, sizeof(text), "[egress]\nallow=%0300d:99999999\nalow=%0300d\n", 1, 2);
    ck_assert_int_eq(load(text, &config), -EINVAL);
    ck_assert_ptr_nonnull(strstr(why, "line 3: "));
    (void)snprintf(text, sizeof(text), "[egress]\nallow=%017000d:1\n[model]\nmodel=m\n", 1);
    ck_assert_int_eq(load(text, &config), -EINVAL);
    ck_assert_ptr_null(config);
    ck_assert_ptr_nonnull(strstr(why, "line 2: it is longer than 16384 bytes"));
    ck_assert_int_eq(config_load("/tmp", &config, why, sizeof(why)), -EIO);
}
END_TEST

static int join(const char *word, void *ctx) {
    strcat(ctx, word);
    strcat(ctx, "|");
    return 0;
}

START_TEST(lists_add_up) {
    struct config *config = NULL;
    char words[128] = "";
    ck_assert_int_eq(load("[egress]\nallow=a:1, b:2\nallow=c:3\n", &config), 0);
    ck_assert_int_eq(config_list(config, CONFIG_egress_allow, join, words), 0);
    ck_assert_str_eq(words, "a:1|b:2|c:3|");
    config_free(config);
}
END_TEST

START_TEST(mistakes_are_named) {
    static const struct {
        const char *text, *word;
    } rows[] = {{"[google]\nclient_ident=x\n", "client_ident"},
                {"[gogle]\nclient_id=x\n", "gogle"},
                {"[agents]\nmax=many\n", "whole number"},
                {"[model]\nprovider=gemini\n", "anthropic or openai"},
                {"[budgets]\nuser_spend_per_day=1\n", "user_spend_per_day needs prices"},
                {"[keys]\nprovider=paper\n", "file, systemd or aws-kms"},
                {"[google]\ntoken_url=ftp://x\n", "https://"},
                {"[gateway]\npublic_url=https://a.example/cal/\n", "no path"},
                {"[gateway]\npublic_url=https://a.example?x=1\n", "no path"},
                {"[gateway]\npublic_url=https://\n", "no path"},
                {"[gateway]\npublic_url=https://me@a.example\n", "no path"},
                {"[keys]\nkey_file=relative\n", "absolute"},
                {"[gateway]\nowner_listen=nowhere\n", "host:port"},
                {"[agents]\nmax=0\n", "from 1 to 1000000"},
                {"[model]\nturn_timeout_ms=0\n", "from 1 to 86400000"},
                {"[model]\nmax_output_tokens=10000001\n", "from 1 to 10000000"},
                {"[agents]\nm\033[2Jax=1\n", "agents.m?[2Jax"},
                {"model=x\n", "no section"},
                {"[model\nmodel=x\n", "no section"},
                {"[model]\nbase_url=https://\n", "and a host"},
                {"[model]\nbase_url=https://a b/v1\n", "and a host"},
                {"[model]\nbase_url=https://me:secret@a.example/v1\n", "and a host"},
                {"[model]\nbase_url=https://a.example:99999/v1\n", "and a host"},
                {"[model]\nbase_url=https://[::1/v1\n", "and a host"},
                {"[gateway]\npublic_url=https://a.example:port\n", "no path"},
                {"[runtime]\ndir=\n", "leave the line out"},
                {"[keys]\nkeyring=\n", "leave the line out"},
                {"[runtime]\ndir=/"
                 "run6789012345678901234567890123456789012345678901234567890123456789\n",
                 "shorter"},
                {"[agents]\nnotes_ttl_ms=18446744073709551615\n", "ten years"},
                {"[agents]\nshort_low_percent=101\n", "from 0 to 100"},
                {"[agents]\nturns_queued_per_user=1001\n", "from 0 to 1000"},
                {"[business]\nlog_days=36501\n", "at most 36500"},
                {"[gateway]\ngrant_ms=0\n", "from 1"},
                {"[google]\nclient_id=x\nnonsense\n", "line 3"}};
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct config *config = NULL;
        ck_assert_int_lt(load(rows[i].text, &config), 0);
        ck_assert_ptr_null(config);
        ck_assert_msg(strstr(why, rows[i].word) != NULL, "%s does not name %s", why, rows[i].word);
    }
    struct config *config = NULL;
    ck_assert_int_lt(config_load("/nonexistent/x.conf", &config, why, sizeof(why)), 0);
    ck_assert_ptr_nonnull(strstr(why, "/nonexistent/x.conf"));
}
END_TEST

START_TEST(an_origin_may_end_in_a_slash) {
    static const char *const fine[] = {"https://a.example", "https://a.example/",
                                       "http://127.0.0.1:8420", "http://[::1]:8420/"};
    for (size_t i = 0; i < COUNT_OF(fine); i++) {
        char text[128];
        struct config *config = NULL;
        (void)snprintf(text, sizeof(text), "[gateway]\npublic_url=%s\n", fine[i]);
        ck_assert_int_eq(load(text, &config), 0);
        ck_assert_str_eq(config_str(config, CONFIG_gateway_public_url), fine[i]);
        config_free(config);
    }
}
END_TEST

/* As the file that is installed has them, without the signs in front. */
START_TEST(defaults_may_be_written_out) {
    static const char text[] =
#define SETTING(section, key, type, fallback, help) "[" #section "]\n" #key "=" fallback "\n"
#include "ipc/config.def"
#undef SETTING
        ;
    struct config *config = NULL;
    ck_assert_msg(load(text, &config) == 0, "%s", why);
    config_free(config);
}
END_TEST

START_TEST(addresses_that_are_fine) {
    static const char *const fine[] = {"http://127.0.0.1:11434/v1", "https://[2001:db8::7]:443/v1",
                                       "https://a_b.example?x=y", "https://a.example:1#z"};
    for (size_t i = 0; i < COUNT_OF(fine); i++) {
        char text[128];
        struct config *config = NULL;
        (void)snprintf(text, sizeof(text), "[model]\nbase_url=%s\n", fine[i]);
        ck_assert_msg(load(text, &config) == 0, "%s", why);
        config_free(config);
    }
}
END_TEST

START_TEST(names_and_numbers) {
    enum config_key key;
    ck_assert_int_eq(config_key_of("runtime.dir", &key), 0);
    ck_assert_int_eq(key, CONFIG_runtime_dir);
    ck_assert_int_lt(config_key_of("runtime", &key), 0);
    ck_assert_int_lt(config_key_of("runtime.", &key), 0);
}
END_TEST

/* What a changed setting takes is told for it alone; all programs have the runtime section's. */
START_TEST(every_setting_says_what_it_takes) {
    static const struct {
        const char *section, *name;
        enum config_key key;
    } all[] = {
#define SETTING(section, key, type, fallback, help) {#section, #key, CONFIG_##section##_##key},
#include "ipc/config.def"
#undef SETTING
    };
    const char *everything, *programs;
    ck_assert_int_eq(config_effect(CONFIG_runtime_dir, &everything), EFFECT_RESTART);
    for (size_t i = 0; i < COUNT_OF(all); i++) {
        (void)config_effect(all[i].key, &programs);
        ck_assert_msg((programs == everything) == (strcmp(all[i].section, "runtime") == 0),
                      "%s.%s needs a row in ipc/config_effect.def", all[i].section, all[i].name);
    }
}
END_TEST

int main(void) {
    if (mkstemp(path) < 0)
        return 1;
    Suite *suite = suite_create("config");
    TCase *tcase = tcase_create("config");
    tcase_add_test(tcase, file_environment_default);
    tcase_add_test(tcase, comments_may_stand_behind_values);
    tcase_add_test(tcase, lines_may_be_long);
    tcase_add_test(tcase, lists_add_up);
    tcase_add_test(tcase, mistakes_are_named);
    tcase_add_test(tcase, an_origin_may_end_in_a_slash);
    tcase_add_test(tcase, defaults_may_be_written_out);
    tcase_add_test(tcase, addresses_that_are_fine);
    tcase_add_test(tcase, names_and_numbers);
    tcase_add_test(tcase, every_setting_says_what_it_takes);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    unlink(path);
    return failed == 0 ? 0 : 1;
}
