/* What tests of proposed changes share: one calendar with one event, a model with one call to make,
 * every guard in place unless the test takes it away (loose_guards.h). */
#ifndef CLOISTER_TESTS_UNIT_TURN_PROPOSAL_RIG_H
#define CLOISTER_TESTS_UNIT_TURN_PROPOSAL_RIG_H

#include "agent/proposal.h"
#include "fake.h"
#include "loose_guards.h"
#include "providers/json_get.h"

#define SPAN "{\\\"start\\\":\\\"2026-11-23T00:00:00\\\",\\\"end\\\":\\\"2026-11-24T00:00:00\\\"}"
#define LIST CALL(0, "list_events", SPAN) END_TOOLS
#define FREE CALL(0, "check_availability", SPAN) END_TOOLS
#define AT(from, to, more)                                                                         \
    "{\"summary\":\"Standup\",\"start\":{\"dateTime\":\"" from                                     \
    "\",\"timeZone\":\"Europe/Berlin\"},"                                                          \
    "\"end\":{\"dateTime\":\"" to "\",\"timeZone\":\"Europe/Berlin\"}" more "}"
#define NINE   AT("2026-11-23T09:00:00+01:00", "2026-11-23T10:15:00+01:00", "")
#define GUEST  ",\"attendees\":[{\"email\":\"ann@example.com\",\"responseStatus\":\"accepted\"}]"
#define HANDLE "ev00000000aa"
#define MOVE   "{\\\"event\\\":\\\"" HANDLE "\\\",\\\"start\\\":\\\"2026-11-23T11:30:00\\\"}"
#define GONE   "{\\\"event\\\":\\\"" HANDLE "\\\"}"
#define LUNCH(more)                                                                                \
    "{\\\"title\\\":\\\"Lunch\\\",\\\"start\\\":\\\"2026-11-23T15:00:00\\\",\\\"end\\\":"          \
    "\\\"2026-11-23T16:00:00\\\"" more "}"
#define INVITE(who) ",\\\"attendees\\\":[\\\"" who "\\\"]"

extern struct fake *fake;

void setup(void);
void teardown(void);
void expect_done(void);
/* The error or the result word of a tool call. */
const char *outcome(size_t asked, size_t n);
json_t *standup(const char *json, bool own);
/* One tool call, after reading the calendar when `first` says so. */
void ask(const char *first, const char *call, const char *message);

#endif
