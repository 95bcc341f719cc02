/* Browsers that sign in, over the real handlers and a real store, with stand-ins for the rest; and
 * what a cookie stands for afterwards. One server, one loop; each test begins anew. */
#ifndef CLOISTER_TESTS_SIGN_IN_RIG_H
#define CLOISTER_TESTS_SIGN_IN_RIG_H

#include <check.h>

#include "supervisor/web_sessions.h"
#include "tests/unit/store/fakes.h"
#include "tests/unit/store/loop.h"
#include "tests/unit/store/loose_rules.h"
#include "tests/unit/store/postgres.h"

#define ANN "ann@example.test"
#define BOB "bob@example.test"

extern struct event_base *base;
extern struct store *store;
extern struct api *api;
extern uint64_t request; /* number of the last one */

void rig_setup(void), rig_teardown(void); /* fixture */
void rig_start(void), rig_stop(void);     /* store and handlers alone: for other settings */

/* The one answer to the last request. */
const Cloister__Message *answer(void);
const Cloister__Failure *failure(void);
const Cloister__ConnectRedirect *redirect(void);
#define ck_failed(want_status, want_code)                                                          \
    do {                                                                                           \
        const Cloister__Failure *failed_ = failure();                                              \
        ck_assert_str_eq(failed_->code, want_code);                                                \
        ck_assert_uint_eq(failed_->status, want_status);                                           \
        ck_assert(failed_->detail[0] != '\0');                                                     \
    } while (0)

struct browser {
    char state[64], login[64], session[64], location[2048];
};
/* The value of a parameter of an address; fails the test when there is none. */
void parameter(const char *url, const char *name, char *out, size_t cap);
void begin(bool choose);
void go_to_google(struct browser *browser);
void come_back(const struct browser *browser, const char *code, const char *error);
/* Ends the connect cell's turn: `subject` fills a tag of `len` bytes. */
void turn_says(uint8_t subject, size_t len, const char *account);
void arrive(struct browser *browser);
/* All of it. */
void sign_in(struct browser *browser, uint8_t subject, const char *account);

/* What web_session_show said last; the return value is its error. */
extern struct shown {
    int calls, error;
    struct web_session session;
    char grant[128], account[256];
} shown;
int show_with(const char *cookie, const char *csrf, bool rotate);
int show(const char *cookie);
/* The opaque id of whom `shown` is about, who must be this one. */
const char *id_of(const char *account);
void on_shown(void *ctx, int error, const struct web_session *session);

void session_show(const char *session);
void session_end(const char *session, bool everywhere);
#define ck_sessions(n) ck_assert_str_eq(postgres_sql("SELECT count(*) FROM web_sessions"), n)

#endif
