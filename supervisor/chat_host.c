#include "supervisor/chat_host.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/queue.h>

#include "business/api/operations.h"

#define SLUG_SIZE 65

struct pending {
    LIST_ENTRY(pending) listed;
    struct business_call *asked; /* of cloister-business; NULL: of the database */
    struct chat_host *host;      /* NULL: nobody waits any more */
    struct turn *turn;
    uint64_t call;
};

struct chat_host {
    struct store *store;
    struct business_link *link; /* NULL: nothing is asked there */
    char origin[16], business[SLUG_SIZE];
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
    for (struct pending *pending = LIST_FIRST(&host->open), *next; pending != NULL;
         pending = next) {
        next = LIST_NEXT(pending, listed);
        pending->host = NULL;
        if (pending->asked == NULL)
            continue;
        business_call_cancel(pending->asked);
        free(pending);
    }
    free(host);
}

void chat_host_business(struct chat_host *host, struct business_link *link, const char *origin,
                        const char *business) {
    host->link = link;
    (void)snprintf(host->origin, sizeof(host->origin), "%s", origin);
    (void)snprintf(host->business, sizeof(host->business), "%s", business);
}

static void on_stored(void *ctx, int error) {
    struct pending *pending = ctx;
    if (pending->host != NULL) {
        LIST_REMOVE(pending, listed);
        turn_host_reply(pending->turn, pending->call, error, "");
    }
    free(pending);
}

/* ---- cloister-business ---- */

static void on_business(void *ctx, const Cloister__BusinessResult *result) {
    struct pending *pending = ctx;
    LIST_REMOVE(pending, listed);
    turn_business_reply(pending->turn, pending->call, result);
    free(pending);
}

static void ask_business(struct chat_host *host, struct pending *pending,
                         const Cloister__BusinessCall *asked) {
    const struct operation *operation = operation_find(asked->operation);
    Cloister__Client client = CLOISTER__CLIENT__INIT;
    Cloister__BusinessCall call = CLOISTER__BUSINESS_CALL__INIT;
    client.channel = (char *)"agent";
    call.operation = asked->operation;
    call.arguments = asked->arguments;
    call.idempotency_key = asked->idempotency_key;
    call.client = &client;
    call.timeout_ms = operation != NULL ? operation->timeout_ms : 0;
    call.user = host->user;
    call.origin = host->origin;
    call.business = host->business;
    call.by_agent = true;
    pending->asked = business_call(host->link, &call, on_business, pending);
    if (pending->asked == NULL)
        on_stored(pending, -ENOMEM);
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
    else if (call->op_case == CLOISTER__HOST_CALL__OP_BUSINESS && host->link != NULL)
        ask_business(host, pending, call->business);
    else
        on_stored(pending, -EPERM);
}
