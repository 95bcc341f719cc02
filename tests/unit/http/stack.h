/* A real cloister-egress with the scripted server behind it, and the channels that zygote and agent
 * would make. */
#ifndef CLOISTER_TEST_STACK_H
#define CLOISTER_TEST_STACK_H

#include "ipc/message.h"
#include "providers/http.h"
#include "server.h"

struct stack {
    char dir[64];
    struct server server;
    pid_t egress;
    int zygote; /* connection as the agents' user */
    struct http_trust *trust;
};

extern struct stack stack;

/* Check's unchecked fixtures. */
void stack_setup(void);
void stack_teardown(void);

/* Connects to egress with the effective uid of `user`. */
int stack_connect(const char *user);
/* A new agent's channel, bound over the zygote's connection. */
int stack_agent(void);
/* A turn's channel over an agent's. */
int stack_turn(int agent);
/* No sockets, no connect, no exec, no fork, no file opened for writing, in this process from now
 * on. */
void stack_wall(void);

/* "https://localhost:PORT/path" of a server; http for the plain ones. Static buffers, four in turn.
 */
const char *stack_url(enum server_kind kind, const char *path);

/* Asks egress directly. Returns the descriptor, or the refusal as -errno. */
int stack_dial(int turn, const char *host, uint16_t port);

#endif
