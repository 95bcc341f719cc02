#include "business/fingerprint.h"

#include <arpa/inet.h>
#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "ipc/log.h"

#define KEY_LEN 32
#define LOOK_S  60

struct fingerprints {
    struct business_server *server;
    struct event *timer;
    crypto_auth_hmacsha256_state keyed; /* the key's part of each MAC, made once */
    char day[16];                       /* of the key; "": there is none yet */
    char wanted[16];                    /* being asked for */
};

static void today(char out[static 16]) {
    time_t now = (time_t)(wall_ms() / 1000);
    struct tm utc;
    (void)gmtime_r(&now, &utc);
    (void)strftime(out, 16, "%Y-%m-%d", &utc);
}

static void on_key(void *ctx, int error, const struct pg_rows *rows) {
    struct fingerprints *fingerprints = ctx;
    size_t len = 0;
    if (error == 0 && pg_count(rows) > 0) {
        const uint8_t *key = pg_bytes(rows, 0, 0, &len);
        if (len == KEY_LEN) {
            (void)crypto_auth_hmacsha256_init(&fingerprints->keyed, key, KEY_LEN);
            memcpy(fingerprints->day, fingerprints->wanted, sizeof(fingerprints->day));
        }
    }
    fingerprints->wanted[0] = '\0';
}

/* Whoever is first makes the day's key; older ones than yesterday's go. */
static void ask(struct fingerprints *fingerprints, const char *day) {
    static const char sql[] =
        "WITH gone AS (DELETE FROM fingerprint_keys WHERE day < $1::date - 1),"
        " made AS (INSERT INTO fingerprint_keys (day, key) VALUES ($1::date, $2)"
        "  ON CONFLICT (day) DO NOTHING RETURNING key)"
        " SELECT key FROM made UNION ALL"
        " SELECT key FROM fingerprint_keys WHERE day = $1::date LIMIT 1";
    uint8_t fresh[KEY_LEN];
    memcpy(fingerprints->wanted, day, sizeof(fingerprints->wanted));
    randombytes_buf(fresh, sizeof(fresh));
    struct pg_param params[] = {PG_TEXT(fingerprints->wanted), PG_BYTES(fresh, sizeof(fresh))};
    business_query(fingerprints->server, sql, params, COUNT_OF(params), on_key, fingerprints);
    sodium_memzero(fresh, sizeof(fresh));
}

static void on_timer(evutil_socket_t fd, short what, void *ctx) {
    struct fingerprints *fingerprints = ctx;
    char day[16];
    (void)fd;
    (void)what;
    today(day);
    if (strcmp(day, fingerprints->day) != 0 && fingerprints->wanted[0] == '\0')
        ask(fingerprints, day);
}

void fingerprints_start(struct fingerprints *fingerprints) {
    on_timer(-1, 0, fingerprints);
}

void fingerprint_of(const struct fingerprints *fingerprints, const char *address,
                    char out[static FINGERPRINT_SIZE]) {
    struct in6_addr six;
    uint8_t mac[crypto_auth_hmacsha256_BYTES], bytes[16];
    size_t len = 0;
    out[0] = '\0';
    if (inet_pton(AF_INET, address, bytes) == 1) {
        len = 4;
    } else if (inet_pton(AF_INET6, address, &six) == 1) {
        bool four = IN6_IS_ADDR_V4MAPPED(&six);
        len = four ? 4 : 8;
        memcpy(bytes, six.s6_addr + (four ? 12 : 0), len);
    }
    if (len == 0 || fingerprints->day[0] == '\0')
        return;
    crypto_auth_hmacsha256_state state = fingerprints->keyed;
    (void)crypto_auth_hmacsha256_update(&state, bytes, len);
    (void)crypto_auth_hmacsha256_final(&state, mac);
    sodium_memzero(&state, sizeof(state));
    hex_encode(mac, (FINGERPRINT_SIZE - 1) / 2, out);
}

int fingerprints_new(struct business_server *server, struct fingerprints **ret) {
    struct fingerprints *fingerprints = calloc(1, sizeof(*fingerprints));
    const struct timeval every = {LOOK_S, 0};
    if (fingerprints == NULL)
        return -ENOMEM;
    fingerprints->server = server;
    fingerprints->timer = event_new(server->base, -1, EV_PERSIST, on_timer, fingerprints);
    if (fingerprints->timer == NULL || event_add(fingerprints->timer, &every) < 0) {
        fingerprints_free(fingerprints);
        return -ENOMEM;
    }
    *ret = fingerprints;
    return 0;
}

void fingerprints_free(struct fingerprints *fingerprints) {
    if (fingerprints == NULL)
        return;
    if (fingerprints->timer != NULL)
        event_free(fingerprints->timer);
    sodium_memzero(fingerprints, sizeof(*fingerprints));
    free(fingerprints);
}
