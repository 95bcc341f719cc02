/* One service of one published business, as a booking needs it. Loop thread. */
#ifndef CLOISTER_BUSINESS_OFFER_H
#define CLOISTER_BUSINESS_OFFER_H

#include "business/availability.h"
#include "business/booking.h"

struct offer {
    char owner[ID_LEN + 1];
    char business[SLUG_MAX + 1];
    char service[64];
    char *business_name, *service_name, *place;
    bool at_customer; /* the customer's address is needed */
    struct hours *hours;
    struct service_rules rules;
};
void offer_free(struct offer *offer); /* NULL is fine */
static inline void scope_offer_fn(struct offer **offer) {
    offer_free(*offer);
}
#define SCOPE_OFFER __attribute__((cleanup(scope_offer_fn)))

/* What a call is about. `offer` becomes the callback's; NULL: the call was refused (unknown
 * business or service, not bookable, no database). */
typedef void offer_done(void *ctx, struct offer *offer);
void offer_load(struct business_call *call, const char *business, const char *service,
                offer_done *done, void *ctx);

/* The same for who needs no refusal: NULL when there is no such offer now. */
void offer_look(struct business_server *server, const char *business, const char *service,
                offer_done *done, void *ctx);

/* Why a start is refused before anything is asked of the calendar; SLOT_FREE: it is not. */
enum slot_state offer_check(const struct offer *offer, int64_t start);
/* Refuses with the code for `state` and with the next free slots from about `start` on; none when
 * the calendar cannot be read. Takes the offer. */
void offer_refuse(struct business_call *call, struct offer *offer, enum slot_state state,
                  int64_t start);
/* 503 cannot_confirm_now, in words for customers; tells the owner why. */
void offer_refuse_now(struct business_call *call, const struct offer *offer, const char *code);

/* [{start, end}, …] in `zone`. NULL: no memory. */
json_t *offer_slots_json(const char *zone, const struct span *slots, size_t n);

#endif
