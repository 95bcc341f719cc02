#include "supervisor/egress/channels.h"

#include <errno.h>
#include <event2/event.h>
#include <string.h>
#include <sys/socket.h>

#include "ipc/limit.h"
#include "ipc/log.h"
#include "supervisor/egress/counts.h"

#define SWEEP_MS     250
#define CHANNELS_MAX 32768u
/* Per agent; far above what a chat needs, below what would trouble a server. */
#define TURNS_BURST  256u
#define TURNS_SECOND 128u
#define DIALS_BURST  512u
#define DIALS_SECOND 256u
/* Of one agent at once: the one that runs, and some that end. */
#define TURNS_LIVE      8u
#define ACCEPT_PAUSE_MS 200
#define READS_MAX       16 /* messages of one channel before the others have their turn */

/* cloister-notify: deliveries at once, and dials. */
#define NOTIFY_LIVE   16u
#define NOTIFY_BURST  64u
#define NOTIFY_SECOND 16u

/* NOTIFY: one delivery of cloister-notify; it dials as a turn does. */
enum channel_kind { CHANNEL_ZYGOTE, CHANNEL_AGENT, CHANNEL_TURN, CHANNEL_NOTIFY };

struct channel {
    struct channel *prev, *next;
    struct channels *all;
    enum channel_kind kind;
    int fd;
    struct event *event;
    struct msg_peer peer;
    struct channel *agent;     /* of a turn; NULL once the agent is gone */
    struct limit turns, dials; /* of an agent */
    unsigned live_turns;       /* of an agent */
    struct turn *turn;         /* of a turn, or a delivery */
    char request[ID_LEN + 1];  /* of a turn: for the log */
};

struct channels {
    struct event_base *base;
    int listener;
    struct channels_party agents, notify;
    bool has_notify;
    unsigned deliveries; /* of cloister-notify, at once */
    struct limit notify_dials;
    struct event *accepting, *resume, *sweep;
    struct channel *first;
    size_t count;
    struct limit noise; /* log lines about refusals */
};

static void channel_close(struct channel *channel);

static void turns_of_agent_close(struct channel *agent) {
    for (struct channel *c = agent->all->first, *next; c != NULL; c = next) {
        next = c->next;
        if (c->agent == agent)
            channel_close(c);
    }
}

static void channel_close(struct channel *channel) {
    struct channels *all = channel->all;
    if (channel->kind == CHANNEL_AGENT)
        turns_of_agent_close(channel);
    *(channel->prev != NULL ? &channel->prev->next : &all->first) = channel->next;
    if (channel->next != NULL)
        channel->next->prev = channel->prev;
    all->count--;
    if (channel->agent != NULL)
        channel->agent->live_turns--;
    if (channel->kind == CHANNEL_NOTIFY)
        all->deliveries--;
    turn_free(channel->turn);
    event_free(channel->event);
    (void)close(channel->fd);
    free(channel);
}

static void on_readable(evutil_socket_t fd, short what, void *ctx);

static const uint32_t role_of[] = {[CHANNEL_ZYGOTE] = ROLE_ZYGOTE,
                                   [CHANNEL_AGENT] = ROLE_AGENT,
                                   [CHANNEL_TURN] = ROLE_TURN,
                                   [CHANNEL_NOTIFY] = ROLE_NOTIFY};

/* Takes `fd` on success. 0 or -errno. */
static int channel_open(struct channels *all, enum channel_kind kind, int fd,
                        struct channel *agent) {
    struct channel *channel = calloc(1, sizeof(*channel));
    int r = channel == NULL ? -ENOMEM : all->count >= CHANNELS_MAX ? -ENOSPC : fd_nonblock(fd);
    if (r == 0) {
        channel->event = event_new(all->base, fd, EV_READ | EV_PERSIST, on_readable, channel);
        r = channel->event == NULL ? -ENOMEM : 0;
    }
    if (r == 0 && (kind == CHANNEL_TURN || kind == CHANNEL_NOTIFY)) {
        const struct channels_party *party = kind == CHANNEL_TURN ? &all->agents : &all->notify;
        channel->turn = turn_new(fd, party->allow, party->pool);
        r = channel->turn == NULL ? -ENOMEM : 0;
    }
    if (r < 0 || event_add(channel->event, NULL) < 0) {
        if (channel != NULL && channel->event != NULL)
            event_free(channel->event);
        if (channel != NULL)
            turn_free(channel->turn);
        free(channel);
        return r < 0 ? r : -ENOMEM;
    }
    channel->all = all;
    channel->kind = kind;
    channel->fd = fd;
    channel->agent = agent;
    channel->peer = (struct msg_peer){role_of[kind], ROLE_EGRESS, PHASE_READY, {0}};
    channel->turns = limit_make(TURNS_BURST, TURNS_SECOND);
    channel->dials = limit_make(DIALS_BURST, DIALS_SECOND);
    channel->next = all->first;
    if (all->first != NULL)
        all->first->prev = channel;
    all->first = channel;
    all->count++;
    if (agent != NULL)
        agent->live_turns++;
    if (kind == CHANNEL_NOTIFY)
        all->deliveries++;
    return 0;
}

/* What was sent along must be a channel, not some other descriptor. */
static bool is_channel(int fd) {
    int type = 0, domain = 0;
    socklen_t len = sizeof(int);
    return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) == 0 && type == SOCK_SEQPACKET &&
           getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &len) == 0 && domain == AF_UNIX;
}

static int open_passed(struct channel *channel, enum channel_kind kind, const char *request,
                       int *fd) {
    if (!is_channel(*fd))
        return -EBADMSG;
    struct channel *agent = kind == CHANNEL_TURN ? channel : NULL;
    int r = channel_open(channel->all, kind, *fd, agent);
    if (r == 0) {
        (void)take_fd(fd);
        if (id_valid(request)) /* the new one is the first */
            memcpy(channel->all->first->request, request, sizeof(channel->request));
    } else {
        count_refusal(REFUSAL_FULL);
        log_warn("no room for another channel (error %d)", -r);
    }
    return 0; /* the sender's own channel stays; the one it passed is closed */
}

static int take_turn(struct channel *channel, const char *request, int *fd) {
    if (channel->live_turns < TURNS_LIVE && limit_take(&channel->turns, clock_ms()))
        return open_passed(channel, CHANNEL_TURN, request, fd);
    count_refusal(REFUSAL_TOO_MANY_TURNS);
    if (limit_take(&channel->all->noise, clock_ms()))
        log_warn("an agent starts too many turns; one was refused");
    return 0;
}

static const struct timeval sweep_every = {SWEEP_MS / 1000, SWEEP_MS % 1000 * 1000};

static int take_dial(struct channel *channel, const Cloister__Dial *dial) {
    uint64_t now = clock_ms();
    struct channels *all = channel->all;
    if (!evtimer_pending(all->sweep, NULL))
        (void)evtimer_add(all->sweep, &sweep_every);
    count_dial();
    bool is_turn = channel->kind == CHANNEL_TURN;
    if (!limit_take(is_turn ? &channel->agent->dials : &all->notify_dials, now)) {
        count_refusal(REFUSAL_TOO_MANY_DIALS);
        return turn_refuse(channel->turn, dial->call, EAGAIN, "too many dials");
    }
    const struct allow *allow = is_turn ? all->agents.allow : all->notify.allow;
    if (allow_find(allow, dial->host, dial->port) == NULL && limit_take(&all->noise, now))
        log_warn("refused a host that is not listed (see [egress] allow)");
    return turn_dial(channel->turn, dial);
}

static int take_message(struct channel *channel, const Cloister__Message *message, int *fd) {
    switch (channel->kind) {
    case CHANNEL_ZYGOTE:
        return message->body_case == CLOISTER__MESSAGE__BODY_EGRESS_BIND
                   ? open_passed(channel, CHANNEL_AGENT, "", fd)
                   : -EPERM;
    case CHANNEL_AGENT:
        return message->body_case == CLOISTER__MESSAGE__BODY_EGRESS_TURN
                   ? take_turn(channel, message->egress_turn->request, fd)
                   : -EPERM;
    case CHANNEL_TURN:
    case CHANNEL_NOTIFY:
        return message->body_case == CLOISTER__MESSAGE__BODY_DIAL
                   ? take_dial(channel, message->dial)
                   : -EPERM;
    }
    return -EPERM;
}

static void on_readable(evutil_socket_t socket, short what, void *ctx) {
    (void)socket;
    (void)what;
    struct channel *channel = ctx;
    char request[sizeof(channel->request)]; /* the channel may end in here */
    memcpy(request, channel->request, sizeof(request));
    LOG_ABOUT(.request = request);
    for (int i = 0; i < READS_MAX; i++) {
        SCOPE_MSG Cloister__Message *message = NULL;
        SCOPE_FD int fd = -1;
        int r = seq_recv(channel->fd, &channel->peer, &message, &fd);
        if (r == -EAGAIN)
            return;
        if (r == 0)
            r = take_message(channel, message, &fd);
        if (r == 0)
            continue;
        bool ended = r == -ECONNRESET || r == -EPIPE;
        if (!ended)
            count_refusal(REFUSAL_BAD_MESSAGE);
        if (!ended && limit_take(&channel->all->noise, clock_ms()))
            log_warn("closed a channel after a bad message (error %d)", -r);
        channel_close(channel);
        return;
    }
}

static void on_sweep(evutil_socket_t fd, short what, void *ctx) {
    (void)fd;
    (void)what;
    struct channels *all = ctx;
    bool any = false;
    for (struct channel *c = all->first, *next; c != NULL; c = next) {
        next = c->next;
        if (c->turn == NULL)
            continue;
        if (turn_sweep(c->turn) && limit_take(&all->noise, clock_ms()))
            log_warn("a turn moved more than %llu MiB; its connections were shut down",
                     TURN_BYTES_MAX >> 20);
        any = any || turn_has_connections(c->turn);
        if (turn_broken(c->turn))
            channel_close(c);
    }
    if (any)
        (void)evtimer_add(all->sweep, &sweep_every);
}

/* Out of descriptors or memory: the listener stays readable, so it is left alone for a moment. */
static void accept_pause(struct channels *all) {
    static const struct timeval pause = {0, ACCEPT_PAUSE_MS * 1000};
    if (evtimer_add(all->resume, &pause) == 0)
        (void)event_del(all->accepting);
}

static void on_resume(evutil_socket_t fd, short what, void *ctx) {
    (void)fd;
    (void)what;
    struct channels *all = ctx;
    (void)event_add(all->accepting, NULL);
}

static void on_accept(evutil_socket_t listener, short what, void *ctx) {
    (void)what;
    struct channels *all = ctx;
    SCOPE_FD int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    uid_t uid;
    pid_t pid;
    if (fd < 0) {
        if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
            accept_pause(all);
        return;
    }
    bool known = peer_identity(fd, &uid, &pid) == 0;
    bool agents = known && uid == all->agents.uid;
    bool notify = known && all->has_notify && uid == all->notify.uid;
    if (!agents && !notify) {
        count_refusal(REFUSAL_STRANGER);
        if (limit_take(&all->noise, clock_ms()))
            log_warn("refused a connection from a uid that is neither the agents' nor "
                     "cloister-notify's");
        return;
    }
    if (notify && all->deliveries >= NOTIFY_LIVE) {
        count_refusal(REFUSAL_TOO_MANY_CONNECTIONS);
        return;
    }
    if (channel_open(all, agents ? CHANNEL_ZYGOTE : CHANNEL_NOTIFY, fd, NULL) == 0)
        (void)take_fd(&fd);
}

int channels_new(struct event_base *base, int listener, const struct channels_party *agents,
                 const struct channels_party *notify, struct channels **ret) {
    struct channels *all = calloc(1, sizeof(*all));
    if (all == NULL)
        return -ENOMEM;
    *all = (struct channels){.base = base, .listener = listener, .agents = *agents};
    all->has_notify = notify != NULL;
    if (notify != NULL)
        all->notify = *notify;
    all->notify_dials = limit_make(NOTIFY_BURST, NOTIFY_SECOND);
    all->noise = limit_make(5, 1);
    all->accepting = event_new(base, listener, EV_READ | EV_PERSIST, on_accept, all);
    all->resume = evtimer_new(base, on_resume, all);
    all->sweep = evtimer_new(base, on_sweep, all);
    if (all->accepting == NULL || all->resume == NULL || all->sweep == NULL ||
        event_add(all->accepting, NULL) < 0) {
        channels_free(all);
        return -ENOMEM;
    }
    *ret = all;
    return 0;
}

void channels_free(struct channels *all) {
    if (all == NULL)
        return;
    while (all->first != NULL)
        channel_close(all->first);
    if (all->accepting != NULL)
        event_free(all->accepting);
    if (all->resume != NULL)
        event_free(all->resume);
    if (all->sweep != NULL)
        event_free(all->sweep);
    free(all);
}
