#include "business/reconcile.h"

#include <stdio.h>
#include <string.h>

#include "business/change.h"
#include "business/follow.h"
#include "business/reconcile_step.h"
#include "ipc/log.h"

#define TICK_MS   2000u
#define SOON_MS   100u
#define HOURLY    1000u /* ticks: one is three seconds */
#define TOLD_MAX  5000u /* rows of the outbox that go at once */
#define SWEEP_MAX 4u    /* looks at events under way */

static struct {
    struct business_server *server;
    struct event *timer;
    uint64_t due_ms; /* the timer, by clock_ms */
    unsigned tick, steps, looks;
    bool stopped;
    bool more_told; /* rows of the outbox that are old enough were left */
} reconciler;       /* one a process */

static void wait_ms(uint64_t ms) {
    struct timeval wait = {(time_t)(ms / 1000), (suseconds_t)(ms % 1000 * 1000)};
    if (reconciler.stopped || reconciler.timer == NULL)
        return;
    reconciler.due_ms = clock_ms() + ms;
    (void)evtimer_add(reconciler.timer, &wait);
}

static void on_step_over(void *ctx) {
    (void)ctx;
    reconciler.steps--;
}

static void on_followed(void *ctx, struct booking *booking) {
    (void)ctx;
    reconciler.looks--;
    booking_free(booking);
}

static void on_claimed(void *ctx, int error, const struct pg_rows *rows) {
    (void)ctx;
    for (unsigned i = 0; error == 0 && !reconciler.stopped && i < pg_count(rows); i++) {
        struct booking *booking = booking_read(rows, i);
        if (booking == NULL) { /* it is due again; the others are not to wait for it */
            log_error("a booking cannot be read");
            continue;
        }
        reconciler.steps++;
        reconcile_step(reconciler.server, booking, on_step_over, NULL);
    }
}

/* Takes a few rows whose time has come, and gives itself a minute for each: a process that ends at
 * it leaves them to the next. */
static void claim(void) {
    static const char sql[] =
        "UPDATE bookings SET due_at = now() + interval '60 seconds', attempts = attempts + 1 "
        "WHERE reference IN (SELECT reference FROM bookings WHERE step <> '' AND due_at <= now() "
        "ORDER BY due_at LIMIT 8 FOR UPDATE SKIP LOCKED) RETURNING " BOOKING_COLUMNS;
    if (reconciler.steps < 16)
        business_query(reconciler.server, sql, NULL, 0, on_claimed, NULL);
}

static void on_due_looks(void *ctx, int error, const struct pg_rows *rows) {
    (void)ctx;
    for (unsigned i = 0; error == 0 && !reconciler.stopped && i < pg_count(rows); i++) {
        struct booking *booking = booking_read(rows, i);
        if (booking == NULL) { /* it is due again; the others are not to wait for it */
            log_error("a booking cannot be read");
            continue;
        }
        reconciler.looks++;
        follow_booking(reconciler.server, booking, clock_ms() + 10000, on_followed, NULL);
    }
}

/* Upcoming bookings at whose events nobody has looked for long: soon ones every ten minutes, others
 * every six hours. */
static void sweep(void) {
    static const char sql[] =
        "UPDATE bookings SET looked_at = now() WHERE reference IN (SELECT reference FROM bookings "
        "WHERE status = 'confirmed' AND step = '' AND ends_at > now() AND "
        "looked_at < now() - interval '10 minutes' AND (starts_at < now() + interval '2 days' OR "
        "looked_at < now() - interval '6 hours') ORDER BY looked_at LIMIT 2 "
        "FOR UPDATE SKIP LOCKED) RETURNING " BOOKING_COLUMNS;
    if (reconciler.looks < SWEEP_MAX)
        business_query(reconciler.server, sql, NULL, 0, on_due_looks, NULL);
}

static void nothing(void *ctx, int error, const struct pg_rows *rows) {
    (void)ctx; /* the next tick tries again */
    (void)error;
    (void)rows;
}

/* What is over stays for a week, for whoever asks why nothing came. */
static void on_swept(void *ctx, int error, const struct pg_rows *rows) {
    (void)ctx;
    reconciler.more_told = error == 0 && pg_int(rows, 0, 0) == TOLD_MAX;
}

static void sweep_outbox(void) {
    static const char sql[] =
        "WITH d AS (DELETE FROM outbox WHERE id IN (SELECT id FROM outbox WHERE "
        "coalesce(done_at, dead_at) < now() - interval '7 days' LIMIT $1::bigint) RETURNING 1) "
        "SELECT count(*) FROM d";
    char most[16];
    (void)snprintf(most, sizeof(most), "%u", TOLD_MAX);
    struct pg_param params[] = {PG_TEXT(most)};
    reconciler.more_told = false;
    business_query(reconciler.server, sql, params, COUNT_OF(params), on_swept, NULL);
}

static void on_tick(evutil_socket_t fd, short what, void *ctx) {
    static const char expired[] = "DELETE FROM slots WHERE held_until <= now()";
    static const char old_keys[] =
        "DELETE FROM used_keys WHERE created_at < now() - interval '7 days'";
    struct business_server *server = reconciler.server;
    (void)fd;
    (void)what;
    (void)ctx;
    business_query(server, expired, NULL, 0, nothing, NULL);
    claim();
    sweep();
    bool hourly = reconciler.tick++ % HOURLY == 0;
    if (hourly)
        business_query(server, old_keys, NULL, 0, nothing, NULL);
    if (hourly || reconciler.more_told)
        sweep_outbox();
    wait_ms(backoff_ms(0, 2 * TICK_MS, 2 * TICK_MS)); /* between one and two ticks */
}

void reconcile_soon(struct business_server *server) {
    (void)server;
    /* Many who say so in a row, as in an outage, do not put it off. */
    bool soon = reconciler.timer != NULL && evtimer_pending(reconciler.timer, NULL) != 0 &&
                reconciler.due_ms <= clock_ms() + SOON_MS;
    if (!soon)
        wait_ms(SOON_MS);
}

void reconcile_start(struct business_server *server) {
    /* Whoever began these steps ended with the process before this one; what it had asked of a cell
     * ends soon. */
    static const char orphans[] =
        "UPDATE bookings SET due_at = now() + interval '10 seconds' WHERE step <> '' AND "
        "due_at > now() + interval '10 seconds'";
    reconciler.server = server;
    reconciler.stopped = false;
    reconciler.tick = 0;
    reconciler.timer = evtimer_new(server->base, on_tick, NULL);
    if (reconciler.timer == NULL)
        fatal("out of memory");
    business_query(server, orphans, NULL, 0, nothing, NULL);
    wait_ms(SOON_MS);
}

void reconcile_stop(struct business_server *server) {
    (void)server;
    reconciler.stopped = true;
    if (reconciler.timer != NULL)
        event_free(take_ptr(reconciler.timer));
    change_stop();
}
