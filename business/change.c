#include "business/change.h"
#include "business/outbox.h"
#include "ipc/log.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define TRY_FOR_MS 8000u
#define TOLD_MS    100
#define PAUSE_MS   50u
#define PAUSE_MAX  1000u

static void change_end(struct change *change, int error, bool changed) {
    change_done *done = change->done;
    void *ctx = change->ctx;
    for (size_t i = 0; i < change->n; i++)
        free(change->texts[i]);
    pause_end(&change->pause);
    free(change);
    if (done != NULL)
        done(ctx, error, changed);
}

/* ---- waking cloister-notify ---- */

static struct event *told; /* one loop, one thread; NULL: nobody was told yet */

static void nothing(void *ctx, int error, const struct pg_rows *rows) {
    (void)ctx; /* cloister-notify looks by itself, too */
    (void)error;
    (void)rows;
}

static void on_told(evutil_socket_t fd, short what, void *ctx) {
    (void)fd;
    (void)what;
    business_query(ctx, "SELECT pg_notify('" OUTBOX_CHANNEL "', '')", NULL, 0, nothing, NULL);
}

void change_told(struct business_server *server) {
    static const struct timeval soon = {0, TOLD_MS * 1000};
    if (told == NULL)
        told = evtimer_new(server->base, on_told, server);
    if (told != NULL && evtimer_pending(told, NULL) == 0)
        (void)evtimer_add(told, &soon);
}

void change_stop(void) {
    if (told != NULL)
        event_free(take_ptr(told));
}

/* ---- changes ---- */

static void change_send(struct change *change);

static void on_pause_over(void *ctx) {
    const struct change *change = ctx;
    if (change->broken)
        change_end(ctx, -ENOMEM, false);
    else
        change_send(ctx);
}

static void change_over(struct change *change, int error, bool changed) {
    uint64_t pause = backoff_ms(change->attempts++, PAUSE_MS, PAUSE_MAX);
    if (error == -EAGAIN && clock_ms() + pause < change->until_ms &&
        pause_begin(&change->pause, pause))
        return;
    if (changed && change->tells)
        change_told(change->server);
    change_end(change, error, changed);
}

static void on_result(void *ctx, int error, const struct pg_rows *rows) {
    change_over(ctx, error, error == 0 && pg_count(rows) == 1 && pg_int(rows, 0, 0) > 0);
}

static void on_together(void *ctx, int error, const struct pg_rows *rows, unsigned first,
                        unsigned n) {
    (void)rows;
    (void)first;
    change_over(ctx, error, error == 0 && n > 0);
}

struct change *change_new(struct business_server *server, const char *sql, change_done *done,
                          void *ctx) {
    struct change *change = calloc(1, sizeof(*change));
    if (change == NULL)
        fatal("out of memory");
    *change = (struct change){.server = server,
                              .sql = sql,
                              .tells = strstr(sql, "INTO outbox") != NULL,
                              .until_ms = clock_ms() + TRY_FOR_MS,
                              .done = done,
                              .ctx = ctx};
    pause_init(&change->pause, server->base, on_pause_over, change);
    return change;
}

struct change *change_together(struct business_server *server, struct together *kind, bool tells,
                               change_done *done, void *ctx) {
    struct change *change = change_new(server, kind->sql, done, ctx);
    change->kind = kind;
    change->tells = tells;
    return change;
}

void change_taken(struct change *change, char *text) {
    if (change->n == CHANGE_PARAMS)
        fatal("a change has too many parameters");
    change->broken |= text == NULL;
    change->texts[change->n++] = text;
}

void change_word(struct change *change, char *text) {
    if (text == NULL) {
        log_error("what is told of a change cannot be written; it is made without");
        change_text(change, NULL);
    } else {
        change_taken(change, text);
    }
}

void change_text(struct change *change, const char *text) {
    if (text == NULL)
        change->n++; /* calloc made it NULL */
    else
        change_taken(change, strdup(text));
}

void change_number(struct change *change, int64_t number) {
    char text[24];
    (void)snprintf(text, sizeof(text), "%lld", (long long)number);
    change_text(change, text);
}

struct change *change_of(struct business_server *server, const char *sql,
                         const struct booking *booking, change_done *done, void *ctx) {
    struct change *change = change_new(server, sql, done, ctx);
    change_text(change, booking->reference);
    change_number(change, booking->version);
    return change;
}

static void change_send(struct change *change) {
    struct pg_param params[TOGETHER_PARAMS];
    size_t n = change->n;
    for (size_t i = 0; i < n; i++)
        params[i] = change->texts[i] != NULL ? PG_TEXT(change->texts[i]) : PG_NULL;
    const struct used_key *key = &change->key;
    if (change->with_key) {
        params[n++] = key->given ? PG_BYTES(key->key, sizeof(key->key)) : PG_NULL;
        params[n++] = key->given ? PG_BYTES(key->arguments, sizeof(key->arguments)) : PG_NULL;
    }
    /* What was tried before may be another's fault, or be another's: then by itself. */
    if (change->kind != NULL)
        together_ask(change->server, change->kind, params, change->attempts > 0, on_together,
                     change);
    else
        business_query(change->server, change->sql, params, n, on_result, change);
}

void change_run(struct change *change) {
    if (!change->broken)
        change_send(change);
    else if (!pause_begin(&change->pause, 0)) /* never from inside, while it can be helped */
        change_end(change, -ENOMEM, false);
}
