/* The ends that others dial: the public gateway's, whose calls are a customer's; cloisterd's, whose
 * calls carry the origin that it stamped; and cloister-notify's, which is told the key of its
 * notices and asks nothing. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "business/cells.h"
#include "business/reference.h"
#include "business/server.h"
#include "ipc/log.h"
#include "ipc/sp_end.h"

struct business_link {
    struct business_server *server;
    struct business_peer peer;
    struct sp_end *end;
    struct msg_peer rules;
    struct business_call *calls;
    bool ready; /* it has said hello */
};

struct business_links {
    struct business_link public, supervisor, notify;
    uint8_t out[MESSAGE_MAX];
};

bool business_link_public(const struct business_link *link) {
    return link->peer.role == ROLE_GATEWAY;
}

struct business_call **business_link_calls(struct business_link *link) {
    return &link->calls;
}

static int send_message(struct business_link *link, Cloister__Message *message) {
    uint8_t *out = link->server->links->out;
    if (!link->ready)
        return -ENOTCONN;
    ssize_t len = msg_encode(message, out, sizeof(link->server->links->out));
    int r = len < 0 ? (int)len : sp_end_send(link->end, out, (size_t)len);
    if (len > 0)
        explicit_bzero(out, (size_t)len);
    return r;
}

static int send_too_large(struct business_link *link, uint64_t request) {
    Cloister__BusinessResult result = CLOISTER__BUSINESS_RESULT__INIT;
    result.request = request;
    result.status = 500;
    result.code = "internal";
    result.detail = "The answer could not be delivered.";
    Cloister__Message message = MSG_OF(BUSINESS_RESULT, business_result, &result);
    return send_message(link, &message);
}

void business_link_send(struct business_link *link, Cloister__Message *message) {
    int r = send_message(link, message);
    if (r == -EMSGSIZE && message->body_case == CLOISTER__MESSAGE__BODY_BUSINESS_RESULT) {
        log_error("an answer is too large to be sent");
        r = send_too_large(link, message->business_result->request);
    }
    if (r == 0 || r == -ENOTCONN)
        return;
    log_error("cannot send to %s (%s); its connection is dropped", link->peer.name, strerror(-r));
    sp_end_drop(link->end);
}

static int send_cell_call(void *ctx, Cloister__Message *message) {
    return send_message(&((struct business_server *)ctx)->links->supervisor, message);
}

void business_links_changed(struct business_server *server, uint64_t generation, const char *slug) {
    if (server->links == NULL || !server->links->public.ready)
        return;
    Cloister__BusinessChanged changed = CLOISTER__BUSINESS_CHANGED__INIT;
    changed.generation = generation;
    changed.slug = (char *)slug;
    Cloister__Message message = MSG_OF(BUSINESS_CHANGED, business_changed, &changed);
    business_link_send(&server->links->public, &message);
}

/* ---- what is heard ---- */

static void tell_key(struct business_link *link) {
    uint8_t bytes[BUSINESS_MAC_LEN];
    Cloister__OutboxKey key = CLOISTER__OUTBOX_KEY__INIT;
    outbox_key_make(link->server, bytes);
    key.key = (ProtobufCBinaryData){sizeof(bytes), bytes};
    Cloister__Message message = MSG_OF(OUTBOX_KEY, outbox_key, &key);
    business_link_send(link, &message);
    explicit_bzero(bytes, sizeof(bytes));
}

static bool is_cloisterd(const struct business_link *link) {
    return link->peer.role == ROLE_SUPERVISOR;
}

static bool on_hello(struct business_link *link, const Cloister__BusinessHello *hello) {
    if (hello->protocol != PROTOCOL_VERSION || strcmp(hello->instance, link->peer.name) != 0) {
        log_warn("a peer at %s says it is '%.16s', protocol %u", link->peer.socket, hello->instance,
                 hello->protocol);
        return false;
    }
    link->ready = true;
    link->rules.phase = PHASE_READY;
    log_info("%s is connected", link->peer.name);
    if (is_cloisterd(link))
        cells_link_up(link->server->cells);
    if (link->peer.role == ROLE_NOTIFY)
        tell_key(link);
    return true;
}

static bool dispatch(struct business_link *link, const Cloister__Message *message) {
    switch ((int)message->body_case) {
    case CLOISTER__MESSAGE__BODY_BUSINESS_HELLO:
        return on_hello(link, message->business_hello);
    case CLOISTER__MESSAGE__BODY_BUSINESS_CALL:
        call_begin(link->server, link, message->business_call);
        return true;
    case CLOISTER__MESSAGE__BODY_BUSINESS_CANCEL:
        call_cancel(link, message->business_cancel->request);
        return true;
    case CLOISTER__MESSAGE__BODY_BUSINESS_NOTE:
        call_note(link->server, message->business_note);
        return true;
    case CLOISTER__MESSAGE__BODY_CELL_RESULT:
        cells_result(link->server->cells, message->cell_result);
        return true;
    default: /* not an enum switch: messages.def lets nothing else through */
        return false;
    }
}

static void on_message(void *ctx, const uint8_t *data, size_t len) {
    struct business_link *link = ctx;
    SCOPE_MSG Cloister__Message *message = NULL;
    int r = msg_decode(&link->rules, data, len, 0, &message);
    if (r == 0 && dispatch(link, message))
        return;
    log_error("bad message from %s (%s); its connection is dropped", link->peer.name,
              r < 0 ? strerror(-r) : "unexpected");
    sp_end_drop(link->end);
}

static bool on_up(void *ctx, pid_t pid, uid_t uid) {
    struct business_link *link = ctx;
    (void)pid;
    link->ready = false;
    link->rules =
        (struct msg_peer){.from = link->peer.role, .to = ROLE_BUSINESS, .phase = PHASE_START};
    return uid == link->peer.uid;
}

static void on_down(void *ctx) {
    struct business_link *link = ctx;
    bool was_ready = link->ready;
    link->ready = false;
    if (was_ready)
        log_warn("%s is gone", link->peer.name);
    if (was_ready && is_cloisterd(link))
        cells_link_down(link->server->cells);
    calls_orphan(link);
}

static const struct sp_end_ops ops = {on_up, on_message, on_down};

/* ---- beginning and end ---- */

static int listen_for(struct business_server *server, struct business_link *link,
                      const struct business_peer *peer, char *why, size_t why_len) {
    char path[512];
    link->server = server;
    link->peer = *peer;
    int r = config_runtime_path(server->config, peer->socket, path, sizeof(path));
    if (r == 0)
        r = sp_end_listen_for(server->base, path, 0666, peer->uid, &ops, link, &link->end);
    if (r < 0)
        snprintf(why, why_len, "cannot listen at %s: %s", peer->socket, strerror(-r));
    return r;
}

int business_links_new(struct business_server *server, const struct business_peers *peers,
                       char *why, size_t why_len) {
    const struct business_peer gateway = {"public", "business/public.sock", ROLE_GATEWAY,
                                          peers->public},
                               cloisterd = {"supervisor", "business/supervisor.sock",
                                            ROLE_SUPERVISOR, peers->supervisor},
                               notify = {"notify", "business/notify.sock", ROLE_NOTIFY,
                                         peers->notify};
    server->links = calloc(1, sizeof(*server->links));
    int r = server->links == NULL ? -ENOMEM
                                  : cells_new(server->base, send_cell_call, server, &server->cells);
    if (r < 0) {
        snprintf(why, why_len, "out of memory");
        return r;
    }
    r = listen_for(server, &server->links->public, &gateway, why, why_len);
    if (r == 0)
        r = listen_for(server, &server->links->supervisor, &cloisterd, why, why_len);
    return r < 0 ? r : listen_for(server, &server->links->notify, &notify, why, why_len);
}

void business_links_free(struct business_server *server) {
    struct business_links *links = server->links;
    if (links == NULL)
        return;
    links->public.ready = links->supervisor.ready = links->notify.ready = false;
    calls_orphan(&links->public);
    calls_orphan(&links->supervisor);
    sp_end_close(take_ptr(links->public.end));
    sp_end_close(take_ptr(links->supervisor.end));
    sp_end_close(take_ptr(links->notify.end));
    free(take_ptr(server->links));
}
