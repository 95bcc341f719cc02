#include "supervisor/relay_rules.h"

#include <string.h>

#include "supervisor/host_calls.h"

#define TEXT_MAX       (256u << 10) /* of one turn; an honest one says 64 KiB at most */
#define TOOLS_MAX      1024         /* notices of a turn; its budget of calls allows far fewer */
#define HOST_CALLS_MAX 8            /* unanswered */
#define HOST_CALLS_ALL 64           /* of one turn; an honest one has 24 tools to use */
#define ACCESS_BYTES   16384
#define MEMORIES_MAX   64
#define GRANT_BYTES    127

struct turn *relay_turn(const struct agent *agent, const char *id) {
    struct turn *turn = agent->running;
    return turn != NULL && strcmp(turn->id, id) == 0 ? turn : NULL;
}

const char *relay_unhandled(void) {
    return "a message without a handler";
}

const char *relay_pong(const struct agent *agent, uint64_t sequence) {
    return sequence != agent->pings || agent->pongs == agent->pings ? "an answer to no ping" : NULL;
}

const char *relay_text_kind(const struct turn *turn) {
    return turn->kind != CLOISTER__TURN_KIND__TURN_CHAT ? "text from a turn that has none" : NULL;
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

const char *relay_kept_sizes(const struct turn *turn, size_t notes, size_t access) {
    return notes > turn->agent->turns->setup.notes_bytes || access > ACCESS_BYTES
               ? "more to remember than is allowed"
               : NULL;
}

const char *relay_kept_kind(const struct turn *turn, size_t notes, size_t access) {
    if (notes + access > 0 && turn->kind != CLOISTER__TURN_KIND__TURN_CHAT)
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
    if (done->n_memories > 0 && turn->kind != CLOISTER__TURN_KIND__TURN_MEMORY_LIST)
        return "memories that were not asked for";
    if (done->n_memories > MEMORIES_MAX)
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
    bool renews = turn->kind == CLOISTER__TURN_KIND__TURN_CHAT ||
                  turn->kind == CLOISTER__TURN_KIND__TURN_MEMORY_LIST;
    return grant[0] != '\0' && (!renews || strcmp(turn->agent->origin, "owner") != 0)
               ? "a grant from a turn that needs none"
               : NULL;
}

const char *relay_account(const struct turn *turn, const Cloister__TurnDone *done) {
    return turn->kind != CLOISTER__TURN_KIND__TURN_SIGN_IN &&
                   (done->subject_tag.len > 0 || done->account[0] != '\0')
               ? "an account that was not asked for"
               : NULL;
}
