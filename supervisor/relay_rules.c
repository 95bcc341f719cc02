#include "supervisor/relay_rules.h"

#include <string.h>

#include "business/api/operations.h"
#include "supervisor/host_calls.h"

#define TEXT_MAX       (256u << 10) /* of one turn; an honest one says 64 KiB at most */
#define TOOLS_MAX      512 /* notices of a turn; an honest one has 10 answers of 32 calls */
#define HOST_CALLS_MAX 8   /* unanswered */
#define HOST_CALLS_ALL 64  /* of one turn; an honest one has 24 tools to use */
#define ACCESS_BYTES   16384
#define MEMORIES_MAX   64
#define GRANT_BYTES    127
#define INTERVALS_MAX  4000

struct turn *relay_turn(const struct agent *agent, const char *id) {
    struct turn *turn = agent->running;
    return turn != NULL && strcmp(turn->id, id) == 0 ? turn : NULL;
}

const char *relay_spawned(unsigned owed) {
    return owed == 0 ? "answered what it was not asked" : NULL;
}

const char *relay_unhandled(void) {
    return "a message without a handler";
}

const char *relay_pong(const struct agent *agent, uint64_t sequence) {
    return sequence != agent->pings || agent->pongs == agent->pings ? "an answer to no ping" : NULL;
}

const char *relay_silent(const struct agent *agent) {
    return agent->pongs != agent->pings ? "does not answer" : NULL;
}

const char *relay_overdue(const struct turn *turn) {
    return turn->timed_out || turn->cancelled ? "did not end its turn when told to" : NULL;
}

/* A turn of a conversation: it answers, and its notes are the conversation's. */
static bool converses(const struct turn *turn) {
    return turn->kind == CLOISTER__TURN_KIND__TURN_CHAT ||
           turn->kind == CLOISTER__TURN_KIND__TURN_DECIDE;
}

const char *relay_text_kind(const struct turn *turn) {
    return !converses(turn) ? "text from a turn that has none" : NULL;
}

const char *relay_text_form(const char *text, size_t len) {
    if (!utf8_valid(text, len))
        return "text that is not UTF-8";
    return len == 0 ? "text that is empty"
                    : NULL; /* it costs no credit, so it could come for ever */
}

const char *relay_text_bounds(struct turn *turn, size_t len) {
    if (len > turn->credit)
        return "text beyond its credit";
    turn->said += len;
    return turn->said > TEXT_MAX ? "text without end" : NULL;
}

const char *relay_tools(struct turn *turn) {
    return ++turn->tools > TOOLS_MAX ? "notices of tools without end" : NULL;
}

const char *relay_host_calls(struct turn *turn) {
    if (++turn->host_calls > HOST_CALLS_MAX)
        return "too many host calls at once";
    return ++turn->host_calls_all > HOST_CALLS_ALL ? "host calls without end" : NULL;
}

const char *relay_business(const struct turn *turn, const Cloister__HostCall *call) {
    if (call->op_case != CLOISTER__HOST_CALL__OP_BUSINESS)
        return NULL;
    const struct operation *operation = operation_find(call->business->operation);
    if (operation == NULL || !operation_may(operation, turn->agent->origin, true))
        return "an operation that its origin may not ask for";
    return turn->kind != CLOISTER__TURN_KIND__TURN_CHAT ? "an operation outside a conversation"
                                                        : NULL;
}

const char *relay_kept_sizes(const struct turn *turn, size_t notes, size_t access) {
    return notes > turn->agent->turns->setup.notes_bytes || access > ACCESS_BYTES
               ? "more to remember than is allowed"
               : NULL;
}

const char *relay_kept_kind(const struct turn *turn, size_t notes, size_t access) {
    bool front = turn->kind == CLOISTER__TURN_KIND__TURN_FRONT;
    if ((notes > 0 && !converses(turn)) || (access > 0 && !converses(turn) && !front))
        return "something to remember of no conversation";
    if (access > 0 && strcmp(turn->agent->origin, "customer") == 0)
        return "a token from a customer's turn";
    return NULL;
}

const char *relay_revoked(const struct turn *turn, bool revoked) {
    return revoked && turn->kind != CLOISTER__TURN_KIND__TURN_REVOKE
               ? "a revocation that was not asked for"
               : NULL;
}

const char *relay_memories(const struct turn *turn, const Cloister__TurnDone *done) {
    bool corrects = turn->kind == CLOISTER__TURN_KIND__TURN_MEMORY_PUT;
    if (done->n_memories > 0 && !corrects && turn->kind != CLOISTER__TURN_KIND__TURN_MEMORY_LIST)
        return "memories that were not asked for";
    if (done->n_memories > (corrects ? 1 : MEMORIES_MAX))
        return "too many memories";
    for (size_t i = 0; i < done->n_memories; i++)
        if (!id_valid(done->memories[i]->id) || !text_valid(done->memories[i]->text, SIZE_MAX))
            return "a malformed memory";
    return NULL;
}

const char *relay_grant_form(const char *grant) {
    static const char letters[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    size_t len = strspn(grant, letters);
    return len > GRANT_BYTES || grant[len] != '\0' ? "a grant that is none" : NULL;
}

const char *relay_grant_kind(const struct turn *turn, const char *grant) {
    bool renews = converses(turn) || turn->kind == CLOISTER__TURN_KIND__TURN_MEMORY_LIST ||
                  turn->kind == CLOISTER__TURN_KIND__TURN_MEMORY_PUT;
    return grant[0] != '\0' && (!renews || strcmp(turn->agent->origin, "owner") != 0)
               ? "a grant from a turn that needs none"
               : NULL;
}

const char *relay_front(const struct turn *turn, const Cloister__TurnDone *done) {
    const Cloister__FrontDone *front = done->front;
    bool asked = turn->kind == CLOISTER__TURN_KIND__TURN_FRONT;
    if (asked != (front != NULL))
        return asked ? "a step without an outcome" : "a step that was not asked for";
    if (front == NULL)
        return NULL;
    if (front->n_busy > INTERVALS_MAX || front->start > front->end)
        return "busy times without end";
    for (size_t i = 0; i < front->n_busy; i++)
        if (front->busy[i]->start >= front->busy[i]->end ||
            (i > 0 && front->busy[i]->start < front->busy[i - 1]->end))
            return "busy times out of order";
    return NULL;
}

const char *relay_account(const struct turn *turn, const Cloister__TurnDone *done) {
    return turn->kind != CLOISTER__TURN_KIND__TURN_SIGN_IN &&
                   (done->subject_tag.len > 0 || done->account[0] != '\0')
               ? "an account that was not asked for"
               : NULL;
}
