/* Proposals on their way from one cloisterd to the next. */
#include <errno.h>
#include <string.h>

#include "supervisor/handover_parts.h"
#include "supervisor/proposals_state.h"

static ProtobufCBinaryData bytes(const void *data, size_t len) {
    return (ProtobufCBinaryData){len, (uint8_t *)(uintptr_t)data};
}

ProtobufCBinaryData handover_proposals_key(struct proposals *proposals) {
    return bytes(proposals->key, sizeof(proposals->key));
}

bool handover_take_proposals_key(struct proposals *proposals, ProtobufCBinaryData key) {
    if (key.len != sizeof(proposals->key))
        return false;
    memcpy(proposals->key, key.data, sizeof(proposals->key));
    return true;
}

/* A decision that was under way has no turn any more: it may have been carried out. */
static int put_one(const struct proposal *p, handover_put *put, void *ctx) {
    bool running = p->state == PROPOSAL_RUNNING;
    Handover__Proposal to = HANDOVER__PROPOSAL__INIT;
    to.user = (char *)(uintptr_t)p->owner->id;
    to.connection = (char *)(uintptr_t)p->connection;
    to.frontend = p->frontend;
    to.name = p->name;
    to.state = running ? (p->used ? PROPOSAL_USED : PROPOSAL_OPEN) : p->state;
    to.confirm = p->confirm;
    to.tried = p->tried || (running && p->confirm);
    to.by_button = p->by_button;
    to.made_ms = p->made_ms;
    to.expires_ms = p->expires_ms;
    to.used_by = bytes(p->used_by, p->has_used_by ? sizeof(p->used_by) : 0);
    to.made_by = bytes(p->made_by, p->has_made_by ? sizeof(p->made_by) : 0);
    to.id_digest = bytes(p->id_digest, sizeof(p->id_digest));
    to.conversation_digest = bytes(p->conversation_digest, sizeof(p->conversation_digest));
    to.nonce = bytes(p->nonce, sizeof(p->nonce));
    to.id = bytes(p->id, sizeof(p->id));
    to.conversation = bytes(p->conversation, p->conversation_len);
    to.sealed = bytes(p->sealed, p->len);
    Handover__Record record = HANDOVER__RECORD__INIT;
    record.body_case = HANDOVER__RECORD__BODY_PROPOSAL;
    record.proposal = &to;
    return put(ctx, &record);
}

int handover_put_proposals(struct proposals *proposals, handover_put *put, void *ctx) {
    for (struct proposal *proposal; (proposal = TAILQ_FIRST(&proposals->all)) != NULL;) {
        int r = put_one(proposal, put, ctx);
        if (r < 0)
            return r;
        proposal_drop(proposals, proposal);
    }
    return 0;
}

static bool is_ours(const Handover__Proposal *from) {
    const struct proposal *p = NULL;
    return id_valid(from->user) && strlen(from->connection) <= ID_LEN &&
           from->state <= PROPOSAL_EXPIRED && from->state != PROPOSAL_RUNNING &&
           (from->used_by.len == 0 || from->used_by.len == PROPOSAL_KEY_LEN) &&
           (from->made_by.len == 0 || from->made_by.len == PROPOSAL_KEY_LEN) &&
           from->id_digest.len == sizeof(p->id_digest) &&
           from->conversation_digest.len == sizeof(p->conversation_digest) &&
           from->nonce.len == sizeof(p->nonce) && from->id.len == sizeof(p->id) &&
           from->conversation.len <= sizeof(p->conversation) &&
           from->sealed.len <= PROPOSAL_SEALED_MAX &&
           from->expires_ms <= wall_ms() + PROPOSAL_LIFE_MS;
}

static void copy_key(ProtobufCBinaryData from, bool *has, uint8_t to[static PROPOSAL_KEY_LEN]) {
    *has = from.len == PROPOSAL_KEY_LEN;
    if (*has)
        memcpy(to, from.data, PROPOSAL_KEY_LEN);
}

static struct proposal *proposal_from(const Handover__Proposal *from) {
    struct proposal *p = calloc(1, sizeof(*p));
    if (p == NULL)
        return NULL;
    p->state = from->state == PROPOSAL_USED      ? PROPOSAL_USED
               : from->state == PROPOSAL_EXPIRED ? PROPOSAL_EXPIRED
                                                 : PROPOSAL_OPEN;
    p->confirm = from->confirm;
    p->tried = from->tried;
    p->by_button = from->by_button;
    p->made_ms = from->made_ms;
    p->expires_ms = from->expires_ms;
    copy_key(from->used_by, &p->has_used_by, p->used_by);
    copy_key(from->made_by, &p->has_made_by, p->made_by);
    memcpy(p->id_digest, from->id_digest.data, sizeof(p->id_digest));
    memcpy(p->conversation_digest, from->conversation_digest.data, sizeof(p->conversation_digest));
    memcpy(p->nonce, from->nonce.data, sizeof(p->nonce));
    memcpy(p->id, from->id.data, sizeof(p->id));
    if (from->conversation.len > 0)
        memcpy(p->conversation, from->conversation.data, from->conversation.len);
    p->conversation_len = from->conversation.len;
    strcpy(p->connection, from->connection);
    p->frontend = strdup(from->frontend);
    p->name = strdup(from->name);
    p->sealed = from->sealed.len > 0 ? malloc(from->sealed.len) : NULL;
    if (p->frontend == NULL || p->name == NULL || (from->sealed.len > 0 && p->sealed == NULL)) {
        free(p->sealed);
        proposal_free(p);
        return NULL;
    }
    if (from->sealed.len > 0)
        memcpy(p->sealed, from->sealed.data, from->sealed.len);
    p->len = from->sealed.len;
    return p;
}

int handover_take_proposal(struct proposals *proposals, const Handover__Proposal *from) {
    if (!is_ours(from))
        return -EINVAL;
    struct proposal *proposal = proposal_from(from);
    int r = proposal == NULL ? -ENOMEM : proposal_keep(proposals, from->user, proposal);
    if (r < 0 && proposal != NULL) {
        free(proposal->sealed);
        proposal_free(proposal);
    }
    return r;
}
