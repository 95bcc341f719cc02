/* How cloister-keys starts and ends: confined, open to two users, with secrets from files or
 * credentials; and the starts that must fail, each with a sentence for the operator. */
#include <check.h>
#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "build_config.h"
#include "memory/seal.h"
#include "tests/unit/keys/accounts.h"
#include "tests/unit/keys/service.h"

#define ALICE "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define USER  CLOISTER__KEY_KIND__KEY_USER

static struct service service;

/* The channel was closed by the service, and the service itself is well. */
static void assert_closed(int fd) {
    SCOPE_MSG Cloister__Message *answer = answer_of(fd);
    ck_assert_ptr_null(answer);
    (void)close(fd);
    ck_assert_int_eq(waitpid(service.pid, NULL, WNOHANG), 0);
}

static void assert_bytes(const ProtobufCBinaryData *data, const char *text) {
    ck_assert_uint_eq(data->len, strlen(text));
    ck_assert_mem_eq(data->data, text, data->len);
}

static void prepare_only(void) {
    service_prepare(&service);
}

static void remove_only(void) {
    service_remove(&service);
}

static void set_up(void) {
    service_prepare(&service);
    service_start(&service, NULL);
}

START_TEST(only_the_two_users_may_connect) {
    assert_closed(peer_connect(&service, NULL)); /* root */
    assert_closed(peer_connect(&service, CLOISTER_USER_KEYS));
    assert_closed(peer_connect(&service, "nobody"));
    ck_assert(service_logged(&service, "refused a connection from uid 0"));
    SCOPE_FD int control = peer_connect(&service, CLOISTER_USER_SUPERVISOR);
    ck_assert_int_eq(key_create(control, USER, ALICE, ALICE), 0);
}
END_TEST

static uint64_t status_number(const char *field) {
    char path[64], line[256];
    uint64_t value = UINT64_MAX;
    (void)snprintf(path, sizeof(path), "/proc/%d/status", (int)service.pid);
    FILE *status = fopen(path, "re");
    while (status != NULL && fgets(line, sizeof(line), status) != NULL)
        if (strncmp(line, field, strlen(field)) == 0 && line[strlen(field)] == ':')
            value = strtoull(line + strlen(field) + 1, NULL, 16);
    if (status != NULL)
        (void)fclose(status);
    return value;
}

START_TEST(it_is_confined) {
    struct stat st;
    ck_assert_uint_eq(status_number("CapPrm"), 0);
    ck_assert_uint_eq(status_number("CapBnd"), 0);
    ck_assert_uint_eq(status_number("NoNewPrivs"), 1);
    ck_assert_uint_eq(status_number("Seccomp"), 2);
    ck_assert_int_eq(stat(service.keyring, &st), 0);
    ck_assert_uint_eq(st.st_uid, account_uid(CLOISTER_USER_KEYS));
    ck_assert_uint_eq(st.st_mode & 0777, 0600);
    /* the descriptors that rights.def names, and the loop's own */
    char path[64], target[256];
    (void)snprintf(path, sizeof(path), "/proc/%d/fd", (int)service.pid);
    DIR *dir = opendir(path);
    unsigned files = 0;
    for (struct dirent *entry; (entry = readdir(dir)) != NULL;) {
        ssize_t n = readlinkat(dirfd(dir), entry->d_name, target, sizeof(target) - 1);
        if (n <= 0)
            continue;
        target[n] = '\0';
        if (strncmp(target, service.dir, strlen(service.dir)) == 0 &&
            strstr(target, "/log") == NULL) {
            ck_assert_ptr_nonnull(strstr(target, "/data/keyring.db"));
            files++;
        }
    }
    (void)closedir(dir);
    ck_assert_uint_le(files, 2); /* keyring and journal; no key file, no configuration */
}
END_TEST

START_TEST(it_ends_on_request) {
    int status = service_stop(&service, SIGTERM);
    ck_assert(WIFEXITED(status));
    ck_assert_int_eq(WEXITSTATUS(status), 0);
    service_start(&service, NULL); /* the stale socket is no obstacle */
    SCOPE_FD int supervisor = peer_connect(&service, CLOISTER_USER_SUPERVISOR);
    ck_assert_int_eq(key_create(supervisor, USER, ALICE, ALICE), 0);
}
END_TEST

/* ---- what must not start ---- */

static void assert_refuses(const char *sentence) {
    int status = service_start_failing(&service);
    ck_assert_int_eq(status, 1);
    ck_assert_msg(service_logged(&service, sentence), "the log lacks '%s'", sentence);
}

START_TEST(key_files_must_be_private_and_whole) {
    service_write(service.kek, KEK_HEX "\n", 0440, CLOISTER_USER_KEYS);
    assert_refuses("must be readable by its owner alone");
    service_write(service.kek, KEK_HEX "\n", 0404, CLOISTER_USER_KEYS);
    assert_refuses("must be readable by its owner alone");
    service_write(service.kek, KEK_HEX "\n", 0400, CLOISTER_USER_AGENT);
    assert_refuses("must belong to root or to");
    service_write(service.kek, "0011", 0400, CLOISTER_USER_KEYS);
    assert_refuses("must hold 64 hex digits");
    service_write(service.kek, KEK_HEX "00", 0400, CLOISTER_USER_KEYS);
    assert_refuses("must hold 64 hex digits");
    service_write(service.kek, "", 0400, CLOISTER_USER_KEYS);
    assert_refuses("is empty");
    ck_assert_int_eq(unlink(service.kek), 0);
    assert_refuses("cannot be opened");
    service_write(service.kek, KEK_HEX "\n", 0600, NULL); /* control: root's own will do */
    service_start(&service, NULL);
}
END_TEST

START_TEST(keyrings_must_fit) {
    service_start(&service, NULL);
    (void)service_stop(&service, SIGTERM);
    service_write(service.kek, "ffffffffffffffff8899aabbccddeeff00112233445566778899aabbccddeeff",
                  0400, CLOISTER_USER_KEYS);
    assert_refuses("the key-encryption key does not open keyring");
    service_write(service.kek, KEK_HEX, 0400, CLOISTER_USER_KEYS);
    service_start(&service, NULL); /* control */
    (void)service_stop(&service, SIGTERM);
    service_write(service.keyring, "this is no keyring, whatever its name may say.......", 0600,
                  CLOISTER_USER_KEYS);
    assert_refuses("is damaged");
}
END_TEST

START_TEST(other_starts_that_fail) {
    ck_assert_int_eq(setenv("CLOISTER_KEYS_PROVIDER", "aws-kms", 1), 0);
    assert_refuses("aws-kms is not available in this version");
    ck_assert_int_eq(setenv("CLOISTER_KEYS_PROVIDER", "paper", 1), 0);
    assert_refuses("must be file, systemd or aws-kms");
    ck_assert_int_eq(setenv("CLOISTER_KEYS_PROVIDER", "systemd", 1), 0);
    assert_refuses("needs the credential cloister-kek");
    ck_assert_int_eq(unsetenv("CLOISTER_KEYS_PROVIDER"), 0);
    ck_assert_int_eq(setenv("CLOISTER_RUNTIME_DIR", "/nonexistent", 1), 0);
    assert_refuses("its directory is missing");
    ck_assert_int_eq(unsetenv("CLOISTER_RUNTIME_DIR"), 0);
    ck_assert_int_eq(setenv("CLOISTER_KEYS_KEYRING", "/nonexistent/keyring.db", 1), 0);
    assert_refuses("cannot be opened");
    ck_assert_int_eq(unsetenv("CLOISTER_KEYS_KEYRING"), 0);
    service_start(&service, NULL); /* control */
}
END_TEST

START_TEST(credentials_of_systemd) {
    char path[300];
    SCOPE_MSG Cloister__Message *answer = NULL;
    (void)snprintf(path, sizeof(path), "%s/cloister-kek", service.dir);
    service_write(path, KEK_HEX, 0440, CLOISTER_USER_KEYS); /* as systemd's access lists look */
    (void)snprintf(path, sizeof(path), "%s/cloister-google-client-secret", service.dir);
    service_write(path, "from-a-credential\r\n", 0440, CLOISTER_USER_KEYS);
    ck_assert_int_eq(setenv("CLOISTER_KEYS_PROVIDER", "systemd", 1), 0);
    ck_assert_int_eq(setenv("CREDENTIALS_DIRECTORY", service.dir, 1), 0);
    service_start(&service, CLOISTER_USER_KEYS);
    SCOPE_FD int supervisor = peer_connect(&service, CLOISTER_USER_SUPERVISOR);
    SCOPE_FD int zygote = peer_connect(&service, CLOISTER_USER_AGENT);
    ck_assert_int_eq(key_create(supervisor, USER, ALICE, ALICE), 0);
    SCOPE_FD int alice = agent_channel(zygote, ALICE, "owner", "");
    ck_assert_int_eq(key_ask(alice, "", "", &answer), 0);
    assert_bytes(&answer->key_grant->google_client_secret, "from-a-credential");
    assert_bytes(&answer->key_grant->model_api_key, MODEL_KEY);
}
END_TEST

int main(int argc, char **argv) {
    if (argc != 2) {
        fprintf(stderr, "usage: %s PATH-OF-CLOISTER-KEYS\n", argv[0]);
        return 100;
    }
    accounts_make();
    service_program(argv[1]);
    if (seal_init() < 0)
        return 1;
    Suite *suite = suite_create("keys' starts");
    TCase *tc = tcase_create("starts"), *running = tcase_create("running");
    tcase_set_timeout(running, 60);
    tcase_add_checked_fixture(running, set_up, remove_only);
    tcase_add_test(running, only_the_two_users_may_connect);
    tcase_add_test(running, it_is_confined);
    tcase_add_test(running, it_ends_on_request);
    suite_add_tcase(suite, running);
    tcase_set_timeout(tc, 60);
    tcase_add_checked_fixture(tc, prepare_only, remove_only);
    tcase_add_test(tc, key_files_must_be_private_and_whole);
    tcase_add_test(tc, keyrings_must_fit);
    tcase_add_test(tc, other_starts_that_fail);
    tcase_add_test(tc, credentials_of_systemd);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
