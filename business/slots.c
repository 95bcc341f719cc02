#include "business/slots.h"

#include <stdio.h>
#include <string.h>

#include "business/follow.h"
#include "ipc/log.h"

#define LOOKS_MAX 3u /* bookings looked at because of one answer */

struct held { /* a slot, and what the calendar should show of it */
    struct span span, event;
    bool due; /* confirmed, nothing under way, not looked at a moment ago */
    char reference[REFERENCE_LEN + 1];
    char account[ACCOUNT_TEXT]; /* that its event is in; "": not known */
};

struct ask {
    struct business_server *server;
    busy_done *done;
    void *ctx;
    unsigned waits; /* for the database, for the calendar */
    int error;
    struct held *held;
    size_t n_held;
    struct span *calendar;
    size_t n_calendar;
    char account[ACCOUNT_TEXT], code[64];
};

static bool shown(const struct ask *ask, const struct span *event) {
    for (size_t i = 0; i < ask->n_calendar; i++)
        if (ask->calendar[i].start <= event->start && event->end <= ask->calendar[i].end)
            return true;
    return false;
}

/* That the calendar of another account does not show it says nothing of it. */
static bool missing(const struct ask *ask, const struct held *held) {
    bool elsewhere = *held->account != '\0' && strcmp(held->account, ask->account) != 0;
    return held->due && !elsewhere && !shown(ask, &held->event);
}

/* The owner may have moved or deleted it: the booking follows. */
static void look_at_missing(const struct ask *ask) {
    unsigned looks = 0;
    for (size_t i = 0; i < ask->n_held && looks < LOOKS_MAX; i++) {
        if (!missing(ask, &ask->held[i]))
            continue;
        follow_soon(ask->server, ask->held[i].reference);
        looks++;
    }
}

static void ask_end(struct ask *ask) {
    size_t n = ask->n_held + ask->n_calendar;
    SCOPE_FREE struct span *spans = calloc(n + 1, sizeof(*spans));
    if (spans == NULL)
        fatal("out of memory");
    ask->n_calendar = spans_join(ask->calendar, ask->n_calendar);
    if (ask->error == 0 && *ask->code == '\0')
        look_at_missing(ask);
    for (size_t i = 0; i < ask->n_held; i++)
        spans[i] = ask->held[i].span;
    for (size_t i = 0; i < ask->n_calendar; i++)
        spans[ask->n_held + i] = ask->calendar[i];
    struct busy busy = {spans, ask->n_held + ask->n_calendar, ask->code};
    ask->done(ask->ctx, ask->error, ask->error == 0 ? &busy : NULL);
    free(ask->held);
    free(ask->calendar);
    free(ask);
}

static void on_slots(void *ctx, int error, const struct pg_rows *rows) {
    struct ask *ask = ctx;
    ask->error = error;
    if (error == 0) {
        ask->n_held = pg_count(rows);
        ask->held = calloc(ask->n_held + 1, sizeof(*ask->held));
        if (ask->held == NULL)
            fatal("out of memory");
        for (unsigned i = 0; i < ask->n_held; i++) {
            struct held *held = &ask->held[i];
            held->span = (struct span){pg_int(rows, i, 0), pg_int(rows, i, 1)};
            held->event = (struct span){pg_int(rows, i, 2), pg_int(rows, i, 3)};
            held->due = pg_bool(rows, i, 4);
            (void)snprintf(held->reference, sizeof(held->reference), "%s", pg_text(rows, i, 5));
            (void)snprintf(held->account, sizeof(held->account), "%s", pg_text(rows, i, 6));
        }
    }
    if (--ask->waits == 0)
        ask_end(ask);
}

static void on_calendar(void *ctx, const struct span *spans, size_t n, const char *account,
                        const char *code) {
    struct ask *ask = ctx;
    (void)snprintf(ask->account, sizeof(ask->account), "%s", account);
    (void)snprintf(ask->code, sizeof(ask->code), "%s", code);
    ask->calendar = calloc(n + 1, sizeof(*ask->calendar));
    if (ask->calendar == NULL)
        fatal("out of memory");
    if (n > 0)
        memcpy(ask->calendar, spans, n * sizeof(*spans));
    ask->n_calendar = n;
    if (--ask->waits == 0)
        ask_end(ask);
}

void slots_busy(struct business_server *server, const char *owner, int64_t from, int64_t until,
                uint64_t deadline_ms, busy_done *done, void *ctx) {
    static const char sql[] =
        "SELECT extract(epoch FROM lower(s.during))::bigint, "
        "extract(epoch FROM upper(s.during))::bigint, extract(epoch FROM b.starts_at)::bigint, "
        "extract(epoch FROM b.ends_at)::bigint, b.status = 'confirmed' AND b.step = '' AND "
        "b.looked_at < now() - interval '5 seconds' AND b.ends_at > now(), b.reference, b.account "
        "FROM slots s JOIN bookings b ON b.reference = s.booking WHERE s.owner = $1 AND "
        "s.during && tstzrange(to_timestamp($2::bigint), to_timestamp($3::bigint)) "
        "ORDER BY lower(s.during) LIMIT 5000";
    char from_text[24], until_text[24];
    struct ask *ask = calloc(1, sizeof(*ask));
    if (ask == NULL)
        fatal("out of memory");
    *ask = (struct ask){.server = server, .done = done, .ctx = ctx, .waits = 2};
    (void)snprintf(from_text, sizeof(from_text), "%lld", (long long)from);
    (void)snprintf(until_text, sizeof(until_text), "%lld", (long long)until);
    struct pg_param params[] = {PG_TEXT(owner), PG_TEXT(from_text), PG_TEXT(until_text)};
    business_query(server, sql, params, COUNT_OF(params), on_slots, ask);
    slots_calendar(server, owner, from, until, deadline_ms, on_calendar, ask);
}
