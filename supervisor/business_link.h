/* cloisterd's end of its channel with cloister-business: dials, says BUSINESS_HELLO, asks by
 * number, and hears what cloister-business asks of the owners' cells. A call is answered exactly
 * once, later, whatever becomes of the channel: while that is down, or a call takes too long, the
 * answer is 503 "business_unavailable". Who is asking is stamped by whoever calls this, from the
 * registry, never from a message. Loop thread. */
#ifndef CLOISTER_SUPERVISOR_BUSINESS_LINK_H
#define CLOISTER_SUPERVISOR_BUSINESS_LINK_H

#include <event2/event.h>
#include <sys/types.h>

#include "ipc/message.h"

#define BUSINESS_CALLS_MAX 1024 /* under way; one more is answered 503 "full" */
#define BUSINESS_CALL_MS   30000

struct business_link;
struct business_call;

struct business_setup {
    const char *path; /* NULL: there is no front door; all calls are answered so */
    uid_t uid;        /* of cloister-business; nobody else is spoken to */
    /* A CELL_CALL, to take over: answered by business_cell_reply, now or later. */
    void (*cell)(void *ctx, Cloister__Message *message);
    /* The peer is gone, and nobody waits for the answers to its cell calls any more. */
    void (*down)(void *ctx);
    void *ctx;
};

/* 0 or -errno. */
int business_link_new(struct event_base *base, const struct business_setup *setup,
                      struct business_link **ret) MUST_CHECK;
/* Calls under way are answered from inside, as if the peer had gone. NULL is fine. */
void business_link_free(struct business_link *link);
bool business_link_up(const struct business_link *link);

typedef void business_done(void *ctx, const Cloister__BusinessResult *result);
/* `call` is copied; its request number is filled in here. Never calls `done` from inside. NULL only
 * when there is no memory. */
struct business_call *business_call(struct business_link *link, const Cloister__BusinessCall *call,
                                    business_done *done, void *ctx) MUST_CHECK;
/* Nobody waits for it any more; `done` is not called. `call` is invalid. */
void business_call_cancel(struct business_call *call);

/* The answer to a CELL_CALL; dropped when its peer is gone. */
void business_cell_reply(struct business_link *link, Cloister__CellResult *result);

/* One whole message from the peer, as nng gives it. For tests. */
void business_link_receive(struct business_link *link, const uint8_t *data, size_t len);

#endif
