/* A booking as its row has it, how rows are read, and how it is shown. Loop thread. */
#ifndef CLOISTER_BUSINESS_BOOKING_H
#define CLOISTER_BUSINESS_BOOKING_H

#include "business/call.h"
#include "business/profiles.h"
#include "business/reference.h"
#include "ipc/timezone.h"

#define ACCOUNT_TEXT 65 /* of an account as cloisterd names it, in hexadecimal digits */

struct booking {
    char reference[REFERENCE_LEN + 1];
    char owner[ID_LEN + 1];
    char business[SLUG_MAX + 1];
    char service[64];
    char status[16], step[8]; /* as the table has them */
    int64_t start, end;       /* Unix seconds */
    int64_t move_to;          /* step "move": the new start; else 0 */
    int64_t before, after;    /* buffers, seconds */
    char zone[ZONE_MAX];
    char event[EVENT_NAME_LEN + 1];
    int64_t version;
    int64_t attempts;
    bool removed;               /* step "undo": its event was, once */
    char account[ACCOUNT_TEXT]; /* in which its event is; "": not known */
    json_t *details; /* business_name, service_name, place, customer{name, email, phone}, note,
                        address, timezone, language; owned */
};
void booking_free(struct booking *booking); /* NULL is fine */
static inline void scope_booking_fn(struct booking **booking) {
    booking_free(*booking);
}
#define SCOPE_BOOKING __attribute__((cleanup(scope_booking_fn)))

/* The columns that booking_read wants, of a table or alias bookings. */
#define BOOKING_COLUMNS                                                                            \
    "bookings.reference, bookings.owner, bookings.business, bookings.service, bookings.status, "   \
    "bookings.step, extract(epoch FROM bookings.starts_at)::bigint, "                              \
    "extract(epoch FROM bookings.ends_at)::bigint, "                                               \
    "extract(epoch FROM bookings.move_to)::bigint, "                                               \
    "extract(epoch FROM bookings.buffer_before)::bigint, "                                         \
    "extract(epoch FROM bookings.buffer_after)::bigint, bookings.zone, bookings.event, "           \
    "bookings.version, bookings.attempts, bookings.details::text, bookings.removed, "              \
    "bookings.account"
/* NULL: out of memory. */
struct booking *booking_read(const struct pg_rows *rows, unsigned row);

/* `booking` (NULL: there is none, or `error`) becomes the callback's. */
typedef void booking_loaded(void *ctx, int error, struct booking *booking);
void booking_load(struct business_server *server, const char *reference, booking_loaded *done,
                  void *ctx);

const char *booking_detail(const struct booking *booking, const char *name);   /* never NULL */
const char *booking_customer(const struct booking *booking, const char *name); /* never NULL */

/* The result of a call about it: made: with secret and links. New reference; NULL: no memory. */
json_t *booking_state_json(const struct booking *booking, int64_t now);
/* After a change: its owner learns whether the customer hears of it. */
json_t *booking_changed_json(const struct business_call *call, const struct booking *booking);
json_t *booking_made_json(const struct business_server *server, const struct booking *booking);
/* As its owner sees it. */
json_t *booking_owner_json(const struct booking *booking, int64_t now);

/* An instant as text in the booking's zone. */
json_t *instant_json(const char *zone, int64_t moment);

/* The time of a field of the call, in Unix seconds; `fallback` when it is left out. False: it is
 * none (the call was refused). */
bool call_instant(struct business_call *call, const char *name, int64_t fallback, int64_t *ret);
/* The same of `start`, which is refused with fractions of a second that are not zero. */
bool call_start(struct business_call *call, int64_t *ret);

/* Payloads of outbox rows (business/outbox.h) as JSON text; malloc'd, NULL: no memory. A text that
 * cannot be written (the calendar file, too) is left out. */
char *booking_word_to_owner(const struct booking *booking, int64_t was_start, const char *reason);
char *booking_word_to_customer(const struct business_server *server, const struct booking *booking,
                               int64_t was_start, const char *reason);

/* A booking as an iCalendar object (RFC 5545), whose link carries the secret of that purpose: never
 * more than who gets it has. Mailed, it says nothing that the customer wrote. malloc'd; NULL: it
 * cannot be made. */
char *booking_ics(const struct business_server *server, const struct booking *booking,
                  enum secret_purpose purpose, bool mailed);

#endif
