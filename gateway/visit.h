/* A customer's visit to the public pages: what one request has learnt on its way to its page. Works
 * without JavaScript. Loop thread. */
#ifndef CLOISTER_GATEWAY_VISIT_H
#define CLOISTER_GATEWAY_VISIT_H

#include "gateway/business.h"
#include "gateway/front.h"
#include "gateway/page_front.h"

#define SECRET_MAX   64
#define VISIT_WORD   80
#define VISIT_PLACE  96
#define VISIT_DETAIL 512

struct visit {
    json_t *query; /* the directory's: what was asked for */
    json_t *profile, *booking, *slots, *next;
    char slug[SLUG_MAX + 1], reference[REFERENCE_MAX + 1], secret[SECRET_MAX + 1];
    char service[SLUG_MAX + 1], zone[ZONE_MAX], home[ZONE_MAX], week[16], path[VISIT_PLACE];
    bool zone_chosen;
    struct page_calendar calendar; /* once `slots` is there */
    unsigned asked;                /* pages of free times so far */
    unsigned status;               /* of the page */
    char key_book[ID_LEN + 1], key_inquire[ID_LEN + 1];
    struct page_trouble trouble;
    char title[VISIT_WORD], text[VISIT_DETAIL], field[VISIT_WORD]; /* what it points to */
    bool trouble_inquiry;
    bool uncertain; /* the refusal leaves open whether something was made: the key is kept */
    void (*next_step)(struct call *call);
};

/* Makes call->state one; NULL: answered. Pages of a visit never tell where they were. */
struct visit *visit_new(struct call *call);
/* Asks as a page. Steals `arguments`. `key`: of a form, or NULL. */
void visit_ask(struct call *call, const char *operation, json_t *arguments, const char *key,
               upstream_answer *answer);
/* What a refusal says to a person, and the status of the page that says it; `next` is taken from
 * beside it. `prefix` begins the ids of the form's fields. False: not one to be mended on the page;
 * answered. */
bool visit_trouble(struct call *call, enum upstream_end end, const Cloister__Message *message,
                   const char *prefix);
void visit_say(struct visit *visit, unsigned status, const char *title, const char *text,
               const char *field);
/* Reads service, week and tz from the query or, after a form, from its fields. */
void visit_wishes(struct call *call);
/* Asks for the free times of visit->service of `business` in the week that is wished, in the zone
 * that is wished (`home`, the business's, where none is), into ->calendar. Where they cannot be had
 * ->slots stays NULL. Then `next`. */
void visit_slots(struct call *call, const char *business, const char *home,
                 void (*next)(struct call *call));
/* The page: `main` is finished and freed here. `kind`: "" or "slip", a narrow one. */
void visit_show(struct call *call, const char *title, const char *description, const char *kind,
                struct html *main);

#endif
