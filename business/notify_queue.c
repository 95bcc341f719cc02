#include "business/notify_queue.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "business/notify_counts.h"
#include "business/notify_key.h"
#include "business/notify_marks.h"
#include "business/outbox.h"
#include "ipc/log.h"
#include "memory/pg.h"

#define LOOK_MS      2000 /* without having been told */
#define COUNT_EVERY  5    /* looks, for what waits */
#define RETRY_MAX_MS 3600000u
#define LEASE_MS     3000u /* beyond the longest delivery */
#define REFUSED_TOLD 5u    /* on the first start the outbox is only being made */

struct queue {
    struct event_base *base;
    const struct notify_settings *settings;
    struct pg *pg;
    struct workers *workers;
    struct notify_key *key;
    struct marks *marks;
    struct event *look;
    bool taking, again, told_nobody;
    unsigned refused; /* in a row */
    unsigned looks;
    bool counting;
};

static const char setup[] = "SET search_path = business; LISTEN " OUTBOX_CHANNEL;

static const char take[] =
    "UPDATE outbox SET attempts = attempts + 1,"
    " next_at = now() + $2::bigint * interval '1 millisecond'"
    " WHERE id IN (SELECT id FROM outbox WHERE done_at IS NULL AND dead_at IS NULL"
    /* What is sealed waits for the key. */
    " AND ($3::bool OR NOT payload ? '" OUTBOX_SEALED "')"
    /* Delivered, and its mark is on its way. */
    " AND id <> ALL ($4::bigint[])"
    /* Nothing is put off so far: the clock was ahead, and is right again. */
    " AND (next_at <= now() OR next_at > now() + $5::bigint * interval '1 millisecond')"
    " ORDER BY next_at LIMIT $1::bigint FOR UPDATE SKIP LOCKED)"
    " RETURNING id, kind, to_kind, business, reference, payload::text, attempts,"
    " (extract(epoch FROM created_at) * 1000)::bigint";

static void take_more(struct queue *queue);

/* ---- ends ---- */

static void give_up(struct queue *queue, const struct notice *notice, const char *why) {
    count_given_up(notice->kind);
    log_warn("notice %" PRId64 " (%s, to %s) is given up after %u tries: %s", notice->id,
             notice->kind, notice->to_kind, notice->attempts, why);
    marks_put(queue->marks, MARK_DEAD, notice->id, 0, why);
}

static void later(struct queue *queue, const struct notice *notice, uint64_t wished_ms,
                  const char *delivered, const char *why) {
    uint64_t wait = backoff_ms(notice->attempts > 0 ? notice->attempts - 1 : 0,
                               queue->settings->retry_ms, RETRY_MAX_MS);
    if (wait < wished_ms && wished_ms <= RETRY_MAX_MS)
        wait = wished_ms;
    log_info("notice %" PRId64 " (%s, to %s), try %u: %s; again in %" PRIu64 " ms", notice->id,
             notice->kind, notice->to_kind, notice->attempts, why, wait);
    marks_put(queue->marks, MARK_LATER, notice->id, wait, delivered);
}

/* What one channel said. True: it is to be tried again. */
static bool heard(const struct notice *notice, const struct delivery_report *report) {
    count_try(notice->kind, report->channel, report->end == DELIVERY_DONE);
    if (report->end == DELIVERY_DONE)
        log_info("notice %" PRId64 " (%s, to %s) delivered by %s, try %u", notice->id, notice->kind,
                 notice->to_kind, delivery_names[report->channel], notice->attempts);
    return report->end == DELIVERY_LATER;
}

static void on_delivered(void *ctx, struct notice *notice, const struct delivery_report *reports,
                         size_t n) {
    struct queue *queue = ctx;
    const char *why = "the delivery ended by itself";
    bool over[DELIVERY_CHANNELS] = {false}, refused = false;
    uint64_t wished = 0;
    for (size_t i = 0; i < n; i++) {
        const struct delivery_report *report = &reports[i];
        if (report->channel >= DELIVERY_CHANNELS || !notice->by[report->channel])
            continue;
        over[report->channel] = !heard(notice, report);
        if (report->end != DELIVERY_DONE)
            why = report->why;
        refused = refused || report->end == DELIVERY_NEVER;
        wished = report->retry_ms > wished ? report->retry_ms : wished;
    }
    SCOPE_FREE char *delivered = notice_delivered(notice, over);
    for (size_t i = 0; i < DELIVERY_CHANNELS; i++)
        notice->by[i] = notice->by[i] && !over[i];
    if (notice_over(notice) && !refused)
        marks_put(queue->marks, MARK_DONE, notice->id, 0, "");
    else if (notice_over(notice) || notice->attempts >= queue->settings->tries)
        give_up(queue, notice, why);
    else
        later(queue, notice, wished, delivered != NULL ? delivered : "{}", why);
    take_more(queue);
}

/* ---- rows ---- */

/* Without a mail server, and nobody else to tell: said once, and the row says it. */
static void nobody(struct queue *queue, const struct notice *notice) {
    const char *why = queue->settings->mail ? "nobody to tell" : "not configured";
    if (!queue->settings->mail && !queue->told_nobody) {
        queue->told_nobody = true;
        log_warn("no mail is sent: notify.smtp_url is not set. Notices are marked as not "
                 "configured");
    }
    marks_put(queue->marks, MARK_DEAD, notice->id, 0, why);
}

static int read_row(struct queue *queue, const struct pg_rows *rows, unsigned i,
                    struct notice *ret) {
    const uint8_t *key = notify_key_bytes(queue->key);
    int r = notice_make(pg_text(rows, i, 1), pg_text(rows, i, 2), pg_text(rows, i, 3),
                        pg_text(rows, i, 4), pg_text(rows, i, 5), ret);
    if (r < 0 || key == NULL) /* then none is sealed */
        return r;
    r = outbox_open(key, ret->reference, ret->payload);
    if (r < 0)
        notice_free(ret);
    return r;
}

static void row(struct queue *queue, const struct pg_rows *rows, unsigned i) {
    struct notice notice;
    int64_t id = pg_int(rows, i, 0);
    if (read_row(queue, rows, i, &notice) < 0) {
        log_error("notice %" PRId64 " cannot be read", id);
        count_given_up("");
        marks_put(queue->marks, MARK_DEAD, id, 0, "cannot be read");
        return;
    }
    notice.id = id;
    notice.attempts = (unsigned)pg_int(rows, i, 6);
    notice.created_ms = pg_int(rows, i, 7);
    notice_plan(&notice, queue->settings);
    if (notice_over(&notice)) {
        nobody(queue, &notice);
    } else if (workers_start(queue->workers, &notice) == 0) {
        return; /* the worker has its payload */
    } else {
        later(queue, &notice, 0, "{}", "no process could be started");
    }
    notice_free(&notice);
}

static void on_taken(void *ctx, int error, const struct pg_rows *rows) {
    struct queue *queue = ctx;
    unsigned n = error == 0 ? pg_count(rows) : 0;
    if (error == 0)
        queue->refused = 0;
    queue->taking = false;
    for (unsigned i = 0; i < n; i++)
        row(queue, rows, i);
    if (n > 0 || queue->again)
        take_more(queue);
}

static void take_more(struct queue *queue) {
    char most[24], lease[24], far[24];
    size_t idle = workers_idle(queue->workers);
    if (queue->taking || idle == 0) {
        queue->again = queue->taking;
        return;
    }
    queue->taking = true;
    queue->again = false;
    (void)snprintf(most, sizeof(most), "%zu", idle);
    const uint64_t longest = DELIVERY_CHANNELS * queue->settings->timeout_ms + LEASE_MS;
    (void)snprintf(lease, sizeof(lease), "%" PRIu64, longest);
    (void)snprintf(far, sizeof(far), "%" PRIu64, longest + 2 * RETRY_MAX_MS);
    const char *keyed = notify_key_bytes(queue->key) != NULL ? "t" : "f";
    const struct pg_param params[] = {PG_TEXT(most), PG_TEXT(lease), PG_TEXT(keyed),
                                      PG_TEXT(marks_ids(queue->marks)), PG_TEXT(far)};
    pg_query(queue->pg, take, params, COUNT_OF(params), on_taken, queue);
}

/* ---- what waits, for operators ---- */

static void on_counted(void *ctx, int error, const struct pg_rows *rows) {
    struct queue *queue = ctx;
    queue->counting = false;
    if (error == 0 && pg_count(rows) == 1)
        count_waiting((uint64_t)pg_int(rows, 0, 0), (uint64_t)pg_int(rows, 0, 1));
}

static void count_rows(struct queue *queue) {
    static const char sql[] =
        "SELECT count(*), greatest(0, coalesce(extract(epoch FROM now() - min(created_at)), 0)"
        " * 1000000)::bigint FROM outbox WHERE done_at IS NULL AND dead_at IS NULL";
    count_database(pg_ready(queue->pg));
    if (queue->counting || queue->looks++ % COUNT_EVERY != 0)
        return;
    queue->counting = true;
    pg_query(queue->pg, sql, NULL, 0, on_counted, queue);
}

static void on_look(evutil_socket_t fd, short what, void *ctx) {
    (void)fd, (void)what;
    take_more(ctx);
    count_rows(ctx);
}

static void on_heard(void *ctx, const char *channel, const char *payload) {
    (void)channel, (void)payload;
    take_more(ctx);
}

static void on_key(void *ctx) {
    take_more(ctx);
}

static void on_news(void *ctx, enum pg_news news, const char *why) {
    struct queue *queue = ctx;
    switch (news) {
    case PG_UP:
        log_info("the database is there");
        marks_write(queue->marks);
        take_more(queue);
        break;
    case PG_DOWN:
        log_warn("the database is away: %.*s", (int)strcspn(why, "\n"), why);
        break;
    case PG_REFUSED:
        if (++queue->refused == REFUSED_TOLD)
            log_error("the database refused a statement (%s): cloister-business makes the outbox, "
                      "and lets this role read it, when it starts",
                      why);
        break;
    }
}

int queue_new(struct event_base *base, const char *database, const struct notify_settings *settings,
              struct queue **ret) {
    static const struct timeval every = {LOOK_MS / 1000, LOOK_MS % 1000 * 1000};
    struct queue *queue = calloc(1, sizeof(*queue));
    if (queue == NULL)
        return -ENOMEM;
    *queue = (struct queue){.base = base, .settings = settings};
    const struct pg_options options = {.connections = 2,
                                       .name = "cloister-notify",
                                       .setup = setup,
                                       .news = on_news,
                                       .heard = on_heard,
                                       .words = true,
                                       .ctx = queue};
    queue->look = event_new(base, -1, EV_PERSIST, on_look, queue);
    int r = queue->look == NULL || event_add(queue->look, &every) < 0 ? -ENOMEM : 0;
    if (r == 0)
        r = workers_new(base, settings, on_delivered, queue, &queue->workers);
    if (r == 0)
        r = notify_key_new(base, settings->config, settings->business, on_key, queue, &queue->key);
    if (r == 0)
        r = marks_new(base, &queue->marks);
    if (r == 0)
        r = pg_new(base, database, &options, &queue->pg);
    if (r < 0) {
        queue_free(queue);
        return r;
    }
    marks_database(queue->marks, queue->pg);
    *ret = queue;
    return 0;
}

void queue_free(struct queue *queue) {
    if (queue == NULL)
        return;
    workers_free(queue->workers);
    notify_key_free(queue->key);
    pg_free(queue->pg);
    marks_free(queue->marks);
    if (queue->look != NULL)
        event_free(queue->look);
    free(queue);
}
