/* nng's streams as ipc/nng_link.c uses them, without nng: one connection at a time, every callback
 * runs when the target says so, on its own thread. */
#ifndef CLOISTER_TESTS_FUZZ_FAKE_NNG_H
#define CLOISTER_TESTS_FUZZ_FAKE_NNG_H

#include "fuzz.h"

/* A peer of user `uid` connects. */
void fake_nng_connect(uint64_t uid);
/* Bytes of the peer that the link asks for now are given to it. How many it took; 0: it reads no
 * more. */
size_t fake_nng_give(const uint8_t *data, size_t len);
/* The peer hangs up. */
void fake_nng_hang_up(void);
/* True while the link waits for bytes. */
bool fake_nng_reading(void);
/* What the link has sent; fake_nng_reset forgets it. */
const uint8_t *fake_nng_sent(size_t *ret_len);
void fake_nng_reset(void);

#endif
