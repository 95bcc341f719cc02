/* Records of turns and the day's sums that budgets are held against (migrations/0003). Kinds,
 * counts and times; no function takes a word that somebody wrote. Errors as in store.h. Loop
 * thread. */
#ifndef CLOISTER_SUPERVISOR_STORE_TURNS_H
#define CLOISTER_SUPERVISOR_STORE_TURNS_H

#include "supervisor/store.h"

#define STORE_DAY_SIZE 16 /* "2026-11-22" */
/* The day (UTC) of a wall clock in ms. */
void store_day(int64_t ms, char out[static STORE_DAY_SIZE]);

struct store_turn {
    char id[ID_LEN + 1], user[ID_LEN + 1];
    char connection[ID_LEN + 1]; /* "": none */
    char origin[17], kind[33], outcome[49];
    int64_t began_ms; /* wall clock */
    uint32_t took_ms;
    bool reported, tainted, refreshed;
    uint32_t shown; /* bits of agent/shown.def; others are left out */
    uint32_t reads, writes, proposals, model_calls, tool_calls;
    uint64_t input_tokens, output_tokens, spend;
};
/* Keeps the record and adds it to the sums of the day on which it began, in one statement. A record
 * that is there already changes nothing, so that after -EAGAIN it can be put again. Of a user who
 * is gone nothing is kept: 0 all the same. `turns`: how many that day had with this one, as
 * turns_today of a session that sees it is at least; 0 when nothing was kept now. */
typedef void store_turn_done(void *ctx, int error, uint64_t turns);
void store_turn_put(struct store *store, const struct store_turn *turn, store_turn_done *done,
                    void *ctx);

/* All turns of today. -EAGAIN as elsewhere. */
struct store_today {
    uint64_t turns, tokens, spend;
};
typedef void store_today_done(void *ctx, int error, const struct store_today *today);
void store_today(struct store *store, store_today_done *done, void *ctx);

/* Drops records older than [budgets] records_days, at most 10,000 at a time. store.c calls it now
 * and then. */
void store_turns_purge(struct store *store);

#endif
