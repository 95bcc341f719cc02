/* providers/http.h over a script, and a clock that moves only while somebody waits: what the
 * targets of Google's and the models' answers are run on.
 *
 * A script is a row of replies, each ended by the byte 1e (record separator). A reply's first line
 * is "STATUS PIECE [Header: value]": 0 for a connection that breaks, and in how large pieces a
 * stream arrives; the rest is the body. Behind the last reply nothing can be reached. */
#ifndef CLOISTER_TESTS_FUZZ_SCRIPT_HTTP_H
#define CLOISTER_TESTS_FUZZ_SCRIPT_HTTP_H

#include "fuzz.h"
#include "providers/pump.h"

#define SCRIPT_NOW_MS INT64_C(1795352400000) /* 2026-11-22T13:00:00Z */

/* Requests are answered from `script` (borrowed) from now on; `piece` replaces each reply's own
 * unless it is 0. The pump is ready to be used until script_end. */
void script_begin(const struct input *script, size_t piece, struct pump *ret);
void script_end(struct pump *pump);
/* How many requests were made. */
unsigned script_requests(void);

#endif
