/* What a proposal is called and which conversation it is of: neither is kept in the clear. Each is
 * hidden under a key made of the other, so that only who brings one finds the other: a chat brings
 * its conversation, the word on a proposal its id. */
#include <errno.h>
#include <sodium.h>
#include <string.h>

#include "supervisor/proposals_state.h"

enum { OF_ID, OF_CONVERSATION, KEY_OF_ID, KEY_OF_CONVERSATION };

/* Keyed, so that a name cannot be guessed from what is kept. */
static void derive(const struct proposals *proposals, uint8_t use, const char *text, uint8_t *out,
                   size_t len) {
    crypto_generichash_state state;
    (void)crypto_generichash_init(&state, proposals->key, sizeof(proposals->key), len);
    (void)crypto_generichash_update(&state, &use, 1);
    (void)crypto_generichash_update(&state, (const uint8_t *)text, strlen(text));
    (void)crypto_generichash_final(&state, out, len);
    explicit_bzero(&state, sizeof(state));
}

static void cover(const struct proposals *proposals, uint8_t use, const char *by,
                  const uint8_t *nonce, const void *from, void *to, size_t len) {
    uint8_t key[crypto_stream_xchacha20_KEYBYTES];
    derive(proposals, use, by, key, sizeof(key));
    (void)crypto_stream_xchacha20_xor(to, from, len, nonce, key);
    explicit_bzero(key, sizeof(key));
}

void proposal_id_digest(const struct proposals *proposals, const char *id,
                        uint8_t out[static PROPOSAL_DIGEST_LEN]) {
    derive(proposals, OF_ID, id, out, PROPOSAL_DIGEST_LEN);
}

bool proposal_is_of(const struct proposals *proposals, const struct proposal *proposal,
                    const char *conversation) {
    uint8_t digest[PROPOSAL_DIGEST_LEN];
    derive(proposals, OF_CONVERSATION, conversation, digest, sizeof(digest));
    return memcmp(digest, proposal->conversation_digest, sizeof(digest)) == 0;
}

int proposal_hide(const struct proposals *proposals, struct proposal *proposal, const char *id,
                  const char *conversation) {
    proposal->conversation_len = strlen(conversation);
    if (proposal->conversation_len > PROPOSAL_CONVERSATION_MAX)
        return -EMSGSIZE;
    proposal_id_digest(proposals, id, proposal->id_digest);
    derive(proposals, OF_CONVERSATION, conversation, proposal->conversation_digest,
           sizeof(proposal->conversation_digest));
    randombytes_buf(proposal->nonce, sizeof(proposal->nonce));
    cover(proposals, KEY_OF_CONVERSATION, conversation, proposal->nonce, id, proposal->id, ID_LEN);
    cover(proposals, KEY_OF_ID, id, proposal->nonce, conversation, proposal->conversation,
          proposal->conversation_len);
    return 0;
}

void proposal_show_id(const struct proposals *proposals, const struct proposal *proposal,
                      const char *conversation, char out[static ID_LEN + 1]) {
    cover(proposals, KEY_OF_CONVERSATION, conversation, proposal->nonce, proposal->id, out, ID_LEN);
    out[ID_LEN] = '\0';
}

void proposal_show_conversation(const struct proposals *proposals, const struct proposal *proposal,
                                const char *id, char out[static PROPOSAL_CONVERSATION_MAX + 1]) {
    cover(proposals, KEY_OF_ID, id, proposal->nonce, proposal->conversation, out,
          proposal->conversation_len);
    out[proposal->conversation_len] = '\0';
}
