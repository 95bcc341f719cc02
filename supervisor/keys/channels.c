#include "supervisor/keys/channels.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/socket.h>

#include "ipc/log.h"

#define PEERS_MAX      64  /* supervisors and zygotes, old and new */
#define ASKS_BURST     200 /* requests that an agent's channel may make at once, … */
#define ASKS_PER_S     100 /* … and in the long run; a turn makes one or two */
#define COMMIT_COSTS   100 /* of them: each waits for the disk, and everybody for it */
#define LINES_BURST    50  /* log lines about peers' doings */
#define LINES_PER_S    10
#define PAUSE_MS       50
#define ACCEPT_WAIT_MS 200

enum channel_kind { CHANNEL_SUPERVISOR, CHANNEL_ZYGOTE, CHANNEL_ROOT, CHANNEL_AGENT };
enum waiting_for { WAIT_READ, WAIT_WRITE, WAIT_PAUSE };

/* Tokens refill with time; each request or line takes one. */
struct bucket {
    int64_t milli; /* thousandths of a token; below nothing it owes some */
    uint64_t at_ms;
};

struct channel {
    LIST_ENTRY(channel) link;
    struct channels *owner;
    struct event *event;
    enum waiting_for waiting;
    enum channel_kind kind;
    int fd;
    pid_t pid; /* of the peer that connected; 0 for an agent */
    struct msg_peer peer;
    struct bucket asks;
    struct binding binding; /* CHANNEL_AGENT */
};

struct channels {
    struct channels_setup setup;
    struct event *accept, *accept_again;
    LIST_HEAD(, channel) list;
    size_t agents, peers;
    struct bucket lines;
    uint64_t lines_dropped;
};

static bool bucket_take(struct bucket *bucket, int64_t burst, int64_t per_s) {
    const uint64_t now = clock_ms();
    const int64_t passed = (int64_t)(now - bucket->at_ms), full = burst * 1000;
    int64_t milli = passed > full ? full : bucket->milli + passed * per_s;
    bucket->at_ms = now;
    bucket->milli = milli > full ? full : milli;
    if (bucket->milli < 1000)
        return false;
    bucket->milli -= 1000;
    return true;
}

/* Lines that a peer can cause at will. */
static bool may_log(struct channels *channels) {
    if (!bucket_take(&channels->lines, LINES_BURST, LINES_PER_S)) {
        channels->lines_dropped++;
        return false;
    }
    if (channels->lines_dropped > 0)
        log_warn("%llu lines were left out", (unsigned long long)channels->lines_dropped);
    channels->lines_dropped = 0;
    return true;
}

static const char *kind_word(const struct channel *channel) {
    switch (channel->kind) {
    case CHANNEL_SUPERVISOR:
        return "supervisor";
    case CHANNEL_ZYGOTE:
        return "zygote";
    case CHANNEL_ROOT:
        return "root";
    case CHANNEL_AGENT:
        return binding_origin(&channel->binding);
    }
    return "?";
}

static const char *user_word(const struct channel *channel) {
    return channel->binding.user[0] != '\0' ? channel->binding.user : "-";
}

static void channel_free(struct channel *channel) {
    LIST_REMOVE(channel, link);
    if (channel->kind == CHANNEL_AGENT)
        channel->owner->agents--;
    else
        channel->owner->peers--;
    if (channel->event != NULL)
        event_free(channel->event);
    (void)close(channel->fd);
    free(channel);
}

/* Says why, except for an ordinary end. */
static void channel_close(struct channel *channel, int error, const char *message) {
    const bool ended = error == -ECONNRESET || error == -EPIPE;
    if (channel->kind != CHANNEL_AGENT && ended)
        log_info("%s (pid %d) is gone", kind_word(channel), (int)channel->pid);
    else if (!ended && may_log(channel->owner))
        log_warn("channel of %s, user %s, pid %d closed after %s: %s", kind_word(channel),
                 user_word(channel), (int)channel->pid, message, strerror(-error));
    channel_free(channel);
}

static void channel_event(evutil_socket_t fd, short what, void *ctx);

/* One event a channel, for what it waits for now. 0 or -ENOMEM. */
static int channel_wait(struct channel *channel, enum waiting_for waiting) {
    static const struct timeval pause = {0, PAUSE_MS * 1000};
    if (channel->event != NULL && waiting == WAIT_READ && channel->waiting == WAIT_READ)
        return 0;
    if (channel->event != NULL)
        event_free(take_ptr(channel->event));
    const short what = waiting == WAIT_READ    ? EV_READ | EV_PERSIST
                       : waiting == WAIT_WRITE ? EV_WRITE
                                               : EV_TIMEOUT;
    channel->waiting = waiting;
    channel->event = event_new(channel->owner->setup.base, waiting == WAIT_PAUSE ? -1 : channel->fd,
                               what, channel_event, channel);
    if (channel->event == NULL ||
        event_add(channel->event, waiting == WAIT_PAUSE ? &pause : NULL) < 0)
        return -ENOMEM;
    return 0;
}

static struct channel *channel_add(struct channels *channels, enum channel_kind kind, int *fd) {
    static const uint32_t roles[] = {[CHANNEL_SUPERVISOR] = ROLE_SUPERVISOR,
                                     [CHANNEL_ZYGOTE] = ROLE_ZYGOTE,
                                     [CHANNEL_ROOT] = ROLE_CTL,
                                     [CHANNEL_AGENT] = ROLE_TURN};
    struct channel *channel = calloc(1, sizeof(*channel));
    if (channel == NULL)
        return NULL;
    channel->owner = channels;
    channel->kind = kind;
    channel->peer = (struct msg_peer){.from = roles[kind], .to = ROLE_KEYS, .phase = PHASE_READY};
    channel->asks = (struct bucket){ASKS_BURST * 1000, clock_ms()};
    channel->fd = take_fd(fd);
    LIST_INSERT_HEAD(&channels->list, channel, link);
    if (kind == CHANNEL_AGENT)
        channels->agents++;
    else
        channels->peers++;
    if (channel_wait(channel, WAIT_READ) < 0) {
        channel_free(channel);
        return NULL;
    }
    return channel;
}

/* ---- an agent's birth ---- */

static bool is_seqpacket(int fd) {
    int type = 0, domain = 0;
    socklen_t len = sizeof(int), domain_len = sizeof(int);
    return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) == 0 && type == SOCK_SEQPACKET &&
           getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &domain_len) == 0 && domain == AF_UNIX;
}

/* Refusing closes the handed end: the agent reads EOF. Only nonsense ends the zygote's own channel.
 */
static int bind_agent(struct channels *channels, const Cloister__KeysBind *bind, int *fd) {
    struct binding binding;
    int r = binding_from(bind, &binding);
    if (r == 0 && !is_seqpacket(*fd))
        r = -EPROTO;
    if (r == -EPROTO)
        return r;
    if (r < 0) {
        if (may_log(channels))
            log_warn("refused an agent's channel: this origin is not served");
        return 0;
    }
    if (channels->agents >= channels->setup.max) {
        if (may_log(channels))
            log_error("refused an agent's channel: %zu are open", channels->agents);
        return 0;
    }
    struct channel *channel = NULL;
    if (fd_nonblock(*fd) == 0)
        channel = channel_add(channels, CHANNEL_AGENT, fd);
    if (channel == NULL) {
        log_error("an agent's channel cannot be kept: %m");
        return 0;
    }
    channel->binding = binding;
    return 0;
}

/* ---- messages ---- */

/* What a turn says it answers; only for the log, and only an id. */
static const char *request_of(const Cloister__Message *message) {
    return message->body_case == CLOISTER__MESSAGE__BODY_KEY_ASK &&
                   id_valid(message->key_ask->request)
               ? message->key_ask->request
               : NULL;
}

static unsigned ask_of(const Cloister__Message *message) {
    static const struct {
        Cloister__Message__BodyCase body;
        unsigned ask;
    } asks[] = {{CLOISTER__MESSAGE__BODY_KEY_ASK, ASK_KEY_ASK},
                {CLOISTER__MESSAGE__BODY_TOKEN_COMMIT, ASK_TOKEN_COMMIT},
                {CLOISTER__MESSAGE__BODY_KEY_CREATE, ASK_KEY_CREATE},
                {CLOISTER__MESSAGE__BODY_KEY_DESTROY, ASK_KEY_DESTROY},
                {CLOISTER__MESSAGE__BODY_KEY_BIND_USER, ASK_KEY_BIND_USER},
                {CLOISTER__MESSAGE__BODY_KEY_CHALLENGE, ASK_KEY_CHALLENGE},
                {CLOISTER__MESSAGE__BODY_GRANT_MINT, ASK_GRANT_MINT},
                {CLOISTER__MESSAGE__BODY_GRANT_CHECK, ASK_GRANT_CHECK},
                {CLOISTER__MESSAGE__BODY_GRANT_REVOKE, ASK_GRANT_REVOKE}};
    for (size_t i = 0; i < COUNT_OF(asks); i++)
        if (asks[i].body == message->body_case)
            return asks[i].ask;
    return ASK_OTHER;
}

static void count_answer(struct metrics *metrics, const Cloister__Message *message, bool good,
                         uint64_t began_us) {
    if (metrics == NULL)
        return;
    metrics_add(metrics, METRIC_KEYS_ANSWERS, ask_of(message), good ? RESULT_OK : RESULT_REFUSED,
                1);
    metrics_observe(metrics, METRIC_KEYS_SECONDS, 0, clock_us() - began_us);
}

static int answer(struct channel *channel, const Cloister__Message *message, int *fd) {
    int error = 0, r;
    if (channel->kind == CHANNEL_ZYGOTE) /* messages.def lets nothing else through */
        return bind_agent(channel->owner, message->keys_bind, fd);
    if (channel->kind == CHANNEL_ROOT)
        return offers_take(channel->owner->setup.offers, message, *fd, channel->fd);
    uint64_t began = clock_us();
    if (message->body_case == CLOISTER__MESSAGE__BODY_TOKEN_COMMIT)
        channel->asks.milli -= (COMMIT_COSTS - 1) * 1000;
    r = answers_give(channel->owner->setup.answers,
                     channel->kind == CHANNEL_AGENT ? &channel->binding : NULL, message,
                     channel->fd, &error);
    count_answer(channel->owner->setup.metrics, message, r == 0 && error == 0, began);
    if (r == 0 && error != 0 && may_log(channel->owner))
        log_with(LOG_LEVEL_WARN, &(struct log_fields){.request = request_of(message)},
                 "%s of %s, user %s, refused: %s", msg_name(message->body_case), kind_word(channel),
                 user_word(channel), strerror(error));
    return r;
}

/* An answer must fit at once: asking first means that none is ever half-sent or kept in memory. */
static bool can_send(int fd) {
    struct pollfd out = {.fd = fd, .events = POLLOUT};
    return poll(&out, 1, 0) == 1 && (out.revents & (POLLOUT | POLLERR | POLLHUP)) != 0;
}

/* What to wait for before the next request is read. */
static enum waiting_for channel_next(struct channel *channel) {
    if (!can_send(channel->fd))
        return WAIT_WRITE;
    if (channel->kind == CHANNEL_AGENT && !bucket_take(&channel->asks, ASKS_BURST, ASKS_PER_S))
        return WAIT_PAUSE;
    return WAIT_READ;
}

static void channel_event(evutil_socket_t ignored, short what, void *ctx) {
    struct channel *channel = ctx;
    (void)ignored;
    (void)what;
    if (channel->waiting != WAIT_READ) { /* try again; a readable channel comes straight back */
        if (channel_wait(channel, WAIT_READ) < 0)
            channel_close(channel, -ENOMEM, "waiting");
        return;
    }
    const enum waiting_for next = channel_next(channel);
    if (next != WAIT_READ) {
        if (channel_wait(channel, next) < 0)
            channel_close(channel, -ENOMEM, "waiting");
        return;
    }
    SCOPE_MSG Cloister__Message *message = NULL;
    SCOPE_FD int fd = -1;
    int r = seq_recv(channel->fd, &channel->peer, &message, &fd);
    if (r == -EAGAIN)
        return;
    const char *name = r == 0 ? msg_name(message->body_case) : "a message";
    if (r == 0)
        r = answer(channel, message, &fd);
    if (r < 0)
        channel_close(channel, r, name);
}

/* ---- the listener ---- */

static void accept_pause(struct channels *channels) {
    static const struct timeval wait = {0, ACCEPT_WAIT_MS * 1000};
    (void)event_del(channels->accept);
    (void)event_add(channels->accept_again, &wait);
}

static void accept_resume(evutil_socket_t fd, short what, void *ctx) {
    struct channels *channels = ctx;
    (void)fd;
    (void)what;
    (void)event_add(channels->accept, NULL);
}

static void admit(struct channels *channels, int *fd) {
    uid_t uid = 0;
    pid_t pid = 0;
    enum channel_kind kind;
    if (peer_identity(*fd, &uid, &pid) < 0)
        return;
    if (uid == channels->setup.supervisor_uid) {
        kind = CHANNEL_SUPERVISOR;
    } else if (uid == channels->setup.agent_uid) {
        kind = CHANNEL_ZYGOTE;
    } else if (uid == 0) {
        kind = CHANNEL_ROOT;
    } else {
        if (may_log(channels))
            log_warn("refused a connection from uid %u, pid %d", (unsigned)uid, (int)pid);
        return;
    }
    if (channels->peers >= PEERS_MAX) {
        if (may_log(channels))
            log_error("refused uid %u, pid %d: %zu connections are open", (unsigned)uid, (int)pid,
                      channels->peers);
        return;
    }
    struct channel *channel = channel_add(channels, kind, fd);
    if (channel == NULL) {
        log_error("a connection cannot be kept: %m");
        return;
    }
    channel->pid = pid;
    log_info("%s connected (pid %d)", kind_word(channel), (int)pid);
}

static void accept_event(evutil_socket_t listener, short what, void *ctx) {
    struct channels *channels = ctx;
    (void)what;
    SCOPE_FD int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd >= 0) {
        admit(channels, &fd);
    } else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
        if (may_log(channels))
            log_error("no connection can be accepted: %m");
        accept_pause(channels);
    }
}

int channels_new(const struct channels_setup *setup, struct channels **ret) {
    struct channels *channels = calloc(1, sizeof(*channels));
    if (channels == NULL)
        return -ENOMEM;
    channels->setup = *setup;
    channels->lines = (struct bucket){LINES_BURST * 1000, clock_ms()};
    LIST_INIT(&channels->list);
    channels->accept =
        event_new(setup->base, setup->listener, EV_READ | EV_PERSIST, accept_event, channels);
    channels->accept_again = event_new(setup->base, -1, EV_TIMEOUT, accept_resume, channels);
    if (channels->accept == NULL || channels->accept_again == NULL ||
        event_add(channels->accept, NULL) < 0) {
        channels_free(channels);
        return -ENOMEM;
    }
    *ret = channels;
    return 0;
}

void channels_free(struct channels *channels) {
    if (channels == NULL)
        return;
    while (!LIST_EMPTY(&channels->list))
        channel_free(LIST_FIRST(&channels->list));
    if (channels->accept != NULL)
        event_free(channels->accept);
    if (channels->accept_again != NULL)
        event_free(channels->accept_again);
    free(channels);
}
