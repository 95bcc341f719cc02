/* The owner's pages about their businesses: each is the session, one or more operations, and a page
 * made of their results. Works without JavaScript. Loop thread. */
#ifndef CLOISTER_GATEWAY_OFFICE_H
#define CLOISTER_GATEWAY_OFFICE_H

#include "gateway/business.h"
#include "gateway/page_front.h"
#include "gateway/web_session.h"

/* What a page under way knows; freed with its call. */
struct office {
    struct web_page page;
    json_t *result;  /* of the operation that the page shows */
    json_t *profile; /* a form's: the draft with its changes */
    struct page_trouble trouble;
    char title[80], text[512]; /* what `trouble` points to */
    char untold[512];          /* what was done and nobody is told of; "": nothing */
    bool noticed;              /* what was done stands in a part of the page, not above it */
    void (*next)(struct call *call);
};

/* Makes call->state one; NULL: answered. */
struct office *office_new(struct call *call);
/* Asks for the session, keeps it, and goes on with `next`; to the sign-in when it is over. */
void office_session(struct call *call, void (*next)(struct call *call));
/* Asks for an operation, keeps its result, and goes on; a refusal is answered. Steals `arguments`.
 */
void office_ask(struct call *call, const char *operation, json_t *arguments,
                void (*next)(struct call *call));
/* The operation's result into call->state, or the refusal into its trouble. True: there is a
 * result. False with a trouble: refused for a reason that a person can mend. False without: the
 * call is answered. */
bool office_take(struct call *call, enum upstream_end end, const Cloister__Message *message);
/* Whether nobody tells the customer of what was done, as the result has it: then the page that
 * follows says so, and how the customer is reached. `done`: in a word, with its full stop. */
bool office_untold(struct call *call, const char *done);
/* The page: `main` is finished and freed here. `tab`: "businesses", "bookings", "inquiries". */
void office_show(struct call *call, const char *tab, const char *title, struct html *main);
/* What was just done, as the query says it; or "". */
const char *office_notice(const struct call *call);
/* 303 to `path`. */
void office_go(struct call *call, const char *path);

/* What was typed as `name` about that booking or question, in a form that was refused; or "". */
const char *office_typed(const struct call *call, const char *reference, const char *name);
/* Who booked or asked, as a line (office_bookings.c). */
void office_customer(struct html *html, const json_t *entry);

/* Times of a day that the forms for opening hours have; FORM_FIELDS_MAX bounds it. */
#define OFFICE_TIMES 2
/* office_form.c: applies a form of the edit page to a profile. False: no such form. */
bool office_apply(json_t *profile, const char *act, const json_t *form);
/* office_profile.c: the edit page's content. `public_url`: of the business, or "". */
struct office_edit {
    const char *slug, *csrf, *public_url;
    const json_t *draft, *published; /* the latter NULL or null: customers see nothing */
    const json_t *missing;           /* what the draft lacks to be published; may be NULL */
    const json_t *refused;           /* the form that was; NULL: none */
    const char *at, *notice;         /* the part that was just saved, and the words for it; or "" */
    const struct page_trouble *trouble;
};
void office_profile(struct html *html, const struct office_edit *edit);
/* Hidden fields that each form begins with. */
void office_form_begin(struct html *html, const char *path, const char *csrf, const char *act);

#endif
