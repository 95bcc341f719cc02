/* Questions and changes of one kind that go to the database together: what comes while others are
 * on their way waits, and goes as rows of one statement, which is one transaction. Each round trip,
 * beginning and ending a statement, and each commit cost more than most of them do.
 *
 * A statement that fails is asked again for each of them alone, so that nobody's is refused for
 * another's fault. Loop thread. */
#ifndef CLOISTER_BUSINESS_TOGETHER_H
#define CLOISTER_BUSINESS_TOGETHER_H

#include <sys/queue.h>

#include "business/business.h"

#define TOGETHER_PARAMS 24

TAILQ_HEAD(together_list, together_ask);

/* One kind; static. `sql` takes an array for each letter of `types` (t text, i bigint, b bytea),
 * all as long as there are askers, and gives rows whose first column says whose they are (bigint,
 * from 1), in that order; nobody needs to get one. */
struct together {
    const char *sql, *types;
    bool reads; /* changes nothing: whatever became of it, it can be asked again */
    /* together.c's own. */
    SLIST_ENTRY(together) known;
    struct together_list waiting;
    unsigned n_waiting, flying;
    uint64_t left_ms; /* when the last one left */
    bool listed;
};

/* `error` as pg_done has it. The asker's own rows are `n` from `first` on. */
typedef void together_done(void *ctx, int error, const struct pg_rows *rows, unsigned first,
                           unsigned n);

/* As many `params` as the kind has types, copied; bigints in decimal digits. `alone`: in no
 * statement with others. `done` is called once, never from inside. */
void together_ask(struct business_server *server, struct together *kind,
                  const struct pg_param *params, bool alone, together_done *done, void *ctx);

#endif
