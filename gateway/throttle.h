/* Back-off after failures in a row: the first few cost nothing, then each doubles how long its
 * address has to wait before it may try again; one success forgets them all. A table of fixed size;
 * when it is full the entry that failed longest ago goes. Who it is about stands there as a keyed
 * fingerprint. In memory of the caller's, as bucket.h. Loop thread. */
#ifndef CLOISTER_GATEWAY_THROTTLE_H
#define CLOISTER_GATEWAY_THROTTLE_H

#include <netinet/in.h>

#include "ipc/base.h"

struct throttle;

struct throttle_rule {
    unsigned free;            /* failures in a row that cost nothing */
    uint64_t base_ms, max_ms; /* the first wait, and the longest */
};

size_t throttle_size(void);
/* As buckets_begin; `rule` is copied. */
struct throttle *throttle_begin(void *memory, const struct throttle_rule *rule, bool found,
                                uint64_t now_ms);

/* How long this address has still to wait; 0: not at all. */
uint64_t throttle_wait(const struct throttle *throttle, const struct in6_addr *address,
                       uint64_t now_ms);
void throttle_failed(struct throttle *throttle, const struct in6_addr *address, uint64_t now_ms);
void throttle_forget(struct throttle *throttle, const struct in6_addr *address);

#endif
