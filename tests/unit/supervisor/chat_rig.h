/* A gateway and chats over the fake agent, a client that writes down what it hears, and a database
 * and an API that are told what to answer. Shared by the chat tests. */
#ifndef CLOISTER_TESTS_SUPERVISOR_CHAT_RIG_H
#define CLOISTER_TESTS_SUPERVISOR_CHAT_RIG_H

#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "ipc/nng_end.h"
#include "rig.h"
#include "supervisor/admit.h"
#include "supervisor/budgets.h"
#include "supervisor/chat.h"
#include "supervisor/gateway.h"
#include "supervisor/rules.h"
#include "supervisor/store_connect.h"
#include "supervisor/web_sessions.h"

#define CONN "cccccccccccccccccccccccccccccccc"

extern struct rig rig;
extern struct sessions *sessions;
extern struct proposals *proposals;
extern struct chats *chats;
extern struct gateway *gateway;

/* ---- the client: a gateway ---- */

extern struct client {
    struct nng_end *end;
    bool up;
    unsigned downs, accepted, tools, proposed, done, failures, oks, healths;
    char text[8192], code[64], detail[256], action_url[64];
    unsigned status;
    bool retryable, unknown_writes, ready;
    uint64_t last;
    char proposal[8][ID_LEN + 1], summary[1025], arguments[4097], expires_at[40];
    char shown[256], settled[1024]; /* of the last CHAT_DONE, each word with a blank behind */
} client;

void say(Cloister__Message *message);
void send_hello(void);
void chat(uint64_t request, const char *message, const char *conversation, uint32_t credit);
void send_cancel(uint64_t request);
/* Loops until so many requests have ended. */
void until_ended(unsigned n);
void until_accepted(unsigned n);
bool is_up(void *ctx), is_down(void *ctx);

/* ---- what the chats see ---- */

extern struct db {
    int error;
    const char *state, *user, *connection; /* of who is looked up */
    bool repeated, hold;
    unsigned sessions, preferences, broken;
    char frontend[65], name[129]; /* looked up last */
    uint8_t key[IDEMPOTENCY_LEN];
    bool has_key;
    struct lookup {
        store_session_done *done;
        void *ctx;
    } held[8];
    size_t n_held;
    store_done *pending;
    void *pending_ctx;
    const char *connected; /* the connection that is the user's now */
    const char *tag;       /* of its Google account; NULL: none is kept */
    store_connection_done *asked_which;
    void *which_ctx;
    unsigned which; /* so often asked */
} db;
void answer_lookups(void);
void until_held(void), until_asked(void);

extern unsigned reconnects;
extern char regrant_frontend[65];

/* Admission: what the test says, given like the database's answers. */
extern struct admissions {
    const struct turn_failure *refused;
    const char *action_url, *renewed;
    unsigned asked;
    char frontend[65], user[65], grant[65];
    admit_done *done;
    void *ctx;
} admissions;
void answer_admission(void);

/* The day's budgets: what is left of them, or why nothing is (NULL: something is). */
extern struct budget_fake {
    const char *used_up;
    struct budget_left left;
    char frontend[65];
    unsigned asked;
} budget_fake;

extern struct renewed {
    unsigned calls;
    char grant[80], session[64];
} renewed;

/* Of the requests; and a rule that does not hold (RULES_COUNT: none). */
extern const char *shown_grant, *shown_session, *shown_key, *shown_frontend, *shown_user;
extern enum rule rule_taken_away;

/* For the fakes: makes on_db come round. */
extern struct event *db_event;
void on_db(evutil_socket_t fd, short what, void *ctx);
void fakes_reset(void);

/* Before chat_setup: customers' endpoint instead of the owners'; and what makes the channel with
 * cloister-business once there is a loop (NULL: there is none). */
extern bool rig_public;
extern struct business_link *(*rig_make_link)(void);
void chat_setup(void), chat_teardown(void);
/* A case with the fixture above, or another; and running it: the exit status. */
TCase *chat_case(void (*setup)(void));
int chat_run(TCase *t);

#endif
