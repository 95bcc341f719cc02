/* The directory's words, which a misspelt one may have been meant as: those that no published
 * profile has any more are forgotten. They would count as known for ever, and be what is left of
 * who has deleted theirs. Some at a time, since who publishes waits meanwhile. A part of
 * cloister-business (parts.def). Loop thread. */
#include <stdio.h>
#include <string.h>

#include "business/business.h"
#include "ipc/log.h"

#define ROUND_S   3600
#define NEXT_MS   200
#define SOME      "200"
#define WORD_SIZE 256 /* 60 characters at most */

static struct {
    struct business_server *server;
    struct event *timer;
    char kind[2], word[WORD_SIZE]; /* looked at last; "": a round begins */
} vocabulary;                      /* one a process */

static void on_looked(void *ctx, int error, const struct pg_rows *rows) {
    (void)ctx;
    struct timeval next = {0, NEXT_MS * 1000};
    if (vocabulary.timer == NULL)
        return;
    if (error == 0 && !pg_is_null(rows, 0, 0)) {
        (void)snprintf(vocabulary.kind, sizeof(vocabulary.kind), "%s", pg_text(rows, 0, 0));
        (void)snprintf(vocabulary.word, sizeof(vocabulary.word), "%s", pg_text(rows, 0, 1));
    } else { /* the end; or somebody is at it for long, or no database: it goes on there */
        if (error == 0)
            vocabulary.kind[0] = vocabulary.word[0] = '\0';
        next = (struct timeval){ROUND_S, 0};
    }
    (void)evtimer_add(vocabulary.timer, &next);
}

static void on_time(evutil_socket_t fd, short what, void *ctx) {
    static const char sql[] =
        "SELECT last_kind, last_word FROM forget_words($1::text, $2::text, " SOME ")";
    (void)fd;
    (void)what;
    (void)ctx;
    struct pg_param params[] = {PG_TEXT(vocabulary.kind), PG_TEXT(vocabulary.word)};
    business_query(vocabulary.server, sql, params, COUNT_OF(params), on_looked, NULL);
}

void vocabulary_start(struct business_server *server) {
    const struct timeval soon = {0, NEXT_MS * 1000};
    vocabulary.server = server;
    vocabulary.kind[0] = vocabulary.word[0] = '\0';
    vocabulary.timer = evtimer_new(server->base, on_time, NULL);
    if (vocabulary.timer == NULL)
        fatal("out of memory");
    (void)evtimer_add(vocabulary.timer, &soon);
}

void vocabulary_stop(struct business_server *server) {
    (void)server;
    if (vocabulary.timer != NULL)
        event_free(take_ptr(vocabulary.timer));
}
