/* What customers see of the businesses, as markup made from the operations' results: directory,
 * profile with its calendar and forms, the state of a booking or an inquiry. Nothing of a profile
 * or of a customer becomes markup, and nothing is fetched from elsewhere: a business shows the
 * first letter of its name in place of its image. Loop thread (times need zones). */
#ifndef CLOISTER_GATEWAY_PAGE_FRONT_H
#define CLOISTER_GATEWAY_PAGE_FRONT_H

#include "gateway/page_time.h"

/* What went wrong with what somebody sent; NULL-free. */
struct page_trouble {
    const char *title, *text; /* "" title: nothing went wrong */
    const char *field;        /* id of the field to go to, or "" */
};

struct page_directory {
    const json_t *query;  /* what was asked for: q, category, place, country, mode, language */
    const json_t *result; /* of search_businesses; NULL: none was asked for, or it failed */
    struct page_trouble trouble;
};
void page_directory(struct html *html, const struct page_directory *view);

/* The free times of one service in one week. */
struct page_calendar {
    const char *zone;    /* the visitor's, valid */
    bool zone_chosen;    /* by them or their browser */
    const char *home;    /* the business's own zone, or "" */
    struct stamp first;  /* day of the week that is shown */
    struct stamp today;  /* in `zone` */
    const json_t *slots; /* NULL: not known */
    bool more;           /* the list was cut: there are others in this week */
    const char *picked;  /* the start that was chosen before, or "" */
    /* For links to other weeks. */
    const char *path, *service, *secret; /* "/b/salon"; "" none; a booking's, or "" */
};
void page_calendar(struct html *html, const struct page_calendar *view);
/* The choice of a zone: a form of its own, before the one that the calendar stands in. */
void page_calendar_zone(struct html *html, const struct page_calendar *view);
/* What to offer in place of a time that was taken: choices of the same name as the calendar's. */
void page_next_slots(struct html *html, const json_t *next, const char *zone);

struct page_profile {
    const json_t *profile; /* as get_business has it */
    const char *slug;
    const char *service;                  /* chosen, or "" */
    const struct page_calendar *calendar; /* NULL: none is shown */
    const json_t *next;                   /* slots to offer in place of a taken one, or NULL */
    const json_t *form;                   /* what was filled in; may be NULL */
    const char *key_book, *key_inquire;   /* of the forms */
    struct page_trouble trouble;
    bool trouble_inquiry; /* it is the inquiry's */
    bool preview;         /* for the owner: nothing can be sent */
};
void page_profile(struct html *html, const struct page_profile *view);
/* Its parts. */
void page_facts(struct html *html, const json_t *profile);
void page_book_form(struct html *html, const struct page_profile *view, const json_t *service);
void page_inquiry_form(struct html *html, const struct page_profile *view);
void page_trouble(struct html *html, const struct page_trouble *trouble);
/* The service of that id, or NULL (borrowed). */
const json_t *page_service(const json_t *profile, const char *id);
/* "30 minutes", "1 h 30 min" */
void page_duration(struct html *html, json_int_t minutes);
/* A first letter, in place of an image. */
void page_tile(struct html *html, const char *name);
/* "12.50–40 EUR"; nothing when the service says nothing. */
void page_price(struct html *html, const json_t *price);
bool page_feature(const json_t *profile, const char *word);

enum page_booking_act { BOOKING_SHOW, BOOKING_CANCEL, BOOKING_MOVE };
struct page_booking {
    const json_t *booking; /* of get_booking */
    const char *reference, *secret;
    enum page_booking_act act;
    bool fresh;                           /* it was just made */
    const char *zone;                     /* to show times in; "" the booking's own */
    const char *notice;                   /* what was just done, or "" */
    const struct page_calendar *calendar; /* BOOKING_MOVE */
    const json_t *next;
    const char *reason; /* BOOKING_CANCEL: as it was typed */
    struct page_trouble trouble;
};
void page_booking(struct html *html, const struct page_booking *view);

struct page_inquiry {
    const json_t *inquiry; /* of get_inquiry */
    const char *reference;
    bool fresh;
};
void page_inquiry(struct html *html, const struct page_inquiry *view);

#endif
