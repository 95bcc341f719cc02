/* A folder with a socket in it, a loop, and an end of either kind: which one a test program tries
 * shows in what it links, end_of_nng.c (ipc/nng_end.h) or end_of_sp.c (ipc/sp_end.h). */
#ifndef CLOISTER_TESTS_IPC_END_RIG_H
#define CLOISTER_TESTS_IPC_END_RIG_H

#include <check.h>
#include <event2/event.h>
#include <sys/types.h>

#include "ipc/base.h"
#include "ipc/sp.h"

struct end;
#define END_QUEUE (4u << 20)

/* What an end has heard, and what it does with it. */
struct side {
    struct end *end;
    unsigned ups, downs, messages;
    pid_t pid;
    uid_t uid;
    bool echo, refuse, close_on_message;
    size_t last_len;
    uint8_t last_byte;
};

extern struct event_base *base;
extern char dir[64], path[96]; /* of the folder, of the socket */
extern int dir_fd;             /* of its folder, where it is called "peer" */

/* A fixture. */
void setup(void);
void teardown(void);

/* As in the end's own header; it listens for this user, mode 0666. */
int end_listen(struct side *side) MUST_CHECK;
int end_dial(struct side *side) MUST_CHECK;
int end_send(struct end *end, const uint8_t *data, size_t len) MUST_CHECK;
void end_drop(struct end *end);
void end_close(struct end *end);
/* The callbacks that both are given; ctx: a struct side. */
bool end_up(void *ctx, pid_t pid, uid_t uid);
void end_message(void *ctx, const uint8_t *data, size_t len);
void end_down(void *ctx);

void listen_at(struct side *side);
/* Runs the loop until `*count` reaches `want`; fails after 5 s. */
void wait_count(const unsigned *count, unsigned want);
/* Waits for the agent's end, at most 5 ms, and flushes it. */
void pump(struct sp *sp, short events);
/* Waits for a message or an error at the agent's end while the loop runs too. */
int sp_wait(struct sp *sp, const uint8_t **data, size_t *len);

/* Adds the cases that hold for both kinds. */
void end_cases(TCase *tcase);

#endif
