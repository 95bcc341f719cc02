/* Questions: free or busy, what there is, when something is, who is in it, what is remembered. */
#include <stdio.h>
#include <string.h>

#include "tests/world/intent_parts.h"

static void after_word(struct clause *c, const char *list, char *out) {
    int at = clause_find(c, 0, list);
    if (clause_quoted(c, 0, out) || at < 0)
        return;
    clause_join(c, (size_t)at + 1, clause_length(c), out);
    title_tidy(out);
}

static bool asks_free(const struct clause *c) {
    return clause_has(c, "free available availability busy conflict conflicts") ||
           (word_is(clause_word(c, 0), "can") && word_in(clause_word(c, 1), "i we") &&
            !clause_has(c, "see show list")) ||
           (clause_find(c, 0, "have") >= 0 &&
            clause_find(c, 0, "time") > clause_find(c, 0, "have"));
}

/* "Who was in that one?", "What is the review about?", "Where is it?" */
static bool asks_details(struct clause *c, struct intent *in) {
    int who = clause_find(c, 0, "who who's whom"), where = clause_find(c, 0, "where where's");
    bool what = word_in(clause_word(c, 0), "what what's");
    int about = clause_find(c, 0, "about description details"),
        is = clause_find(c, 0, "is was who's where's what's");
    size_t n = clause_length(c);
    if (who >= 0 && who <= 1) {
        in->kind = INTENT_WHO;
        in->addresses = clause_has(c, "address addresses email e-mail");
        int at = clause_find(c, 0, "in to at attends attending joins joining invited");
        size_t from = at >= 0 ? (size_t)at + 1 : n;
        if (word_in(clause_word(c, from), "to for"))
            from++;
        intent_target(c, from, n, in);
        return true;
    }
    if (where == 0 || (what && is >= 0 && about > is)) {
        size_t to = where == 0 ? n : (size_t)about;
        in->kind = INTENT_TELL;
        intent_target(c, is >= 0 ? (size_t)is + 1 : 1, to, in);
        return true;
    }
    return false;
}

bool intent_question(struct clause *c, struct intent *in) {
    if (asks_details(c, in))
        return true;
    bool when_first = word_in(clause_word(c, 0), "when when's") || clause_has(c, "find slot slots");
    if (clause_has(c, "remember know") && clause_has(c, "you")) {
        in->kind = INTENT_RECALL;
    } else if (clause_has(c, "preferences")) {
        in->kind = INTENT_RECALL;
    } else if (asks_free(c) || clause_has(c, "find slot slots")) {
        in->kind = when_first ? INTENT_FIND : INTENT_FREE;
        clause_drop_calendar(c);
        clause_time(c, 0, clause_length(c), &in->when);
    } else if (word_in(clause_word(c, 0), "when when's") ||
               (clause_has(c, "what") && word_is(clause_word(c, 1), "time") &&
                word_is(clause_word(c, 2), "is"))) {
        in->kind = INTENT_WHEN_IS;
        if (clause_find(c, 0, "next") >= 0 && clause_has(c, "meeting appointment event")) {
            in->kind = INTENT_LIST;
            in->it = true; /* only the first to come */
            return true;
        }
        int is = clause_find(c, 0, "is when's does");
        clause_use(c, 0, is >= 0 ? (size_t)is + 1 : 1);
        intent_target(c, is >= 0 ? (size_t)is + 1 : 1, clause_length(c), in);
    } else if (clause_find(c, 0, "next") > 0 && clause_has(c, "meeting appointment event") &&
               !clause_has(c, "week month")) {
        in->kind = INTENT_LIST;
        in->it = true;
    } else if (clause_has(
                   c, "what what's which list show anything agenda events meetings appointments "
                      "planned happening many") ||
               (clause_has(c, "have") && clause_has(c, "do"))) {
        in->kind = INTENT_LIST;
        clause_drop_calendar(c);
        clause_time(c, 0, clause_length(c), &in->when);
        after_word(c, "with about called named containing", in->title);
    } else {
        return false;
    }
    return true;
}
