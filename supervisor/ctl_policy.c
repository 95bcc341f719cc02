#include "supervisor/ctl_policy.h"

#include <ctype.h>
#include <stdio.h>

#include "agent/policy.h"

/* Of a turn that has not, and of one that has read other people's text. */
static json_t *verdicts(enum verdict clean, enum verdict tainted, bool for_people) {
    const char *word = policy_verdict_word(clean);
    if (!for_people)
        return json_pack("{s:s, s:s}", "clean", word, "tainted", policy_verdict_word(tainted));
    return clean == tainted ? json_string(word)
                            : json_sprintf("%s / %s", word, policy_verdict_word(tainted));
}

static json_t *tool_rows(bool for_people) {
    json_t *rows = json_array();
    for (int tool = 0; tool < TOOL_COUNT; tool++) {
        json_t *row = json_pack("{s:s}", "tool", policy_tool_word((enum tool_id)tool));
        for (int at = 0; at < ORIGIN_OTHER; at++) {
            enum origin origin = (enum origin)at;
            enum verdict clean = policy_tool((enum tool_id)tool, origin, false),
                         tainted = policy_tool((enum tool_id)tool, origin, true);
            (void)json_object_set_new(row, policy_origin_word(origin),
                                      verdicts(clean, tainted, for_people));
        }
        (void)json_object_set_new(row, "reads_others_text",
                                  json_boolean(policy_taints((enum tool_id)tool)));
        (void)json_array_append_new(rows, row);
    }
    return rows;
}

static json_t *change_rows(void) {
    size_t n;
    const struct policy_change_row *changes = policy_changes(&n);
    json_t *rows = json_array();
    for (size_t i = 0; i < n; i++) {
        json_t *row = json_pack("{s:s}", "event", changes[i].what);
        for (int origin = 0; origin < ORIGIN_OTHER; origin++)
            (void)json_object_set_new(row, policy_origin_word((enum origin)origin),
                                      json_string(policy_verdict_word(changes[i].verdict[origin])));
        (void)json_array_append_new(rows, row);
    }
    return rows;
}

static json_t *limit_rows(void) {
    size_t n;
    const struct policy_limit_row *limits = policy_limits(&n);
    json_t *rows = json_array();
    for (size_t i = 0; i < n; i++) {
        char word[32];
        (void)snprintf(word, sizeof(word), "%s", limits[i].word);
        for (char *c = word; *c != '\0'; c++)
            *c = (char)tolower((unsigned char)*c);
        (void)json_array_append_new(rows, json_pack("{s:s, s:i, s:s}", "limit", word, "most",
                                                    (int)limits[i].most, "of", limits[i].what));
    }
    return rows;
}

json_t *ctl_policy(bool for_people) {
    return json_pack("{s:o, s:o, s:o}", "tools", tool_rows(for_people), "changes", change_rows(),
                     "limits", limit_rows());
}
