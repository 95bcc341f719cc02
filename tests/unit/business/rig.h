/* cloister-business in the test's own process, over real sockets, with a private PostgreSQL and a
 * role of its own: calls go in as a public gateway or cloisterd would send them. */
#ifndef CLOISTER_TESTS_BUSINESS_RIG_H
#define CLOISTER_TESTS_BUSINESS_RIG_H

#include <check.h>
#include <jansson.h>

#include "business/server.h"
#include "tests/unit/store/loop.h"
#include "tests/unit/store/postgres.h"

#define ALICE "0123456789abcdef0123456789abcdef"
#define BOB   "fedcba9876543210fedcba9876543210"

extern struct event_base *base;
extern struct business_server server;

/* Settings in the words of cloister.conf, "[business]\nkey=value\n"; before rig_begin. */
void rig_settings(const char *text);
/* An empty schema, then the program, connected to both ends. */
void rig_begin(void);
void rig_end(void);
/* Ends the program as SIGTERM does (what waits is written) and starts it on the same database. */
void rig_restart(void);

/* Who asks; calls that follow are theirs. */
void rig_public(const char *address, const char *client);
void rig_owner(const char *user);
void rig_agent_of(const char *user); /* an owner's model */
void rig_cloisterd(void);
void rig_customers_turn(const char *user, const char *business);

/* Asks and waits; the result's JSON, NULL for none. Takes `arguments`. Valid until the next. */
json_t *rig_ask(const char *operation, json_t *arguments);
/* Asks and does not wait; the answer is nobody's. */
void rig_send(const char *operation, json_t *arguments);
/* The same as rig_ask from JSON text with ' for ". */
json_t *rig_call(const char *operation, const char *arguments);
/* The idempotency key of calls that follow; "key-1" after rig_begin. */
extern const char *rig_key;
/* Of the last answer. */
extern unsigned rig_status;
extern char rig_code[64], rig_detail[1100];
extern uint64_t rig_retry_ms;
/* The last CELL_CALL that cloisterd was sent, and how it answers the next ones. */
extern uint64_t rig_cell, rig_cell_timeout_ms;
void rig_cell_answer(uint64_t request, const char *code);
/* From now on every step is answered: done, the event is where it was asked for. */
extern bool rig_cell_does;
/* In the Google account of that name; of which events it says that it knows none, or that they were
 * deleted. */
extern const char *rig_cell_account;
extern bool rig_cell_absent, rig_cell_deleted;
extern const char *rig_cell_fails; /* with that code; NULL: not at all */
/* Of these, the next that makes an event is left; rig_cell_lost says that it is not known what came
 * of it. 0: there was none yet. */
void rig_cell_keeps(void);
uint64_t rig_cell_kept(void);
void rig_cell_lost(uint64_t request);
/* cloisterd goes, and comes back. */
void rig_cloisterd_gone(void);
void rig_cloisterd_back(void);
/* BUSINESS_CHANGED that came so far, and the last one's slug. */
extern unsigned rig_changes;
extern char rig_changed[80];

/* A profile that can be published: name, category, city, country, then members to be merged into
 * it (JSON with ' for "; "" for none). */
json_t *rig_profile(const char *name, const char *category, const char *city, const char *country,
                    const char *more);
/* Writes and publishes one for `user`; takes the profile. */
void rig_publish(const char *user, const char *slug, json_t *profile);

json_t *json_of(const char *text);
/* A member's text, "" when there is none; paths as "services.0.name". */
const char *text_at(json_t *value, const char *path);
json_t *at_path(json_t *value, const char *path);

/* As business's superuser; see postgres_sql. */
const char *rig_sql(const char *sql);
/* Another session: begins a transaction and does that in it; it goes on holding what it locked. */
void rig_hold(const char *sql);
/* Its COMMIT, and its end. */
void rig_let_go(void);
/* Statements of the program that begin like that and wait for a lock. */
unsigned rig_waiting(const char *begin);

#define ck_status(status, code)                                                                    \
    ck_assert_msg(rig_status == (status) && strcmp(rig_code, code) == 0, "%u %s: %s", rig_status,  \
                  rig_code, rig_detail)
#define ck_done() ck_assert_msg(rig_status == 200, "%u %s: %s", rig_status, rig_code, rig_detail)

#endif
