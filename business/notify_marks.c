#include "business/notify_marks.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "ipc/log.h"

#define WAIT_MS  500u /* a mark that the database did not take is tried again */
#define WAIT_MAX 10000u
#define TRIES    8u
#define MOST     64u /* further rows come again after their lease */
#define ID_SIZE  24u

struct mark {
    struct marks *marks;
    struct mark *next;
    struct event *retry; /* NULL: not needed yet */
    const char *sql;
    unsigned tries; /* that a database which was there did not take */
    bool sent;
    char id[ID_SIZE], number[24], text[160];
};

struct marks {
    struct event_base *base;
    struct pg *pg;
    struct mark *first;
    unsigned n, sent;
    char ids[MOST * (ID_SIZE + 1) + 3];
};

/* What they said is not kept any longer than it takes to say it. */
static const char *const statements[] = {
    [MARK_DONE] = "UPDATE outbox SET done_at = now(), payload = '{}' WHERE id = $1::bigint"
                  " AND done_at IS NULL AND ($2::text IS NULL OR $3::text IS NOT NULL)",
    [MARK_DEAD] = "UPDATE outbox SET dead_at = now(),"
                  " payload = jsonb_build_object('given_up', $3::text)"
                  " WHERE id = $1::bigint AND done_at IS NULL AND $2::text IS NOT NULL",
    [MARK_LATER] = "UPDATE outbox SET next_at = now() + $2::bigint * interval '1 millisecond',"
                   " payload = payload || $3::jsonb WHERE id = $1::bigint AND done_at IS NULL"
                   " AND dead_at IS NULL",
};

static void mark_free(struct mark *mark) {
    struct marks *marks = mark->marks;
    struct mark **at = &marks->first;
    while (*at != mark)
        at = &(*at)->next;
    *at = mark->next;
    marks->n--;
    if (mark->retry != NULL)
        event_free(mark->retry);
    free(mark);
}

static void mark_send(struct mark *mark);

static void on_retry(evutil_socket_t fd, short what, void *ctx) {
    (void)fd, (void)what;
    mark_send(ctx);
}

static bool mark_later(struct mark *mark) {
    uint64_t wait = backoff_ms(mark->tries++, WAIT_MS, WAIT_MAX);
    const struct timeval later = {(time_t)(wait / 1000), (suseconds_t)(wait % 1000 * 1000)};
    if (mark->retry == NULL)
        mark->retry = evtimer_new(mark->marks->base, on_retry, mark);
    return mark->tries <= TRIES && mark->retry != NULL && evtimer_add(mark->retry, &later) == 0;
}

static void on_marked(void *ctx, int error, const struct pg_rows *rows) {
    struct mark *mark = ctx;
    (void)rows;
    mark->sent = false;
    mark->marks->sent--;
    if (error == -EAGAIN && !pg_ready(mark->marks->pg))
        return; /* marks_write, when it is back */
    if (error == -EAGAIN && mark_later(mark))
        return;
    if (error != 0)
        log_warn("notice %s could not be marked; it comes again", mark->id);
    mark_free(mark);
}

static void mark_send(struct mark *mark) {
    const struct pg_param params[] = {PG_TEXT(mark->id), PG_TEXT(mark->number),
                                      PG_TEXT(mark->text)};
    if (mark->sent)
        return;
    mark->sent = true;
    mark->marks->sent++;
    pg_query(mark->marks->pg, mark->sql, params, COUNT_OF(params), on_marked, mark);
}

void marks_put(struct marks *marks, enum mark_kind kind, int64_t id, uint64_t wait_ms,
               const char *text) {
    struct mark *mark = marks->n >= MOST ? NULL : calloc(1, sizeof(*mark));
    if (mark == NULL) {
        log_warn("notice %" PRId64 " could not be marked; it comes again", id);
        return;
    }
    mark->marks = marks;
    mark->sql = statements[kind];
    mark->next = marks->first;
    marks->first = mark;
    marks->n++;
    (void)snprintf(mark->id, sizeof(mark->id), "%" PRId64, id);
    (void)snprintf(mark->number, sizeof(mark->number), "%" PRIu64, wait_ms);
    (void)snprintf(mark->text, sizeof(mark->text), "%s", text);
    mark_send(mark);
}

void marks_write(struct marks *marks) {
    for (struct mark *mark = marks->first; mark != NULL; mark = mark->next)
        mark_send(mark);
}

const char *marks_ids(struct marks *marks) {
    char *at = marks->ids;
    *at++ = '{';
    for (const struct mark *mark = marks->first; mark != NULL; mark = mark->next)
        at += sprintf(at, "%s%s", mark->id, mark->next != NULL ? "," : "");
    strcpy(at, "}");
    return marks->ids;
}

unsigned marks_sent(const struct marks *marks) {
    return marks->sent;
}

int marks_new(struct event_base *base, struct marks **ret) {
    struct marks *marks = calloc(1, sizeof(*marks));
    if (marks == NULL)
        return -ENOMEM;
    marks->base = base;
    *ret = marks;
    return 0;
}

void marks_database(struct marks *marks, struct pg *pg) {
    marks->pg = pg;
}

void marks_free(struct marks *marks) {
    if (marks == NULL)
        return;
    while (marks->first != NULL)
        mark_free(marks->first);
    free(marks);
}
