/* The turn's end of its channel to the agent: text within credit, tool states, calls to the
 * supervisor, and what comes back (cancellation, credit, replies). */
#ifndef CLOISTER_AGENT_TURN_CHANNEL_H
#define CLOISTER_AGENT_TURN_CHANNEL_H

#include "ipc/message.h"
#include "providers/pump.h"
#include "providers/strbuf.h"

struct channel {
    int fd;
    const char *turn;
    struct msg_peer peer;
    struct pump *pump;
    uint64_t credit;
    struct strbuf waiting; /* text that came just now, or beyond the credit */
    size_t text_sent;
    uint64_t calls, reply_call;
    int reply_error;
    Cloister__Message *reply; /* the last one, where it is cloister-business's; or NULL */
    bool lost;                /* the agent is gone or spoke nonsense */
};

void channel_open(struct channel *channel, int fd, const Cloister__TurnStart *start,
                  struct pump *pump);
void channel_close(struct channel *channel);

/* Gives text to the reader: with the next message or before the next wait, so that pieces which
 * came together go on as one, as far as there is credit. -EDQUOT over LIMIT_BYTES in one turn. */
int channel_text(struct channel *channel, const char *text, size_t len) MUST_CHECK;
/* Waits until all text is out. 0, or -errno with the fault set. */
int channel_flush(struct channel *channel, struct fault *fault) MUST_CHECK;
void channel_tool(struct channel *channel, const char *name, const char *state);

/* Asks the supervisor and waits up to 10 s. Fills in turn and call. *ret_error is the reply's
 * errno. 0, or -errno with the fault set. */
int channel_host_call(struct channel *channel, Cloister__HostCall *call, int *ret_error,
                      struct fault *fault) MUST_CHECK;
/* Asks cloister-business and waits as long as it may take. *ret lives until the next call on the
 * channel. 0, or -errno with the fault set. */
int channel_business(struct channel *channel, Cloister__BusinessCall *call,
                     const Cloister__BusinessResult **ret, struct fault *fault) MUST_CHECK;
/* Sends any message of the turn, behind the text given before. 0, -EPIPE or another -errno. */
int channel_send(struct channel *channel, Cloister__Message *message) MUST_CHECK;

#endif
