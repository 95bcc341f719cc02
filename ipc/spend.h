/* What model tokens cost, in millionths of the operator's currency ([budgets] input_price and
 * output_price, each for a million tokens). Pure; used by cloisterd, which counts, and by turns,
 * which stop in time. */
#ifndef CLOISTER_IPC_SPEND_H
#define CLOISTER_IPC_SPEND_H

#include <stdint.h>

#define SPEND_MOST UINT64_C(1000000000000000) /* of one turn: sums of them stay in range */

/* Rounded up. */
static inline uint64_t spend_of(uint64_t input_price, uint64_t output_price, uint64_t input_tokens,
                                uint64_t output_tokens) {
    unsigned __int128 input = (unsigned __int128)input_price * input_tokens;
    unsigned __int128 output = (unsigned __int128)output_price * output_tokens;
    unsigned __int128 sum = input / 1000000 + output / 1000000 +
                            (input % 1000000 + output % 1000000 + 999999) / 1000000;
    return sum < SPEND_MOST ? (uint64_t)sum : SPEND_MOST;
}

#endif
