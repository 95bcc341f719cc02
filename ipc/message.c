#include "ipc/message.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

struct rule {
    Cloister__Message__BodyCase body;
    const char *name, *from_text, *to_text, *phase_text;
    uint32_t from, to, phase, cap;
    uint8_t once, fds;
};

#define MESSAGE(CASE, from, to, phase, once, cap, fds)                                             \
    {CLOISTER__MESSAGE__BODY_##CASE, #CASE, #from, #to, #phase, from, to, phase, cap, once, fds},
static const struct rule rules[] = {
#include "ipc/messages.def"
};
#undef MESSAGE

static const struct rule *rule_of(Cloister__Message__BodyCase body) {
    for (size_t i = 0; i < COUNT_OF(rules); i++)
        if (rules[i].body == body)
            return &rules[i];
    return NULL;
}

const char *msg_name(Cloister__Message__BodyCase body) {
    const struct rule *rule = rule_of(body);
    return rule != NULL ? rule->name : "unknown";
}

/* protobuf-c frees without a size, so each block carries its own. */
static void *wiping_alloc(void *ctx, size_t size) {
    (void)ctx;
    size_t *block;
    if (size > (size_t)MESSAGE_MAX * 4)
        return NULL;
    block = malloc(sizeof(*block) * 2 + size);
    if (block == NULL)
        return NULL;
    block[0] = size;
    return block + 2;
}

static void wiping_free(void *ctx, void *pointer) {
    (void)ctx;
    if (pointer == NULL)
        return;
    size_t *block = (size_t *)pointer - 2;
    explicit_bzero(pointer, block[0]);
    free(block);
}

static ProtobufCAllocator wiping = {wiping_alloc, wiping_free, NULL};

void msg_free(Cloister__Message *message) {
    if (message != NULL)
        cloister__message__free_unpacked(message, &wiping);
}

static void drop_unknown(ProtobufCMessage *message);

/* In one field that has the type of a message: alone, in a oneof, or a list. */
static void drop_unknown_in(ProtobufCMessage *message, const ProtobufCFieldDescriptor *field) {
    uint8_t *base = (uint8_t *)message, *at = base + field->offset;
    size_t n = 1;
    if (field->label == PROTOBUF_C_LABEL_REPEATED) {
        memcpy(&n, base + field->quantifier_offset, sizeof(n));
        memcpy(&at, at, sizeof(at));
    } else if ((field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) != 0) {
        uint32_t chosen;
        memcpy(&chosen, base + field->quantifier_offset, sizeof(chosen));
        n = chosen == field->id;
    }
    for (size_t i = 0; i < n; i++) {
        ProtobufCMessage *inner;
        memcpy(&inner, at + i * sizeof(inner), sizeof(inner));
        if (inner != NULL)
            drop_unknown(inner);
    }
}

/* protobuf-c keeps what messages.proto does not have, even fields with numbers that there cannot
 * be, and would send it on. Such fields say nothing here, so they go. */
static void drop_unknown(ProtobufCMessage *message) {
    for (unsigned i = 0; i < message->n_unknown_fields; i++)
        wiping_free(NULL, message->unknown_fields[i].data);
    wiping_free(NULL, message->unknown_fields);
    message->n_unknown_fields = 0;
    message->unknown_fields = NULL;
    for (unsigned i = 0; i < message->descriptor->n_fields; i++)
        if (message->descriptor->fields[i].type == PROTOBUF_C_TYPE_MESSAGE)
            drop_unknown_in(message, &message->descriptor->fields[i]);
}

/* A row that carries a descriptor comes without one when it reports an error. */
static bool fds_match(const struct rule *rule, const Cloister__Message *message, unsigned nfds) {
    unsigned wanted = rule->fds;
    if (message->body_case == CLOISTER__MESSAGE__BODY_SPAWNED && message->spawned->error != 0)
        wanted = 0;
    if (message->body_case == CLOISTER__MESSAGE__BODY_DIAL_RESULT &&
        message->dial_result->error != 0)
        wanted = 0;
    if (message->body_case == CLOISTER__MESSAGE__BODY_SPAWN && message->spawn->in_cgroup)
        wanted++;
    return nfds == wanted;
}

static int rule_check(struct msg_peer *peer, const Cloister__Message *message, size_t len,
                      unsigned nfds) {
    const struct rule *rule = rule_of(message->body_case);
    if (rule == NULL)
        return -EPROTO;
    const uint32_t from = rule->from & peer->from, to = rule->to & peer->to;
    if (from == 0 || to == 0 || (rule->phase & peer->phase) == 0)
        return -EPERM;
    /* A row with several senders and receivers lets none of them speak to itself. */
    if (from == to && (from & (from - 1)) == 0)
        return -EPERM;
    if (len > rule->cap)
        return -EMSGSIZE;
    if (!fds_match(rule, message, nfds))
        return -EBADMSG;
    unsigned bit = (unsigned)message->body_case;
    if (rule->once) {
        if (peer->once[bit / 64 % 4] >> (bit % 64) & 1)
            return -EPERM;
        peer->once[bit / 64 % 4] |= UINT64_C(1) << (bit % 64);
    }
    return 0;
}

int msg_decode(struct msg_peer *peer, const uint8_t *data, size_t len, unsigned nfds,
               Cloister__Message **ret) {
    if (len > MESSAGE_MAX)
        return -EMSGSIZE;
    SCOPE_MSG Cloister__Message *message = cloister__message__unpack(&wiping, len, data);
    if (message == NULL || message->protocol != PROTOCOL_VERSION)
        return -EPROTO;
    drop_unknown(&message->base);
    int r = rule_check(peer, message, len, nfds);
    if (r < 0)
        return r;
    *ret = take_ptr(message);
    return 0;
}

ssize_t msg_encode(Cloister__Message *message, uint8_t *out, size_t cap) {
    const struct rule *rule = rule_of(message->body_case);
    message->protocol = PROTOCOL_VERSION;
    size_t len = cloister__message__get_packed_size(message);
    if (rule == NULL || len > cap || len > rule->cap)
        return -EMSGSIZE;
    return (ssize_t)cloister__message__pack(message, out);
}

int msg_encode_new(Cloister__Message *message, uint8_t **ret, size_t *ret_len) {
    message->protocol = PROTOCOL_VERSION; /* before its size is taken: it counts */
    size_t size = cloister__message__get_packed_size(message);
    if (size > MESSAGE_MAX)
        return -EMSGSIZE;
    SCOPE_MSG_BYTES uint8_t *data = wiping_alloc(NULL, size);
    if (data == NULL)
        return -ENOMEM;
    ssize_t len = msg_encode(message, data, size);
    if (len < 0)
        return (int)len;
    *ret_len = (size_t)len;
    *ret = take_ptr(data);
    return 0;
}

void msg_bytes_free(uint8_t *data) {
    wiping_free(NULL, data);
}

int msg_copy(struct msg_peer *peer, Cloister__Message *message, Cloister__Message **ret) {
    SCOPE_MSG_BYTES uint8_t *data = NULL;
    size_t len = 0;
    int r = msg_encode_new(message, &data, &len);
    return r < 0 ? r : msg_decode(peer, data, len, 0, ret);
}

void msg_print_table(void) {
    printf("%-20s %-16s %-28s %-26s %4s %7s %3s\n", "message", "sender", "receiver", "phase",
           "once", "cap", "fds");
    for (size_t i = 0; i < COUNT_OF(rules); i++)
        printf("%-20s %-16s %-28s %-26s %4s %7u %3u\n", rules[i].name, rules[i].from_text,
               rules[i].to_text, rules[i].phase_text, rules[i].once ? "yes" : "", rules[i].cap,
               rules[i].fds);
}
