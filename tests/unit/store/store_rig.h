/* The store with a real server, and its answers awaited: what the tests of its operations share. */
#ifndef CLOISTER_TESTS_STORE_RIG_H
#define CLOISTER_TESTS_STORE_RIG_H

#include "supervisor/store_connect.h"
#include "tests/unit/store/loop.h"
#include "tests/unit/store/postgres.h"
#include "tests/unit/store/settings.h"

#define ID_A  "000000000000000000000000000000aa"
#define ID_B  "000000000000000000000000000000bb"
#define ID_C  "000000000000000000000000000000cc"
#define USER1 "11111111111111111111111111111111"
#define USER2 "22222222222222222222222222222222"
#define BACK  "https://app.test/back?x=1"

extern struct event_base *base;
extern struct config *config;
extern struct store *store;
extern uint8_t hashes[256][TOKEN_HASH_LEN];
#define H(n) hashes[n]

/* Checked fixture: a store that is connected; afterwards a database with nothing in it. */
void store_rig_setup(void);
void store_rig_teardown(void);

/* What the last callback said. */
extern struct rig_got {
    int calls, error;
    size_t n;
    struct store_session session;
    char text[256], refresh[64], id[ID_LEN + 1], state[16], ids[16 * 40];
    struct store_connection row;
    char user[ID_LEN + 1];
} got;

void begin(void);
int await(void); /* the error that the one callback was called with */
#define RUN(call)                                                                                  \
    ({                                                                                             \
        begin();                                                                                   \
        call;                                                                                      \
        await();                                                                                   \
    })

void on_done(void *ctx, int error);
int session(const char *frontend, const char *name, const uint8_t *key);
void on_row(void *ctx, int error, const struct store_connection *row);
void on_rows(void *ctx, int error, const struct store_connection *rows, size_t n);
int create_link(uint8_t *hash, const char *name);
int prepare(uint8_t *link, uint8_t *cookie, const char *id);
int open_link(uint8_t *link, uint8_t *old, uint8_t *cookie, uint8_t *state);
int back(uint8_t *state, uint8_t *cookie);
int put_token(const char *id, const char *token);
int mint(const char *id, uint8_t *code);
int redeem(uint8_t *code, const char *frontend, const char *name, const char *user);
int commit(uint8_t *code, const char *user, const char *id);
/* From link to active connection; n makes the tokens distinct. */
void connect_user(const char *name, const char *user, const char *id, int n);

#endif
