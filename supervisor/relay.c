/* What agents say, all of it suspect: decoded whole, checked against messages.def and against the
 * registry, then handed on. An agent that says what it may not is ended; nothing worse can happen.
 */
#include <errno.h>
#include <signal.h>
#include <string.h>

#include "ipc/log.h"
#include "supervisor/agents.h"
#include "supervisor/host_calls.h"
#include "supervisor/relay_proposals.h"
#include "supervisor/relay_rules.h"

#define WORD_BYTES   48
#define DETAIL_BYTES 1024

/* Who waits behind it would have it started again at once, and is told when to ask again. */
static void rest(struct agent *agent) {
    struct turns *turns = agent->turns;
    struct turn_failure why = failure_resting;
    rest_begin(turns->rest, agent->key, clock_ms());
    why.retry_after_ms = rest_left(turns->rest, agent->key, clock_ms());
    if (why.retry_after_ms > 0)
        agent_fail_queue(agent, &why);
}

void agent_breach(struct agent *agent, const char *what) {
    agent->turns->counters.breaches++;
    events_note(agent->turns->setup.events, EVENT_AGENT_BREACH, .user = agent->user,
                .origin = agent->origin, .pid = agent->pid);
    log_error("agent %d (%s) broke the protocol: %s; ending it", (int)agent->pid, agent->origin,
              what);
    rest(agent);
    agent_event(agent, AGENT_EVENT_FAULT, &failure_lost);
}

void agent_runs_away(struct agent *agent, const char *what) {
    agent->turns->counters.runaways++;
    log_error("agent %d (%s) runs away: %s; ending it", (int)agent->pid, agent->origin, what);
    rest_begin(agent->turns->rest, agent->key, clock_ms());
    agent_event(agent, AGENT_EVENT_STOP, &failure_runaway);
}

static const char *on_hello(struct agent *agent, const Cloister__AgentHello *hello) {
    if (hello->protocol != PROTOCOL_VERSION)
        return "another protocol version";
    agent->hello = true;
    spawn_check_ready(agent);
    return NULL;
}

static const char *on_pong(struct agent *agent, const Cloister__Pong *pong) {
    const char *wrong = relay_pong(agent, pong->sequence);
    if (wrong != NULL)
        return wrong;
    agent->pongs = agent->pings;
    agent_arm(agent);
    return NULL;
}

/* The first of these that is not NULL. */
static const char *first_wrong(const char *const *wrong, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (wrong[i] != NULL)
            return wrong[i];
    return NULL;
}

static void tell_event(const struct turn *turn, const Cloister__Message *message) {
    if (turn->ops != NULL && turn->ops->event != NULL)
        turn->ops->event(turn->ctx, message);
}

static const char *on_delta(struct turn *turn, const Cloister__Message *message) {
    const char *text = message->turn_delta->text;
    size_t len = strlen(text);
    const char *const rules[] = {relay_text_kind(turn), relay_text_form(text, len),
                                 relay_text_bounds(turn, len)};
    const char *wrong = first_wrong(rules, COUNT_OF(rules));
    if (wrong != NULL)
        return wrong;
    turn->credit -= len < turn->credit ? len : turn->credit;
    tell_event(turn, message);
    return NULL;
}

static bool tool_writes(const char *name) {
    static const char *const writes[] = {"create_event",       "update_event",   "delete_event",
                                         "create_booking",     "cancel_booking", "send_inquiry",
                                         "reschedule_booking", "edit_business"};
    for (size_t i = 0; i < COUNT_OF(writes); i++)
        if (strcmp(name, writes[i]) == 0)
            return true;
    return false;
}

static const char *on_tool(struct turn *turn, const Cloister__Message *message) {
    const Cloister__TurnTool *tool = message->turn_tool;
    if (!word_valid(tool->name, WORD_BYTES) || !word_valid(tool->state, WORD_BYTES))
        return "a tool's name or state";
    const char *wrong = relay_tools(turn);
    if (wrong != NULL)
        return wrong;
    if (tool_writes(tool->name))
        turn->wrote = true;
    tell_event(turn, message);
    return NULL;
}

static const char *on_host_call(struct turn *turn, const Cloister__HostCall *call) {
    if (!host_call_allowed(call, turn->agent->origin))
        return "a host call that its origin may not make";
    if (!host_call_sound(call))
        return "a malformed host call";
    const char *const rules[] = {relay_business(turn, call), relay_host_calls(turn)};
    const char *wrong = first_wrong(rules, COUNT_OF(rules));
    if (wrong != NULL)
        return wrong;
    if (turn->ops != NULL)
        turn->ops->host_call(turn->ctx, call);
    else
        turn_host_reply(turn, call->call, -ECANCELED, "");
    return NULL;
}

static const char *on_done(struct turn *turn, const Cloister__TurnDone *done) {
    struct agent *agent = turn->agent;
    const char *const rules[] = {relay_kept_sizes(turn, done->notes.len, done->access.len),
                                 relay_kept_kind(turn, done->notes.len, done->access.len),
                                 relay_revoked(turn, done->revoked),
                                 relay_memories(turn, done),
                                 relay_grant_form(done->grant),
                                 relay_grant_kind(turn, done->grant),
                                 relay_account(turn, done),
                                 relay_front(turn, done),
                                 relay_proposals_kind(turn, done),
                                 relay_proposals_count(done),
                                 relay_proposals_sizes(done),
                                 relay_proposals_text(done),
                                 relay_proposals_ids(done),
                                 relay_proposals_arguments(done),
                                 relay_settled(turn, done->settled, done->n_settled)};
    const char *wrong = first_wrong(rules, COUNT_OF(rules));
    if (wrong != NULL)
        return wrong;
    turn_end_done(turn, done);
    agent_event(agent, AGENT_EVENT_TURN_OVER, NULL);
    return NULL;
}

static const char *on_error(struct turn *turn, const Cloister__TurnError *error) {
    struct agent *agent = turn->agent;
    const char *const rules[] = {relay_kept_sizes(turn, error->notes.len, error->access.len),
                                 relay_kept_kind(turn, error->notes.len, error->access.len),
                                 relay_settled(turn, error->settled, error->n_settled)};
    const char *wrong = first_wrong(rules, COUNT_OF(rules));
    if (wrong != NULL)
        return wrong;
    if (!word_valid(error->code, WORD_BYTES))
        return "an error code that is no word";
    if (!text_valid(error->detail, DETAIL_BYTES))
        return "a malformed error";
    turn_end_error(turn, error);
    agent_event(agent, AGENT_EVENT_TURN_OVER, NULL);
    return NULL;
}

static const char *on_turn_exited(struct turn *turn, const Cloister__TurnExited *exited) {
    struct agent *agent = turn->agent;
    bool memory = false;
    if (!turn->cancelled && !turn->timed_out) {
        memory = count_death(agent, PROCESS_TURN, exited->signal);
        log_warn("a turn of agent %d ended without a word (signal %d, status %d)%s",
                 (int)agent->pid, exited->signal, exited->status,
                 memory ? ", for it had used up its memory" : "");
    }
    turn_end_failed(turn, turn->timed_out             ? &failure_timeout
                          : exited->signal == SIGXCPU ? &failure_computing
                          : memory                    ? &failure_greedy
                                                      : &failure_lost);
    agent_event(agent, AGENT_EVENT_TURN_OVER, NULL);
    return NULL;
}

#define TURN_MESSAGE(field, handler, arg)                                                          \
    ((turn = relay_turn(agent, message->field->turn)) == NULL ? "a message about another turn"     \
                                                              : handler(turn, arg))

static const char *dispatch(struct agent *agent, const Cloister__Message *message) {
    struct turn *turn;
    if (message->body_case == CLOISTER__MESSAGE__BODY_AGENT_HELLO)
        return on_hello(agent, message->agent_hello);
    if (message->body_case == CLOISTER__MESSAGE__BODY_PONG)
        return on_pong(agent, message->pong);
    if (message->body_case == CLOISTER__MESSAGE__BODY_TURN_DELTA)
        return TURN_MESSAGE(turn_delta, on_delta, message);
    if (message->body_case == CLOISTER__MESSAGE__BODY_TURN_TOOL)
        return TURN_MESSAGE(turn_tool, on_tool, message);
    if (message->body_case == CLOISTER__MESSAGE__BODY_HOST_CALL)
        return TURN_MESSAGE(host_call, on_host_call, message->host_call);
    if (message->body_case == CLOISTER__MESSAGE__BODY_TURN_DONE)
        return TURN_MESSAGE(turn_done, on_done, message->turn_done);
    if (message->body_case == CLOISTER__MESSAGE__BODY_TURN_ERROR)
        return TURN_MESSAGE(turn_error, on_error, message->turn_error);
    if (message->body_case == CLOISTER__MESSAGE__BODY_TURN_EXITED)
        return TURN_MESSAGE(turn_exited, on_turn_exited, message->turn_exited);
    return relay_unhandled();
}

void relay_message(struct agent *agent, const uint8_t *data, size_t len) {
    if (agent->state == AGENT_ENDING)
        return;
    struct about about; /* a copy: the turn may end in here, the agent is buried later */
    agent_about(agent, &about);
    LOG_ABOUT(.request = about.request, .user = agent->user, .trace = about.trace);
    SCOPE_MSG Cloister__Message *message = NULL;
    int r = msg_decode(&agent->peer, data, len, 0, &message);
    const char *wrong = r < 0 ? strerror(-r) : dispatch(agent, message);
    if (wrong != NULL)
        agent_breach(agent, wrong);
}
