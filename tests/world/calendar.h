/* Inside the Calendar API stand-in: what its files share. */
#ifndef CLOISTER_WORLD_CALENDAR_H
#define CLOISTER_WORLD_CALENDAR_H

#include "tests/world/accounts.h"
#include "tests/world/event.h"
#include "tests/world/google.h"

struct cal {
    struct exchange *x;
    json_t *home;    /* the account */
    json_t *account; /* what holds the calendar's events: the account, or a secondary calendar */
    const struct zone *zone; /* of the calendar */
    const char *scope;       /* of the access token */
};

/* event_read.c, freebusy.c */
void events_list(struct cal *c);
void events_get(struct cal *c, const char *id);
void events_instances(struct cal *c, const char *id);
void freebusy_query(struct cal *c);
/* The resource of this id, stored or an instance of a recurring event; new reference or NULL. */
json_t *events_lookup(struct cal *c, const char *id);

/* event_write.c */
void events_insert(struct cal *c);
void events_change(struct cal *c, const char *id, bool replace);
void events_delete(struct cal *c, const char *id);

/* Parses the body as a JSON object; NULL after answering 400. */
json_t *cal_body(struct cal *c);
/* True (answered) when If-None-Match names this resource. */
bool cal_not_modified(struct cal *c, const char *etag);
/* Takes `json`; applies the `fields` parameter. */
void cal_answer(struct cal *c, int status, json_t *json);
/* fields.c: keeps only what a partial-response selector names. New reference. */
json_t *fields_select(const char *fields, const json_t *json);

#endif
