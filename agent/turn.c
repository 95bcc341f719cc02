/* The ladder of one turn: keys, act, one last message, wipe. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "agent/turn_state.h"

/* Kept from the deadline for the last message. */
#define LAST_WORD_MS 250

/* Dialling the model and its handshake begin before anything else: they run while keys answer. The
 * calendar's run while the model thinks. */
static void prepare_connections(struct turn *turn) {
    const struct turn_world *world = turn->world;
    if (turn->start->kind != CLOISTER__TURN_KIND__TURN_CHAT)
        return;
    http_prepare(turn->pump.http, world->model.url, world->model.trust);
    http_prepare_later(turn->pump.http, world->google.calendar_url, world->google.trust);
}

static int act(struct turn *turn, struct turn_outcome *outcome) {
    prepare_connections(turn);
    int r = keys_ask(turn->setup->keys_fd, turn->start, &turn->keys, &turn->fault);
    if (r == 0)
        r = turn_admit(turn);
    if (r < 0)
        return r;
    turn->google = google_new(&turn->world->google, &turn->pump, turn->keys->client_secret);
    if (turn->google == NULL)
        return -ENOMEM;
    switch (turn->start->kind) {
    case CLOISTER__TURN_KIND__TURN_CHAT:
        return turn_chat(turn, outcome);
    case CLOISTER__TURN_KIND__TURN_CONNECT:
        return turn_connect(turn, outcome);
    case CLOISTER__TURN_KIND__TURN_REVOKE:
        return turn_revoke(turn, outcome);
    case CLOISTER__TURN_KIND__TURN_MEMORY_LIST:
        return turn_memory_list(turn, outcome);
    case CLOISTER__TURN_KIND__TURN_SIGN_IN:
        return turn_sign_in(turn, outcome);
    case _CLOISTER__TURN_KIND_IS_INT_SIZE:
        break;
    }
    return fault_set(&turn->fault, -EPROTO, "internal", false, "This kind of turn is not known.");
}

/* Google's word that the grant is gone must reach the database even when the turn fails for it. */
static void report_broken(struct turn *turn) {
    if (turn->google == NULL || turn->start->kind != CLOISTER__TURN_KIND__TURN_CHAT ||
        turn->channel.lost || !google_grant_gone(turn->google))
        return;
    struct fault unused = {0};
    int error = 0;
    Cloister__MarkBroken broken = CLOISTER__MARK_BROKEN__INIT;
    broken.reason = (char *)"invalid_grant";
    Cloister__HostCall call = CLOISTER__HOST_CALL__INIT;
    call.op_case = CLOISTER__HOST_CALL__OP_MARK_BROKEN;
    call.mark_broken = &broken;
    (void)!channel_host_call(&turn->channel, &call, &error, &unused);
}

static void fill_usage(const struct turn *turn, struct turn_outcome *outcome) {
    outcome->usage.input_tokens = turn->input_tokens;
    outcome->usage.output_tokens = turn->output_tokens;
    outcome->usage.model_calls = turn->model_calls;
    outcome->usage.tool_calls = turn->tool_calls;
    outcome->audit.calendar_reads = turn->reads;
    outcome->audit.calendar_writes = turn->writes_done;
    outcome->audit.tainted = turn->tainted;
}

static int send_done(struct turn *turn, struct turn_outcome *outcome, ProtobufCBinaryData notes,
                     ProtobufCBinaryData access) {
    Cloister__TurnDone *done = &outcome->done;
    done->turn = turn->start->turn;
    done->usage = &outcome->usage;
    done->audit = &outcome->audit;
    done->notes = notes;
    done->access = access;
    done->grant = turn->grant;
    Cloister__Message message = MSG_OF(TURN_DONE, turn_done, done);
    return channel_send(&turn->channel, &message);
}

static int send_error(struct turn *turn, struct turn_outcome *outcome, ProtobufCBinaryData notes,
                      ProtobufCBinaryData access) {
    struct fault *fault = &turn->fault;
    char detail[sizeof(fault->detail) + 64];
    /* Without an idempotency key a repeat would do again what this attempt did. */
    bool repeatable = turn->writes_done == 0 || turn->start->idempotency.len > 0;
    (void)snprintf(detail, sizeof(detail), "%s", fault->detail);
    if (turn->writes_done > 0)
        (void)snprintf(detail, sizeof(detail), "%s Changes made before this: %u.", fault->detail,
                       turn->writes_done);
    Cloister__TurnError error = CLOISTER__TURN_ERROR__INIT;
    error.turn = turn->start->turn;
    error.code = (char *)fault->code;
    error.detail = detail;
    error.retryable = fault->retryable && repeatable;
    error.unknown_writes = fault->unknown_writes;
    error.retry_after_ms = fault->retry_after_ms;
    error.usage = &outcome->usage;
    error.notes = notes;
    error.access = access;
    Cloister__Message message = MSG_OF(TURN_ERROR, turn_error, &error);
    return channel_send(&turn->channel, &message);
}

static void finish(struct turn *turn, int r, struct turn_outcome *outcome) {
    ProtobufCBinaryData notes = {0}, access = {0};
    if (r < 0 && turn->fault.code == NULL)
        (void)fault_set(&turn->fault, r, "internal", true, "Something went wrong in this server.");
    report_broken(turn);
    if (turn->start->kind == CLOISTER__TURN_KIND__TURN_CHAT && turn->keys != NULL) {
        outcome->access = turn_seal_access(turn, &access.len);
        outcome->notes = turn_seal_notes(turn, r < 0, &notes.len);
        access.data = outcome->access;
        notes.data = outcome->notes;
        access.len = access.data != NULL ? access.len : 0;
        notes.len = notes.data != NULL ? notes.len : 0;
        outcome->audit.refreshed = access.len > 0;
    }
    fill_usage(turn, outcome);
    if (r == 0)
        (void)!send_done(turn, outcome, notes, access);
    else
        (void)!send_error(turn, outcome, notes, access);
}

static void turn_wipe(struct turn *turn, struct turn_outcome *outcome) {
    google_free(turn->google);
    secret_free(turn->refresh);
    secret_free(turn->keys);
    for (size_t i = 0; i < turn->npreferences; i++)
        string_wipe(turn->preferences[i].text);
    for (size_t i = 0; i < turn->nearlier; i++)
        json_decref(turn->earlier[i].event);
    notes_free(turn->notes);
    explicit_bzero(turn->grant, sizeof(turn->grant));
    strbuf_free(&turn->answer);
    strbuf_free(&turn->record);
    channel_close(&turn->channel);
    http_free(turn->pump.http);
    free(outcome->notes);
    free(outcome->access);
    free(outcome->memories);
    free(outcome->memory_list);
    explicit_bzero(outcome, sizeof(*outcome));
}

int turn_run(const struct turn_setup *setup) {
    static struct turn turn; /* large, and one per process */
    struct turn_outcome outcome = {.done = CLOISTER__TURN_DONE__INIT,
                                   .usage = CLOISTER__USAGE__INIT,
                                   .audit = CLOISTER__AUDIT__INIT};
    turn = (struct turn){.setup = setup,
                         .world = setup->world,
                         .start = setup->start,
                         .origin = origin_of(setup->start->origin)};
    turn.pump.deadline = setup->deadline > LAST_WORD_MS ? setup->deadline - LAST_WORD_MS : 0;
    turn.channel = (struct channel){.fd = setup->agent_fd, .turn = setup->start->turn};
    int r = http_new(setup->egress_fd, &turn.pump.http);
    if (r == 0) {
        channel_open(&turn.channel, setup->agent_fd, setup->start, &turn.pump);
        r = act(&turn, &outcome);
    }
    finish(&turn, r, &outcome);
    turn_wipe(&turn, &outcome);
    return 0;
}
