/* A gateway in a process of its own, with small limits, a supervisor played by a thread of the test
 * over real nng, and raw sockets on the other side. One rig per test. */
#ifndef CLOISTER_TESTS_GATEWAY_RIG_H
#define CLOISTER_TESTS_GATEWAY_RIG_H

#include <sys/types.h>

#include "gateway/gateway.h"

#define RIG_KEY     "a-frontend-key-for-tests"
#define RIG_KEY_OLD "the-key-before"
#define RIG_RETURN  "http://app.example/back?x=1"
#define RIG_ORIGIN  "https://web.example"
#define RIG_MEMORY  "0123456789abcdef0123456789abcdef"
/* Proposals: one that is open, and some that are not. */
#define RIG_PROPOSAL      "00000000000000000000000000000001"
#define RIG_PROPOSAL_USED "00000000000000000000000000000002"
#define RIG_PROPOSAL_GONE "00000000000000000000000000000003"
#define RIG_PROPOSAL_OLD  "00000000000000000000000000000004"

struct rig {
    char dir[64];
    uint16_t port;
    pid_t gateway;
    enum gateway_instance instance;
    struct fake *fake;            /* NULL while stopped */
    char operators[108], log[96]; /* log: what the gateway wrote */
};

/* What the played supervisor has seen, ever increasing. */
struct fake_seen {
    unsigned hellos, chats, cancels, credits, others;
    uint64_t credit_bytes, sent_bytes; /* of text */
    char last_cookie[160], last_user[160], last_key[300], last_zone[80], last_grant[300];
    char last_code[300], last_return[300], last_conversation[160];
    char last_proposal[80], last_memory[80], last_message[512];
    char last_frontend[80], last_session[160], last_csrf[160], last_login[160], last_features[80];
    char last_operation[64], last_arguments[8192];
    unsigned businesses;
    bool last_switch, last_everywhere, last_choose;
    unsigned sign_ins, callbacks, changes; /* changes: asked for by who may */
};

/* The limits that tests begin with: everything short. */
struct gateway_limits rig_limits(void);
/* Starts both; waits until they are connected. `config_more` is added to the configuration. */
void rig_start(struct rig *rig, const struct gateway_limits *limits, const char *config_more);
/* The same of the instance for the public, which answers to "Host: x"; there is no
 * cloister-business behind it. */
void rig_start_public(struct rig *rig, const struct gateway_limits *limits);
void rig_stop(struct rig *rig);
/* Its second half: waits for the gateway's good end, stops the supervisor, cleans up. */
void rig_ended(struct rig *rig);
/* The supervisor goes away, and comes back. */
void rig_fake_stop(struct rig *rig);
void rig_fake_start(struct rig *rig);
struct fake_seen rig_seen(struct rig *rig);
/* Waits up to ten seconds until `counter(seen) >= wanted`; fails the test otherwise. */
void rig_wait(struct rig *rig, unsigned (*counter)(const struct fake_seen *seen), unsigned wanted);
unsigned seen_cancels(const struct fake_seen *seen);
unsigned seen_chats(const struct fake_seen *seen);
unsigned seen_credits(const struct fake_seen *seen);
unsigned seen_hellos(const struct fake_seen *seen);

/* A blocking connection with a 15 s limit on every wait. */
int rig_connect(const struct rig *rig);
void rig_send(int fd, const void *data, size_t len);
void rig_send_text(int fd, const char *text);
/* Reads until the peer closes (or `limit` bytes); NUL-terminated, to free. */
char *rig_read_all(int fd, size_t limit, size_t *ret_len);
/* Reads until `text` has been seen; what was read, to free. Fails the test when it does not come.
 */
char *rig_read_until(int fd, const char *text);
/* connect, send, read to the end, close. */
char *rig_raw(const struct rig *rig, const char *bytes, size_t len);
/* A whole request with the key; headers is "" or "Name: value\r\n…". The whole response, to free.
 */
char *rig_call(const struct rig *rig, const char *method, const char *path, const char *headers,
               const char *body);
/* The same as a browser sends it: no key, and `form` as a form. */
char *rig_browse(const struct rig *rig, const char *method, const char *path, const char *headers,
                 const char *form);
/* POST /v1/chat with JSON {user:"ann", message}, `accept` as given. */
char *rig_chat(const struct rig *rig, const char *message, const char *accept);
void rig_chat_send(int fd, const char *message, const char *accept);
/* Parts of a response. */
unsigned status_of(const char *response);
/* Takes `"request":"ID",` out, which differs each time. */
void take_request(char *response);
const char *body_of(const char *response);
bool has_header(const char *response, const char *line_start);
/* Problem documents: 1 when status, content type and code are as wanted. */
void check_problem(const char *response, unsigned status, const char *code);
/* What the gateway has logged so far, to free. */
char *rig_logged(const struct rig *rig);
/* Resident KiB of the gateway. */
long rig_rss(const struct rig *rig);
/* Fails the test when it has grown by `kib` or more since `before`. Not under AddressSanitizer,
 * which keeps what is freed in a quarantine of its own: there growth says nothing. */
void rig_grown_less(const struct rig *rig, long before, long kib);

#endif
