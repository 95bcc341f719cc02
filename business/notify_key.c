#include "business/notify_key.h"

#include <errno.h>
#include <string.h>

#include "ipc/log.h"
#include "ipc/message.h"
#include "ipc/sp_end.h"

struct notify_key {
    struct sp_end *end;
    struct msg_peer rules;
    uid_t business;
    void (*there)(void *ctx);
    void *ctx;
    bool known;
    uint8_t bytes[OUTBOX_KEY_LEN];
};

static int say_hello(struct notify_key *key) {
    uint8_t out[128];
    Cloister__BusinessHello hello = CLOISTER__BUSINESS_HELLO__INIT;
    hello.protocol = PROTOCOL_VERSION;
    hello.instance = "notify";
    Cloister__Message message = MSG_OF(BUSINESS_HELLO, business_hello, &hello);
    ssize_t len = msg_encode(&message, out, sizeof(out));
    return len < 0 ? (int)len : sp_end_send(key->end, out, (size_t)len);
}

static bool on_up(void *ctx, pid_t pid, uid_t uid) {
    struct notify_key *key = ctx;
    (void)pid;
    key->rules = (struct msg_peer){.from = ROLE_BUSINESS, .to = ROLE_NOTIFY, .phase = PHASE_READY};
    return uid == key->business && say_hello(key) == 0;
}

static void on_message(void *ctx, const uint8_t *data, size_t len) {
    struct notify_key *key = ctx;
    SCOPE_MSG Cloister__Message *message = NULL;
    int r = msg_decode(&key->rules, data, len, 0, &message);
    if (r < 0 || message->body_case != CLOISTER__MESSAGE__BODY_OUTBOX_KEY ||
        message->outbox_key->key.len != sizeof(key->bytes)) {
        log_error("bad message from cloister-business (%s); its connection is dropped",
                  r < 0 ? strerror(-r) : "unexpected");
        sp_end_drop(key->end);
        return;
    }
    memcpy(key->bytes, message->outbox_key->key.data, sizeof(key->bytes));
    key->known = true;
    key->there(key->ctx);
}

static void on_down(void *ctx) {
    (void)ctx; /* what is known stays known */
}

int notify_key_new(struct event_base *base, const struct config *config, uid_t business,
                   void (*there)(void *ctx), void *ctx, struct notify_key **ret) {
    static const struct sp_end_ops ops = {on_up, on_message, on_down};
    char path[512];
    struct notify_key *key = calloc(1, sizeof(*key));
    if (key == NULL)
        return -ENOMEM;
    *key = (struct notify_key){.business = business, .there = there, .ctx = ctx};
    int r = config_runtime_path(config, "business/notify.sock", path, sizeof(path));
    if (r == 0)
        r = sp_end_dial(base, path, &ops, key, &key->end);
    if (r < 0) {
        notify_key_free(key);
        return r;
    }
    *ret = key;
    return 0;
}

void notify_key_free(struct notify_key *key) {
    if (key == NULL)
        return;
    sp_end_close(key->end);
    explicit_bzero(key, sizeof(*key));
    free(key);
}

const uint8_t *notify_key_bytes(const struct notify_key *key) {
    return key->known ? key->bytes : NULL;
}
