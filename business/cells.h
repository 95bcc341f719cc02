/* Steps in an owner's front cell, asked of cloisterd over its link. Loop thread.
 *
 * Every question ends exactly once through its callback, never from inside the asking function.
 * The result is never NULL and valid during the call: what cloisterd said, or one with a code of
 * our own: "business_unavailable" (cloisterd is away, or too many wait; nothing was sent) or
 * "no_answer" (it was sent and no answer came: for BOOK, MOVE and REMOVE `unknown_writes` is set).
 * Both are retryable. `code` is "" when the step was carried out. */
#ifndef CLOISTER_BUSINESS_CELLS_H
#define CLOISTER_BUSINESS_CELLS_H

#include <event2/event.h>

#include "ipc/message.h"

struct cells;

typedef void cell_done(void *ctx, const Cloister__CellResult *result);

/* `step` and `answer` are only read. The timeout is ours and, less a little, cloisterd's. Returns
 * the number it has on the wire. */
uint64_t cells_step(struct cells *cells, const char *user, const Cloister__FrontStep *step,
                    uint64_t timeout_ms, cell_done *done, void *ctx);
uint64_t cells_answer(struct cells *cells, const char *user, const Cloister__CellAnswer *answer,
                      uint64_t timeout_ms, cell_done *done, void *ctx);
/* cloisterd is there. */
bool cells_up(const struct cells *cells);

/* ---- for the link to cloisterd ---- */

/* Sends an encoded message; 0 or -errno. */
typedef int cells_send(void *ctx, Cloister__Message *message);
int cells_new(struct event_base *base, cells_send *send, void *ctx, struct cells **ret) MUST_CHECK;
/* Ends what waits, as if cloisterd had gone. NULL is fine. */
void cells_free(struct cells *cells);
void cells_link_up(struct cells *cells);
void cells_link_down(struct cells *cells);
void cells_result(struct cells *cells, const Cloister__CellResult *result);

#endif
