/* All parts of the program, put together. */
#include <errno.h>

#include "business/cache.h"
#include "business/cells.h"
#include "business/changes.h"
#include "business/limits_kept.h"
#include "business/oplog.h"
#include "business/pause.h"
#include "business/server.h"
#include "ipc/metrics.h"

int business_start(struct event_base *base, const struct config *config,
                   struct business_server *server) {
    static struct metrics unseen;
    pauses_start();
    if (server->metrics == NULL) /* nobody looks */
        server->metrics = &unseen;
    int r = business_open(base, config, server);
    if (r == 0)
        r = cache_new(config_u64(config, CONFIG_business_cache_bytes), &server->cache);
    if (r == 0)
        r = limits_new(server, &server->limits);
    if (r == 0)
        r = oplog_new(server, &server->oplog);
    return r < 0 ? r : changes_new(server, &server->changes);
}

void business_begun(struct business_server *server) {
    (void)limits_flush(server->limits);
    oplog_day(server->oplog);
}

bool business_flush(struct business_server *server) {
    bool limits = limits_flush(server->limits), oplog = oplog_flush(server->oplog);
    return limits && oplog;
}

/* Parts first, then who asked, then who hears of changes, then the database: each may still answer
 * what the next one ends. */
void business_end(struct business_server *server) {
    if (server->started)
        business_stop_parts(server);
    business_links_free(server);
    pauses_stop();
    cells_free(server->cells);
    server->cells = NULL;
    changes_free(take_ptr(server->changes));
    business_close(server);
    oplog_free(take_ptr(server->oplog));
    limits_free(take_ptr(server->limits));
    cache_free(take_ptr(server->cache));
}
