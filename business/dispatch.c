/* What happens to a call before its handler gets it: may this origin ask that, are the arguments
 * well-formed, is a limit met, is the answer known already. */
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "business/api/operations.h"
#include "business/cache.h"
#include "business/call.h"
#include "business/limits.h"
#include "business/once.h"
#include "business/oplog.h"
#include "business/server.h"
#include "ipc/log.h"

#define OPEN_MAX       4096 /* calls of one link */
#define ARGUMENTS_ROOM 1024 /* most fit: what is written here first needs no growing text */

struct business_handler {
    const char *operation;
    void (*handle)(struct business_call *call);
};

static const struct business_handler handlers[] = {
#define HANDLER(operation) {#operation, handle_##operation},
#include "business/handlers.def"
#undef HANDLER
    {NULL, NULL},
};

static const struct business_handler *handler_of(const char *operation) {
    for (size_t i = 0; handlers[i].operation != NULL; i++)
        if (strcmp(handlers[i].operation, operation) == 0)
            return &handlers[i];
    return NULL;
}

/* The endpoint says who asks: only cloisterd's word is taken for more than "a customer". */
static int origin_of(const struct business_link *link, const char *stamped,
                     enum business_origin *ret) {
    if (business_link_public(link) || strcmp(stamped, "customer") == 0)
        *ret = FROM_PUBLIC;
    else if (strcmp(stamped, "owner") == 0)
        *ret = FROM_OWNER;
    else if (strcmp(stamped, "cloisterd") == 0)
        *ret = FROM_CLOISTERD;
    else
        return -1;
    return 0;
}

static const char *origin_word(enum business_origin origin) {
    return origin == FROM_OWNER ? "owner" : origin == FROM_PUBLIC ? "customer" : "cloisterd";
}

static void link_in(struct business_call *call) {
    struct business_call **head = business_link_calls(call->link);
    call->next = *head;
    call->previous = head;
    if (*head != NULL)
        (*head)->previous = &call->next;
    *head = call;
}

static bool too_many(struct business_link *link) {
    unsigned n = 0;
    for (struct business_call *call = *business_link_calls(link); call != NULL; call = call->next)
        n++;
    return n >= OPEN_MAX;
}

static struct business_call *call_new(struct business_server *server, struct business_link *link,
                                      const Cloister__BusinessCall *message) {
    struct business_call *call = calloc(1, sizeof(*call));
    if (call == NULL)
        fatal("out of memory");
    call->server = server;
    call->link = link;
    call->request = message->request;
    call->started_us = clock_us();
    call->results = -1;
    call->progress = message->progress;
    call->operation = operation_find(message->operation);
    call->name = call->operation != NULL ? call->operation->name : "unknown";
    oplog_id(call->id);
    oplog_client(server->oplog, message->client, &call->client);
    if (call->operation != NULL && call->operation->changes) /* others take no key */
        once_asker(server, message->client != NULL ? message->client->address : "", call->asker);
    snprintf(call->idempotency_key, sizeof(call->idempotency_key), "%s",
             idempotency_key_valid(message->idempotency_key) ? message->idempotency_key : "");
    if (!business_link_public(link)) {
        snprintf(call->user, sizeof(call->user), "%s", message->user);
        snprintf(call->business, sizeof(call->business), "%s", message->business);
        call->by_agent = message->by_agent;
    }
    return call;
}

/* A customer's turn may ask about its own business alone, and need not name it. */
static bool keep_to_business(struct business_call *call) {
    const struct shape *shape = call->operation->arguments;
    if (call->business[0] == '\0' || call->origin != FROM_PUBLIC)
        return true;
    while (shape->type != SHAPE_END && strcmp(shape->name, "business") != 0)
        shape++;
    if (shape->type == SHAPE_END)
        return true;
    const json_t *given = json_object_get(call->arguments, "business");
    if (given == NULL)
        return json_object_set_new(call->arguments, "business", json_string(call->business)) == 0;
    return json_is_string(given) && strcmp(json_string_value(given), call->business) == 0;
}

/* An id or a slug that had to be cut would be somebody else's. */
static bool names_fit(const struct business_call *call, const Cloister__BusinessCall *message) {
    return strlen(message->user) < sizeof(call->user) &&
           strlen(message->business) < sizeof(call->business);
}

/* Refuses the call (true), or leaves it to go on. */
static bool refused(struct business_call *call, const Cloister__BusinessCall *message) {
    char why[SCHEMA_ERROR_SIZE];
    bool known = origin_of(call->link, message->origin, &call->origin) == 0;
    if (call->operation == NULL) {
        business_refuse_argument(call, "operation: there is none of that name");
        return true;
    }
    if (!known || !names_fit(call, message) ||
        !operation_may(call->operation, origin_word(call->origin), call->by_agent) ||
        (call->origin == FROM_OWNER && !id_valid(call->user))) {
        business_refuse(call, 403, "not_allowed", "This may not be asked here.", NULL);
        return true;
    }
    call->arguments = json_loads(message->arguments, JSON_REJECT_DUPLICATES, NULL);
    if (!json_is_object(call->arguments)) {
        business_refuse_argument(call, "arguments: must be a JSON object");
        return true;
    }
    if (!keep_to_business(call)) {
        business_refuse(call, 403, "not_allowed", "This conversation is about one business alone.",
                        NULL);
        return true;
    }
    if (schema_validate(call->operation->arguments, SCHEMA_ARGUMENTS, call->arguments, why) < 0) {
        business_refuse_argument(call, "%s", why);
        return true;
    }
    if (call->operation->needs_key && call->idempotency_key[0] == '\0') {
        business_refuse_argument(call, "idempotency key: must be 1 to 128 printable characters "
                                       "without blanks");
        return true;
    }
    return false;
}

static bool limited(struct business_call *call) {
    uint64_t wait = limits_take(call->server->limits, call);
    if (wait > 0)
        business_refuse_for_now(call, 429, "limited",
                                "Too many calls. Wait a little before the next.", wait);
    return wait > 0;
}

/* Answers that are the same for everybody. */
static bool kept(struct business_call *call) {
    static const char *const public[] = {"get_business", "search_businesses", "search", "fetch"};
    char room[ARGUMENTS_ROOM];
    bool may = false;
    for (size_t i = 0; i < COUNT_OF(public); i++)
        may |= strcmp(call->name, public[i]) == 0;
    if (!may)
        return false;
    size_t name = strlen(call->name) + 1,
           len = json_dumpb(call->arguments, room, sizeof(room), JSON_COMPACT | JSON_SORT_KEYS);
    char *key = len == 0 ? NULL : malloc(name + len + 1);
    if (key == NULL)
        return false;
    stpcpy(stpcpy(key, call->name), " ");
    if (len <= sizeof(room))
        memcpy(key + name, room, len);
    else
        (void)json_dumpb(call->arguments, key + name, len, JSON_COMPACT | JSON_SORT_KEYS);
    key[name + len] = '\0';
    explicit_bzero(room, len < sizeof(room) ? len : sizeof(room));
    call->cache_key = key;
    call->cache_generation = cache_generation(call->server->cache);
    return business_reply_kept(call);
}

void call_begin(struct business_server *server, struct business_link *link,
                const Cloister__BusinessCall *message) {
    bool full = too_many(link);
    struct business_call *call = call_new(server, link, message);
    link_in(call);
    if (full) {
        business_refuse_for_now(call, 503, "business_unavailable", "Too many calls at once.", 1000);
        return;
    }
    if (refused(call, message) || limited(call) || kept(call))
        return;
    uint64_t timeout_ms =
        message->timeout_ms > 0 ? message->timeout_ms : call->operation->timeout_ms;
    call->deadline_ms = clock_ms() + timeout_ms;
    call->handler = handler_of(call->name);
    if (call->handler == NULL)
        business_refuse_for_now(call, 503, "business_unavailable",
                                "This operation is not available here.", 0);
    else
        call->handler->handle(call);
}

void call_note(struct business_server *server, const Cloister__BusinessNote *note) {
    oplog_note(server, note);
    for (size_t i = 0; i < note->n_more; i++)
        oplog_note(server, note->more[i]);
}

void call_cancel(struct business_link *link, uint64_t request) {
    struct business_call *call = *business_link_calls(link);
    while (call != NULL && call->request != request)
        call = call->next;
    if (call != NULL && call->on_cancel != NULL)
        take_ptr(call->on_cancel)(call, call->on_cancel_ctx);
}

void calls_orphan(struct business_link *link) {
    while (*business_link_calls(link) != NULL) {
        struct business_call *call = *business_link_calls(link);
        *business_link_calls(link) = call->next;
        if (call->next != NULL)
            call->next->previous = business_link_calls(link);
        call->link = NULL;
        call->next = NULL;
        call->previous = NULL;
        if (call->on_cancel != NULL)
            take_ptr(call->on_cancel)(call, call->on_cancel_ctx);
    }
}
