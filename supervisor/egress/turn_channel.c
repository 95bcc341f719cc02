#include "supervisor/egress/turn_channel.h"

#include <errno.h>
#include <netinet/in.h>
#include <linux/tcp.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>

#include "ipc/limit.h"
#include "ipc/log.h"
#include "supervisor/egress/counts.h"

struct held {
    int fd;
    uint64_t bytes;
};

struct dialling {
    struct turn *turn;
    const struct destination *d;
    uint64_t call, asked_us;
    struct pool_request *request; /* NULL: this place is free */
};

struct turn {
    int channel; /* the owner's */
    const struct allow *allow;
    struct pool *pool;
    unsigned dials, refusals;
    bool broken, over;
    uint64_t bytes_ended; /* of connections that are gone */
    size_t held_n;
    struct held held[TURN_OPEN_MAX];
    struct dialling dialling[TURN_OPEN_MAX];
};

struct turn *turn_new(int channel, const struct allow *allow, struct pool *pool) {
    struct turn *turn = calloc(1, sizeof(*turn));
    if (turn == NULL)
        return NULL;
    turn->channel = channel;
    turn->allow = allow;
    turn->pool = pool;
    return turn;
}

static const struct linger at_once = {.l_onoff = 0};

static void held_end(struct turn *turn, size_t i) {
    turn->bytes_ended += turn->held[i].bytes;
    count_closed(turn->held[i].bytes);
    (void)shutdown(turn->held[i].fd, SHUT_RDWR);
    /* Whoever had it may have told it to keep close() waiting; ours may be the last one. */
    (void)setsockopt(turn->held[i].fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
    (void)close(turn->held[i].fd);
    turn->held[i] = turn->held[--turn->held_n];
}

void turn_free(struct turn *turn) {
    if (turn == NULL)
        return;
    while (turn->held_n > 0)
        held_end(turn, 0);
    for (size_t i = 0; i < TURN_OPEN_MAX; i++)
        pool_request_cancel(turn->dialling[i].request);
    free(turn);
}

static int reply(struct turn *turn, uint64_t call, int fd, int error, const char *detail) {
    Cloister__DialResult result = CLOISTER__DIAL_RESULT__INIT;
    result.call = call;
    result.error = error;
    result.detail = (char *)detail;
    Cloister__Message message = MSG_OF(DIAL_RESULT, dial_result, &result);
    return seq_send(turn->channel, &message, fd);
}

int turn_refuse(struct turn *turn, uint64_t call, int error, const char *detail) {
    if (++turn->refusals > TURN_REFUSALS_MAX) /* it only keeps us busy */
        return -EDQUOT;
    return reply(turn, call, -1, error, detail);
}

/* The turn gets a copy; ours stays to count and to revoke. */
static int hand_over(struct turn *turn, uint64_t call, uint64_t asked_us, int fd) {
    int r = reply(turn, call, fd, 0, "");
    if (r < 0) {
        (void)close(fd);
        return r;
    }
    turn->held[turn->held_n++] = (struct held){.fd = fd};
    count_opened();
    count_given(clock_us() - asked_us);
    return 0;
}

static size_t open_count(const struct turn *turn) {
    size_t n = turn->held_n;
    for (size_t i = 0; i < TURN_OPEN_MAX; i++)
        n += turn->dialling[i].request != NULL;
    return n;
}

/* For the operator: these names are from the configuration. */
static void log_failure(const struct destination *d, int error) {
    static struct limit lines = {5, 1, 5000, 0};
    if (!limit_take(&lines, clock_ms()))
        return;
    if (error == EACCES)
        log_warn(
            "%s port %u is not a public address: list it in [egress] allow if turns may go there",
            d->host, (unsigned)d->port);
    else if (error == ENOENT)
        log_warn("%s does not resolve", d->host);
    else
        log_warn("cannot connect to %s port %u: %s", d->host, (unsigned)d->port, strerror(error));
}

static void on_connected(void *ctx, int fd, int error) {
    struct dialling *dialling = ctx;
    struct turn *turn = dialling->turn;
    dialling->request = NULL;
    if (error != 0) {
        count_failure(error);
        log_failure(dialling->d, error);
    }
    int r;
    if (error == 0)
        r = hand_over(turn, dialling->call, dialling->asked_us, fd);
    else
        r = turn_refuse(turn, dialling->call, error,
                        error == EACCES ? "resolves to an address that is not public"
                                        : "not connected");
    if (r < 0)
        turn->broken = true;
}

static int dial_listed(struct turn *turn, const struct destination *d, uint64_t call) {
    uint64_t now = clock_us();
    int fd = pool_take(turn->pool, d);
    if (fd >= 0)
        return hand_over(turn, call, now, fd);
    struct dialling *place = turn->dialling;
    while (place->request != NULL) /* open_count left a free one */
        place++;
    *place = (struct dialling){.turn = turn, .d = d, .call = call, .asked_us = now};
    place->request = pool_request_new(turn->pool, d, on_connected, place);
    if (place->request != NULL)
        return 0;
    count_refusal(REFUSAL_FULL);
    return turn_refuse(turn, call, ENOMEM, "egress is full");
}

int turn_dial(struct turn *turn, const Cloister__Dial *dial) {
    if (turn->over || ++turn->dials > TURN_DIALS_MAX) {
        count_refusal(turn->over ? REFUSAL_TOO_MANY_BYTES : REFUSAL_TOO_MANY_DIALS);
        return turn_refuse(turn, dial->call, EDQUOT, "this turn has had its share of the network");
    }
    if (open_count(turn) >= TURN_OPEN_MAX)
        (void)turn_sweep(turn);
    if (open_count(turn) >= TURN_OPEN_MAX) {
        count_refusal(REFUSAL_TOO_MANY_CONNECTIONS);
        return turn_refuse(turn, dial->call, EDQUOT, "too many connections at once");
    }
    const struct destination *d = allow_find(turn->allow, dial->host, dial->port);
    if (d == NULL) {
        count_refusal(REFUSAL_NOT_LISTED);
        return turn_refuse(turn, dial->call, EACCES, "not a listed host");
    }
    return dial_listed(turn, d, dial->call);
}

/* Updates the count; false when the turn's side has ended the connection. */
static bool held_measure(struct held *held) {
    struct tcp_info info = {0};
    socklen_t len = sizeof(info);
    if (getsockopt(held->fd, IPPROTO_TCP, TCP_INFO, &info, &len) < 0)
        return false;
    if (len >= offsetof(struct tcp_info, tcpi_bytes_received) + sizeof(info.tcpi_bytes_received)) {
        uint64_t bytes = info.tcpi_bytes_received + info.tcpi_bytes_acked;
        held->bytes = bytes > held->bytes ? bytes : held->bytes;
    }
    /* CLOSE_WAIT: the server has ended its half; the turn may still read and write. */
    return info.tcpi_state == 1 /* ESTABLISHED */ || info.tcpi_state == 8 /* CLOSE_WAIT */;
}

bool turn_sweep(struct turn *turn) {
    uint64_t bytes = 0;
    for (size_t i = 0; i < turn->held_n;) {
        bool alive = held_measure(&turn->held[i]);
        if (alive)
            bytes += turn->held[i++].bytes;
        else
            held_end(turn, i);
    }
    if (turn->over || bytes + turn->bytes_ended <= TURN_BYTES_MAX)
        return false;
    turn->over = true;
    count_refusal(REFUSAL_TOO_MANY_BYTES);
    while (turn->held_n > 0)
        held_end(turn, 0);
    return true;
}

bool turn_has_connections(const struct turn *turn) {
    return turn->held_n > 0;
}

bool turn_broken(const struct turn *turn) {
    return turn->broken;
}
