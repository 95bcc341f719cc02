/* Times as people read them, each in a named zone. Zones come through ipc/timezone.h: loop thread
 * only. */
#ifndef CLOISTER_GATEWAY_PAGE_TIME_H
#define CLOISTER_GATEWAY_PAGE_TIME_H

#include "gateway/html.h"
#include "ipc/timezone.h"

/* A moment on the clocks of a zone. */
struct page_time {
    int64_t utc;
    int offset; /* seconds east of UTC */
    struct stamp local;
};

/* Reads RFC 3339 with an offset; false when it is none. Here and below a zone of "" leaves a time
 * on the clocks that it was written by. */
bool page_time_read(const char *text, const char *zone, struct page_time *ret);
void page_time_of(int64_t utc, const char *zone, struct page_time *ret);
bool page_same_day(const struct stamp *a, const struct stamp *b);

#define PAGE_TIME_TEXT 64
void page_day(const struct stamp *day,
              char out[static PAGE_TIME_TEXT]); /* "Tuesday, 1 December 2026" */
void page_date(const struct stamp *day, char out[static PAGE_TIME_TEXT]);   /* "2026-12-01" */
void page_clock(const struct stamp *time, char out[static PAGE_TIME_TEXT]); /* "10:00" */
void page_offset(int offset, char out[static PAGE_TIME_TEXT]);              /* "GMT+5:30" */
const char *page_month(int month);                                          /* 1: "Jan" */

/* "Tuesday, 1 December 2026, 10:00–10:30 <zone>" as markup, with machine-readable times. */
void page_span(struct html *html, const char *start, const char *end, const char *zone);
/* A day of an instant, "1 December 2026"; nothing when it is none. */
void page_day_of(struct html *html, const char *instant, const char *zone);

/* The day that `text` (YYYY-MM-DD) names, else `fallback`. */
struct stamp page_day_read(const char *text, const struct stamp *fallback);
/* RFC 3339, UTC, of a local midnight in `zone`. */
void page_midnight(const struct stamp *day, const char *zone, char out[static STAMP_TEXT]);

/* <option>s of zones to choose from; `chosen` and `also` (either may be "") are among them. */
void page_zone_options(struct html *html, const char *chosen, const char *also);

#endif
