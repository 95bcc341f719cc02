/* The stand-in world: Google's OAuth and Calendar and two model APIs in one process, everything in
 * memory, one event loop, one thread. Used by tests, benchmarks and the quickstart; never installed
 * among the product's own programs. */
#ifndef CLOISTER_WORLD_WORLD_H
#define CLOISTER_WORLD_WORLD_H

#include <event2/event.h>
#include <jansson.h>
#include <openssl/evp.h>

#include "ipc/base.h"

struct faults;
struct request_log;

struct options {
    const char *dir;
    const char *google_listen, *model_listen, *admin_listen, *consent_listen;
    const char *zone; /* of accounts made on the fly */
    const char *client_id;
    const char *names[16]; /* further SAN names of the server certificate */
    size_t name_count;
    const char *redirects[32]; /* registered redirect addresses; none: loopback callbacks */
    size_t redirect_count;
    const char *accounts[16]; /* there from the start */
    size_t account_count;
    const char *models[16]; /* further model ids */
    size_t model_count;
    int google_delay_ms, model_delay_ms, model_pace_ms;
    int access_ttl_s;
    bool persist, log_bodies, thinking, token_limit;
};

struct world {
    struct event_base *base;
    struct options opt;
    int64_t clock_offset_s;
    json_t *accounts; /* name → account, see accounts.h */
    json_t *refresh;  /* token → {account, client, scope, seq} */
    json_t *access;   /* token → {account, scope, expires, refresh} */
    json_t *codes;    /* code → pending grant */
    json_t *browsers; /* session cookie → [account], see browser.h */
    int64_t sequence; /* grows with every change; etags and sync tokens come from it */
    struct faults *faults;
    struct request_log *log;
    EVP_PKEY *jwt_key;
    char client_secret[80], model_key[80];
    char google_url[96]; /* issuer of userinfo links, set once listening */
    struct event *persist_timer;
};

/* Wall clock with the offset that POST /clock set. */
int64_t world_now_s(const struct world *w);
int64_t world_now_ms(const struct world *w);
/* Next change number. */
int64_t world_next(struct world *w);
/* State changed: with --persist it is written shortly after. */
void world_touch(struct world *w);
/* Random lowercase hex, `n` digits (n even, at most 64), NUL-terminated. */
void random_hex(char *out, size_t n);

#endif
