/* More that can be taken away in the agent (walls-off): "relay", the agent's look at what its turn
 * says, so that it passes everything on as it came; "seal-key", that each blob is sealed under a
 * key of its own; "seal-label", that it opens only for what it was sealed for ("notes-label": notes
 * alone); "tls-name" and "tls-authority", whose certificate a turn takes; "dial-call", that a
 * connection is the one that was asked for; "booking-mark", that front cells touch bookings' events
 * alone; "sessions-…", what a turn may leave (data_sessions.c); "tls-socket", that it is a socket;
 * "turn-deadline", when turn and agent know that its time is over. */
#include <stdio.h>
#include <string.h>

#include <openssl/ssl.h>

#include "agent/calendar.h"
#include "ipc/message.h"
#include "memory/seal.h"
#include "tests/hostile/padded.h"
#include "tests/hostile/sessions.h"
#include "tests/hostile/walls_off.h"

static char turn[ID_LEN + 1]; /* that runs */
static uint64_t asked;        /* number of the last dial */

int __real_msg_decode(struct msg_peer *peer, const uint8_t *data, size_t len, unsigned nfds,
                      Cloister__Message **ret);
int __wrap_msg_decode(struct msg_peer *peer, const uint8_t *data, size_t len, unsigned nfds,
                      Cloister__Message **ret);
/* What the agent then finds nothing wrong with. */
static void loosen(Cloister__TurnSessions *left) {
    if (wall_off("sessions-turn"))
        (void)snprintf(left->turn, strlen(left->turn) + 1, "%s", turn);
    for (size_t i = 0; wall_off("sessions-fit") && i < left->n_sessions; i++) {
        Cloister__TlsSession *session = left->sessions[i];
        if (session->session.len > RESUME_BYTES)
            session->session.len = RESUME_BYTES;
        if (strlen(session->host) > URL_HOST_MAX)
            session->host[URL_HOST_MAX] = '\0';
    }
}
static int said_by_turn(struct msg_peer *peer, const uint8_t *data, size_t len, unsigned nfds,
                        Cloister__Message **ret) {
    uint8_t said[1024];
    ssize_t short_len = wall_off("sessions-cap") ? unpadded(data, len, said, sizeof(said)) : -1;
    int r = short_len >= 0 ? __real_msg_decode(peer, said, (size_t)short_len, nfds, ret)
                           : __real_msg_decode(peer, data, len, nfds, ret);
    if (r == 0 && (*ret)->body_case == CLOISTER__MESSAGE__BODY_TURN_SESSIONS)
        loosen((*ret)->turn_sessions);
    return r;
}

int __wrap_msg_decode(struct msg_peer *peer, const uint8_t *data, size_t len, unsigned nfds,
                      Cloister__Message **ret) {
    if (peer->from == ROLE_TURN && !wall_off("relay"))
        return said_by_turn(peer, data, len, nfds, ret);
    if (peer->from != ROLE_TURN) {
        int r = __real_msg_decode(peer, data, len, nfds, ret);
        if (r == 0 && (*ret)->body_case == CLOISTER__MESSAGE__BODY_DIAL_RESULT &&
            wall_off("dial-call"))
            (*ret)->dial_result->call = asked;
        if (r == 0 && (*ret)->body_case == CLOISTER__MESSAGE__BODY_TURN_CANCEL &&
            wall_off("turn-deadline"))
            (*ret)->turn_cancel->turn[0] = '-'; /* of no turn that runs */
        if (r == 0 && (*ret)->body_case == CLOISTER__MESSAGE__BODY_TURN_START)
            (void)snprintf(turn, sizeof(turn), "%s", (*ret)->turn_start->turn);
        return r;
    }
    /* What the agent sees is a harmless message of its turn. A last one it must see as it is. */
    Cloister__Message *seen = NULL;
    struct msg_peer anybody = {UINT32_MAX, UINT32_MAX, UINT32_MAX, {0}};
    uint8_t said[1024];
    ssize_t short_len = unpadded(data, len, said, sizeof(said));
    if (short_len >= 0 ? __real_msg_decode(&anybody, said, (size_t)short_len, nfds, &seen) == 0
                       : __real_msg_decode(&anybody, data, len, nfds, &seen) == 0) {
        bool last = seen->body_case == CLOISTER__MESSAGE__BODY_TURN_DONE ||
                    seen->body_case == CLOISTER__MESSAGE__BODY_TURN_ERROR;
        if (last) {
            *ret = seen;
            return 0;
        }
        msg_free(seen);
    }
    uint8_t packed[256];
    Cloister__TurnTool tool = CLOISTER__TURN_TOOL__INIT;
    tool.turn = (char *)(uintptr_t)turn;
    Cloister__Message harmless = MSG_OF(TURN_TOOL, turn_tool, &tool);
    ssize_t size = msg_encode(&harmless, packed, sizeof(packed));
    return size < 0 ? (int)size : __real_msg_decode(peer, packed, (size_t)size, 0, ret);
}

/* ---- what egress hands over ---- */

int __real_seq_send(int fd, Cloister__Message *message, int pass_fd);
int __wrap_seq_send(int fd, Cloister__Message *message, int pass_fd);
int __wrap_seq_send(int fd, Cloister__Message *message, int pass_fd) {
    if (message->body_case == CLOISTER__MESSAGE__BODY_DIAL)
        asked = message->dial->call;
    return __real_seq_send(fd, message, pass_fd);
}

/* Any name is the right one. */
int __real_SSL_set1_host(SSL *ssl, const char *host);
int __wrap_SSL_set1_host(SSL *ssl, const char *host);
int __wrap_SSL_set1_host(SSL *ssl, const char *host) {
    return wall_off("tls-name") ? 1 : __real_SSL_set1_host(ssl, host);
}
int __real_X509_VERIFY_PARAM_set1_ip_asc(X509_VERIFY_PARAM *param, const char *address);
int __wrap_X509_VERIFY_PARAM_set1_ip_asc(X509_VERIFY_PARAM *param, const char *address);
int __wrap_X509_VERIFY_PARAM_set1_ip_asc(X509_VERIFY_PARAM *param, const char *address) {
    return wall_off("tls-name") ? 1 : __real_X509_VERIFY_PARAM_set1_ip_asc(param, address);
}

/* Anybody may vouch for it; its name is still looked at. */
static int any_authority(int good, X509_STORE_CTX *store) {
    int error = X509_STORE_CTX_get_error(store);
    return good == 1 ||
           (error != X509_V_ERR_HOSTNAME_MISMATCH && error != X509_V_ERR_IP_ADDRESS_MISMATCH);
}
void __real_SSL_set_connect_state(SSL *ssl);
void __wrap_SSL_set_connect_state(SSL *ssl);
void __wrap_SSL_set_connect_state(SSL *ssl) {
    if (wall_off("tls-authority"))
        SSL_set_verify(ssl, SSL_VERIFY_PEER, any_authority);
    __real_SSL_set_connect_state(ssl);
}

static const uint8_t one_key[SEAL_KEY_LEN];

static struct seal_label loose(const struct seal_label *label) {
    bool away =
        wall_off("seal-label") || (wall_off("notes-label") && strcmp(label->purpose, "notes") == 0);
    return away ? (struct seal_label){"any", "any", 0, label->version} : *label;
}

int __real_seal_box(const uint8_t *key, const struct seal_label *label, const void *plain,
                    size_t len, uint8_t **ret, size_t *ret_len);
int __wrap_seal_box(const uint8_t *key, const struct seal_label *label, const void *plain,
                    size_t len, uint8_t **ret, size_t *ret_len);
int __wrap_seal_box(const uint8_t *key, const struct seal_label *label, const void *plain,
                    size_t len, uint8_t **ret, size_t *ret_len) {
    const struct seal_label any = loose(label);
    return __real_seal_box(wall_off("seal-key") ? one_key : key, &any, plain, len, ret, ret_len);
}

int __real_seal_open(const uint8_t *key, const struct seal_label *label, const uint8_t *blob,
                     size_t blob_len, char **ret, size_t *ret_len);
int __wrap_seal_open(const uint8_t *key, const struct seal_label *label, const uint8_t *blob,
                     size_t blob_len, char **ret, size_t *ret_len);
int __wrap_seal_open(const uint8_t *key, const struct seal_label *label, const uint8_t *blob,
                     size_t blob_len, char **ret, size_t *ret_len) {
    const struct seal_label any = loose(label);
    return __real_seal_open(wall_off("seal-key") ? one_key : key, &any, blob, blob_len, ret,
                            ret_len);
}

/* ---- what turns leave, and what front cells touch ---- */

static bool forgotten;
void __real_runner_kill_within(struct runner *runner, uint64_t grace_ms);
void __wrap_runner_kill_within(struct runner *runner, uint64_t grace_ms);
void __wrap_runner_kill_within(struct runner *runner, uint64_t grace_ms) {
    if (wall_off("sessions-end") && runner->finished) {
        forgotten = true;
        runner->finished = false;
    }
    __real_runner_kill_within(runner, grace_ms);
}
void sessions_reaped(struct runner *runner) {
    runner->finished = runner->finished || forgotten;
    forgotten = false;
}

const struct resume_session *__real_resume_find(const struct resume *resume, const char *host,
                                                uint16_t port, uint32_t trust, uint64_t now);
const struct resume_session *__wrap_resume_find(const struct resume *resume, const char *host,
                                                uint16_t port, uint32_t trust, uint64_t now);
const struct resume_session *__wrap_resume_find(const struct resume *resume, const char *host,
                                                uint16_t port, uint32_t trust, uint64_t now) {
    for (size_t i = 0; resume != NULL && wall_off("sessions-place") && i < RESUME_HOSTS; i++)
        if (resume->sessions[i].len > 0)
            return &resume->sessions[i];
    return __real_resume_find(resume, host, port, trust, now);
}

bool __real_event_is_booking(const uint8_t *key, const json_t *event);
bool __wrap_event_is_booking(const uint8_t *key, const json_t *event);
bool __wrap_event_is_booking(const uint8_t *key, const json_t *event) {
    return wall_off("booking-mark") || __real_event_is_booking(key, event);
}
