#include "business/changes.h"

#include <errno.h>

#include "business/cache.h"
#include "business/server.h"

#define ALIVE_S 10 /* a connection that died unseen is found out within this and a query's time */

struct changes {
    struct business_server *server;
    struct pg *pg;
    struct event *alive;
    uint64_t generation;
};

static const char setup[] = "SET client_min_messages = error; LISTEN business_changed";

static void tell(struct changes *changes, const char *slug) {
    changes->generation++;
    business_links_changed(changes->server, changes->generation, slug);
}

static void on_heard(void *ctx, const char *channel, const char *slug) {
    struct changes *changes = ctx;
    (void)channel;
    cache_changed(changes->server->cache);
    tell(changes, slug);
}

/* What happened while nobody listened is not known: all may have changed. */
static void on_news(void *ctx, enum pg_news news, const char *why) {
    struct changes *changes = ctx;
    (void)why;
    if (news == PG_REFUSED)
        return;
    cache_trust(changes->server->cache, news == PG_UP);
    tell(changes, "");
}

static void on_alive(void *ctx, int error, const struct pg_rows *rows) {
    (void)ctx;
    (void)error; /* no answer in time ends the connection, and on_news hears of it */
    (void)rows;
}

static void ask_alive(evutil_socket_t fd, short what, void *ctx) {
    struct changes *changes = ctx;
    (void)fd;
    (void)what;
    pg_query(changes->pg, "SELECT 1", NULL, 0, on_alive, changes);
}

int changes_new(struct business_server *server, struct changes **ret) {
    struct changes *changes = calloc(1, sizeof(*changes));
    if (changes == NULL)
        return -ENOMEM;
    const struct timeval every = {ALIVE_S, 0};
    changes->server = server;
    changes->alive = event_new(server->base, -1, EV_PERSIST, ask_alive, changes);
    if (changes->alive == NULL || event_add(changes->alive, &every) < 0) {
        changes_free(changes);
        return -ENOMEM;
    }
    struct pg_options options = {.connections = 1,
                                 .name = "cloister-business changes",
                                 .setup = setup,
                                 .news = on_news,
                                 .heard = on_heard,
                                 .ctx = changes};
    int r = pg_new(server->base, config_str(server->config, CONFIG_business_database_url), &options,
                   &changes->pg);
    if (r < 0) {
        changes_free(changes);
        return r;
    }
    *ret = changes;
    return 0;
}

void changes_free(struct changes *changes) {
    if (changes == NULL)
        return;
    pg_free(changes->pg);
    if (changes->alive != NULL)
        event_free(changes->alive);
    free(changes);
}
