/* Who is it? The turn of a connect cell without a connection, and what it shares with connecting:
 * the nonce of a sign-in. */
#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "agent/turn_state.h"

/* As cloisterd put it into the consent address: the state token's, so that an identity token made
 * for another sign-in is seen. */
static void nonce_of(const char *state_token, char out[static TURN_NONCE_SIZE]) {
    static const char prefix[] = "cloister-nonce:";
    crypto_hash_sha256_state hash;
    uint8_t digest[crypto_hash_sha256_BYTES];
    (void)crypto_hash_sha256_init(&hash);
    (void)crypto_hash_sha256_update(&hash, (const uint8_t *)prefix, sizeof(prefix) - 1);
    (void)crypto_hash_sha256_update(&hash, (const uint8_t *)state_token, strlen(state_token));
    (void)crypto_hash_sha256_final(&hash, digest);
    hex_encode(digest, TURN_NONCE_SIZE / 2, out);
}

struct google_code turn_code(const struct turn *turn, char nonce[static TURN_NONCE_SIZE]) {
    nonce_of(turn->start->state_token, nonce);
    return (struct google_code){.code = turn->start->code,
                                .redirect_uri = turn->start->redirect_uri,
                                .verifier = turn->keys->pkce_verifier,
                                .nonce = nonce};
}

int turn_sign_in(struct turn *turn, struct turn_outcome *outcome) {
    struct google_identity identity;
    char nonce[TURN_NONCE_SIZE];
    if (turn->keys->pkce_verifier[0] == '\0')
        return fault_set(&turn->fault, -EKEYREVOKED, "sign_in_failed", true,
                         "This sign-in has ended. Sign in again.");
    const struct google_code code = turn_code(turn, nonce);
    int r = google_sign_in(turn->google, &code, &identity, &turn->fault);
    if (r == 0)
        r = keys_subject_tag(turn->setup->keys_fd, identity.subject, outcome->subject_tag,
                             &turn->fault);
    if (r < 0)
        return r;
    /* Google gives no address, or none that its owner confirmed: the account still has a name that
     * tells it from others, since pages keep what was asked apart by it. */
    if (identity.email[0] != '\0')
        (void)snprintf(outcome->account, sizeof(outcome->account), "%s", identity.email);
    else
        (void)snprintf(outcome->account, sizeof(outcome->account), "google-account-%02x%02x%02x",
                       outcome->subject_tag[0], outcome->subject_tag[1], outcome->subject_tag[2]);
    outcome->done.subject_tag =
        (ProtobufCBinaryData){sizeof(outcome->subject_tag), outcome->subject_tag};
    outcome->done.account = outcome->account;
    explicit_bzero(&identity, sizeof(identity));
    return 0;
}
