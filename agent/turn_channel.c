#include "agent/turn_channel.h"

#include <errno.h>
#include <poll.h>
#include <string.h>

#define CHUNK_MAX    4096u
#define SEND_MS      10000
#define HOST_CALL_MS 10000

/* msg_decode lets only these three through. */
static void take_message(struct channel *channel, const Cloister__Message *message) {
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
    }
}

int channel_send(struct channel *channel, Cloister__Message *message) {
    for (;;) {
        int r = seq_send(channel->fd, message, -1);
        if (r != -EAGAIN)
            return r;
        struct pollfd wait = {.fd = channel->fd, .events = POLLOUT};
        if (poll(&wait, 1, SEND_MS) <= 0)
            return -EPIPE;
    }
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
        int r = channel_send(channel, &message);
        explicit_bzero(chunk, sizeof(chunk));
        if (r < 0)
            return r;
        channel->credit -= len;
        strbuf_drop(waiting, len);
    }
    return 0;
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
            take_message(channel, message);
        else if (r != -EAGAIN)
            channel_gone(channel);
    }
    if (!channel->lost && send_waiting(channel) < 0)
        channel_gone(channel);
    return channel->pump->cancelled_at != 0 && !channel->pump->writing ? -ECANCELED : 0;
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
}

void channel_close(struct channel *channel) {
    strbuf_free(&channel->waiting);
}

int channel_text(struct channel *channel, const char *text, size_t len) {
    if (channel->text_sent + len > CHANNEL_TEXT_MAX)
        return -EDQUOT;
    channel->text_sent += len;
    strbuf_add(&channel->waiting, text, len);
    if (channel->waiting.failed)
        return -ENOMEM;
    return send_waiting(channel);
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

int channel_host_call(struct channel *channel, Cloister__HostCall *call, int *ret_error,
                      struct fault *fault) {
    call->turn = (char *)channel->turn;
    call->call = ++channel->calls;
    Cloister__Message message = MSG_OF(HOST_CALL, host_call, call);
    int r = channel_send(channel, &message);
    if (r < 0)
        return fault_set(fault, r, "supervisor_unavailable", true, "The supervisor is away.");
    uint64_t end = clock_ms() + HOST_CALL_MS;
    while (channel->reply_call != call->call) {
        if (clock_ms() >= end)
            return fault_set(fault, -ETIMEDOUT, "supervisor_unavailable", true,
                             "The supervisor did not answer.");
        r = pump_step(channel->pump, 1000, fault);
        if (r < 0)
            return r;
    }
    *ret_error = channel->reply_error;
    return 0;
}
