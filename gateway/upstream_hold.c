#include <errno.h>
#include <string.h>

#include "gateway/upstream_state.h"
#include "ipc/log.h"

#define PROBE_EVERY_MS  40
#define PROBE_ANSWER_MS 1000
#define PROBE_MS        5000 /* then its own words are better than none */

static void arm(struct event *timer, uint64_t ms) {
    const struct timeval wait = {(time_t)(ms / 1000), (suseconds_t)(ms % 1000 * 1000)};
    (void)event_add(timer, &wait);
}

void hold_begin(struct upstream *upstream, uint64_t ms) {
    uint64_t longest = ms < upstream->limits.hold_ms ? ms : upstream->limits.hold_ms;
    upstream->open = false;
    upstream->hold_until = clock_ms() + longest;
    arm(upstream->hold_timer, longest);
}

bool hold_has_room(const struct upstream *upstream, size_t len) {
    return upstream->hold_until > clock_ms() && upstream->held_count < upstream->limits.held &&
           upstream->held_bytes + len <= upstream->limits.held_bytes;
}

void hold_add(struct ask *ask) {
    struct upstream *upstream = ask->upstream;
    ask->held = true;
    TAILQ_INSERT_TAIL(&upstream->held, ask, waiting);
    upstream->held_count++;
    upstream->held_bytes += ask->len;
}

void hold_remove(struct ask *ask) {
    struct upstream *upstream = ask->upstream;
    if (!ask->held)
        return;
    ask->held = false;
    TAILQ_REMOVE(&upstream->held, ask, waiting);
    upstream->held_count--;
    upstream->held_bytes -= ask->len;
}

/* As many as there are now: what cannot be sent, or ends and comes anew, is not part of this. */
static void open_up(struct upstream *upstream) {
    size_t n = upstream->held_count;
    upstream->open = true;
    upstream->hold_until = 0;
    (void)event_del(upstream->hold_timer);
    (void)event_del(upstream->probe_timer);
    if (n > 0)
        log_info("%s is there: %zu requests were held meanwhile", upstream->peer_name, n);
    for (struct ask *ask; n > 0 && (ask = TAILQ_FIRST(&upstream->held)) != NULL; n--) {
        hold_remove(ask);
        if (upstream_send(upstream, ask->data, ask->len) < 0)
            ask_end(ask, UPSTREAM_LOST);
    }
}

/* Nobody came in time. With a link, cloisterd may say itself what is the matter. */
static void on_hold_over(evutil_socket_t fd, short what, void *ctx) {
    (void)fd, (void)what;
    struct upstream *upstream = ctx;
    if (upstream->connected) {
        upstream->told = false;
        open_up(upstream);
        return;
    }
    upstream->hold_until = 0;
    if (upstream->held_count > 0)
        log_warn("%s does not come back: %zu requests that waited for it are given up",
                 upstream->peer_name, upstream->held_count);
    for (struct ask *ask; (ask = TAILQ_FIRST(&upstream->held)) != NULL;)
        ask_end(ask, UPSTREAM_LOST);
}

static bool on_health(void *ctx, enum upstream_end end, const Cloister__Message *message) {
    struct upstream *upstream = ctx;
    bool ready = end == UPSTREAM_REPLY && message->body_case == CLOISTER__MESSAGE__BODY_HEALTH &&
                 message->health->ready;
    if (!upstream->connected || upstream->open || upstream->told)
        return false;
    if (ready || clock_ms() >= upstream->probe_until)
        open_up(upstream);
    else
        arm(upstream->probe_timer, PROBE_EVERY_MS);
    return false;
}

static void probe(struct upstream *upstream) {
    Cloister__HealthAsk ask = CLOISTER__HEALTH_ASK__INIT;
    ask.request = upstream_number(upstream);
    Cloister__Message message = MSG_OF(HEALTH_ASK, health_ask, &ask);
    if (upstream_ask(upstream, ask.request, &message, PROBE_ANSWER_MS, on_health, upstream) < 0)
        arm(upstream->probe_timer, PROBE_EVERY_MS);
}

static void on_probe(evutil_socket_t fd, short what, void *ctx) {
    (void)fd, (void)what;
    struct upstream *upstream = ctx;
    if (upstream->connected && !upstream->open && !upstream->told)
        probe(upstream);
}

void hold_probe(struct upstream *upstream) {
    if (upstream->business) {
        open_up(upstream);
        return;
    }
    uint64_t now = clock_ms();
    upstream->probe_until = now + PROBE_MS;
    if (upstream->hold_until == 0)
        hold_begin(upstream, PROBE_MS);
    probe(upstream);
}

int hold_new(struct upstream *upstream) {
    TAILQ_INIT(&upstream->held);
    upstream->hold_timer = evtimer_new(upstream->base, on_hold_over, upstream);
    upstream->probe_timer = evtimer_new(upstream->base, on_probe, upstream);
    if (upstream->hold_timer == NULL || upstream->probe_timer == NULL)
        return -ENOMEM;
    hold_begin(upstream, upstream->limits.hold_ms);
    return 0;
}

void hold_free(struct upstream *upstream) {
    if (upstream->hold_timer != NULL)
        event_free(upstream->hold_timer);
    if (upstream->probe_timer != NULL)
        event_free(upstream->probe_timer);
}
