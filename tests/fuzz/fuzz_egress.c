/* What a turn may ask of egress, over a fake pool: every dial gets its answer, only listed
 * destinations are ever connected, and no more at once and in all than a turn may have. The input
 * is a row of messages, each behind a byte that says what becomes of the connections under way and
 * one that holds its length. */
#include <errno.h>
#include <strings.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "fuzz.h"
#include "supervisor/egress/turn_channel.h"

static const char settings[] = "[egress]\nallow=127.0.0.1:8080, [::1]:8443 stand-in.example:443\n";

static const struct allow *allow;
static unsigned dials, under_way;

/* ---- a pool that connects when it is told to ---- */

struct pool_request {
    attempt_fn done;
    void *ctx;
};
static struct pool_request *requests[TURN_OPEN_MAX];

static int socket_new(void) {
    int pair[2];
    MUST(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0);
    (void)close(pair[1]);
    return pair[0];
}

static void must_be_listed(const struct destination *d) {
    MUST(d->index < allow_count(allow) && d == allow_at(allow, d->index));
    MUST(url_host_valid(d->host) && d->port != 0);
}

int pool_take(struct pool *pool, const struct destination *d) {
    (void)pool;
    must_be_listed(d);
    return d->port == 8443 ? socket_new() : -1;
}

struct pool_request *pool_request_new(struct pool *pool, const struct destination *d,
                                      attempt_fn done, void *ctx) {
    (void)pool;
    must_be_listed(d);
    struct pool_request *request = calloc(1, sizeof(*request));
    MUST(request != NULL && under_way < TURN_OPEN_MAX);
    *request = (struct pool_request){done, ctx};
    requests[under_way++] = request;
    return request;
}

void pool_request_cancel(struct pool_request *request) {
    for (unsigned i = 0; request != NULL && i < under_way; i++)
        if (requests[i] == request) {
            requests[i] = requests[--under_way];
            free(request);
            return;
        }
    MUST(request == NULL);
}

static void finish_first(int error) {
    struct pool_request *request = requests[0];
    requests[0] = requests[--under_way];
    struct pool_request copy = *request;
    free(request);
    copy.done(copy.ctx, error == 0 ? socket_new() : -1, error);
}

/* ---- the turn's end ---- */

static unsigned answers_take(int fd) {
    unsigned n = 0;
    for (;; n++) {
        struct msg_peer egress = {ROLE_EGRESS, ROLE_TURN, PHASE_READY, {0}};
        SCOPE_MSG Cloister__Message *message = NULL;
        SCOPE_FD int passed = -1;
        int r = seq_recv(fd, &egress, &message, &passed);
        if (r == -EAGAIN)
            return n;
        MUST(r == 0 && message->body_case == CLOISTER__MESSAGE__BODY_DIAL_RESULT);
        MUST((message->dial_result->error == 0) == (passed >= 0));
    }
}

static void dial(struct turn *turn, const uint8_t *data, size_t len) {
    struct msg_peer peer = {ROLE_TURN, ROLE_EGRESS, PHASE_READY, {0}};
    SCOPE_MSG Cloister__Message *message = NULL;
    if (msg_decode(&peer, data, len, 0, &message) < 0 ||
        message->body_case != CLOISTER__MESSAGE__BODY_DIAL)
        return;
    const Cloister__Dial *asked = message->dial;
    const struct destination *d = allow_find(allow, asked->host, asked->port);
    MUST(d == NULL || (strcasecmp(d->host, asked->host) == 0 && d->port == asked->port));
    MUST(turn_dial(turn, asked) == 0);
    dials++;
}

static void allow_open(void) {
    char path[64], why[256] = "";
    struct config *config = NULL;
    struct allow *made = NULL;
    int fd = memfd_create("config", MFD_CLOEXEC);
    MUST(fd >= 0 && write_all(fd, settings, strlen(settings)) == 0);
    (void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    MUST(config_load(path, &config, why, sizeof(why)) == 0);
    MUST(allow_new(config, &made, why, sizeof(why)) == 0);
    config_free(config);
    (void)close(fd);
    allow = made;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len) {
    int pair[2];
    unsigned answers = 0;
    struct input input = {data, len};
    if (allow == NULL)
        allow_open();
    dials = under_way = 0;
    MUST(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) == 0);
    struct turn *turn = turn_new(pair[0], allow, NULL);
    MUST(turn != NULL);
    while (input.left > 0) {
        const uint8_t what = input_byte(&input);
        size_t size = input_byte(&input);
        size = size < input.left ? size : input.left;
        dial(turn, input.at, size);
        input.at += size;
        input.left -= size;
        MUST(under_way <= TURN_OPEN_MAX);
        if (under_way > 0 && (what & 1) != 0)
            finish_first((what & 2) != 0 ? EACCES : 0);
        if ((what & 4) != 0)
            MUST(!turn_sweep(turn)); /* these sockets carry nothing */
        answers += answers_take(pair[1]);
        MUST(!turn_broken(turn) && answers + under_way == dials);
    }
    turn_free(turn);
    MUST(under_way == 0);
    (void)close(pair[0]);
    (void)close(pair[1]);
    return 0;
}
