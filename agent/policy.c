#include "agent/policy.h"

#include <assert.h>
#include <string.h>

#define ALLOW  VERDICT_ALLOW
#define REFUSE VERDICT_REFUSE
#define CLEAN  VERDICT_CLEAN_ONLY

/* Columns: the tool, whether its results show the model calendar text, then what is allowed to the
 * owner, the scheduler, a customer and any other origin: in a clean turn, and in a tainted one. */
// clang-format off
static const struct row {
    bool taints;
    enum verdict clean[ORIGIN_COUNT], tainted[ORIGIN_COUNT];
} rows[] = {
    /*                            taints  owner  sched.  cust.   other      owner  sched.  cust.   other */
    [TOOL_CHECK_AVAILABILITY] = { false, {ALLOW, ALLOW,  ALLOW,  REFUSE},  {ALLOW, ALLOW,  ALLOW,  REFUSE}},
    [TOOL_LIST_EVENTS]        = { true,  {ALLOW, ALLOW,  REFUSE, REFUSE},  {ALLOW, ALLOW,  REFUSE, REFUSE}},
    [TOOL_GET_EVENT]          = { true,  {ALLOW, ALLOW,  REFUSE, REFUSE},  {ALLOW, ALLOW,  REFUSE, REFUSE}},
    [TOOL_CREATE_EVENT]       = { true,  {ALLOW, ALLOW,  REFUSE, REFUSE},  {ALLOW, ALLOW,  REFUSE, REFUSE}},
    [TOOL_UPDATE_EVENT]       = { true,  {ALLOW, ALLOW,  REFUSE, REFUSE},  {ALLOW, ALLOW,  REFUSE, REFUSE}},
    [TOOL_DELETE_EVENT]       = { true,  {ALLOW, ALLOW,  REFUSE, REFUSE},  {ALLOW, ALLOW,  REFUSE, REFUSE}},
    [TOOL_REMEMBER]           = { false, {ALLOW, REFUSE, REFUSE, REFUSE},  {CLEAN, REFUSE, REFUSE, REFUSE}},
    [TOOL_FORGET]             = { false, {ALLOW, REFUSE, REFUSE, REFUSE},  {CLEAN, REFUSE, REFUSE, REFUSE}},
};
// clang-format on
static_assert(COUNT_OF(rows) == TOOL_COUNT, "a row for every tool");

enum origin origin_of(const char *word) {
    static const char *const words[] = {
        [ORIGIN_OWNER] = "owner", [ORIGIN_SCHEDULER] = "scheduler", [ORIGIN_CUSTOMER] = "customer"};
    for (size_t i = 0; i < COUNT_OF(words); i++)
        if (strcmp(word, words[i]) == 0)
            return (enum origin)i;
    return ORIGIN_OTHER;
}

enum verdict policy_tool(enum tool_id tool, enum origin origin, bool tainted) {
    if (tool >= TOOL_COUNT || origin >= ORIGIN_COUNT)
        return VERDICT_REFUSE;
    return tainted ? rows[tool].tainted[origin] : rows[tool].clean[origin];
}

bool policy_taints(enum tool_id tool) {
    return tool >= TOOL_COUNT || rows[tool].taints;
}

enum verdict policy_change(bool own, bool has_attendees) {
    return own && !has_attendees ? VERDICT_ALLOW : VERDICT_CONFIRM;
}

enum verdict policy_create(bool has_attendees) {
    return has_attendees ? VERDICT_CONFIRM : VERDICT_ALLOW;
}
