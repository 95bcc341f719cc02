/* Server-sent events with a bound: what a turn says waits here until its reader takes it.
 *
 * Text beyond `output_high` bytes of unsent output stays queued, neighbouring pieces joined, and
 * its credit is not given back before it has left the queue. So one stream holds at most its credit
 * of text, output_high and one event, however slow the reader is. Wiped when freed. Loop thread. */
#ifndef CLOISTER_GATEWAY_SSE_H
#define CLOISTER_GATEWAY_SSE_H

#include <event2/buffer.h>

#include "ipc/base.h"

#define SSE_TEXT_MAX   4096u  /* bytes of text in one delta event */
#define SSE_EVENTS_MAX 512u   /* events other than text that may wait */
#define SSE_EVENT_MAX  32768u /* bytes of one event's data */

struct sse;

/* 0 or -ENOMEM. */
int sse_new(uint32_t credit, size_t output_high, struct sse **ret) MUST_CHECK;
void sse_free(struct sse *sse);

/* Queues text of a "delta" event. -EDQUOT when the sender is over its credit; -ENOMEM. */
int sse_text(struct sse *sse, const char *text, size_t len) MUST_CHECK;
/* Queues one event; `data` is one line (compact JSON). -ENOBUFS when too many wait; -EINVAL for a
 * line break or too long a line; -ENOMEM. */
int sse_event(struct sse *sse, const char *name, const char *data) MUST_CHECK;
bool sse_empty(const struct sse *sse);

/* Moves what may go now, given `waiting` bytes of output that the client has not taken, into `out`
 * as wire text of at most one event over the high mark. */
void sse_pump(struct sse *sse, size_t waiting, struct evbuffer *out);
/* Takes the credit that has become free and is worth a message: 0 while it is little and more text
 * waits. */
uint32_t sse_credit(struct sse *sse);

/* Adds `len` bytes as a JSON string's inside: quotes, backslashes and controls escaped, bytes that
 * are no UTF-8 replaced by U+FFFD. With `more` an unfinished sequence at the end is left: the
 * number of bytes taken comes back. */
size_t json_escape(struct evbuffer *out, const char *text, size_t len, bool more);

#endif
