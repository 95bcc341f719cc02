/* Addresses and names: url.c, and egress's allow.c and address.c. */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "providers/url.h"
#include "supervisor/egress/address.h"
#include "supervisor/egress/allow.h"
#include "supervisor/egress/hosts.h"

static const struct {
    const char *text, *host, *path;
    uint16_t port;
    bool tls;
} good_urls[] = {
    {"https://www.googleapis.com/calendar/v3", "www.googleapis.com", "/calendar/v3", 443, true},
    {"http://LOCALHOST:11434", "localhost", "", 11434, false},
    {"https://127.0.0.1:8443/a?b=c#d", "127.0.0.1", "/a?b=c", 8443, true},
    {"https://[::1]:8443?x", "::1", "?x", 8443, true},
    {"https://a-b.example/%41", "a-b.example", "/%41", 443, true},
};

START_TEST(urls_that_are) {
    struct url url;
    ck_assert_int_eq(url_parse(good_urls[_i].text, &url), 0);
    ck_assert_str_eq(url.host, good_urls[_i].host);
    ck_assert_uint_eq(url.port, good_urls[_i].port);
    ck_assert_int_eq(url.tls, good_urls[_i].tls);
    ck_assert_uint_eq(url.path_len, strlen(good_urls[_i].path));
    if (url.path_len > 0)
        ck_assert_int_eq(strncmp(url.path, good_urls[_i].path, url.path_len), 0);
}
END_TEST

static const char *const bad_urls[] = {
    "ftp://a.example/",
    "https://",
    "https:///x",
    "https://user@a.example/",
    "https://a.example:0/",
    "https://a.example:65536/",
    "https://a.example:/",
    "https://a.example:1x/",
    "https://a.example./",
    "https://a..example/",
    "https://.a.example/",
    "https://a.example /",
    "https://a.example/\r\nX: y",
    "https://%61.example/",
    "https://0x7f000001/",
    "https://2130706433/",
    "https://127.1/",
    "https://0177.0.0.1/",
    "https://127.0.0.1./",
    "https://[::ffff:127.0.0.1]/",
    "https://[::1/",
    "https://::1/",
    "https://[::127.0.0.1]/",
    "https://[a.example]/",
    "https://1.2.3.0x4/",
    "https://-a.example/",
    "HTTPS://a.example/",
    "https://a\xc3\xa4.example/",
    "https://a.example:+1/",
};

START_TEST(urls_that_are_not) {
    struct url url;
    ck_assert_int_eq(url_parse(bad_urls[_i], &url), -EINVAL);
}
END_TEST

static const struct {
    const char *text;
    bool is_public;
} addresses[] = {
    {"8.8.8.8", true},
    {"142.250.1.1", true},
    {"172.32.0.1", true},
    {"100.128.0.1", true},
    {"2607:f8b0::1", true},
    {"64:ff9b::808:808", true},
    {"0.0.0.0", false},
    {"10.1.2.3", false},
    {"100.64.0.1", false},
    {"100.127.255.255", false},
    {"127.0.0.1", false},
    {"127.255.255.255", false},
    {"169.254.169.254", false},
    {"172.16.0.1", false},
    {"172.31.255.255", false},
    {"192.168.1.1", false},
    {"192.0.0.8", false},
    {"198.18.0.1", false},
    {"224.0.0.1", false},
    {"239.1.1.1", false},
    {"240.0.0.1", false},
    {"255.255.255.255", false},
    {"::", false},
    {"::1", false},
    {"::ffff:8.8.8.8", false},
    {"::8.8.8.8", false},
    {"fe80::1", false},
    {"fc00::1", false},
    {"fd12::1", false},
    {"ff02::1", false},
    {"64:ff9b::7f00:1", false},
    {"64:ff9b::a00:1", false},
    {"2002:7f00:1::", false},
    {"2001::1", false},
    {"2001:1ff:ffff::1", false},
    {"2001:200::1", true},
    {"3fff::1", false},
    {"2001:db8::1", false},
    {"fec0::1", false},
};

START_TEST(public_addresses) {
    union address address;
    ck_assert(address_parse(addresses[_i].text, &address));
    ck_assert_int_eq(address_public(&address.any), addresses[_i].is_public);
}
END_TEST

static struct config *config_of(const char *text) {
    char path[] = "/tmp/cloister-allow-XXXXXX", why[256] = "";
    int fd = mkstemp(path);
    struct config *config = NULL;
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(write_all(fd, text, strlen(text)), 0);
    (void)close(fd);
    ck_assert_msg(config_load(path, &config, why, sizeof(why)) == 0, "%s", why);
    (void)unlink(path);
    return config;
}

START_TEST(list_of_destinations) {
    char why[256] = "";
    struct allow *allow;
    struct config *config =
        config_of("[model]\nbase_url = http://127.0.0.1:11434/v1\n"
                  "[egress]\nallow = 127.0.0.1:11434, [::1]:9 Inner.Example:80\n");
    ck_assert_msg(allow_new(config, &allow, why, sizeof(why)) == 0, "%s", why);
    const struct destination *d = allow_find(allow, "WWW.googleapis.com", 443);
    ck_assert_ptr_nonnull(d);
    ck_assert(!d->may_private);
    d = allow_find(allow, "127.0.0.1", 11434);
    ck_assert_ptr_nonnull(d);
    ck_assert(d->may_private);
    ck_assert_ptr_nonnull(allow_find(allow, "inner.example", 80));
    ck_assert_ptr_nonnull(allow_find(allow, "::1", 9));
    ck_assert_ptr_nonnull(allow_find(allow, "oauth2.googleapis.com", 443));
    static const char *const refused[] = {"www.googleapis.com.",
                                          "www.googleapis.com ",
                                          "googleapis.com",
                                          "accounts.google.com",
                                          "x.www.googleapis.com",
                                          "%77ww.googleapis.com",
                                          "",
                                          "2130706433",
                                          "www.googleapis.com\n",
                                          "www.googleapis.com@x"};
    for (size_t i = 0; i < COUNT_OF(refused); i++)
        ck_assert_ptr_null(allow_find(allow, refused[i], 443));
    static const char *const spellings[] = {"127.1",      "2130706433",       "0x7f.0.0.1",
                                            "0177.0.0.1", "::ffff:127.0.0.1", "127.0.0.1.",
                                            "0x7f000001", "[127.0.0.1]"};
    for (size_t i = 0; i < COUNT_OF(spellings); i++)
        ck_assert_ptr_null(allow_find(allow, spellings[i], 11434));
    ck_assert_ptr_null(allow_find(allow, "www.googleapis.com", 80));
    ck_assert_ptr_null(allow_find(allow, "www.googleapis.com", 443 + 65536));
    allow_free(allow);
    config_free(config);
}
END_TEST

static void read_again(struct allow *allow, const char *text) {
    char why[256] = "";
    struct allow *fresh;
    struct config *config = config_of(text);
    ck_assert_msg(allow_new(config, &fresh, why, sizeof(why)) == 0, "%s", why);
    ck_assert_int_eq(allow_update(allow, fresh), 0);
    allow_free(fresh);
    config_free(config);
}

/* Turns go on by the addresses that they know until a restart; what a list named is gone at once.
 */
START_TEST(list_that_is_read_again) {
    char why[256] = "";
    struct allow *allow;
    struct config *config = config_of(
        "[model]\nbase_url = https://old.example/v1\n[egress]\nallow = listed.example:443 "
        "old.example:443\n");
    ck_assert_msg(allow_new(config, &allow, why, sizeof(why)) == 0, "%s", why);
    const struct destination *old = allow_find(allow, "old.example", 443);
    ck_assert(old != NULL && old->may_private);
    ck_assert_ptr_nonnull(allow_find(allow, "listed.example", 443));
    size_t many = allow_count(allow);
    read_again(allow, "[model]\nbase_url = https://new.example/v1\n"
                      "[google]\ntoken_url = https://token.example/token\n");
    ck_assert_ptr_eq(allow_find(allow, "old.example", 443), old);
    ck_assert(!old->may_private);
    ck_assert_ptr_nonnull(allow_find(allow, "oauth2.googleapis.com", 443));
    ck_assert_ptr_nonnull(allow_find(allow, "token.example", 443));
    ck_assert_ptr_nonnull(allow_find(allow, "new.example", 443));
    ck_assert_ptr_null(allow_find(allow, "listed.example", 443));
    ck_assert_uint_eq(allow_count(allow), many + 1);
    read_again(allow, "[egress]\nallow = old.example:443\n");
    ck_assert(old->may_private);
    read_again(allow, "");
    ck_assert_ptr_eq(allow_find(allow, "old.example", 443), old);
    ck_assert(!old->may_private);
    allow_free(allow);
    config_free(config);
}
END_TEST

/* What was delisted keeps its place, so lists that are read again and again fill up all places. */
START_TEST(list_that_is_full) {
    char why[256] = "", text[4096];
    struct allow *allow, *fresh;
    struct config *config = config_of("");
    ck_assert_msg(allow_new(config, &allow, why, sizeof(why)) == 0, "%s", why);
    config_free(config);
    int r = 0;
    for (unsigned i = 0; r == 0 && i < ALLOW_MAX; i += 50) {
        char *at = stpcpy(text, "[egress]\n");
        for (unsigned k = i; k < i + 50; k++)
            at += sprintf(at, "allow = h%u.example:443\n", k);
        config = config_of(text);
        ck_assert_msg(allow_new(config, &fresh, why, sizeof(why)) == 0, "%s", why);
        r = allow_update(allow, fresh);
        allow_free(fresh);
        config_free(config);
    }
    ck_assert_int_eq(r, -ENOSPC);
    ck_assert_ptr_nonnull(allow_find(allow, "h249.example", 443)); /* it stays as it was */
    ck_assert_ptr_null(allow_find(allow, "h250.example", 443));
    allow_free(allow);
}
END_TEST

/* Where notices go is not for turns, even when the list lets it be a private address. */
START_TEST(notices_go_elsewhere_than_turns) {
    char why[256] = "";
    struct allow *turns, *notices;
    struct config *config = config_of("[notify]\nsmtp_url = smtp://mail.example:587\n"
                                      "webhook_url = https://hook.example/in\n"
                                      "[egress]\nallow = mail.example:587 hook.example:443 "
                                      "both.example:443\n");
    ck_assert_msg(allow_new(config, &turns, why, sizeof(why)) == 0, "%s", why);
    ck_assert_msg(allow_new_notify(config, &notices, why, sizeof(why)) == 0, "%s", why);
    ck_assert_ptr_null(allow_find(turns, "mail.example", 587));
    ck_assert_ptr_null(allow_find(turns, "hook.example", 443));
    ck_assert_ptr_nonnull(allow_find(turns, "both.example", 443)); /* control */
    ck_assert_ptr_null(allow_find(notices, "both.example", 443));
    const struct destination *mail = allow_find(notices, "mail.example", 587);
    ck_assert(mail != NULL && mail->may_private);
    allow_free(turns);
    allow_free(notices);
    config_free(config);
}
END_TEST

START_TEST(list_of_notices_that_is_read_again) {
    char why[256] = "";
    struct allow *allow, *fresh;
    struct config *config = config_of("[notify]\nsmtp_url = smtps://mail.example\n"
                                      "owner_webhook_hosts = hooks.example:443\n");
    struct config *other = config_of("[notify]\nsmtp_url = smtps://post.example\n");
    ck_assert_msg(allow_new_notify(config, &allow, why, sizeof(why)) == 0, "%s", why);
    ck_assert_msg(allow_new_notify(other, &fresh, why, sizeof(why)) == 0, "%s", why);
    ck_assert_int_eq(allow_update(allow, fresh), 0);
    ck_assert_ptr_nonnull(allow_find(allow, "post.example", 465));
    const struct destination *mail = allow_find(allow, "mail.example", 465);
    ck_assert(mail != NULL && mail->speaks_first);
    ck_assert_ptr_null(allow_find(allow, "hooks.example", 443));
    allow_free(fresh);
    allow_free(allow);
    config_free(other);
    config_free(config);
}
END_TEST

START_TEST(list_that_is_wrong) {
    static const char *const wrong[] = {
        "[egress]\nallow = example.com\n", "[egress]\nallow = 0x7f.1:80\n",
        "[egress]\nallow = *.example.com:443\n", "[egress]\nallow = ::1:443\n",
        "[google]\ntoken_url = https://0x7f000001/token\n"};
    char why[256] = "";
    struct allow *allow;
    struct config *config = config_of(wrong[_i]);
    ck_assert_int_eq(allow_new(config, &allow, why, sizeof(why)), -EINVAL);
    ck_assert_uint_gt(strlen(why), 10);
    config_free(config);
}
END_TEST

START_TEST(hosts_file) {
    char path[] = "/tmp/cloister-hosts-XXXXXX";
    static const char text[] =
        "# names\n::1 one two\n127.0.0.1\tTWO # three\n10.0.0.1 two\n10.0.0.1 two\n"
        "nonsense four\n1.2.3.4\n";
    struct address_list list;
    int fd = mkstemp(path);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(write_all(fd, text, sizeof(text) - 1), 0);
    (void)close(fd);
    hosts_find(path, "two", &list);
    ck_assert_uint_eq(list.n, 3);
    ck_assert_int_eq(list.at[0].any.sa_family, AF_INET); /* IPv4 first */
    ck_assert_int_eq(list.at[1].any.sa_family, AF_INET);
    ck_assert_int_eq(list.at[2].any.sa_family, AF_INET6);
    hosts_find(path, "three", &list);
    ck_assert_uint_eq(list.n, 0);
    hosts_find(path, "four", &list);
    ck_assert_uint_eq(list.n, 0);
    (void)unlink(path);
    hosts_find(path, "localhost", &list);
    ck_assert_uint_eq(list.n, 1);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("address");
    TCase *t = tcase_create("address");
    tcase_add_loop_test(t, urls_that_are, 0, (int)COUNT_OF(good_urls));
    tcase_add_loop_test(t, urls_that_are_not, 0, (int)COUNT_OF(bad_urls));
    tcase_add_loop_test(t, public_addresses, 0, (int)COUNT_OF(addresses));
    tcase_add_test(t, list_of_destinations);
    tcase_add_test(t, list_that_is_read_again);
    tcase_add_test(t, list_that_is_full);
    tcase_add_test(t, notices_go_elsewhere_than_turns);
    tcase_add_test(t, list_of_notices_that_is_read_again);
    tcase_add_loop_test(t, list_that_is_wrong, 0, 5);
    tcase_add_test(t, hosts_file);
    suite_add_tcase(suite, t);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
