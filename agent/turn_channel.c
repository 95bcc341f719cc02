#include "agent/turn_channel.h"

#include <errno.h>
#include <string.h>

#include "agent/guards.h"
#include "agent/policy.h"

#define CHUNK_MAX    4096u
#define SEND_MS      10000
#define HOST_CALL_MS 10000
#define BUSINESS_MS  40000 /* a booking's steps in the calendar among it */

/* msg_decode lets only these three through. Takes a reply of cloister-business out of *at. */
static void take_message(struct channel *channel, Cloister__Message **at) {
    const Cloister__Message *message = *at;
    Cloister__Message__BodyCase body = message->body_case;
    if (body == CLOISTER__MESSAGE__BODY_TURN_CANCEL &&
        strcmp(message->turn_cancel->turn, channel->turn) == 0) {
        pump_cancel(channel->pump);
    } else if (body == CLOISTER__MESSAGE__BODY_TURN_CREDIT &&
               strcmp(message->turn_credit->turn, channel->turn) == 0) {
        channel->credit += message->turn_credit->bytes;
    } else if (body == CLOISTER__MESSAGE__BODY_HOST_REPLY &&
               strcmp(message->host_reply->turn, channel->turn) == 0) {
        channel->reply_call = message->host_reply->call;
        channel->reply_error = message->host_reply->error;
        msg_free(take_ptr(channel->reply));
        if (message->host_reply->business != NULL)
            channel->reply = take_ptr(*at);
    }
}

static int put(struct channel *channel, Cloister__Message *message) {
    int r = seq_send_wait(channel->fd, message, -1, SEND_MS);
    return r == -ETIMEDOUT ? -EPIPE : r;
}

static int send_waiting(struct channel *channel) {
    struct strbuf *waiting = &channel->waiting;
    while (waiting->len > 0) {
        size_t most = channel->credit < CHUNK_MAX ? (size_t)channel->credit : CHUNK_MAX;
        size_t len = utf8_cut(waiting->data, waiting->len, most);
        if (len == 0)
            return 0;
        char chunk[CHUNK_MAX + 1];
        memcpy(chunk, waiting->data, len);
        chunk[len] = '\0';
        Cloister__TurnDelta delta = CLOISTER__TURN_DELTA__INIT;
        delta.turn = (char *)channel->turn;
        delta.text = chunk;
        Cloister__Message message = MSG_OF(TURN_DELTA, turn_delta, &delta);
        int r = put(channel, &message);
        explicit_bzero(chunk, sizeof(chunk));
        if (r < 0)
            return r;
        channel->credit -= len;
        strbuf_drop(waiting, len);
    }
    return 0;
}

int channel_send(struct channel *channel, Cloister__Message *message) {
    int r = send_waiting(channel);
    return r < 0 ? r : put(channel, message);
}

static void channel_gone(struct channel *channel) {
    channel->lost = true;
    pump_cancel(channel->pump);
    if (channel->pump->http != NULL)
        http_watch(channel->pump->http, -1, NULL, NULL);
}

/* Runs when the agent's socket is readable, inside any wait. */
static int channel_ready(void *ctx) {
    struct channel *channel = ctx;
    for (int r = 0; r == 0 && !channel->lost;) {
        SCOPE_MSG Cloister__Message *message = NULL;
        r = seq_recv(channel->fd, &channel->peer, &message, NULL);
        if (r == 0)
            take_message(channel, &message);
        else if (r != -EAGAIN)
            channel_gone(channel);
    }
    if (!channel->lost && send_waiting(channel) < 0)
        channel_gone(channel);
    return channel->pump->cancelled_at != 0 && !channel->pump->writing ? -ECANCELED : 0;
}

/* Before each wait. */
static void channel_settle(void *ctx) {
    struct channel *channel = ctx;
    if (!channel->lost && send_waiting(channel) < 0)
        channel_gone(channel);
}

void channel_open(struct channel *channel, int fd, const Cloister__TurnStart *start,
                  struct pump *pump) {
    *channel = (struct channel){
        .fd = fd,
        .turn = start->turn,
        .peer = {.from = ROLE_SUPERVISOR, .to = ROLE_TURN, .phase = PHASE_TURN},
        .pump = pump,
        .credit = start->credit,
    };
    http_watch(pump->http, fd, channel_ready, channel);
    pump->settle = channel_settle;
    pump->settle_ctx = channel;
}

void channel_close(struct channel *channel) {
    if (channel->pump != NULL)
        channel->pump->settle = NULL;
    strbuf_free(&channel->waiting);
    msg_free(take_ptr(channel->reply));
}

int channel_text(struct channel *channel, const char *text, size_t len) {
    if (guard_holds(GUARD_LIMIT_BYTES) && channel->text_sent + len > LIMIT_BYTES)
        return -EDQUOT;
    channel->text_sent += len;
    strbuf_add(&channel->waiting, text, len);
    return channel->waiting.failed ? -ENOMEM : 0;
}

int channel_flush(struct channel *channel, struct fault *fault) {
    int r = send_waiting(channel);
    if (r < 0) {
        channel_gone(channel);
        return fault_set(fault, r, "agent_lost", true, "The agent was lost.");
    }
    while (channel->waiting.len > 0) {
        r = pump_step(channel->pump, 1000, fault);
        if (r < 0)
            return r;
    }
    return 0;
}

void channel_tool(struct channel *channel, const char *name, const char *state) {
    Cloister__TurnTool tool = CLOISTER__TURN_TOOL__INIT;
    tool.turn = (char *)channel->turn;
    tool.name = (char *)name;
    tool.state = (char *)state;
    Cloister__Message message = MSG_OF(TURN_TOOL, turn_tool, &tool);
    if (channel_send(channel, &message) < 0)
        channel_gone(channel);
}

static int host_call(struct channel *channel, Cloister__HostCall *call, uint64_t patience,
                     struct fault *fault) {
    call->turn = (char *)channel->turn;
    call->call = ++channel->calls;
    Cloister__Message message = MSG_OF(HOST_CALL, host_call, call);
    int r = channel_send(channel, &message);
    if (r < 0)
        return fault_set(fault, r, "supervisor_unavailable", true, "The supervisor is away.");
    uint64_t end = clock_ms() + patience;
    while (channel->reply_call != call->call) {
        if (clock_ms() >= end)
            return fault_set(fault, -ETIMEDOUT, "supervisor_unavailable", true,
                             "The supervisor did not answer.");
        r = pump_step(channel->pump, 1000, fault);
        if (r < 0)
            return r;
    }
    return 0;
}

int channel_host_call(struct channel *channel, Cloister__HostCall *call, int *ret_error,
                      struct fault *fault) {
    int r = host_call(channel, call, HOST_CALL_MS, fault);
    if (r == 0)
        *ret_error = channel->reply_error;
    return r;
}

int channel_business(struct channel *channel, Cloister__BusinessCall *call,
                     const Cloister__BusinessResult **ret, struct fault *fault) {
    Cloister__HostCall body = CLOISTER__HOST_CALL__INIT;
    body.op_case = CLOISTER__HOST_CALL__OP_BUSINESS;
    body.business = call;
    int r = host_call(channel, &body, BUSINESS_MS, fault);
    if (r < 0)
        return r;
    if (channel->reply == NULL)
        return fault_set(fault, -EIO, "supervisor_unavailable", true,
                         "Businesses cannot be reached at the moment.");
    *ret = channel->reply->host_reply->business;
    return 0;
}
