#include "agent/policy.h"

#include <assert.h>
#include <string.h>

#define ALLOW   VERDICT_ALLOW
#define PROPOSE VERDICT_PROPOSE
#define REFUSE  VERDICT_REFUSE

static const struct tool_row {
    bool reads;
    enum verdict clean[ORIGIN_COUNT], tainted[ORIGIN_COUNT];
} tool_rows[] = {
#define TOOL(NAME, text, oc, ot, sc, st, cc, ct)                                                   \
    [TOOL_##NAME] = {text, {oc, sc, cc, REFUSE}, {ot, st, ct, REFUSE}},
#define CHANGE(NAME, ...)
#define LIMIT(NAME, ...)
#include "agent/policy.def"
#undef TOOL
#undef CHANGE
#undef LIMIT
};
static_assert(COUNT_OF(tool_rows) == TOOL_COUNT, "a row for every tool");
static_assert(ORIGIN_OWNER == 0 && ORIGIN_SCHEDULER == 1 && ORIGIN_CUSTOMER == 2,
              "the order of the columns");

enum change_kind {
#define TOOL(NAME, ...)
#define CHANGE(NAME, ...) CHANGE_##NAME,
#define LIMIT(NAME, ...)
#include "agent/policy.def"
#undef TOOL
#undef CHANGE
#undef LIMIT
};

static const struct policy_change_row change_rows[] = {
#define TOOL(NAME, ...)
#define CHANGE(NAME, is_own, has_guests, text, owner, scheduler, customer)                         \
    [CHANGE_##NAME] = {text, {owner, scheduler, customer, REFUSE}},
#define LIMIT(NAME, ...)
#include "agent/policy.def"
#undef TOOL
#undef CHANGE
#undef LIMIT
};

static const struct {
    bool own, guests;
} change_kinds[] = {
#define TOOL(NAME, ...)
#define CHANGE(NAME, is_own, has_guests, ...) [CHANGE_##NAME] = {is_own, has_guests},
#define LIMIT(NAME, ...)
#include "agent/policy.def"
#undef TOOL
#undef CHANGE
#undef LIMIT
};

static enum change_kind kind_of(bool own, bool guests) {
    size_t kind = 0;
    while (kind < COUNT_OF(change_kinds) - 1 &&
           (change_kinds[kind].own != own || change_kinds[kind].guests != guests))
        kind++;
    return (enum change_kind)kind;
}

enum origin origin_of(const char *word) {
    for (int origin = 0; origin < ORIGIN_OTHER; origin++)
        if (strcmp(word, policy_origin_word((enum origin)origin)) == 0)
            return (enum origin)origin;
    return ORIGIN_OTHER;
}

enum verdict policy_tool(enum tool_id tool, enum origin origin, bool tainted) {
    if (tool >= TOOL_COUNT || origin >= ORIGIN_COUNT)
        return VERDICT_REFUSE;
    return tainted ? tool_rows[tool].tainted[origin] : tool_rows[tool].clean[origin];
}

bool policy_offers(enum tool_id tool, enum origin origin) {
    return policy_tool(tool, origin, false) != VERDICT_REFUSE ||
           policy_tool(tool, origin, true) != VERDICT_REFUSE;
}

bool policy_taints(enum tool_id tool) {
    return tool >= TOOL_COUNT || tool_rows[tool].reads;
}

bool policy_writes(enum tool_id tool) {
    return tool == TOOL_CREATE_EVENT || tool == TOOL_UPDATE_EVENT || tool == TOOL_DELETE_EVENT;
}

enum verdict policy_write(enum tool_id tool, enum origin origin, bool tainted, bool own,
                          bool guests) {
    enum verdict asked = policy_tool(tool, origin, tainted);
    enum verdict kind =
        origin < ORIGIN_COUNT ? change_rows[kind_of(own, guests)].verdict[origin] : VERDICT_REFUSE;
    return asked > kind ? asked : kind;
}

/* ---- for showing it ---- */

const char *policy_tool_word(enum tool_id tool) {
    static const char *const words[TOOL_COUNT] = {
        [TOOL_CHECK_AVAILABILITY] = "check_availability",
        [TOOL_LIST_EVENTS] = "list_events",
        [TOOL_GET_EVENT] = "get_event",
        [TOOL_CREATE_EVENT] = "create_event",
        [TOOL_UPDATE_EVENT] = "update_event",
        [TOOL_DELETE_EVENT] = "delete_event",
        [TOOL_REMEMBER] = "remember",
        [TOOL_FORGET] = "forget",
        [TOOL_FREE_TIMES] = "free_times",
        [TOOL_GET_BUSINESS] = "get_business",
        [TOOL_CREATE_BOOKING] = "create_booking",
        [TOOL_GET_BOOKING] = "get_booking",
        [TOOL_RESCHEDULE_BOOKING] = "reschedule_booking",
        [TOOL_CANCEL_BOOKING] = "cancel_booking",
        [TOOL_SEND_INQUIRY] = "send_inquiry",
        [TOOL_GET_OWN_BUSINESS] = "get_own_business",
        [TOOL_EDIT_BUSINESS] = "edit_business",
        [TOOL_LIST_BOOKINGS] = "list_bookings",
        [TOOL_LIST_INQUIRIES] = "list_inquiries",
    };
    return tool < TOOL_COUNT ? words[tool] : "";
}

const char *policy_origin_word(enum origin origin) {
    static const char *const words[ORIGIN_COUNT] = {[ORIGIN_OWNER] = "owner",
                                                    [ORIGIN_SCHEDULER] = "scheduler",
                                                    [ORIGIN_CUSTOMER] = "customer",
                                                    [ORIGIN_OTHER] = ""};
    return origin < ORIGIN_COUNT ? words[origin] : "";
}

const char *policy_verdict_word(enum verdict verdict) {
    switch (verdict) {
    case VERDICT_ALLOW:
        return "allow";
    case VERDICT_PROPOSE:
        return "propose";
    case VERDICT_REFUSE:
        break;
    }
    return "refuse";
}

const struct policy_change_row *policy_changes(size_t *ret_n) {
    *ret_n = COUNT_OF(change_rows);
    return change_rows;
}

const struct policy_limit_row *policy_limits(size_t *ret_n) {
    static const struct policy_limit_row rows[] = {
#define TOOL(NAME, ...)
#define CHANGE(NAME, ...)
#define LIMIT(NAME, number, text) {#NAME, text, number},
#include "agent/policy.def"
#undef TOOL
#undef CHANGE
#undef LIMIT
    };
    *ret_n = COUNT_OF(rows);
    return rows;
}
