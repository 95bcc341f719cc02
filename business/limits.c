#include "business/limits.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "business/gcra.h"
#include "business/limits_kept.h"
#include "ipc/log.h"

#define BUCKETS_MAX 65536
#define SAVE_MS     2000
#define SAVE_MAX    5000 /* rows at once */
#define MINUTE_US   UINT64_C(60000000)
#define HOUR_US     (60 * MINUTE_US)

#define MOVES_PER_HOUR 10 /* of one booking: each is told to two people */

struct limits {
    struct business_server *server;
    struct gcra *gcra;
    struct event *timer;
    bool loaded, saving;
    size_t at; /* where saving goes on */
};

/* One bucket that a call meets. */
struct met {
    uint8_t key[GCRA_KEY_LEN];
    uint64_t every_us;
    uint32_t burst;
};

/* ---- taking ---- */

static void met_add(const struct business_server *server, struct met *met, size_t *n,
                    const char *kind, const char *what, uint64_t period_us, uint64_t count,
                    uint32_t burst) {
    uint8_t mac[BUSINESS_MAC_LEN];
    char purpose[64];
    if (what[0] == '\0' || count == 0) /* 0: no limit */
        return;
    snprintf(purpose, sizeof(purpose), "limit %s", kind);
    business_mac(server, purpose, what, strlen(what), mac);
    memcpy(met[*n].key, mac, GCRA_KEY_LEN);
    met[*n].every_us = period_us / count > 0 ? period_us / count : 1;
    met[*n].burst = burst;
    (*n)++;
}

/* All or nothing: a call that is refused costs no token. */
static uint64_t take_all(struct limits *limits, const struct met *met, size_t n) {
    uint64_t now = (uint64_t)wall_ms(), longest = 0;
    for (size_t i = 0; i < n; i++) {
        uint64_t wait = gcra_wait(limits->gcra, met[i].key, met[i].every_us, met[i].burst, now);
        if (wait > longest)
            longest = wait;
    }
    for (size_t i = 0; i < n && longest == 0; i++)
        gcra_take(limits->gcra, met[i].key, met[i].every_us, now);
    return longest;
}

/* A fifth of a minute's calls may come at once. */
static uint32_t burst_of(uint64_t per_minute) {
    uint64_t burst = per_minute / 5 + 5;
    return burst < UINT32_MAX ? (uint32_t)burst : UINT32_MAX;
}

static size_t met_by(struct business_server *server, const struct business_client *from,
                     const char *slug, struct met met[static 3]) {
    const struct config *config = server->config;
    uint64_t each = config_u64(config, CONFIG_business_calls_per_minute),
             clients = config_u64(config, CONFIG_business_client_calls_per_minute),
             business = config_u64(config, CONFIG_business_business_calls_per_minute);
    size_t n = 0;
    char client[128] = ""; /* those who give no name are not one client */
    if (from->name[0] != '\0')
        snprintf(client, sizeof(client), "%s %s", from->channel, from->name);
    met_add(server, met, &n, "address", from->fingerprint, MINUTE_US, each, burst_of(each));
    met_add(server, met, &n, "client", client, MINUTE_US, clients, burst_of(clients));
    met_add(server, met, &n, "business", slug, MINUTE_US, business, burst_of(business));
    return n;
}

uint64_t limits_take(struct limits *limits, const struct business_call *call) {
    struct met met[3];
    if (call->origin != FROM_PUBLIC)
        return 0;
    return take_all(limits, met,
                    met_by(call->server, &call->client, business_text(call, "business"), met));
}

void limits_count(struct limits *limits, const struct business_client *client, const char *slug) {
    struct met met[3];
    size_t n = met_by(limits->server, client, slug, met);
    uint64_t now = (uint64_t)wall_ms();
    for (size_t i = 0; i < n; i++)
        if (gcra_wait(limits->gcra, met[i].key, met[i].every_us, met[i].burst, now) == 0)
            gcra_take(limits->gcra, met[i].key, met[i].every_us, now);
}

static void digits_of(const char *phone, char *out, size_t cap) {
    size_t n = 0;
    for (; *phone != '\0' && n + 1 < cap; phone++)
        if (isdigit((unsigned char)*phone) && (n > 0 || *phone != '0')) /* +49 is 0049 */
            out[n++] = *phone;
    out[n] = '\0';
}

/* The buckets of who is to be reached there, and of the business. How many. */
static size_t brakes_of(struct business_server *server, const char *kind, const char *business,
                        const char *email, const char *phone, struct met met[static 3]) {
    uint64_t person = config_u64(server->config, CONFIG_business_person_per_hour),
             all = config_u64(server->config, CONFIG_business_made_per_hour);
    char mail[255], number[40], what[sizeof(mail) + 16];
    size_t n = 0;
    snprintf(mail, sizeof(mail), "%s", email);
    for (char *at = mail; *at != '\0'; at++)
        *at = (char)tolower((unsigned char)*at);
    digits_of(phone, number, sizeof(number));
    snprintf(what, sizeof(what), "%s%s", mail[0] != '\0' ? kind : "", mail);
    met_add(server, met, &n, "mail", what, HOUR_US, person, (uint32_t)person);
    snprintf(what, sizeof(what), "%s%s", number[0] != '\0' ? kind : "", number);
    met_add(server, met, &n, "phone", what, HOUR_US, person, (uint32_t)person);
    snprintf(what, sizeof(what), "%s%s", business[0] != '\0' ? kind : "", business);
    met_add(server, met, &n, "made", what, HOUR_US, all, (uint32_t)all);
    sodium_memzero(mail, sizeof(mail));
    sodium_memzero(number, sizeof(number));
    sodium_memzero(what, sizeof(what));
    return n;
}

uint64_t brakes_take(struct business_server *server, const char *kind, const char *business,
                     const char *email, const char *phone) {
    struct met met[3];
    size_t n = brakes_of(server, kind, business, email, phone, met);
    return take_all(server->limits, met, n);
}

void brakes_give(struct business_server *server, const char *kind, const char *business,
                 const char *email, const char *phone) {
    struct met met[3];
    size_t n = brakes_of(server, kind, business, email, phone, met);
    for (size_t i = 0; i < n; i++)
        gcra_give(server->limits->gcra, met[i].key, met[i].every_us);
}

uint64_t brakes_take_move(struct business_server *server, const char *reference) {
    struct met met[1];
    size_t n = 0;
    if (config_u64(server->config, CONFIG_business_person_per_hour) == 0)
        return 0;
    met_add(server, met, &n, "moves", reference, HOUR_US, MOVES_PER_HOUR, MOVES_PER_HOUR);
    return take_all(server->limits, met, n);
}

/* ---- across restarts ---- */

static void on_saved(void *ctx, int error, const struct pg_rows *rows) {
    struct limits *limits = ctx;
    (void)rows;
    limits->saving = false;
    if (error != 0 && error != -EAGAIN)
        log_warn("limits could not be saved (%d)", -error);
}

/* What changed since the last time, in one statement; full ones are not kept. */
static void save(struct limits *limits) {
    static const char sql[] =
        "WITH gone AS (DELETE FROM buckets WHERE full_at_ms < $2::bigint)"
        " INSERT INTO buckets (key, full_at_ms)"
        " SELECT decode(r->>0, 'hex'), (r->>1)::bigint FROM json_array_elements($1::json) AS r"
        " ON CONFLICT (key) DO UPDATE SET full_at_ms ="
        "  greatest(buckets.full_at_ms, excluded.full_at_ms)";
    const struct gcra_entry *entry;
    char hex[2 * GCRA_KEY_LEN + 1], now[24];
    uint64_t now_ms = (uint64_t)wall_ms();
    json_t *rows = json_array();
    while (json_array_size(rows) < SAVE_MAX &&
           (entry = gcra_next(limits->gcra, &limits->at)) != NULL) {
        if (entry->full_at_ms <= now_ms)
            continue;
        hex_encode(entry->key, GCRA_KEY_LEN, hex);
        (void)json_array_append_new(rows, json_pack("[s I]", hex, (json_int_t)entry->full_at_ms));
    }
    if (json_array_size(rows) < SAVE_MAX)
        limits->at = 0;
    SCOPE_FREE char *text = json_array_size(rows) > 0 ? json_dumps(rows, JSON_COMPACT) : NULL;
    json_decref(rows);
    if (text == NULL)
        return;
    snprintf(now, sizeof(now), "%" PRIu64, now_ms);
    struct pg_param params[] = {PG_TEXT(text), PG_TEXT(now)};
    limits->saving = true;
    business_query(limits->server, sql, params, COUNT_OF(params), on_saved, limits);
}

static void on_loaded(void *ctx, int error, const struct pg_rows *rows) {
    struct limits *limits = ctx;
    limits->saving = false;
    if (error != 0)
        return; /* again with the next round */
    limits->loaded = true;
    for (unsigned i = 0; i < pg_count(rows); i++) {
        size_t len;
        const uint8_t *key = pg_bytes(rows, i, 0, &len);
        if (len == GCRA_KEY_LEN)
            gcra_put(limits->gcra, key, (uint64_t)pg_int(rows, i, 1));
    }
}

static void load(struct limits *limits) {
    static const char sql[] = "SELECT key, full_at_ms FROM buckets"
                              " WHERE full_at_ms > $1::bigint ORDER BY full_at_ms DESC LIMIT 65536";
    char now[24];
    snprintf(now, sizeof(now), "%" PRIu64, (uint64_t)wall_ms());
    struct pg_param params[] = {PG_TEXT(now)};
    limits->saving = true;
    business_query(limits->server, sql, params, COUNT_OF(params), on_loaded, limits);
}

bool limits_flush(struct limits *limits) {
    if (!limits->saving && business_ready(limits->server)) {
        if (limits->loaded)
            save(limits);
        else
            load(limits);
    }
    return !limits->saving;
}

static void on_timer(evutil_socket_t fd, short what, void *ctx) {
    (void)fd;
    (void)what;
    (void)limits_flush(ctx);
}

int limits_new(struct business_server *server, struct limits **ret) {
    struct limits *limits = calloc(1, sizeof(*limits));
    const struct timeval every = {SAVE_MS / 1000, SAVE_MS % 1000 * 1000};
    if (limits == NULL)
        return -ENOMEM;
    limits->server = server;
    limits->timer = event_new(server->base, -1, EV_PERSIST, on_timer, limits);
    if (limits->timer == NULL || event_add(limits->timer, &every) < 0 ||
        gcra_new(BUCKETS_MAX, &limits->gcra) < 0) {
        limits_free(limits);
        return -ENOMEM;
    }
    *ret = limits;
    return 0;
}

void limits_free(struct limits *limits) {
    if (limits == NULL)
        return;
    if (limits->timer != NULL)
        event_free(limits->timer);
    gcra_free(limits->gcra);
    free(limits);
}
