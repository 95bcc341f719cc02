/* SP over IPC as the two ends must read it, in the plainest way: what the targets of ipc/sp.c and
 * ipc/nng_link.c compare with. */
#ifndef CLOISTER_TESTS_FUZZ_FRAMES_H
#define CLOISTER_TESTS_FUZZ_FRAMES_H

#include "fuzz.h"
#include "ipc/message.h"

#define GREETING_LEN 8
static const uint8_t pair_greeting[GREETING_LEN] = {0, 'S', 'P', 0, 0, 0x10, 0, 0};

enum frame_state {
    FRAME_WHOLE, /* a body of *ret_len bytes lies at *ret */
    FRAME_MORE,  /* not all there */
    FRAME_BAD,
};

/* The next frame behind `*at`, which is moved past it. */
static inline enum frame_state frame_next(const uint8_t *data, size_t len, size_t *at,
                                          const uint8_t **ret, size_t *ret_len) {
    uint64_t size = 0;
    if (len - *at < 9)
        return FRAME_MORE;
    for (size_t i = 1; i < 9; i++)
        size = size << 8 | data[*at + i];
    if (data[*at] != 1 || size > MESSAGE_MAX)
        return FRAME_BAD;
    if (len - *at - 9 < size)
        return FRAME_MORE;
    *ret = data + *at + 9;
    *ret_len = (size_t)size;
    *at += 9 + (size_t)size;
    return FRAME_WHOLE;
}

#endif
