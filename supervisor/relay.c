/* What agents say, all of it suspect: decoded whole, checked against messages.def and against the
 * registry, then handed on. An agent that says what it may not is ended; nothing worse can happen.
 */
#include <errno.h>
#include <string.h>

#include "ipc/log.h"
#include "supervisor/agents.h"
#include "supervisor/host_calls.h"

#define HOST_CALLS_MAX 8
#define TOOLS_MAX      1024 /* notices of a turn; its budget of calls allows far fewer */
#define WORD_BYTES     48
#define DETAIL_BYTES   1024
#define ACCESS_BYTES   16384
#define MEMORIES_MAX   64
#define GRANT_BYTES    127

static void breach(struct agent *agent, const char *what) {
    agent->turns->counters.breaches++;
    log_error("agent %d (%s) broke the protocol: %s; ending it", (int)agent->pid, agent->origin,
              what);
    agent_event(agent, AGENT_EVENT_FAULT, &failure_lost);
}

/* The turn that a message claims to be about, if that is the one that runs. */
static struct turn *turn_of(struct agent *agent, const char *id) {
    struct turn *turn = agent->running;
    return turn != NULL && strcmp(turn->id, id) == 0 ? turn : NULL;
}

static const char *on_hello(struct agent *agent, const Cloister__AgentHello *hello) {
    if (hello->protocol != PROTOCOL_VERSION)
        return "another protocol version";
    agent->hello = true;
    spawn_check_ready(agent);
    return NULL;
}

static const char *on_pong(struct agent *agent, const Cloister__Pong *pong) {
    if (pong->sequence != agent->pings || agent->pongs == agent->pings)
        return "an answer to no ping";
    agent->pongs = agent->pings;
    agent_arm(agent);
    return NULL;
}

static const char *on_delta(struct turn *turn, const Cloister__Message *message) {
    const char *text = message->turn_delta->text;
    size_t len = strlen(text);
    if (turn->kind != CLOISTER__TURN_KIND__TURN_CHAT)
        return "text from a turn that has none";
    if (!utf8_valid(text, len))
        return "text that is not UTF-8";
    if (len == 0) /* costs no credit, so it could come without end */
        return "text that is empty";
    if (len > turn->credit)
        return "text beyond its credit";
    turn->credit -= len;
    if (turn->ops != NULL)
        turn->ops->event(turn->ctx, message);
    return NULL;
}

static bool tool_writes(const char *name) {
    static const char *const writes[] = {"create_event", "update_event", "delete_event"};
    for (size_t i = 0; i < COUNT_OF(writes); i++)
        if (strcmp(name, writes[i]) == 0)
            return true;
    return false;
}

static const char *on_tool(struct turn *turn, const Cloister__Message *message) {
    const Cloister__TurnTool *tool = message->turn_tool;
    if (!word_valid(tool->name, WORD_BYTES) || !word_valid(tool->state, WORD_BYTES))
        return "a tool's name or state";
    if (++turn->tools > TOOLS_MAX)
        return "notices of tools without end";
    if (tool_writes(tool->name))
        turn->wrote = true;
    if (turn->ops != NULL)
        turn->ops->event(turn->ctx, message);
    return NULL;
}

static const char *on_host_call(struct turn *turn, const Cloister__HostCall *call) {
    if (!host_call_allowed(call, turn->agent->origin))
        return "a host call that its origin may not make";
    if (!host_call_sound(call))
        return "a malformed host call";
    if (++turn->host_calls > HOST_CALLS_MAX)
        return "too many host calls at once";
    if (turn->ops != NULL)
        turn->ops->host_call(turn->ctx, call);
    else
        turn_host_reply(turn, call->call, -ECANCELED, "");
    return NULL;
}

static const char *check_memories(const struct turn *turn, const Cloister__TurnDone *done) {
    if (done->n_memories > 0 && turn->kind != CLOISTER__TURN_KIND__TURN_MEMORY_LIST)
        return "memories that were not asked for";
    if (done->n_memories > MEMORIES_MAX)
        return "too many memories";
    for (size_t i = 0; i < done->n_memories; i++)
        if (!id_valid(done->memories[i]->id) || !text_valid(done->memories[i]->text, SIZE_MAX))
            return "a malformed memory";
    return NULL;
}

/* A grant becomes a line of a reply's head; who it was is for a turn to say that was asked. */
static const char *check_identity(const struct turn *turn, const Cloister__TurnDone *done) {
    static const char grant_letters[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    size_t len = strspn(done->grant, grant_letters);
    if (len > GRANT_BYTES || done->grant[len] != '\0')
        return "a grant that is none";
    if (turn->kind != CLOISTER__TURN_KIND__TURN_SIGN_IN &&
        (done->subject_tag.len > 0 || done->account[0] != '\0'))
        return "an account that was not asked for";
    return NULL;
}

static const char *on_done(struct turn *turn, const Cloister__TurnDone *done) {
    struct agent *agent = turn->agent;
    if (done->notes.len > agent->turns->setup.notes_bytes || done->access.len > ACCESS_BYTES)
        return "more to remember than is allowed";
    if (done->revoked && turn->kind != CLOISTER__TURN_KIND__TURN_REVOKE)
        return "a revocation that was not asked for";
    const char *wrong = check_memories(turn, done);
    if (wrong == NULL)
        wrong = check_identity(turn, done);
    if (wrong != NULL)
        return wrong;
    turn_end_done(turn, done);
    agent_event(agent, AGENT_EVENT_TURN_OVER, NULL);
    return NULL;
}

static const char *on_error(struct turn *turn, const Cloister__TurnError *error) {
    struct agent *agent = turn->agent;
    if (error->notes.len > agent->turns->setup.notes_bytes || error->access.len > ACCESS_BYTES)
        return "more to remember than is allowed";
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
    if (!turn->cancelled && !turn->timed_out)
        log_warn("a turn of agent %d ended without a word (signal %d, status %d)", (int)agent->pid,
                 exited->signal, exited->status);
    turn_end_failed(turn, turn->timed_out ? &failure_timeout : &failure_lost);
    agent_event(agent, AGENT_EVENT_TURN_OVER, NULL);
    return NULL;
}

#define TURN_MESSAGE(field, handler, arg)                                                          \
    ((turn = turn_of(agent, message->field->turn)) == NULL ? "a message about another turn"        \
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
    return "a message without a handler";
}

void relay_message(struct agent *agent, const uint8_t *data, size_t len) {
    if (agent->state == AGENT_ENDING)
        return;
    SCOPE_MSG Cloister__Message *message = NULL;
    int r = msg_decode(&agent->peer, data, len, 0, &message);
    const char *wrong = r < 0 ? strerror(-r) : dispatch(agent, message);
    if (wrong != NULL)
        breach(agent, wrong);
}
