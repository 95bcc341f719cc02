/* Reading what tools answered, whatever their field names. */
#ifndef CLOISTER_WORLD_RESULTS_H
#define CLOISTER_WORLD_RESULTS_H

#include <jansson.h>

#include "tests/world/civil.h"

struct busy_span {
    int64_t start, end;
};
#define BUSY_MAX 64
struct availability {
    bool known;
    struct busy_span busy[BUSY_MAX]; /* merged, within the asked span, ascending */
    size_t count;
};
/* Free and busy times within [start, end); a result of events counts as busy too. */
void result_availability(const char *text, int64_t start, int64_t end, const struct zone *zone,
                         struct availability *ret);

struct seen_event {
    char handle[256], title[256];
    char series[256], calendar[96]; /* "" when the tool did not say */
    bool timed, all_day;
    int64_t start, end;
};
/* Events of a listing: up to `cap`; returns how many, or -1 when the text holds no list. */
int result_events(const char *text, const struct zone *zone, struct seen_event *out, size_t cap);
/* The event that a write or a read of one event tells about. False when there is no handle. */
bool result_event(const char *text, const struct zone *zone, struct seen_event *ret);
/* Who is in the event, as the tool names them, joined; "" when nobody is. */
void result_guests(const char *text, char *out, size_t cap);
/* A text member of the event: its description, its place. "" when there is none. */
void result_member(const char *text, const char *name, char *out, size_t cap);
/* Nothing was changed yet: the owner is asked first. */
bool result_proposed(const char *text);
/* True when the result is an error; `out` gets its words. */
bool result_error(const char *text, bool flagged, char *out, size_t cap);

#endif
