/* How cloister-keys starts and ends: confined, open to two users, with secrets from files or
 * credentials; and the starts that must fail, each with a sentence for the operator. */
#include <check.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
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

/* Root may hand things over and ask how far a rotation is; it is given no key and makes none. */
START_TEST(root_has_messages_of_its_own) {
    Cloister__KeysAsk ask = CLOISTER__KEYS_ASK__INIT;
    Cloister__KekRotate rotate = CLOISTER__KEK_ROTATE__INIT;
    Cloister__KeyCreate create = CLOISTER__KEY_CREATE__INIT;
    Cloister__KeyAsk keys = CLOISTER__KEY_ASK__INIT;
    Cloister__Message asking = MSG_OF(KEYS_ASK, keys_ask, &ask);
    Cloister__Message without_fd = MSG_OF(KEK_ROTATE, kek_rotate, &rotate);
    Cloister__Message creating = MSG_OF(KEY_CREATE, key_create, &create);
    Cloister__Message taking = MSG_OF(KEY_ASK, key_ask, &keys);
    Cloister__Message *wrong[] = {&without_fd, &creating, &taking};
    create.id = (char[]){ALICE};
    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        int root = peer_connect(&service, NULL);
        send_message(root, &asking, -1);
        SCOPE_MSG Cloister__Message *answer = answer_of(root);
        ck_assert_ptr_nonnull(answer);
        ck_assert_int_eq(answer->keys_state->error, 0);
        ck_assert(!answer->keys_state->running);
        send_message(root, wrong[i], -1);
        assert_closed(root);
    }
    /* and nobody else has them */
    int supervisor = peer_connect(&service, CLOISTER_USER_SUPERVISOR);
    ck_assert_int_eq(key_create(supervisor, USER, ALICE, ALICE), 0);
    send_message(supervisor, &asking, -1);
    assert_closed(supervisor);
}
END_TEST

START_TEST(a_secret_is_exchanged_in_flight) {
    char path[300];
    SCOPE_FD int supervisor = peer_connect(&service, CLOISTER_USER_SUPERVISOR);
    SCOPE_FD int zygote = peer_connect(&service, CLOISTER_USER_AGENT);
    SCOPE_FD int root = peer_connect(&service, NULL);
    ck_assert_int_eq(key_create(supervisor, USER, ALICE, ALICE), 0);
    SCOPE_FD int owner = agent_channel(zygote, ALICE, "owner", "");
    Cloister__SecretOffer offer = CLOISTER__SECRET_OFFER__INIT;
    Cloister__Message offering = MSG_OF(SECRET_OFFER, secret_offer, &offer);
    static const struct {
        const char *name, *text, *then;
        int error;
        bool changed;
    } offers[] = {
        {"model-api-key", "sk-ant-another-key\n", "sk-ant-another-key", 0, true},
        {"model-api-key", "sk-ant-another-key", "sk-ant-another-key", 0, false},
        {"model-api-key", "", "sk-ant-another-key", ENODATA, false},
        {"kek", "sk-ant-other", "sk-ant-another-key", ENOENT, false},
    };
    (void)snprintf(path, sizeof(path), "%s/offered", service.dir);
    for (size_t i = 0; i < COUNT_OF(offers); i++) {
        SCOPE_MSG Cloister__Message *before = NULL, *after = NULL;
        ck_assert_int_eq(key_ask(owner, "", "", &before), 0);
        service_write(path, offers[i].text, 0400, NULL); /* root's alone */
        SCOPE_FD int fd = open(path, O_RDONLY | O_CLOEXEC);
        offer.name = (char *)(uintptr_t)offers[i].name;
        offer.host = (char[]){MODEL_HOST};
        send_message(root, &offering, fd);
        SCOPE_MSG Cloister__Message *answer = answer_of(root);
        ck_assert_ptr_nonnull(answer);
        ck_assert_int_eq(answer->keys_state->error, offers[i].error);
        ck_assert_int_eq(answer->keys_state->changed, offers[i].changed);
        ck_assert_int_eq(key_ask(owner, "", "", &after), 0);
        const ProtobufCBinaryData *key = &after->key_grant->model_api_key;
        ck_assert_uint_eq(key->len, strlen(offers[i].then));
        ck_assert_mem_eq(key->data, offers[i].then, key->len);
    }
    ck_assert(!service_logged(&service, "sk-ant-another"));
}
END_TEST

static void assert_bytes(const ProtobufCBinaryData *data, const char *text) {
    ck_assert_uint_eq(data->len, strlen(text));
    if (data->len > 0)
        ck_assert_mem_eq(data->data, text, data->len);
}

/* ---- whom the model's key is for ---- */

/* Root's word; `text` NULL: none is configured. A positive errno, or 0. */
static int offer_key(int root, const char *host, const char *text) {
    char path[300];
    Cloister__SecretOffer offer = CLOISTER__SECRET_OFFER__INIT;
    Cloister__Message offering = MSG_OF(SECRET_OFFER, secret_offer, &offer);
    (void)snprintf(path, sizeof(path), "%s/offered", service.dir);
    service_write(path, text != NULL ? text : "", 0400, NULL);
    SCOPE_FD int fd = open(path, O_RDONLY | O_CLOEXEC);
    offer.name = (char[]){"model-api-key"};
    offer.host = (char *)(uintptr_t)host;
    offer.none = text == NULL;
    send_message(root, &offering, fd);
    SCOPE_MSG Cloister__Message *answer = answer_of(root);
    ck_assert_ptr_nonnull(answer);
    return answer->keys_state->error;
}

/* What a turn is granted that would send it to `host`: `key`, for that host; NULL: for none. */
static void assert_key(int agent, const char *host, const char *key) {
    SCOPE_MSG Cloister__Message *answer = NULL;
    ck_assert_int_eq(key_ask_for(agent, host, &answer), 0);
    ck_assert_str_eq(answer->key_grant->model_host, key != NULL ? host : "");
    assert_bytes(&answer->key_grant->model_api_key, key != NULL ? key : "");
}

START_TEST(a_model_key_is_for_one_host) {
    static const char *const no_hosts[] = {"",        "new.example",     "https://new.example",
                                           ":443",    "new.example:0",   "new.example:443/v1",
                                           "a b:443", "user@example:443"};
    char host[32];
    SCOPE_FD int supervisor = peer_connect(&service, CLOISTER_USER_SUPERVISOR);
    SCOPE_FD int zygote = peer_connect(&service, CLOISTER_USER_AGENT);
    SCOPE_FD int root = peer_connect(&service, NULL);
    ck_assert_int_eq(key_create(supervisor, USER, ALICE, ALICE), 0);
    SCOPE_FD int owner = agent_channel(zygote, ALICE, "owner", "");
    assert_key(owner, MODEL_HOST, MODEL_KEY);
    assert_key(owner, "new.example:443", NULL);
    assert_key(owner, "api.anthropic.com:80", NULL);
    assert_key(owner, "", NULL);
    ck_assert_int_eq(offer_key(root, "new.example:443", "sk-new"), 0);
    assert_key(owner, "new.example:443", "sk-new");
    assert_key(owner, MODEL_HOST, MODEL_KEY); /* who still runs by it goes on */
    for (size_t i = 0; i < COUNT_OF(no_hosts); i++)
        ck_assert_int_eq(offer_key(root, no_hosts[i], "sk-for-nobody"), EINVAL);
    ck_assert_int_eq(offer_key(root, "new.example:443", NULL), 0);
    assert_key(owner, "new.example:443", "");
    assert_key(owner, "other.example:443", NULL);
    ck_assert_int_eq(offer_key(root, MODEL_HOST, NULL), 0);
    assert_key(owner, "other.example:443", ""); /* there is no key at all */
    for (unsigned i = 2; i < 8; i++) {
        (void)snprintf(host, sizeof(host), "host-%u.example:443", i);
        ck_assert_int_eq(offer_key(root, host, "sk-many"), 0);
    }
    ck_assert_int_eq(offer_key(root, "last.example:443", "sk-many"), ENOSPC);
    ck_assert_int_eq(offer_key(root, MODEL_HOST, "sk-again"), 0);
    assert_key(owner, MODEL_HOST, "sk-again");
}
END_TEST

static unsigned reloads_logged(void) {
    static char text[1 << 16];
    unsigned n = 0;
    ssize_t len = file_read(service.log, (uint8_t *)text, sizeof(text) - 1);
    text[len > 0 ? len : 0] = '\0';
    for (const char *at = text; (at = strstr(at, "reloaded: ")) != NULL; at++)
        n++;
    return n;
}

static void signal_reload(void) {
    const unsigned before = reloads_logged();
    ck_assert_int_eq(kill(service.pid, SIGHUP), 0);
    while (reloads_logged() == before) /* the test's own timeout ends this */
        (void)usleep(5000);
}

static void write_own(const char *name, const char *text) {
    char path[300];
    (void)snprintf(path, sizeof(path), "%s/%s", service.dir, name);
    service_write(path, text, 0400, CLOISTER_USER_KEYS);
}

START_TEST(a_signal_takes_nothing_back) {
    SCOPE_FD int supervisor = peer_connect(&service, CLOISTER_USER_SUPERVISOR);
    SCOPE_FD int zygote = peer_connect(&service, CLOISTER_USER_AGENT);
    SCOPE_FD int root = peer_connect(&service, NULL);
    ck_assert_int_eq(key_create(supervisor, USER, ALICE, ALICE), 0);
    SCOPE_FD int owner = agent_channel(zygote, ALICE, "owner", "");
    write_own("model", "sk-second");
    signal_reload();
    assert_key(owner, MODEL_HOST, "sk-second"); /* the control: files are read again */
    /* The key for another host, beside its address: turns that run by the first have their own. */
    FILE *config = fopen(service.config, "ae");
    ck_assert_ptr_nonnull(config);
    (void)fputs("[model]\nbase_url=https://new.example/v1\n", config);
    (void)fclose(config);
    write_own("model", "sk-third");
    signal_reload();
    assert_key(owner, MODEL_HOST, "sk-second");
    assert_key(owner, "new.example:443", "sk-third");
    ck_assert_int_eq(offer_key(root, "new.example:443", "sk-by-root"), 0);
    signal_reload();
    assert_key(owner, "new.example:443", "sk-by-root");
    assert_key(owner, MODEL_HOST, "sk-second");
}
END_TEST

START_TEST(only_these_users_may_connect) {
    assert_closed(peer_connect(&service, CLOISTER_USER_KEYS));
    assert_closed(peer_connect(&service, "nobody"));
    ck_assert(service_logged(&service, "refused a connection from uid"));
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
            strstr(target, "/log") == NULL && strstr(target, "/keys/metrics") == NULL) {
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
    assert_refuses("/nonexistent/keyring.db.lock cannot be made: No such file or directory");
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
    /* It is as old as this process, whatever stands there now; a file is as it is. */
    SCOPE_MSG Cloister__Message *then = NULL;
    write_own("cloister-google-client-secret", "from-another-credential");
    write_own("model", "sk-from-a-file");
    signal_reload();
    ck_assert_int_eq(key_ask(alice, "", "", &then), 0);
    assert_bytes(&then->key_grant->google_client_secret, "from-a-credential");
    assert_bytes(&then->key_grant->model_api_key, "sk-from-a-file");
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
    tcase_add_test(running, only_these_users_may_connect);
    tcase_add_test(running, root_has_messages_of_its_own);
    tcase_add_test(running, a_secret_is_exchanged_in_flight);
    tcase_add_test(running, a_model_key_is_for_one_host);
    tcase_add_test(running, a_signal_takes_nothing_back);
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
