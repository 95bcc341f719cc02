#include "supervisor/chat_host.h"

#include <errno.h>
#include <string.h>
#include <sys/queue.h>

struct pending {
    LIST_ENTRY(pending) listed;
    struct chat_host *host; /* NULL: nobody waits any more */
    struct turn *turn;
    uint64_t call;
};

struct chat_host {
    struct store *store;
    LIST_HEAD(, pending) open;
    char user[ID_LEN + 1], connection[ID_LEN + 1];
};

struct chat_host *chat_host_new(struct store *store, const char *user, const char *connection) {
    struct chat_host *host = calloc(1, sizeof(*host));
    if (host == NULL)
        return NULL;
    host->store = store;
    LIST_INIT(&host->open);
    strncpy(host->user, user, ID_LEN);
    strncpy(host->connection, connection, ID_LEN);
    return host;
}

void chat_host_free(struct chat_host *host) {
    if (host == NULL)
        return;
    struct pending *pending;
    LIST_FOREACH(pending, &host->open, listed)
    pending->host = NULL;
    free(host);
}

static void on_stored(void *ctx, int error) {
    struct pending *pending = ctx;
    if (pending->host != NULL) {
        LIST_REMOVE(pending, listed);
        turn_host_reply(pending->turn, pending->call, error, "");
    }
    free(pending);
}

void chat_host_call(struct chat_host *host, struct turn *turn, const Cloister__HostCall *call) {
    struct pending *pending = calloc(1, sizeof(*pending));
    if (pending == NULL) {
        turn_host_reply(turn, call->call, -ENOMEM, "");
        return;
    }
    *pending = (struct pending){.host = host, .turn = turn, .call = call->call};
    LIST_INSERT_HEAD(&host->open, pending, listed);
    if (call->op_case == CLOISTER__HOST_CALL__OP_PUT_PREFERENCE)
        store_put_preference(host->store, host->user, call->put_preference, on_stored, pending);
    else if (call->op_case == CLOISTER__HOST_CALL__OP_DELETE_PREFERENCE)
        store_delete_preference(host->store, host->user, call->delete_preference->id, on_stored,
                                pending);
    else if (call->op_case == CLOISTER__HOST_CALL__OP_MARK_BROKEN)
        store_mark_broken(host->store, host->connection, on_stored, pending);
    else
        on_stored(pending, -EPERM);
}
