#include "agent/turn_budget.h"

#include <errno.h>

#include "ipc/spend.h"

#define DAY_MS UINT64_C(86400000)

static int used_up(struct turn *turn) {
    turn->fault.retry_after_ms = DAY_MS - (uint64_t)wall_ms() % DAY_MS;
    return fault_set(
        &turn->fault, -EDQUOT, "budget_used_up", false,
        "What may be used in a day was used up while this was answered. A fresh budget "
        "begins at 00:00 UTC.");
}

static uint64_t smaller(uint64_t a, uint64_t b) {
    return a < b ? a : b;
}

int turn_budget_left(struct turn *turn, uint64_t *output) {
    const Cloister__TurnStart *start = turn->start;
    const struct turn_world *world = turn->world;
    if (start->tokens_left > 0) {
        uint64_t tokens = turn->input_tokens + turn->output_tokens;
        if (tokens >= start->tokens_left)
            return used_up(turn);
        *output = smaller(*output, start->tokens_left - tokens);
    }
    if (start->spend_left > 0) {
        uint64_t spend = spend_of(world->input_price, world->output_price, turn->input_tokens,
                                  turn->output_tokens);
        if (spend >= start->spend_left)
            return used_up(turn);
        uint64_t left = smaller(start->spend_left - spend, SPEND_MOST);
        if (world->output_price > 0) /* one token, if no whole one is paid for */
            *output = smaller(*output, left * 1000000 / world->output_price + 1);
    }
    return 0;
}
