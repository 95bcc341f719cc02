/* The way of a connection, step by step, through the handlers with a real store and stand-ins for
 * the rest: what frontends ask, what a browser does. */
#ifndef CLOISTER_TESTS_CONNECTING_H
#define CLOISTER_TESTS_CONNECTING_H

#include <check.h>

#include "supervisor/api.h"
#include "supervisor/store_connect.h"
#include "tests/unit/store/fakes.h"
#include "tests/unit/store/loop.h"

#define FREEBUSY "https://www.googleapis.com/auth/calendar.freebusy"
#define EVENTS   "https://www.googleapis.com/auth/calendar.events"

extern struct event_base *base;
extern struct store *store;
extern struct api *api;
extern uint64_t request;                  /* the last one's number */
extern const char *shown;                 /* the grant that callers send; NULL: the user's own */
extern const char *front;                 /* the frontend that asks; "app" */
extern bool switching;                    /* links are for switching accounts */
extern char account[SUBJECT_TAG_LEN + 1]; /* whose consent Google gets */
extern struct browser {
    char link[64], cookie[64], state[64], code[64], location[4096], session[64];
} browser;

void connecting_setup(void);
void connecting_teardown(void);
/* A new api, as after a restart. */
void connecting_begin(void);

const Cloister__Message *answer(void);
const Cloister__Failure *failure(void);
char *grant_shown(const char *frontend, const char *user);
Cloister__Caller *caller(const char *frontend, const char *user);
void link_create(const char *user, const char *feature1, const char *feature2,
                 const char *return_to);
void open_link(const char *link, const char *cookie);
void callback(const char *state, const char *code, const char *error, const char *cookie);
void redeem(const char *frontend, const char *user, const char *code);
const Cloister__ConnectionState *connection(const char *user);
void disconnect(const char *user);
const Cloister__ConnectionDeleted *disconnected(void);
void get_link(const char *user);
void go_to_google(void);
void come_back(void);
void put_token(const char *scope1, const char *scope2);
void finish_turn(void);
void consent(const char *user);
void connect_user(const char *user);
/* Somebody signs in in this browser, with `account`, and so becomes a user of the web pages. */
void signed_in(const char *name);

#define ck_failed(want_status, want_code)                                                          \
    do {                                                                                           \
        const Cloister__Failure *failed_ = failure();                                              \
        ck_assert_str_eq(failed_->code, want_code);                                                \
        ck_assert_uint_eq(failed_->status, want_status);                                           \
        ck_assert(failed_->detail[0] != '\0');                                                     \
    } while (0)

#endif
