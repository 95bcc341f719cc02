/* The ladder of one turn: keys, act, one last message, wipe. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "agent/proposal.h"
#include "agent/calendars.h"
#include "agent/answer.h"
#include "agent/guards.h"
#include "agent/turn_state.h"
#include "agent/yes.h"
#include "providers/resume.h"

/* Kept from the deadline for the last message. */
#define LAST_WORD_MS 250

/* Dialling the model and its handshake begin before anything else: they run while keys answer. The
 * calendar's run while the model thinks. */
static void prepare_connections(struct turn *turn) {
    const struct turn_world *world = turn->world;
    if (turn->start->kind == CLOISTER__TURN_KIND__TURN_DECIDE && turn->start->confirm)
        http_prepare(turn->pump.http, world->google.calendar_url, world->google.trust);
    if (turn->start->kind == CLOISTER__TURN_KIND__TURN_FRONT)
        http_prepare(turn->pump.http, world->google.calendar_url, world->google.trust);
    if (turn->start->kind != CLOISTER__TURN_KIND__TURN_CHAT)
        return;
    http_prepare(turn->pump.http, world->model.url, world->model.trust);
    if (turn->origin != ORIGIN_CUSTOMER)
        http_prepare_later(turn->pump.http, world->google.calendar_url, world->google.trust);
}

static int act(struct turn *turn, struct turn_outcome *outcome) {
    prepare_connections(turn);
    uint64_t began = clock_us();
    const bool thinks = turn->start->kind == CLOISTER__TURN_KIND__TURN_CHAT;
    int r = keys_ask(turn->setup->keys_fd, turn->start, thinks ? turn->world->model_host : "",
                     &turn->keys, &turn->fault);
    turn->keys_us = clock_us() - began;
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
    case CLOISTER__TURN_KIND__TURN_MEMORY_PUT:
        return turn_memory_put(turn, outcome);
    case CLOISTER__TURN_KIND__TURN_SIGN_IN:
        return turn_sign_in(turn, outcome);
    case CLOISTER__TURN_KIND__TURN_DECIDE:
        return turn_decide(turn, outcome);
    case CLOISTER__TURN_KIND__TURN_FRONT:
        return turn_front(turn, outcome);
    case _CLOISTER__TURN_KIND_IS_INT_SIZE:
        break;
    }
    return fault_set(&turn->fault, -EPROTO, "internal", false, "This kind of turn is not known.");
}

/* A turn of a conversation: it has notes and an access token to hand back. */
static bool converses(const struct turn *turn) {
    return turn->start->kind == CLOISTER__TURN_KIND__TURN_CHAT ||
           turn->start->kind == CLOISTER__TURN_KIND__TURN_DECIDE;
}

/* Google's word that the grant is gone must reach the database even when the turn fails for it. */
static void report_broken(struct turn *turn) {
    const bool may = converses(turn) || turn->start->kind == CLOISTER__TURN_KIND__TURN_FRONT;
    if (turn->google == NULL || !may || turn->channel.lost || !google_grant_gone(turn->google))
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

/* Before the last word, after which the agent takes nothing more. What does not go is lost, and the
 * next turn shakes hands in full. */
static void hand_sessions(struct turn *turn) {
    struct resume made;
    Cloister__TlsSession sessions[RESUME_HOSTS], *list[RESUME_HOSTS];
    Cloister__TurnSessions body = CLOISTER__TURN_SESSIONS__INIT;
    if (turn->pump.http == NULL || turn->channel.lost || !http_sessions(turn->pump.http, &made))
        return;
    body.turn = turn->start->turn;
    body.sessions = list;
    for (size_t i = 0; i < RESUME_HOSTS; i++) {
        struct resume_session *session = &made.sessions[i];
        if (session->len == 0)
            continue;
        sessions[i] = (Cloister__TlsSession)CLOISTER__TLS_SESSION__INIT;
        sessions[i].host = session->host;
        sessions[i].port = session->port;
        sessions[i].trust = session->trust;
        sessions[i].session = (ProtobufCBinaryData){session->len, session->bytes};
        list[body.n_sessions++] = &sessions[i];
    }
    Cloister__Message message = MSG_OF(TURN_SESSIONS, turn_sessions, &body);
    (void)!channel_send(&turn->channel, &message);
    explicit_bzero(&made, sizeof(made));
}

static void fill_usage(struct turn *turn, struct turn_outcome *outcome) {
    outcome->usage.input_tokens = turn->input_tokens;
    outcome->usage.output_tokens = turn->output_tokens;
    outcome->usage.model_calls = turn->model_calls;
    outcome->usage.tool_calls = turn->tool_calls;
    outcome->audit.calendar_reads = turn->reads;
    outcome->audit.calendar_writes = turn->writes_done;
    outcome->audit.tainted = turn->tainted;
    outcome->audit.shown = turn->shown;
    outcome->audit.proposals = (uint32_t)turn->nmade;
    struct pump_tally *tally = &turn->pump.tally;
    outcome->audit.keys_us = turn->keys_us;
    outcome->audit.calendar_us = tally->google_us;
    outcome->audit.model_us = tally->model_us;
    outcome->audit.model_first_us = tally->model_first_us;
    outcome->audit.model_errors = tally->model_errors;
    outcome->audit.n_model_errors = PUMP_ERRORS;
    outcome->audit.google_errors = tally->google_errors;
    outcome->audit.n_google_errors = PUMP_ERRORS;
}

static size_t list_settled(struct turn *turn, char *out[static TURN_SETTLED]) {
    for (size_t i = 0; i < turn->nsettled; i++)
        out[i] = turn->settled[i];
    return turn->nsettled;
}

static int send_done(struct turn *turn, struct turn_outcome *outcome, ProtobufCBinaryData notes,
                     ProtobufCBinaryData access) {
    Cloister__TurnDone *done = &outcome->done;
    Cloister__Proposal *made[LIMIT_PROPOSALS];
    char *settled[TURN_SETTLED];
    for (size_t i = 0; i < turn->nmade; i++)
        made[i] = &turn->made[i];
    done->proposals = made;
    done->n_proposals = turn->nmade;
    done->settled = settled;
    done->n_settled = list_settled(turn, settled);
    done->turn = turn->start->turn;
    done->usage = &outcome->usage;
    done->audit = &outcome->audit;
    done->notes = notes;
    done->access = access;
    done->grant = turn->grant;
    Cloister__Message message = MSG_OF(TURN_DONE, turn_done, done);
    int r = channel_send(&turn->channel, &message);
    done->n_proposals = done->n_settled = 0; /* they end here */
    done->proposals = NULL;
    done->settled = NULL;
    return r;
}

/* Whoever is told of it has read nothing else: what awaits a plain word awaits it still. */
static bool is_unanswered(const struct turn *turn) {
    return turn->start->kind == CLOISTER__TURN_KIND__TURN_CHAT && turn->model_calls == 0 &&
           yes_read(turn->start->message, !guard_holds(GUARD_YES_PLAIN)) != PLAIN_NEITHER;
}

static int send_error(struct turn *turn, struct turn_outcome *outcome, ProtobufCBinaryData notes,
                      ProtobufCBinaryData access) {
    struct fault *fault = &turn->fault;
    char detail[sizeof(fault->detail) + 64], *settled[TURN_SETTLED];
    /* Without an idempotency key a repeat would do again what this attempt did; a proposal finds
     * its own traces. */
    bool repeatable = turn->writes_done == 0 || turn->start->idempotency.len > 0 ||
                      turn->start->kind == CLOISTER__TURN_KIND__TURN_DECIDE ||
                      turn->start->kind == CLOISTER__TURN_KIND__TURN_FRONT;
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
    error.audit = &outcome->audit;
    error.settled = settled;
    /* A failing turn proposes nothing, so nothing that it would have replaced is done with. */
    error.n_settled = turn->nmade > 0 ? 0 : list_settled(turn, settled);
    error.notes = notes;
    error.access = access;
    error.unanswered = is_unanswered(turn);
    Cloister__Message message = MSG_OF(TURN_ERROR, turn_error, &error);
    return channel_send(&turn->channel, &message);
}

/* A limit of its own, unless the whole machine is short: the user hears which. cloisterd counts
 * these by their code, which no other fault of a turn has. */
static void tell_memory(struct fault *fault) {
    if (fault->code != NULL && strcmp(fault->code, "internal") != 0)
        return;
    fault->code = NULL;
    (void)fault_set(fault, -ENOMEM, "agent_lost", true,
                    "The turn was ended because it needed more memory than a turn may have.");
}

static void finish(struct turn *turn, int r, struct turn_outcome *outcome) {
    ProtobufCBinaryData notes = {0}, access = {0};
    if (r == -ENOMEM)
        tell_memory(&turn->fault);
    if (r < 0 && turn->fault.code == NULL)
        (void)fault_set(&turn->fault, r, "internal", true, "Something went wrong in this server.");
    report_broken(turn);
    hand_sessions(turn);
    const bool front = turn->start->kind == CLOISTER__TURN_KIND__TURN_FRONT;
    if ((converses(turn) || front) && turn->keys != NULL) {
        outcome->access = turn_seal_access(turn, &access.len);
        outcome->notes = front ? NULL : turn_seal_notes(turn, r < 0, &notes.len);
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
    answer_free(turn->filter);
    people_free(turn->people);
    taint_free(turn->taint);
    notes_free(turn->notes);
    handles_free(turn->handles);
    calendars_free(turn->calendars);
    explicit_bzero(turn->grant, sizeof(turn->grant));
    strbuf_free(&turn->answer);
    strbuf_free(&turn->record);
    strbuf_free(&turn->links);
    strbuf_free(&turn->pages);
    strbuf_free(&turn->proposed);
    proposal_wipe(turn);
    channel_close(&turn->channel);
    http_free(turn->pump.http);
    free(outcome->notes);
    free(outcome->access);
    free(outcome->memories);
    free(outcome->memory_list);
    free(outcome->busy);
    free(outcome->busy_list);
    explicit_bzero(outcome, sizeof(*outcome));
}

int turn_run(const struct turn_setup *setup) {
    static struct turn turn; /* large, and one per process */
    secret_pool();
    struct turn_outcome outcome = {.done = CLOISTER__TURN_DONE__INIT,
                                   .usage = CLOISTER__USAGE__INIT,
                                   .audit = CLOISTER__AUDIT__INIT};
    turn = (struct turn){.setup = setup,
                         .world = setup->world,
                         .start = setup->start,
                         .origin = origin_of(setup->start->origin)};
    turn.pump.deadline = setup->deadline > LAST_WORD_MS ? setup->deadline - LAST_WORD_MS : 0;
    turn.channel = (struct channel){.fd = setup->agent_fd, .turn = setup->start->turn};
    turn.taint = taint_new();
    turn.people = people_new();
    int r = turn.taint == NULL || turn.people == NULL ? -ENOMEM
                                                      : http_new(setup->egress_fd, &turn.pump.http);
    if (r == 0) {
        http_resume(turn.pump.http, setup->resume);
        channel_open(&turn.channel, setup->agent_fd, setup->start, &turn.pump);
        r = act(&turn, &outcome);
    }
    finish(&turn, r, &outcome);
    turn_wipe(&turn, &outcome);
    return 0;
}
