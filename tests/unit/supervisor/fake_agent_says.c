/* What the played agent says: one function for each message, and those of turns that are told in
 * other words than a message's. */
#include "fake_agent.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

struct sp *sp;

static void send_bytes(const void *data, size_t len) {
    if (sp_send(sp, data, len) < 0)
        _exit(1);
    while (sp_waiting(sp)) {
        struct pollfd wait = {.fd = sp_fd(sp), .events = POLLOUT};
        (void)poll(&wait, 1, 1000);
        if (sp_flush(sp) < 0)
            _exit(1);
    }
}

void send_message(Cloister__Message *message) {
    size_t size = cloister__message__get_packed_size(message) + 16;
    SCOPE_FREE uint8_t *data = malloc(size);
    ssize_t len = data == NULL ? -1 : msg_encode(message, data, size);
    if (len < 0)
        _exit(2);
    send_bytes(data, (size_t)len);
}

void send_delta(const char *turn, const char *text) {
    Cloister__TurnDelta delta = CLOISTER__TURN_DELTA__INIT;
    delta.turn = (char *)turn;
    delta.text = (char *)text;
    Cloister__Message message = MSG_OF(TURN_DELTA, turn_delta, &delta);
    send_message(&message);
}

void send_done(const char *turn, const char *notes) {
    Cloister__TurnDone done = CLOISTER__TURN_DONE__INIT;
    done.turn = (char *)turn;
    done.notes = (ProtobufCBinaryData){strlen(notes), (uint8_t *)notes};
    Cloister__Message message = MSG_OF(TURN_DONE, turn_done, &done);
    send_message(&message);
}

void send_error(const char *turn, const char *code) {
    Cloister__TurnError error = CLOISTER__TURN_ERROR__INIT;
    error.turn = (char *)turn;
    error.code = (char *)code;
    error.detail = "told to";
    Cloister__Message message = MSG_OF(TURN_ERROR, turn_error, &error);
    send_message(&message);
}

void send_unanswered(const char *turn) {
    Cloister__TurnError error = CLOISTER__TURN_ERROR__INIT;
    error.turn = (char *)turn;
    error.code = "google_unavailable";
    error.detail = "told to";
    error.unanswered = true;
    Cloister__Message message = MSG_OF(TURN_ERROR, turn_error, &error);
    send_message(&message);
}

void send_used(const char *turn, const char *numbers) {
    Cloister__Usage usage = CLOISTER__USAGE__INIT;
    Cloister__Audit audit = CLOISTER__AUDIT__INIT;
    char *rest;
    usage.input_tokens = strtoull(numbers, &rest, 10);
    usage.output_tokens = strtoull(rest, NULL, 10);
    audit.calendar_reads = 2;
    Cloister__TurnDone done = CLOISTER__TURN_DONE__INIT;
    done.turn = (char *)turn;
    done.usage = &usage;
    done.audit = &audit;
    Cloister__Message message = MSG_OF(TURN_DONE, turn_done, &done);
    send_message(&message);
}

void send_tool(const char *turn, const char *name) {
    Cloister__TurnTool tool = CLOISTER__TURN_TOOL__INIT;
    tool.turn = (char *)turn;
    tool.name = (char *)name;
    tool.state = "running";
    Cloister__Message message = MSG_OF(TURN_TOOL, turn_tool, &tool);
    send_message(&message);
}

void send_exited(const char *turn) {
    Cloister__TurnExited exited = CLOISTER__TURN_EXITED__INIT;
    exited.turn = (char *)turn;
    exited.signal = SIGSEGV;
    Cloister__Message message = MSG_OF(TURN_EXITED, turn_exited, &exited);
    send_message(&message);
}

void send_put_preference(const char *turn) {
    Cloister__PutPreference put = CLOISTER__PUT_PREFERENCE__INIT;
    put.id = "0123456789abcdef0123456789abcdef";
    put.sealed = (ProtobufCBinaryData){6, (uint8_t *)"sealed"};
    Cloister__HostCall call = CLOISTER__HOST_CALL__INIT;
    call.turn = (char *)turn;
    call.call = 7;
    call.op_case = CLOISTER__HOST_CALL__OP_PUT_PREFERENCE;
    call.put_preference = &put;
    Cloister__Message message = MSG_OF(HOST_CALL, host_call, &call);
    send_message(&message);
}

void send_put_token(const char *turn) {
    Cloister__PutToken put = CLOISTER__PUT_TOKEN__INIT;
    put.refresh = (ProtobufCBinaryData){6, (uint8_t *)"sealed"};
    Cloister__HostCall call = CLOISTER__HOST_CALL__INIT;
    call.turn = (char *)turn;
    call.op_case = CLOISTER__HOST_CALL__OP_PUT_TOKEN;
    call.put_token = &put;
    Cloister__Message message = MSG_OF(HOST_CALL, host_call, &call);
    send_message(&message);
}

/* ---- the business front door ---- */

/* "ask OPERATION": with lies about who asks, which are for cloisterd to overwrite. */
void send_business(const char *turn, const char *operation) {
    Cloister__BusinessCall business = CLOISTER__BUSINESS_CALL__INIT;
    business.operation = (char *)operation;
    business.arguments = "{\"a\":1}";
    business.idempotency_key = "key";
    business.user = "ffffffffffffffffffffffffffffffff";
    business.origin = "owner";
    business.business = "somebody-elses";
    Cloister__HostCall call = CLOISTER__HOST_CALL__INIT;
    call.turn = (char *)turn;
    call.call = 9;
    call.op_case = CLOISTER__HOST_CALL__OP_BUSINESS;
    call.business = &business;
    Cloister__Message message = MSG_OF(HOST_CALL, host_call, &call);
    send_message(&message);
}

void say_business(const Cloister__HostReply *reply) {
    char text[512];
    (void)snprintf(text, sizeof(text), "%u %s %zu", reply->business->status, reply->business->code,
                   strlen(reply->business->result));
    send_delta(reply->turn, text);
    send_done(reply->turn, "");
}

void send_mark_broken(const char *turn) {
    Cloister__MarkBroken broken = CLOISTER__MARK_BROKEN__INIT;
    broken.reason = "invalid_grant";
    Cloister__HostCall call = CLOISTER__HOST_CALL__INIT;
    call.turn = (char *)turn;
    call.op_case = CLOISTER__HOST_CALL__OP_MARK_BROKEN;
    call.mark_broken = &broken;
    Cloister__Message message = MSG_OF(HOST_CALL, host_call, &call);
    send_message(&message);
}

/* A step in a calendar: the event's title says what comes of it. */
void run_front(const Cloister__TurnStart *start) {
    const char *title = start->front->event->title;
    Cloister__FrontDone front = CLOISTER__FRONT_DONE__INIT;
    Cloister__TurnDone done = CLOISTER__TURN_DONE__INIT;
    Cloister__Interval intervals[2] = {CLOISTER__INTERVAL__INIT, CLOISTER__INTERVAL__INIT};
    Cloister__Interval *list[] = {&intervals[0], &intervals[1]};
    Cloister__Message message = MSG_OF(TURN_DONE, turn_done, &done);
    if (strcmp(title, "die") == 0)
        _exit(3);
    if (strcmp(title, "hang") == 0)
        return;
    if (strcmp(title, "broken") == 0)
        send_mark_broken(start->turn);
    if (strcmp(title, "broken") == 0 || strcmp(title, "error") == 0) {
        send_error(start->turn, "reconnect_required");
        return;
    }
    intervals[0].start = strcmp(title, "disorder") == 0 ? 30 : 10;
    intervals[0].end = 20;
    intervals[1].start = 20;
    intervals[1].end = 25;
    front.n_busy = 2;
    front.busy = list;
    front.exists = start->state->refresh.len > 0 && start->state->n_preferences == 0;
    done.turn = start->turn;
    done.front = strcmp(title, "nothing") == 0 ? NULL : &front;
    send_message(&message);
}

void send_hello(void) {
    Cloister__AgentHello hello = CLOISTER__AGENT_HELLO__INIT;
    hello.protocol = PROTOCOL_VERSION;
    Cloister__Message message = MSG_OF(AGENT_HELLO, agent_hello, &hello);
    send_message(&message);
}

bool is(const char *message, const char *word) {
    return strncmp(message, word, strlen(word)) == 0;
}

void send_garbage(const char *message) {
    uint8_t noise[4096];
    unsigned seed = (unsigned)atoi(message + strlen("garbage "));
    size_t len = 1 + (size_t)rand_r(&seed) % (sizeof(noise) - 1);
    for (size_t i = 0; i < len; i++)
        noise[i] = (uint8_t)rand_r(&seed);
    send_bytes(noise, len);
}

/* The wire below the messages: a frame that promises 2^60 bytes. */
void send_huge_frame(void) {
    static const uint8_t frame[] = {1, 0x10, 0, 0, 0, 0, 0, 0, 0, 'x'};
    (void)!write(sp_fd(sp), frame, sizeof(frame));
}

/* ---- proposals ---- */

#define FAKE_PROPOSALS 8

/* So many; what is sealed says what becomes of a decision on it. */
void send_proposals(const char *turn, unsigned n, const char *sealed) {
    Cloister__Proposal items[FAKE_PROPOSALS], *list[FAKE_PROPOSALS];
    char ids[FAKE_PROPOSALS][ID_LEN + 1];
    Cloister__TurnDone done = CLOISTER__TURN_DONE__INIT;
    for (unsigned i = 0; i < n && i < FAKE_PROPOSALS; i++) {
        cloister__proposal__init(&items[i]);
        id_random(ids[i]);
        items[i].id = ids[i];
        items[i].sealed = (ProtobufCBinaryData){strlen(sealed), (uint8_t *)sealed};
        items[i].summary = "Move \"Lunch\"";
        items[i].arguments = "{\"tool\":\"update_event\"}";
        items[i].expires_at_ms = is(sealed, "old") ? wall_ms() - 1 : wall_ms() + 60000;
        list[i] = &items[i];
    }
    done.turn = (char *)turn;
    done.n_proposals = n;
    done.proposals = list;
    Cloister__Message message = MSG_OF(TURN_DONE, turn_done, &done);
    send_message(&message);
}

static size_t given_ids(const Cloister__TurnStart *start, char *ids[static 64]) {
    size_t n = start->state->n_proposals < 64 ? start->state->n_proposals : 64;
    for (size_t i = 0; i < n; i++)
        ids[i] = start->state->proposals[i]->id;
    return n;
}

void send_given(const Cloister__TurnStart *start) {
    char text[64 * (ID_LEN + 1) + 2] = "|", *ids[64];
    size_t n = given_ids(start, ids);
    for (size_t i = 0; i < n; i++) {
        strncat(text, ids[i], ID_LEN);
        strcat(text, "|");
    }
    send_delta(start->turn, text);
    send_done(start->turn, "noted");
}

void send_settled(const Cloister__TurnStart *start, const char *other) {
    char *ids[65];
    Cloister__TurnDone done = CLOISTER__TURN_DONE__INIT;
    Cloister__Audit audit = CLOISTER__AUDIT__INIT;
    audit.shown = 1u << 0 | 1u << 4 | 1u << 31;
    done.turn = start->turn;
    done.audit = &audit;
    done.n_settled = given_ids(start, ids);
    if (other != NULL)
        ids[done.n_settled++] = (char *)other;
    done.settled = ids;
    Cloister__Message message = MSG_OF(TURN_DONE, turn_done, &done);
    send_message(&message);
}

static char writing[ID_LEN + 1];

void begin_write(const Cloister__TurnStart *start) {
    char *ids[64] = {""};
    (void)given_ids(start, ids);
    (void)snprintf(writing, sizeof(writing), "%s", ids[0]);
    send_tool(start->turn, "delete_event");
}

void end_write(const char *turn) {
    char *ids[] = {writing};
    Cloister__TurnDone done = CLOISTER__TURN_DONE__INIT;
    done.turn = (char *)turn;
    done.notes = (ProtobufCBinaryData){7, (uint8_t *)"deleted"};
    done.settled = ids;
    done.n_settled = 1;
    Cloister__Message message = MSG_OF(TURN_DONE, turn_done, &done);
    send_message(&message);
}

static void send_decision_error(const Cloister__TurnStart *start, const char *code, bool settled,
                                bool unknown) {
    char *ids[64];
    Cloister__TurnError error = CLOISTER__TURN_ERROR__INIT;
    error.turn = start->turn;
    error.code = (char *)code;
    error.detail = "told to";
    error.unknown_writes = unknown;
    error.retryable = unknown;
    error.settled = ids;
    error.n_settled = settled ? given_ids(start, ids) : 0;
    Cloister__Message message = MSG_OF(TURN_ERROR, turn_error, &error);
    send_message(&message);
}

void run_decision(const Cloister__TurnStart *start) {
    char sealed[64] = "", text[128];
    const ProtobufCBinaryData *data = &start->state->proposals[0]->sealed;
    (void)snprintf(sealed, sizeof(sealed), "%.*s", (int)data->len, (const char *)data->data);
    if (is(sealed, "changed"))
        send_decision_error(start, "proposal_changed", true, false);
    else if (is(sealed, "away"))
        send_decision_error(start, "google_unavailable", false, false);
    else if (is(sealed, "unknown"))
        send_decision_error(start, "google_unavailable", false, true);
    else if (is(sealed, "die"))
        _exit(3);
    else if (!is(sealed, "hang")) {
        (void)snprintf(text, sizeof(text), "%s%s in %s", start->repeated ? "again " : "",
                       start->confirm ? "confirmed" : "rejected", start->conversation);
        send_delta(start->turn, text);
        send_done(start->turn, "noted");
    }
}
