/* Dates and times without a zone, RFC 3339 text, and IANA zones read from the system's zoneinfo.
 * Seconds are since 1970-01-01T00:00:00Z. Single-threaded (zones are cached for the process). */
#ifndef CLOISTER_WORLD_CIVIL_H
#define CLOISTER_WORLD_CIVIL_H

#include "ipc/base.h"

struct civil {
    int year, month, day, hour, minute, second;
};

#define DAY_S   INT64_C(86400)
#define STAMP_N 40

/* Days since 1970-01-01 in the proleptic Gregorian calendar, and back. */
int64_t civil_days(int year, int month, int day);
void civil_from_days(int64_t days, struct civil *ret);
/* As if the fields were UTC; out-of-range hours, minutes and seconds carry over. */
int64_t civil_seconds(const struct civil *c);
struct civil civil_from_seconds(int64_t seconds);
/* 0 = Monday … 6 = Sunday. */
int civil_weekday(int64_t days);
int civil_month_days(int year, int month);
bool civil_date_valid(int year, int month, int day);

/* Parses "2026-12-01" (whole text). */
bool civil_parse_date(const char *text, struct civil *ret);

enum rfc3339 { RFC3339_BAD, RFC3339_LOCAL, RFC3339_OFFSET };
/* Parses a whole RFC 3339 date-time; the offset may be missing (RFC3339_LOCAL). *ret_offset is in
 * seconds and untouched for a local time. */
enum rfc3339 rfc3339_parse(const char *text, struct civil *ret, int *ret_offset);

struct zone;
/* NULL when there is no such IANA zone. Lives as long as the process. */
const struct zone *zone_find(const char *name);
/* The zone whose last part is `city` in any case ("tokyo" → Asia/Tokyo), blanks read as '_'. */
const struct zone *zone_of_city(const char *city);
const char *zone_name(const struct zone *zone);
int zone_offset(const struct zone *zone, int64_t seconds);
/* Local to absolute; a time in a gap moves forward, an ambiguous one is the earlier. */
int64_t zone_to_utc(const struct zone *zone, const struct civil *local);
struct civil zone_local(const struct zone *zone, int64_t seconds);

/* "2026-12-01T10:00:00+01:00", UTC as "Z". */
void rfc3339_format(int64_t seconds, const struct zone *zone, char out[static STAMP_N]);

#endif
