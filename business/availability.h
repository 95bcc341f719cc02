/* Which times a business can be booked at: a pure function of its hours, of a service's rules, of
 * what is busy, and of the moment of asking. No database, no clock of its own.
 *
 * Starts lie on a grid of `step` from each opening on. The whole appointment lies within hours
 * (which may go on through several stated intervals that touch); buffers lie outside of it, may
 * lie outside hours, and must be free of what is busy. What touches does not overlap. */
#ifndef CLOISTER_BUSINESS_AVAILABILITY_H
#define CLOISTER_BUSINESS_AVAILABILITY_H

#include "business/hours.h"

struct service_rules { /* seconds */
    int64_t duration, step, before, after;
    int64_t notice;  /* from now to the earliest start */
    int64_t horizon; /* from now to the latest start */
};
/* Of a profile's service; what is missing has the defaults: step 15 minutes, horizon 60 days, no
 * buffers, no notice. 0 or -EINVAL. */
int service_rules_read(const json_t *service, struct service_rules *ret) MUST_CHECK;

enum slot_state {
    SLOT_FREE,
    SLOT_OUTSIDE_HOURS, /* closed, or no appointment begins then */
    SLOT_TOO_SOON,      /* within the notice, or past */
    SLOT_BEYOND_HORIZON,
    SLOT_TAKEN,
};

struct availability {
    const struct hours *hours;
    struct service_rules rules;
    const struct span *busy; /* any order; may overlap and be empty */
    size_t n_busy;
    int64_t now;
};

/* Free slots that start within [from, until), in order, at most `cap`. `*ret_next` is the start of
 * the first that did not fit, or 0. Returns how many, or -ENOMEM. */
ssize_t availability_list(const struct availability *ask, int64_t from, int64_t until,
                          struct span *out, size_t cap, int64_t *ret_next) MUST_CHECK;

/* Why a start is refused: of several reasons the first of too soon, beyond the horizon, outside
 * hours, taken. 0 or -ENOMEM. */
int availability_check(const struct availability *ask, int64_t start,
                       enum slot_state *ret) MUST_CHECK;

#endif
