/* The operational log: one row of business.calls per call, whatever came of it. What it holds of
 * the arguments is what their schema lets through; of the address a keyed fingerprint whose key is
 * thrown away after two days. Rows wait in a bounded queue and are written in batches, so that no
 * call waits for its row; past the bound they are dropped and counted. Loop thread. */
#ifndef CLOISTER_BUSINESS_OPLOG_H
#define CLOISTER_BUSINESS_OPLOG_H

#include "business/call.h"
#include "ipc/message.h"

int oplog_new(struct business_server *server, struct oplog **ret) MUST_CHECK;
/* What still waits is lost; oplog_flush first. NULL is fine. */
void oplog_free(struct oplog *oplog);
/* Begins to write what waits. True when nothing waits and nothing is being written. */
bool oplog_flush(struct oplog *oplog);

/* A fresh id of a call: ids come in the order of time. */
void oplog_id(char out[static ID_LEN + 1]);
/* An answered call. */
void oplog_add(const struct business_call *call, unsigned status, const char *code, bool cached);
/* One that a gateway answered by itself: its row, and what it counts against limits. */
void oplog_note(struct business_server *server, const Cloister__BusinessNote *note);
/* Asks the database for today's key where that is not known yet; call once it is there. */
void oplog_day(struct oplog *oplog);
/* Who it says it is, cleaned, with the fingerprint of its address. NULL: nothing is known. */
void oplog_client(struct oplog *oplog, const Cloister__Client *from, struct business_client *ret);

#endif
