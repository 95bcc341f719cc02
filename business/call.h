/* One call of an operation of business/api/operations.def, from wherever it came. The dispatcher
 * has checked that the origin may ask for it, that the arguments are as the operation's schema has
 * them, and that no limit is met; it writes the operational log when the call is answered.
 *
 * A handler gets the call and answers it exactly once, now or later, by business_reply or
 * business_refuse; the call is gone then. Whoever asked may have left meanwhile: the answer is
 * dropped, the work is not. Loop thread. */
#ifndef CLOISTER_BUSINESS_CALL_H
#define CLOISTER_BUSINESS_CALL_H

#include <jansson.h>

#include "business/business.h"

enum business_origin {
    FROM_PUBLIC = 1 << 0,    /* "customer": anybody, or a customer's turn */
    FROM_OWNER = 1 << 1,     /* the owner `user`, or a turn of the owner's */
    FROM_CLOISTERD = 1 << 2, /* cloisterd for itself */
};

/* Who called, cleaned and cut; nothing of it is believed. */
struct business_client {
    char channel[16]; /* "mcp", "http", "page", "chat", "agent", "" */
    char name[65];    /* printable, "" */
    char version[33];
    char fingerprint[33]; /* keyed, of the address, hex; "" when there is no address. Changes daily
                           */
};

struct operation;
struct business_handler;

struct business_call {
    struct business_server *server;
    const struct operation *operation;
    const char *name; /* of the operation */
    enum business_origin origin;
    bool by_agent;               /* a model asked, not a person */
    char user[ID_LEN + 1];       /* the owner (FROM_OWNER), whom the front cell serves (a customer's
                                    turn), or "" */
    char business[SLUG_MAX + 1]; /* a customer's turn may ask about this one alone; or "" */
    struct business_client client;
    char asker[33]; /* keyed, of the address, hex; the same for as long as the secret is. For
                       idempotency keys only: it is written nowhere */
    char idempotency_key[201]; /* "" */
    char id[ID_LEN + 1];       /* the call's own, as logs have it */
    json_t *arguments;         /* an object, of the operation's schema; belongs to the call */
    uint64_t deadline_ms;      /* clock_ms after which nobody waits for the answer */

    /* May be set by the handler: called once when the asker gives up before the answer. The call
     * has still to be answered. */
    void (*on_cancel)(struct business_call *call, void *ctx);
    void *on_cancel_ctx;

    /* For the log, set by the handler where it makes sense. */
    int64_t results; /* -1: not counted */
    char fanout[ID_LEN + 1];

    /* ---- the dispatcher's own ---- */
    const struct business_handler *handler;
    struct business_link *link; /* NULL: it left */
    uint64_t request, started_us;
    bool progress;
    char *cache_key; /* what the answer may be kept under, or NULL */
    uint64_t cache_generation;
    struct business_call *next, **previous;
};

/* Ends the call with an object, which is stolen. */
void business_reply(struct business_call *call, json_t *result);
/* The same, already as JSON text (copied). */
void business_reply_text(struct business_call *call, const char *json);
/* Ends it with a refusal: status and code of docs/errors.yaml, plain words without contents of
 * anybody, and beside them an object (stolen; NULL: none), such as the next free slots. */
void business_refuse(struct business_call *call, unsigned status, const char *code,
                     const char *detail, json_t *result);
/* The same, worth another try after `retry_after_ms`. */
void business_refuse_for_now(struct business_call *call, unsigned status, const char *code,
                             const char *detail, uint64_t retry_after_ms);
/* 400 invalid_argument; the detail names the field. */
void business_refuse_argument(struct business_call *call, const char *format, ...)
    PRINTF_LIKE(2, 3);
/* 404 unknown_business. */
void business_refuse_unknown(struct business_call *call);
/* 503 business_unavailable: the database did not answer (`error` of a pg_done other than 0). */
void business_refuse_store(struct business_call *call, int error);
/* How far it is, to those who asked to be told; otherwise nothing. A sentence without contents. */
void business_progress(struct business_call *call, unsigned done, unsigned total,
                       const char *message);

/* Arguments by name; what is not there gives "" (never NULL), `fallback`, false. */
const char *business_text(const struct business_call *call, const char *name);
json_int_t business_number(const struct business_call *call, const char *name, json_int_t fallback);

/* HANDLER(operation) in handlers.def: void handle_OPERATION(struct business_call *call). */
#define HANDLER(operation) void handle_##operation(struct business_call *call);
#include "business/handlers.def"
#undef HANDLER

#endif
