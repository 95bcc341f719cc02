/* How much of everything one gateway gives away. Tests pass smaller ones. */
#ifndef CLOISTER_GATEWAY_BOUNDS_H
#define CLOISTER_GATEWAY_BOUNDS_H

#include "ipc/base.h"

struct gateway_limits {
    size_t connections;             /* open at once */
    size_t connections_per_address; /* an IPv6 /64 counts as one address */
    uint64_t head_ms;               /* from accept until the head is whole */
    uint64_t request_ms;            /* from accept until the body is whole */
    uint64_t keep_ms;               /* a connection may be idle so long between two requests; 0: one
                                       request a connection */
    size_t keep_requests;           /* so many on one connection */
    uint64_t stall_ms;              /* longest time a reader takes nothing of what waits for it */
    size_t waiting;                 /* bytes that wait for slow readers, of all connections */
    uint64_t heartbeat_ms;          /* between comments on a silent stream */
    uint64_t ask_ms;                /* for the supervisor to answer anything but chat */
    uint64_t chat_ms;  /* for a whole turn with its wait in the queue; 0: from the configuration */
    uint64_t drain_ms; /* after SIGTERM, for running requests */
    uint64_t hold_ms;  /* requests wait so long for a cloisterd that restarts, */
    size_t held, held_bytes;            /* so many at most */
    size_t body;                        /* bytes of a request body */
    size_t reply;                       /* bytes of a reply that is not streamed */
    size_t output_high;                 /* output waiting in a stream before events are held back */
    uint32_t credit;                    /* bytes of text a turn may be ahead of its reader */
    uint32_t public_rate, public_burst; /* requests a second and address, public routes */
    uint32_t bad_key_rate, bad_key_burst; /* refused keys a second and address */
    uint64_t sign_in_every_ms;            /* one more sign-in an address, */
    uint32_t sign_in_burst;               /* after so many at once */
    unsigned sign_in_failures;            /* of one address in a row that cost nothing; then */
    /* it waits, twice as long each time. Never long: whoever shares the address waits with it, and
     * what would be guessed has 256 bits. */
    uint64_t sign_in_wait_ms, sign_in_wait_max_ms;
};

#define GATEWAY_LIMITS_DEFAULT                                                                     \
    {                                                                                              \
        .connections = 4096, .connections_per_address = 1024, .head_ms = 10000,                    \
        .request_ms = 20000, .keep_ms = 0, .keep_requests = 100000, .stall_ms = 60000,             \
        .waiting = 67108864, .heartbeat_ms = 15000, .ask_ms = 60000, .chat_ms = 0,                 \
        .drain_ms = 10000, .hold_ms = 15000, .held = 1024, .held_bytes = 3145728, .body = 65536,   \
        .reply = 524288, .output_high = 65536, .credit = 65536, .public_rate = 200,                \
        .public_burst = 2000, .bad_key_rate = 5, .bad_key_burst = 50, .sign_in_every_ms = 3000,    \
        .sign_in_burst = 40, .sign_in_failures = 5, .sign_in_wait_ms = 1000,                       \
        .sign_in_wait_max_ms = 30000                                                               \
    }

#endif
