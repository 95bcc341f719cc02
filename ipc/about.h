/* What a request is called, on its way from the gateway to the turn: the id that its client was
 * given, and its place in a trace (W3C Trace Context, level 1). Nothing of it decides anything.
 * Pure but for fresh ids. */
#ifndef CLOISTER_IPC_ABOUT_H
#define CLOISTER_IPC_ABOUT_H

#include "ipc/message.h"

#define SPAN_LEN         16
#define TRACEPARENT_SIZE 56 /* with its NUL */

struct about {
    char request[ID_LEN + 1]; /* "": not known */
    char trace[ID_LEN + 1];
    char span[SPAN_LEN + 1]; /* ours */
    bool sampled;
};

/* Of a fresh request. `traceparent` is what the caller sent, `len` bytes of it; a span of the
 * caller's trace. One that is not as the standard has it, or none at all (len 0), gets a trace of
 * its own, named as the request. */
void about_new(struct about *about, const char *request, const char *traceparent, size_t len);
/* "00-TRACE-SPAN-01" */
void about_traceparent(const struct about *about, char out[static TRACEPARENT_SIZE]);

/* `out` points into `about`, and comes back; NULL when there is nothing to tell. */
Cloister__About *about_write(const struct about *about, Cloister__About *out);
/* 0; -EINVAL for what is not well-formed: *ret is empty then, as for NULL. */
int about_read(const Cloister__About *from, struct about *ret);

#endif
