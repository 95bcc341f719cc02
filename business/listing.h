/* What search needs of a published profile, made once when it is published: the argument of the
 * database's put_listing. Pure. */
#ifndef CLOISTER_BUSINESS_LISTING_H
#define CLOISTER_BUSINESS_LISTING_H

#include <jansson.h>
#include <string.h>

#include "ipc/base.h"

/* A new object; NULL: no memory. `profile` is checked and filled in. */
json_t *listing_of(const char *slug, const json_t *profile) MUST_CHECK;

/* What the reasons of a search are read off, of a card: lines of text. */
enum fact {
    FACT_CATEGORY,
    FACT_CITY,
    /* Folded: */
    FACT_NAME_WORDS,
    FACT_CATEGORY_WORDS,
    FACT_CITY_WORDS,
    FACT_SUMMARY_WORDS,
    FACT_SLUG,
    FACTS /* from here on two lines for each service: its name, and that folded */
};
/* The caller frees it; NULL: no memory. */
char *listing_facts(const json_t *card) MUST_CHECK;

/* Half the size in degrees of a box around a place that holds everything within `km` of it. */
void box_of(double latitude, double km, double *ret_lat, double *ret_lon);
/* The parts of it about opening hours: zone, week, week_late, exception_days, exception_open. */
int listing_hours(const json_t *profile, json_t *listing) MUST_CHECK;

/* A growing text. */
struct text {
    char *data; /* NULL: out of memory at some time, or nothing yet */
    size_t len, cap;
    bool failed;
};
void text_add(struct text *text, const char *format, ...) PRINTF_LIKE(2, 3);
void text_put(struct text *text, const char *data, size_t len);
/* The same, up to its NUL. */
static inline void text_word(struct text *text, const char *word) {
    text_put(text, word, strlen(word));
}
/* A JSON string of it, quotes and all; `data` is UTF-8. */
void text_json(struct text *text, const char *data);
/* The caller frees it; NULL: no memory. */
char *text_take(struct text *text) MUST_CHECK;

/* A profile in plain words: what fetch gives, and what a front cell may know. The caller frees it;
 * NULL: no memory. */
char *profile_text(const json_t *profile) MUST_CHECK;

#endif
