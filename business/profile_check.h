/* What a profile must be beyond its schema, what it lacks to be published, and its defaults. Pure
 * but for zone_valid. */
#ifndef CLOISTER_BUSINESS_PROFILE_CHECK_H
#define CLOISTER_BUSINESS_PROFILE_CHECK_H

#include <jansson.h>

#include "ipc/base.h"

/* 0, or -EINVAL and a sentence that begins with the field. The profile is as its schema has it. */
int profile_check(const json_t *profile, char *why, size_t why_len) MUST_CHECK;
/* Fills in what was left out (profiles.h says what). 0 or -ENOMEM. */
int profile_fill(json_t *profile) MUST_CHECK;
/* A new array of sentences; empty: it can be published. NULL: no memory. */
json_t *profile_missing(const json_t *profile) MUST_CHECK;

/* "HH:MM" in minutes, -1 for anything else. */
int minutes_of(const char *text);
/* "mon" is 0; -1. */
int weekday_of(const char *word);

#endif
