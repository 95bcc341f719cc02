/* Customers' questions: kept with a reference, told to the owner, answered by the owner, or at once
 * by the business's agent where the owner lets it. Loop thread. */
#ifndef CLOISTER_BUSINESS_INQUIRY_H
#define CLOISTER_BUSINESS_INQUIRY_H

#include "business/call.h"
#include "business/once.h"
#include "business/reference.h"

#define ANSWER_MAX 20000u /* bytes */

struct inquiry {
    char reference[REFERENCE_LEN + 1];
    char owner[ID_LEN + 1];
    char business[SLUG_MAX + 1];
    char status[16], answered_by[8];
    char fanout[ID_LEN + 1];
    char *message, *answer; /* answer: "" when there is none */
    json_t *details;        /* business_name, customer{}, channel */
    int64_t created_ms, answered_ms;
};
void inquiry_free(struct inquiry *inquiry); /* NULL is fine */
static inline void scope_inquiry_fn(struct inquiry **inquiry) {
    inquiry_free(*inquiry);
}
#define SCOPE_INQUIRY __attribute__((cleanup(scope_inquiry_fn)))

/* The columns that inquiry_read wants. */
#define INQUIRY_COLUMNS                                                                            \
    "reference, owner, business, status, coalesce(answered_by, ''), fanout, message, "             \
    "coalesce(answer, ''), details::text, (extract(epoch FROM created_at) * 1000)::bigint, "       \
    "(extract(epoch FROM answered_at) * 1000)::bigint"
struct inquiry *inquiry_read(const struct pg_rows *rows, unsigned row); /* NULL: no memory */

/* `inquiry` becomes the callback's; NULL: there is none, or `error`. */
typedef void inquiry_loaded(void *ctx, int error, struct inquiry *inquiry);
void inquiry_load(struct business_server *server, const char *reference, inquiry_loaded *done,
                  void *ctx);

/* What opens it, into the result of whoever asked: secret and url. */
void inquiry_put_door(const struct business_server *server, const char *reference, json_t *result);

/* ---- sending one ---- */

/* The row is there, whatever becomes of the answer. */
typedef void inquiry_kept(void *ctx, const char *reference);

struct inquiry_words { /* only read */
    const char *business, *message, *channel, *fanout;
    const json_t *customer; /* NULL: nobody says who asks */
    const struct used_key *key;
    uint64_t deadline_ms; /* clock_ms by which the agent must have answered */
    inquiry_kept *kept;   /* before `done`, if at all; NULL: nobody waits for it */
};
enum inquiry_outcome {
    INQUIRY_ANSWERED,
    INQUIRY_RECORDED, /* its owner will answer */
    INQUIRY_UNKNOWN,  /* no such business */
    INQUIRY_OFF,      /* it takes none */
    INQUIRY_LIMITED,
    INQUIRY_KEY, /* the key was used */
    INQUIRY_FAILED,
};
struct inquiry_end {
    enum inquiry_outcome outcome;
    const char *reference, *business_name, *answer; /* "" where there is none */
    uint64_t retry_after_ms;                        /* LIMITED */
    int error;                                      /* FAILED */
};
typedef void inquiry_done(void *ctx, const struct inquiry_end *end);
/* Never calls back from inside. */
void inquiry_send(struct business_server *server, const struct inquiry_words *words,
                  inquiry_done *done, void *ctx);

/* Sets the answer and tells the customer. `by`: "owner", "agent" (of an open one alone). changed
 * false: there is none to be answered like that. */
void inquiry_answer(struct business_server *server, const char *owner, const char *reference,
                    const char *by, const char *answer, change_done *done, void *ctx);

#endif
