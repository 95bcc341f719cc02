/* The records of turns on their way into the database: a queue in memory, written one after the
 * other once the answer is out, so that no turn waits for it. While the database is away the queue
 * grows to RECORDS_MOST (no turn begins then, so only those that ran end in it); what does not fit,
 * or is still there when cloisterd ends, is lost and logged as a count. What cloisterd is killed
 * with is lost without one. Loop thread. */
#ifndef CLOISTER_SUPERVISOR_RECORDS_H
#define CLOISTER_SUPERVISOR_RECORDS_H

#include <event2/event.h>

#include "ipc/config.h"
#include "supervisor/store.h"
#include "supervisor/turns_operate.h"

#define RECORDS_MOST    4096
#define RECORDS_WRITTEN 256 /* the last ones in the database, which a session may not have seen */

struct records;
int records_new(struct event_base *base, const struct config *config, struct store *store,
                struct records **ret) MUST_CHECK;
/* After the store, whose last answers it takes. NULL is fine. */
void records_free(struct records *records);

/* A turn is over. What it says of itself is believed as far as a turn can go at all. A
 * conversation's turn that ended without a word (killed, or its agent was) counts as much output as
 * one turn may have, and no input: it is more than most turns take, so that ending turns by force
 * never pays, and not so much that an agent lost through no fault of its user takes their day.
 * Turns of nobody (connect cells) leave no record. */
void records_note(struct records *records, const struct turn_past *past);

/* What began today and a session that was read does not hold yet, so that a turn right behind
 * another one sees it. The session's answer and the record's come over different connections, in
 * any order: which of the two was first is told by `turns_today` of the session. */
struct records_waiting {
    struct store_used user, frontend, server;
};
struct records_waiting records_waiting(const struct records *records, const char *user,
                                       const char *frontend, uint64_t turns_today);

size_t records_len(const struct records *records);

/* `settled` is called when nothing waits any more, or after two seconds; at once when nothing does.
 */
void records_settle(struct records *records, void (*settled)(void *ctx), void *ctx);

#endif
