#include "tests/unit/business/peer.h"

#include <err.h>
#include <stdio.h>

static bool on_up(void *ctx, pid_t pid, uid_t uid) {
    struct played_peer *peer = ctx;
    (void)pid;
    (void)uid;
    peer->rules = (struct msg_peer){.from = ROLE_BUSINESS, .to = peer->role, .phase = PHASE_READY};
    peer->up = true;
    return true;
}

static void on_down(void *ctx) {
    ((struct played_peer *)ctx)->up = false;
}

static void on_message(void *ctx, const uint8_t *data, size_t len) {
    struct played_peer *peer = ctx;
    SCOPE_MSG Cloister__Message *message = NULL;
    if (msg_decode(&peer->rules, data, len, 0, &message) != 0)
        errx(1, "%s: a message that cannot be", peer->name);
    peer->got(message);
}

void peer_send(struct played_peer *peer, Cloister__Message *message) {
    static uint8_t out[MESSAGE_MAX];
    ssize_t len = msg_encode(message, out, sizeof(out));
    if (len < 0 || nng_end_send(peer->nng, out, (size_t)len) != 0)
        errx(1, "%s: cannot send", peer->name);
}

void peer_connect(struct played_peer *peer, struct event_base *base, const struct config *config) {
    static const struct nng_end_ops ops = {on_up, on_message, on_down};
    char socket[64], path[512];
    (void)snprintf(socket, sizeof(socket), "business/%s.sock", peer->name);
    if (config_runtime_path(config, socket, path, sizeof(path)) != 0 ||
        nng_end_dial(base, path, &ops, peer, &peer->nng) != 0)
        errx(1, "%s: cannot dial", peer->name);
    while (!peer->up)
        if (event_base_loop(base, EVLOOP_ONCE) != 0)
            errx(1, "%s: nobody is there", peer->name);
    Cloister__BusinessHello hello = CLOISTER__BUSINESS_HELLO__INIT;
    hello.protocol = PROTOCOL_VERSION;
    hello.instance = (char *)(uintptr_t)peer->name;
    Cloister__Message message = MSG_OF(BUSINESS_HELLO, business_hello, &hello);
    peer_send(peer, &message);
}

void peer_close(struct played_peer *peer) {
    nng_end_close(take_ptr(peer->nng));
    peer->up = false;
}
