#include "supervisor/gateway_end.h"

#include <errno.h>
#include <string.h>
#include <sys/queue.h>

#include "ipc/log.h"
#include "supervisor/chat.h"
#include "supervisor/gateway_open.h"
#include "supervisor/hash.h"

struct open_request {
    struct hash_node node;
    TAILQ_ENTRY(open_request) listed;
    uint64_t id;
    struct chat *chat;
    gateway_cancel *cancel;
    void *cancel_ctx;
    struct about about;
};

struct gateway_end {
    struct nng_end *channel; /* NULL: gone */
    struct hash by_id;
    TAILQ_HEAD(, open_request) open;
    size_t count;
    bool leaving; /* gateway_end_gone is at work */
};

int gateway_end_new(struct nng_end *channel, struct gateway_end **ret) {
    struct gateway_end *end = calloc(1, sizeof(*end));
    if (end == NULL)
        return -ENOMEM;
    end->channel = channel;
    TAILQ_INIT(&end->open);
    int r = hash_init(&end->by_id);
    if (r < 0) {
        free(end);
        return r;
    }
    *ret = end;
    return 0;
}

static void free_if_unused(struct gateway_end *end) {
    if (end->channel != NULL || end->leaving || end->count > 0)
        return;
    hash_done(&end->by_id);
    free(end);
}

static struct open_request *find(const struct gateway_end *end, uint64_t request) {
    return hash_entry(hash_find(&end->by_id, &request, sizeof(request)), struct open_request, node);
}

int gateway_request_open(struct gateway_end *end, uint64_t request) {
    if (find(end, request) != NULL)
        return -EEXIST;
    if (end->count >= OPEN_REQUESTS_MAX)
        return -ENOSPC;
    struct open_request *open = calloc(1, sizeof(*open));
    if (open == NULL)
        return -ENOMEM;
    open->id = request;
    int r = hash_add(&end->by_id, &open->node, &open->id, sizeof(open->id));
    if (r < 0) {
        free(open);
        return r;
    }
    TAILQ_INSERT_TAIL(&end->open, open, listed);
    end->count++;
    return 0;
}

void gateway_request_close(struct gateway_end *end, uint64_t request) {
    struct open_request *open = find(end, request);
    if (open == NULL)
        return;
    hash_remove(&end->by_id, &open->node);
    TAILQ_REMOVE(&end->open, open, listed);
    end->count--;
    free(open);
    free_if_unused(end);
}

void gateway_request_set_chat(struct gateway_end *end, uint64_t request, struct chat *chat) {
    struct open_request *open = find(end, request);
    if (open != NULL)
        open->chat = chat;
}

struct chat *gateway_request_chat(const struct gateway_end *end, uint64_t request) {
    struct open_request *open = find(end, request);
    return open == NULL ? NULL : open->chat;
}

void gateway_request_set_cancel(struct gateway_end *end, uint64_t request, gateway_cancel *cancel,
                                void *ctx) {
    struct open_request *open = find(end, request);
    if (open == NULL)
        return;
    open->cancel = cancel;
    open->cancel_ctx = ctx;
}

void gateway_request_cancel(struct gateway_end *end, uint64_t request) {
    struct open_request *open = find(end, request);
    if (open != NULL && open->cancel != NULL)
        open->cancel(open->cancel_ctx);
}

void gateway_request_set_about(struct gateway_end *end, uint64_t request,
                               const struct about *about) {
    struct open_request *open = find(end, request);
    if (open != NULL)
        open->about = *about;
}

const struct about *gateway_request_about(const struct gateway_end *end, uint64_t request) {
    static const struct about none;
    const struct open_request *open = end == NULL ? NULL : find(end, request);
    return open == NULL ? &none : &open->about;
}

size_t gateway_end_open(const struct gateway_end *end) {
    return end->count;
}

void gateway_end_gone(struct gateway_end *end) {
    end->channel = NULL;
    end->leaving = true;
    for (struct open_request *open = TAILQ_FIRST(&end->open), *next; open != NULL; open = next) {
        next = TAILQ_NEXT(open, listed);
        if (open->chat != NULL) /* this closes its request, now or when the database has answered */
            chat_abandon(take_ptr(open->chat));
    }
    end->leaving = false;
    free_if_unused(end);
}

/* The request that a message answers for good; false for one that goes on. */
static bool is_final(const Cloister__Message *message, uint64_t *ret_request) {
#define FINAL(CASE, field)                                                                         \
    if (message->body_case == CLOISTER__MESSAGE__BODY_##CASE) {                                    \
        *ret_request = message->field->request;                                                    \
        return true;                                                                               \
    }
    FINAL(CHAT_DONE, chat_done)
    FINAL(FAILURE, failure)
    FINAL(OK, ok)
    FINAL(CONNECT_LINK, connect_link)
    FINAL(CONNECT_REDIRECT, connect_redirect)
    FINAL(REDEEMED, redeemed)
    FINAL(CONNECTION_STATE, connection_state)
    FINAL(CONNECTION_DELETED, connection_deleted)
    FINAL(MEMORIES, memories)
    FINAL(SESSION_STATE, session_state)
    FINAL(HEALTH, health)
    FINAL(METRICS, metrics)
    FINAL(BUSINESS_RESULT, business_result)
#undef FINAL
    return false;
}

static int encode_and_send(struct gateway_end *end, Cloister__Message *message) {
    return end->channel == NULL ? -ENOTCONN : nng_end_send_message(end->channel, message);
}

/* A reply that cannot be sent as it is must not leave its reader waiting. */
static void send_instead(struct gateway_end *end, uint64_t request) {
    Cloister__Failure failure = CLOISTER__FAILURE__INIT;
    failure.request = request;
    failure.status = 500;
    failure.code = "internal";
    failure.detail = "The answer could not be delivered.";
    Cloister__Message message = MSG_OF(FAILURE, failure, &failure);
    if (encode_and_send(end, &message) < 0 && end->channel != NULL)
        nng_end_drop(end->channel);
}

void gateway_send(struct gateway_end *end, Cloister__Message *message) {
    uint64_t request = 0;
    bool final = is_final(message, &request);
    if (final && find(end, request) == NULL) {
        log_error("a %s for a request that is not open; dropped", msg_name(message->body_case));
        return;
    }
    const struct about about = *gateway_request_about(end, request);
    LOG_ABOUT(.request = about.request, .trace = about.trace);
    int r = encode_and_send(end, message);
    if (r == -ENOBUFS || r == -ENOMEM) {
        log_error("the gateway does not read its replies (%s); dropping its connection",
                  strerror(-r));
        nng_end_drop(end->channel);
    } else if (r < 0 && r != -ENOTCONN) {
        log_error("cannot send a %s: %s", msg_name(message->body_case), strerror(-r));
        if (final)
            send_instead(end, request);
        else
            nng_end_drop(end->channel);
    }
    if (final)
        gateway_request_close(end, request);
}

void gateway_fail(struct gateway_end *end, uint64_t request, unsigned status, const char *code,
                  const char *detail, bool retryable) {
    Cloister__Failure failure = CLOISTER__FAILURE__INIT;
    failure.request = request;
    failure.status = status;
    failure.code = (char *)code;
    failure.detail = (char *)detail;
    failure.retryable = retryable;
    Cloister__Message message = MSG_OF(FAILURE, failure, &failure);
    gateway_send(end, &message);
}

void gateway_fail_store(struct gateway_end *end, uint64_t request) {
    gateway_fail(end, request, 503, "database_unavailable",
                 "The database is away. Ask again shortly.", true);
}
