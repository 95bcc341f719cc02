/* What the outbox's rows are to be marked with, until the database has it: a mark that is lost has
 * a notice delivered once more. While the database is away marks wait, for as long as it is; one
 * that it refuses is tried again a few times. Loop thread. */
#ifndef CLOISTER_BUSINESS_NOTIFY_MARKS_H
#define CLOISTER_BUSINESS_NOTIFY_MARKS_H

#include "memory/pg.h"

struct marks;

int marks_new(struct event_base *base, struct marks **ret) MUST_CHECK; /* 0 or -ENOMEM */
/* Where they are written; once, before the first. */
void marks_database(struct marks *marks, struct pg *pg);
/* After pg_free. NULL is fine. */
void marks_free(struct marks *marks);

enum mark_kind {
    MARK_DONE,
    MARK_DEAD,  /* `text`: why */
    MARK_LATER, /* not before `wait_ms`; `text`: JSON, the channels by which it went already */
};
/* Past a bound it is said in the log that the notice comes again. */
void marks_put(struct marks *marks, enum mark_kind kind, int64_t id, uint64_t wait_ms,
               const char *text);
/* Those that wait are tried: the database is back. */
void marks_write(struct marks *marks);
/* The rows that are not marked yet, as an array's text: they are not to be taken. Valid until the
 * next call. */
const char *marks_ids(struct marks *marks);
/* Marks that are sent and not answered. */
unsigned marks_sent(const struct marks *marks);

#endif
