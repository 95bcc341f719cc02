/* A flow is one request on its way through store, keys and a turn until it is answered. It lives
 * until it has been answered and nothing it asked can call back any more. Used by the API handlers
 * alone.
 *
 *     flow_wait(&f->flow);                      before asking store, keys or turns_end_user
 *     store_x(…, on_x, f);
 *     static void on_x(void *ctx, int error, …) {
 *         struct my_flow *f = ctx;
 *         if (!flow_resume(&f->flow))           answered meanwhile: f is gone
 *             return;
 */
#ifndef CLOISTER_SUPERVISOR_API_FLOW_H
#define CLOISTER_SUPERVISOR_API_FLOW_H

#include "ipc/about.h"
#include "supervisor/api.h"
#include "supervisor/store_connect.h"

#define USER_NAME_MAX 128
#define FRONTEND_MAX  64

struct reconciler;
struct flow;

struct api {
    struct event_base *base;
    const struct config *config;
    struct store *store;
    struct keys_client *keys;
    struct turns *turns;
    struct reconciler *reconciler;
    struct business_link *business;
    struct flow *flows;
};

struct flow {
    struct api *api;
    struct gateway_end *end;
    uint64_t request;
    struct about about; /* what it is called in logs and traces */
    struct flow *next, **at;
    size_t size;
    unsigned waits;
    bool over;
    struct turn *turn; /* cancelled when the flow ends before it */
    const struct turn_ops *turn_ops;
    struct event *timer;              /* the turn's budget */
    void (*clean)(struct flow *flow); /* frees what else it holds; may be NULL */
    /* Who is answered when that is no gateway (`end` is NULL then); ends nothing. May be NULL. */
    void (*answered)(struct flow *flow, const Cloister__Message *message);
};

/* First member of a zeroed struct of `size` bytes; wiped when freed. Never NULL. */
void *flow_new(struct api *api, size_t size, struct gateway_end *end, uint64_t request);
void flow_wait(struct flow *flow);
bool flow_resume(struct flow *flow) MUST_CHECK;
/* Answered: nothing may touch it afterwards, save a callback that resumes it. */
void flow_end(struct flow *flow);

/* Each answers and ends the flow. */
void flow_reply(struct flow *flow, Cloister__Message *message);
void flow_fail(struct flow *flow, unsigned status, const char *code, const char *detail,
               bool retryable);
void flow_fail_at(struct flow *flow, unsigned status, const char *code, const char *detail,
                  bool retryable, const char *action_url);
/* For an error of the store that is no answer to the question: 503 when it is away, else 500. */
void flow_fail_store(struct flow *flow, int error);
void flow_fail_keys(struct flow *flow);
void flow_fail_turn(struct flow *flow, const struct turn_failure *failure, const char *action_url);
void flow_fail_turn_error(struct flow *flow, const Cloister__TurnError *error,
                          const char *action_url);

/* Submits a turn and gives it `budget_ms`; afterwards flow->turn is set. When it is refused, or
 * over its budget, ops->failed is called (refused: from inside this call). */
void flow_turn(struct flow *flow, const char *user, const char *origin, const char *connection,
               const Cloister__TurnStart *start, const struct turn_ops *ops, uint64_t budget_ms);
/* First thing in the turn's done, error and failed. */
void flow_turn_over(struct flow *flow);

/* The caller names a frontend and a user of sound length; otherwise the flow is answered. */
bool flow_caller_sound(struct flow *flow, const Cloister__Caller *caller) MUST_CHECK;

/* ---- redeem.c ---- */

struct redemption {
    int error; /* 0; -ENOENT: no such code; -EACCES: another Google account; -ENOKEY: the key
                  service is away; or an error of the store */
    const char *grant;   /* "" unless it was asked for */
    char *const *scopes; /* granted at Google */
    size_t n_scopes;
};
typedef void redeemed(struct flow *flow, const struct redemption *redemption);
/* Makes what the code stands for the user's. The code is used up last. */
void flow_redeem(struct flow *flow, const uint8_t code_hash[static TOKEN_HASH_LEN],
                 const char *frontend, const char *name, bool with_grant, redeemed *done);
/* Answers for an error of it, and ends the flow. */
void flow_fail_redeem(struct flow *flow, int error, const char *action_url);

/* ---- grants_revoke.c ---- */

/* Voids every grant of the user, then answers Ok and ends the flow. */
void flow_revoke_grants(struct flow *flow, const char *user);

/* ---- disconnect.c ---- */

/* Carries the user's connection to its end and answers `flow` (ends it). */
void disconnect_run(struct flow *flow, const struct store_connection *row);
int reconciler_new(struct api *api, struct reconciler **ret) MUST_CHECK;
void reconciler_free(struct reconciler *reconciler);
/* There is something to finish. */
void reconciler_kick(struct reconciler *reconciler);

#endif
