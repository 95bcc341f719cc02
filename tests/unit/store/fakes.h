/* Stand-ins for what the API handlers talk to: gateways (answers are kept), the key service (a list
 * of keys, answers come later), turns (a turn waits until the test ends it). */
#ifndef CLOISTER_TESTS_FAKES_H
#define CLOISTER_TESTS_FAKES_H

#include "supervisor/gateway_end.h"
#include "supervisor/keys_client.h"
#include "supervisor/turns.h"
#include "supervisor/web_sessions.h"

/* Each begins anew. */
void fakes_reset(struct event_base *base);
/* Lets what is still to be answered be answered. */
void fakes_settle(void);

/* ---- gateway ---- */
struct gateway_end;
extern struct gateway_end *const fake_end;
struct fake_answer {
    unsigned count;             /* final messages for this request */
    Cloister__Message *message; /* the last one, decoded again */
};
/* For request numbers below 64. */
struct fake_answer *fake_answer(uint64_t request);

/* ---- keys ---- */
extern bool fake_keys_away; /* every request ends with -EAGAIN */
extern struct keys_client *const fake_keys;
bool fake_key_exists(const char *kind_and_id);     /* "user:…" or "connection:…" */
const char *fake_key_user(const char *connection); /* "" when not bound */
unsigned fake_keys_count(void);
/* Grants of the stand-in read "grant:<user>:<frontend>:<epoch>". */
const char *fake_grant(const char *user, const char *frontend);
extern unsigned fake_grant_epoch;  /* grows with every keys_grant_revoke */
extern bool fake_grants_old;       /* every good grant has expired */
extern const char *fake_renewed;   /* what a good grant is replaced by; "" nothing */
extern unsigned fake_grants_asked; /* keys_grant_check so far */
/* What became of a renewed grant: as a gateway, and as the sessions, heard it. */
extern char fake_renewed_to_gateway[128], fake_renewed_in_session[128];

/* ---- sessions of the web pages ---- */
extern struct web_session fake_session; /* shown to the bearer of its `cookie`; "" nobody's */

/* ---- turns ---- */
extern struct turns *const fake_turns;
struct turn { /* the one that runs or ran last */
    bool running, cancelled;
    char user[ID_LEN + 1], origin[16], connection[ID_LEN + 1];
    char state_connection[ID_LEN + 1]; /* what the turn is told */
    Cloister__TurnKind kind;
    char grant[80], frontend[65], code[256], state_token[64], redirect_uri[256], refresh[256];
    unsigned n_preferences;
    const struct turn_ops *ops;
    void *ctx;
    uint64_t replied; /* the call that was last answered */
    int reply_error;
};
extern struct turn fake_turn;
extern unsigned fake_turn_count, fake_ended_count;
extern bool fake_turns_full; /* turns_submit refuses */
void fake_turn_host_call(Cloister__HostCall *call);
void fake_turn_done(Cloister__TurnDone *done);
void fake_turn_error(const char *code, bool retryable);
void fake_turn_lost(void);

#endif
