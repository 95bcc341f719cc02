/* One request being answered, from its accepted head to the end of its connection. Handlers get one
 * and answer it exactly once, now or later; when the client goes away before, `cancel` is called.
 * Loop thread. */
#ifndef CLOISTER_GATEWAY_CALL_H
#define CLOISTER_GATEWAY_CALL_H

#include <netinet/in.h>

#include "gateway/cookies.h"
#include "gateway/fields.h"
#include "gateway/frontends.h"
#include "gateway/gateway.h"
#include "gateway/guard.h"
#include "gateway/problem.h"
#include "gateway/routes.h"
#include "gateway/upstream.h"
#include "ipc/about.h"

#define GRANT_MAX 700 /* bytes; what a grant looks like is not the gateway's business */

struct call {
    struct gateway *gateway;
    struct conn *conn;
    const struct route *route; /* NULL: refused before one was known */
    char id[ID_LEN + 1];
    struct about about;                 /* `id`, and the trace it is part of */
    char traceparent[TRACEPARENT_SIZE]; /* as the answer says it */
    const char *method;                 /* static, for the log */
    uint64_t began;
    bool head_only;
    struct in6_addr address; /* whose limits count: the client's, as proxies.h finds it */
    /* Copies of what the head said; NULL when absent. */
    char *query, *grant, *idempotency_key, *cookie, *if_none_match;
    char *csrf;    /* from the head, or from a form */
    char *booking; /* Cloister-Booking: a booking's or an inquiry's secret */
    json_t
        *mcp; /* BODY_RAW: headers Mcp-… by their lower-case name; null: came twice; NULL: none */
    const char *origin; /* an allowed origin (the gateway's copy), or NULL */
    bool accepts_stream, accepts_json;
    char frontend[FRONTEND_NAME_MAX + 1]; /* "" unless a key was shown */
    char session[TOKEN_MAX + 1];          /* the browser's cookie; "" when a key was shown */
    char param[ROUTE_PARAMS_MAX][ROUTE_PARAM_SIZE];
    json_t *body;       /* BODY_JSON, BODY_FORM */
    const uint8_t *raw; /* BODY_RAW: the bytes, while its handler is first called */
    size_t raw_len;
    bool signing_in; /* comes back from Google with a login cookie */
    /* The answer. */
    unsigned status;         /* 0: none yet */
    const char *cache;       /* Cache-Control; NULL: no-store */
    const char *referrer;    /* Referrer-Policy; NULL: no-referrer */
    const char *mcp_session; /* Mcp-Session-Id; NULL: none */
    char *renewed;           /* a fresh grant in place of the one shown; NULL: none */
    uint64_t ask;            /* the open request, 0: none; of */
    struct upstream *link;   /* cloister-business; NULL: cloisterd */
    struct front_kept *kept; /* the answer comes from it; valid in the handler's `answer` alone */
    char *cache_key;         /* front.c's */
    uint64_t cache_generation;
    upstream_answer *answer;           /* its handler's */
    void *state;                       /* the handler's, freed by `cancel` or by itself */
    void (*cancel)(struct call *call); /* the client has gone */
    void (*drained)(struct call *call, size_t waiting); /* a stream's client took bytes */
};

/* Wipes and frees; NULL is fine. */
void free_secret(char *text);

/* The whole answer. `type` is the content type of `body`; 204 has neither. Extra headers are in
 * `more`. */
struct call_header {
    const char *name, *value;
};
void call_answer(struct call *call, unsigned status, const char *type, const char *body, size_t len,
                 const struct call_header *more, size_t more_count);
/* The same with a body of several pieces, REPLY_PIECES_MAX at most. */
void call_answer_pieces(struct call *call, unsigned status, const char *type,
                        const struct iovec *pieces, size_t count, const struct call_header *more,
                        size_t more_count);
/* Steals `object`. */
void call_json(struct call *call, unsigned status, json_t *object);
void call_json_with(struct call *call, unsigned status, json_t *object,
                    const struct call_header *more, size_t more_count);
void call_problem(struct call *call, const struct problem *problem);
/* A page where people look, a problem document elsewhere. */
void call_fail(struct call *call, const struct problem *problem);
/* Sends a browser elsewhere: 302 or 303, with up to two more headers. */
void call_redirect(struct call *call, unsigned status, const char *location,
                   const struct call_header *more, size_t more_count);
/* 401 session_invalid, saying where to sign in. */
void call_session_over(struct call *call);
/* The common case: no retry hint, no address. */
void call_refuse(struct call *call, unsigned status, const char *code, const char *detail);
/* Starts an event stream. */
void call_stream(struct call *call);

/* Fills in `caller` from the call: frontend, grant and `user`; or session and csrf alone. */
void call_identity(const struct call *call, const char *user, Cloister__Caller *caller);
/* {user} of the path, checked; answers 400, or 403 when a session names anyone but "me", and
 * returns NULL. */
const char *call_user(struct call *call);
/* Checks the body against a field table; answers 400 and returns false when it does not fit. */
bool call_fields(struct call *call, const struct field *rows, size_t n);
/* What a box of a form says: "1" yes; "0" or nothing no. Answers 400 and returns false for anything
 * else. */
bool call_box(struct call *call, const char *name, bool *ret) MUST_CHECK;
/* With a session the one user there is: "me". */
bool call_user_is_me(struct call *call, const char *user);

/* Sends `message` (numbered `number`) to cloisterd. Answers 503 itself when there is none; then
 * false. A renewed grant that comes before the answer is kept in call->renewed. */
bool call_ask(struct call *call, uint64_t number, Cloister__Message *message, uint64_t timeout_ms,
              upstream_answer *answer);
/* What an ask that ended without the wanted message means: the FAILURE's own words, the loss of the
 * link, a timeout, or an answer of the wrong kind. Text is valid as long as `message`. */
struct problem call_failure(enum upstream_end end, const Cloister__Message *message);
/* True when `end` and `message` are a reply of type `wanted`; otherwise answers with the problem.
 */
bool call_replied(struct call *call, enum upstream_end end, const Cloister__Message *message,
                  Cloister__Message__BodyCase wanted);

#endif
