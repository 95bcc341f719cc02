/* Every change of a booking's row: each one statement, all or nothing, together with the slots it
 * holds and the outbox rows that tell of it. Guarded by the row's version, so that a change that is
 * sent twice, or after somebody else's, changes nothing. Loop thread. */
#ifndef CLOISTER_BUSINESS_CHANGE_H
#define CLOISTER_BUSINESS_CHANGE_H

#include "business/booking.h"
#include "business/pause.h"
#include "business/together.h"

#define HOLD_S 300 /* a hold's time */

/* `error` 0: the database has answered; `changed` false: the row was not as `booking` has it any
 * more, load it again. A lost connection is tried again for some seconds before -EAGAIN: it may
 * or may not have been changed. -ENOMEM: it was not. Strings and the booking are only read. */
typedef void change_done(void *ctx, int error, bool changed);

/* What a key was used for; see used_keys. */
struct used_key {
    bool given;
    bool derived; /* of the request, since the client gave none */
    uint8_t key[32], arguments[32];
};

/* Takes the time and makes the row: changed false: the time is taken. -EEXIST: the key was used, or
 * an earlier attempt arrived: load it. `due_s`: when the reconciler takes it up. */
void change_hold(struct business_server *server, const struct booking *booking,
                 const struct used_key *key, unsigned due_s, change_done *done, void *ctx);
/* holding: its event is there, in booking->account. */
void change_confirmed(struct business_server *server, const struct booking *booking,
                      change_done *done, void *ctx);
/* holding, undoing: there is surely no event; nothing is left of it. */
void change_released(struct business_server *server, const struct booking *booking,
                     change_done *done, void *ctx);
/* holding: it will not be; whether there is an event is not known. */
void change_undoing(struct business_server *server, const struct booking *booking,
                    change_done *done, void *ctx);

/* confirmed: takes the time that it moves to as well. changed false: taken, or the row changed. */
void change_moving(struct business_server *server, const struct booking *booking, int64_t to,
                   unsigned due_s, change_done *done, void *ctx);
/* moving: its event is there now. `by_owner`: then only the customer is told. */
void change_moved(struct business_server *server, const struct booking *booking, bool by_owner,
                  change_done *done, void *ctx);
/* moving: its event stayed where it was. */
void change_stayed(struct business_server *server, const struct booking *booking, change_done *done,
                   void *ctx);

/* confirmed: cancelled for everybody, the event is to be removed. */
void change_cancelling(struct business_server *server, const struct booking *booking, bool by_owner,
                       const char *reason, unsigned due_s, change_done *done, void *ctx);
/* cancelling: the event is gone. */
void change_cancelled(struct business_server *server, const struct booking *booking,
                      change_done *done, void *ctx);

/* confirmed or moving: the owner deleted the event; or moved it. */
void change_cancelled_by_owner(struct business_server *server, const struct booking *booking,
                               change_done *done, void *ctx);
/* When the event of a booking ends: one without a length, as an owner can make it, takes as long as
 * the booking. */
int64_t change_end_of(const struct booking *booking, int64_t start, int64_t end);
void change_followed(struct business_server *server, const struct booking *booking, int64_t start,
                     int64_t end, change_done *done, void *ctx);
/* confirmed: the event is where it should be, in that account ("": not known). */
void change_looked(struct business_server *server, const struct booking *booking,
                   const char *account);
/* The step under way could not be taken now; not before `due_ms` again. */
void change_later(struct business_server *server, const struct booking *booking, uint64_t due_ms);
/* undo: its event was removed; not before `due_ms` for the last time. */
void change_removed(struct business_server *server, const struct booking *booking, uint64_t due_ms);

/* ---- for change_*.c ---- */

#define CHANGE_PARAMS (TOGETHER_PARAMS - 2)
struct change {
    struct business_server *server;
    const char *sql;
    struct together *kind;      /* it goes with others of its kind; NULL: by itself */
    char *texts[CHANGE_PARAMS]; /* owned; NULL: SQL's NULL */
    size_t n;
    struct used_key key;
    bool with_key; /* the key's two parts (NULL: none given) are the last two parameters */
    bool broken;   /* a parameter could not be made: it ends with -ENOMEM, nothing is asked */
    bool tells;    /* rows for the outbox are among it */
    unsigned attempts;
    uint64_t until_ms;
    struct pause pause;
    change_done *done;
    void *ctx;
};
/* `sql` is constant text and gives one row with a count. */
struct change *change_new(struct business_server *server, const char *sql, change_done *done,
                          void *ctx);
/* The same, with the booking's reference and version as $1 and $2. */
struct change *change_of(struct business_server *server, const char *sql,
                         const struct booking *booking, change_done *done, void *ctx);
/* One that goes with others: changed when it gets a row. Its rows for the outbox are `tells`. */
struct change *change_together(struct business_server *server, struct together *kind, bool tells,
                               change_done *done, void *ctx);
void change_text(struct change *change, const char *text); /* copied; NULL: NULL */
void change_taken(struct change *change, char *text);      /* malloc'd, taken over; NULL: broken */
/* A payload of CHANGE_TELLS, malloc'd, taken over. NULL: it cannot be made; nobody is told, and the
 * change is made all the same. */
void change_word(struct change *change, char *text);
void change_number(struct change *change, int64_t number);
void change_run(struct change *change);

/* Rows for owner and customer, of the payloads in parameters $3 and $4 (NULL: nobody is told), for
 * the bookings (reference, business, owner) in b; and the statement's result. */
#define CHANGE_TELLS(kind)                                                                         \
    "o AS (INSERT INTO outbox (kind, to_kind, business, reference, payload) SELECT '" kind         \
    "', w.who, b.business, b.reference, word FROM b, (VALUES ('owner', $3::text), "                \
    "('customer', $4::text)) AS w (who, payload), "                                                \
    "words_to(w.who, b.business, b.owner, '" kind "', w.payload::jsonb) AS word "                  \
    "WHERE w.payload IS NOT NULL RETURNING 1) "                                                    \
    "SELECT (SELECT count(*) FROM b), (SELECT count(*) FROM o)"
/* Wakes cloister-notify in a moment: one NOTIFY for many rows, in a transaction of its own, since
 * those that notify commit one after the other. */
void change_told(struct business_server *server);
void change_stop(void); /* nobody is woken any more */

#endif
