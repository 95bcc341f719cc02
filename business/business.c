#include "business/business.h"

#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "business/server.h"
#include "ipc/log.h"
#include "memory/migrate.h"

extern const struct migration business_migrations[];
extern const size_t business_migrations_count;

/* Statements end in the server a little before the pool gives them up, so that none runs on unseen.
 */
static const char setup[] = "SET search_path = business; SET client_min_messages = error; "
                            "SET timezone = 'UTC'; SET jit = off; SET work_mem = '32MB'; "
                            /* Each statement is planned once: what it says changes nothing. */
                            "SET plan_cache_mode = force_generic_plan; "
                            "SET max_parallel_workers_per_gather = 0; "
                            "SET statement_timeout = 4500; SET lock_timeout = 4000; "
                            "SET idle_in_transaction_session_timeout = 10000";

static struct migrations migrations = {.schema = "business", .component = "business"};

#define PART(name) {name##_start, name##_stop},
static const struct {
    void (*start)(struct business_server *), (*stop)(struct business_server *);
} parts[] = {
#include "business/parts.def"
    {NULL, NULL},
};
#undef PART

static void arm(struct business_server *server, uint64_t ms) {
    struct timeval after = {.tv_sec = (time_t)(ms / 1000),
                            .tv_usec = (suseconds_t)(ms % 1000 * 1000)};
    (void)evtimer_add(server->timer, &after);
}

static void start_parts(struct business_server *server) {
    if (server->started)
        return;
    server->started = true;
    business_begun(server);
    for (size_t i = 0; parts[i].start != NULL; i++)
        parts[i].start(server);
    if (server->on_begun != NULL)
        server->on_begun(server->on_begun_ctx);
}

static void on_migrated(void *ctx, int error, unsigned at) {
    struct business_server *server = ctx;
    server->migrating = false;
    if (error == 0) {
        server->migrated = true;
        log_info("database ready, schema at %u", at);
        start_parts(server);
        return;
    }
    if (error == -EPROTO)
        log_error("the database's schema (%u) is newer than this program's (%zu): install the "
                  "newer version",
                  at, business_migrations_count);
    else if (error == -EIO)
        log_error("the database refused migration %u; has it the extensions pg_trgm and "
                  "btree_gist, and does the schema belong to this role?",
                  at + 1);
    arm(server, backoff_ms(server->attempts++, error == -EAGAIN ? 200 : 5000, 30000));
}

static void on_timer(evutil_socket_t fd, short what, void *ctx) {
    struct business_server *server = ctx;
    (void)fd;
    (void)what;
    if (server->migrated || server->migrating)
        return;
    server->migrating = true;
    migrate_run(server->pg, &migrations, on_migrated, server);
}

static void on_news(void *ctx, enum pg_news news, const char *why) {
    struct business_server *server = ctx;
    switch (news) {
    case PG_UP:
        log_info("connected to the database");
        if (!server->migrated)
            arm(server, 0);
        break;
    case PG_DOWN:
        log_warn("no database: %.*s", (int)strcspn(why, "\n"), why);
        break;
    case PG_REFUSED:
        log_warn("the database refused a statement: SQLSTATE %.5s", why);
        break;
    }
}

bool business_ready(const struct business_server *server) {
    return server->migrated && pg_ready(server->pg);
}

void business_query(struct business_server *server, const char *sql, const struct pg_param *params,
                    size_t n, pg_done *done, void *ctx) {
    if (server->migrated)
        pg_query(server->pg, sql, params, n, done, ctx);
    else
        pg_refuse(server->pg, done, ctx);
}

void business_copy(struct business_server *server, const char *sql, const char *lines, size_t len,
                   pg_done *done, void *ctx) {
    if (server->migrated)
        pg_copy(server->pg, sql, lines, len, done, ctx);
    else
        pg_refuse(server->pg, done, ctx);
}

int business_url(const struct business_server *server, const char *path, char *out, size_t cap) {
    const char *origin = config_str(server->config, CONFIG_gateway_public_pages_url);
    size_t len = strlen(origin);
    while (len > 0 && origin[len - 1] == '/')
        len--;
    int n = snprintf(out, cap, "%.*s%s", (int)len, origin, path);
    return n < 0 || (size_t)n >= cap ? -ENAMETOOLONG : 0;
}

void business_mac(const struct business_server *server, const char *purpose, const void *data,
                  size_t len, uint8_t out[static BUSINESS_MAC_LEN]) {
    crypto_auth_hmacsha256_state state;
    static_assert(BUSINESS_MAC_LEN == crypto_auth_hmacsha256_BYTES, "HMAC-SHA-256");
    (void)crypto_auth_hmacsha256_init(&state, server->secret, sizeof(server->secret));
    (void)crypto_auth_hmacsha256_update(&state, (const uint8_t *)purpose, strlen(purpose) + 1);
    (void)crypto_auth_hmacsha256_update(&state, data, len);
    (void)crypto_auth_hmacsha256_final(&state, out);
    sodium_memzero(&state, sizeof(state));
}

int business_open(struct event_base *base, const struct config *config,
                  struct business_server *server) {
    migrations.list = business_migrations;
    migrations.n = business_migrations_count;
    server->base = base;
    server->config = config;
    server->timer = evtimer_new(base, on_timer, server);
    struct pg_options options = {.connections = 4,
                                 .queue = 4096,
                                 .name = "cloister-business",
                                 .setup = setup,
                                 .news = on_news,
                                 .words = true,
                                 .ctx = server};
    return server->timer == NULL ? -ENOMEM
                                 : pg_new(base, config_str(config, CONFIG_business_database_url),
                                          &options, &server->pg);
}

void business_stop_parts(struct business_server *server) {
    for (size_t i = COUNT_OF(parts) - 1; i-- > 0;)
        parts[i].stop(server);
}

void business_close(struct business_server *server) {
    pg_free(server->pg); /* what ends with it may ask once more, and ends as well */
    server->pg = NULL;
    if (server->timer != NULL)
        event_free(take_ptr(server->timer));
    sodium_memzero(server->secret, sizeof(server->secret));
}
