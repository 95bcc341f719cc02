/* A running cloister-keys of the test's own, and peers of every kind to talk to it. */
#ifndef CLOISTER_TESTS_KEYS_SERVICE_H
#define CLOISTER_TESTS_KEYS_SERVICE_H

#include "ipc/message.h"

#define GOOGLE_SECRET "GOCSPX-test-google-secret"
#define MODEL_KEY     "sk-ant-test-model-key"
#define MODEL_HOST    "api.anthropic.com:443"
#define KEK_HEX       "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

struct service {
    char *dir;
    pid_t pid;
    char config[300], socket[300], keyring[300], log[300], kek[300];
};

/* The program under test; set before anything else. */
void service_program(const char *path);
/* Writes files and configuration; starts nothing. */
void service_prepare(struct service *service);
/* Starts as `user`, or as root when NULL, and waits until it says that it is ready. */
void service_start(struct service *service, const char *user);
/* Starts what should refuse to: the exit status, with the log in service->log. */
int service_start_failing(struct service *service);
/* Ends it by `signal`; its wait status. */
int service_stop(struct service *service, int signal);
void service_remove(struct service *service);
void service_write(const char *path, const char *text, mode_t mode, const char *owner);
bool service_logged(const struct service *service, const char *text);

/* A connection made by a process of that user. */
int peer_connect(const struct service *service, const char *user);
/* A channel that the zygote on `zygote` had bound; the agent's end. */
int agent_channel(int zygote, const char *user, const char *origin, const char *connection);
void send_message(int fd, Cloister__Message *message, int pass_fd);
/* The next answer, or NULL when the channel was closed instead. Fails the test after 10 s. */
Cloister__Message *answer_of(int fd);

int key_create(int supervisor, Cloister__KeyKind kind, const char *id, const char *user);
int key_destroy(int supervisor, Cloister__KeyKind kind, const char *id);
int key_bind_user(int supervisor, const char *connection, const char *user);
/* Positive errno of the grant, or 0; *ret (when not NULL) is the grant's message, for msg_free. */
int key_ask(int agent, const char *connection, const char *state_token, Cloister__Message **ret);
/* The same for nothing but the model's key, which would go to `host`; key_ask names MODEL_HOST. */
int key_ask_for(int agent, const char *host, Cloister__Message **ret);
/* Positive errno of the answer, or 0; the grant, or "", in `out` (GRANT_SIZE bytes). */
int grant_mint_for(int supervisor, const char *user, const char *frontend, char *out);
int grant_check_for(int supervisor, const char *user, const char *frontend, const char *grant,
                    char *out);
int grant_revoke_for(int supervisor, const char *user);
/* Positive errno, or 0 and the tag. */
int subject_tag_of(int agent, const char *subject, uint8_t out[static 32]);
int token_commit(int agent, const char *connection, uint64_t version);

#endif
