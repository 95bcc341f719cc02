#include "supervisor/relay_proposals.h"

#include <jansson.h>
#include <string.h>

#include "supervisor/host_calls.h"

#define SUMMARY_BYTES   1024
#define ARGUMENTS_BYTES 4096

const char *relay_proposals_kind(const struct turn *turn, const Cloister__TurnDone *done) {
    bool may =
        turn->kind == CLOISTER__TURN_KIND__TURN_CHAT && strcmp(turn->agent->origin, "owner") == 0;
    return done->n_proposals > 0 && !may ? "a proposal from a turn that makes none" : NULL;
}

const char *relay_proposals_count(const Cloister__TurnDone *done) {
    return done->n_proposals > PROPOSALS_PER_TURN ? "too many proposals" : NULL;
}

static bool in_bounds(size_t len, size_t max) {
    return len > 0 && len <= max;
}

const char *relay_proposals_sizes(const Cloister__TurnDone *done) {
    for (size_t i = 0; i < done->n_proposals; i++) {
        const Cloister__Proposal *one = done->proposals[i];
        if (!in_bounds(one->sealed.len, PROPOSAL_SEALED_MAX) ||
            !in_bounds(strlen(one->summary), SUMMARY_BYTES) ||
            !in_bounds(strlen(one->arguments), ARGUMENTS_BYTES))
            return "a proposal that is empty or too large";
    }
    return NULL;
}

const char *relay_proposals_text(const Cloister__TurnDone *done) {
    for (size_t i = 0; i < done->n_proposals; i++)
        if (!text_valid(done->proposals[i]->summary, SIZE_MAX) ||
            !text_valid(done->proposals[i]->arguments, SIZE_MAX))
            return "a proposal that is not UTF-8";
    return NULL;
}

const char *relay_proposals_ids(const Cloister__TurnDone *done) {
    for (size_t i = 0; i < done->n_proposals; i++) {
        if (!id_valid(done->proposals[i]->id))
            return "a proposal without an id";
        for (size_t j = 0; j < i; j++)
            if (strcmp(done->proposals[i]->id, done->proposals[j]->id) == 0)
                return "two proposals of one id";
    }
    return NULL;
}

const char *relay_proposals_arguments(const Cloister__TurnDone *done) {
    for (size_t i = 0; i < done->n_proposals; i++) {
        json_t *arguments = json_loads(done->proposals[i]->arguments, JSON_REJECT_DUPLICATES, NULL);
        bool object = json_is_object(arguments);
        json_decref(arguments);
        if (!object)
            return "a proposal whose arguments are no JSON object";
    }
    return NULL;
}

static bool was_given(const struct turn *turn, const char *id) {
    for (size_t i = 0; i < turn->n_given; i++)
        if (strcmp(turn->given[i], id) == 0)
            return true;
    return false;
}

const char *relay_settled(const struct turn *turn, char *const *settled, size_t n) {
    for (size_t i = 0; i < n; i++) {
        if (!was_given(turn, settled[i]))
            return "a proposal settled that the turn was not given";
        for (size_t j = 0; j < i; j++)
            if (strcmp(settled[i], settled[j]) == 0)
                return "a proposal settled twice";
    }
    return NULL;
}
