/* Whoever speaks with cloister-business, played: a public gateway or cloisterd, over the program's
 * own sockets. Shared by tests and the benchmark of bookings; ends the process when it cannot. */
#ifndef CLOISTER_TESTS_BUSINESS_PEER_H
#define CLOISTER_TESTS_BUSINESS_PEER_H

#include <event2/event.h>

#include "ipc/config.h"
#include "ipc/message.h"
#include "ipc/nng_end.h"

struct played_peer {
    const char *name; /* of its hello and its socket: "public", "supervisor" */
    uint32_t role;
    void (*got)(const Cloister__Message *message); /* each one that comes */
    struct nng_end *nng;
    struct msg_peer rules;
    bool up;
};

/* Dials, waits for the connection, says hello. */
void peer_connect(struct played_peer *peer, struct event_base *base, const struct config *config);
void peer_send(struct played_peer *peer, Cloister__Message *message);
void peer_close(struct played_peer *peer);

#endif
