#include "agent/proposal.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "agent/guards.h"
#include "providers/json_get.h"

/* Canonical: the same text for the same proposal, whatever order its members were put in. */
static char *canonical(const json_t *json) {
    return json_dumps(json, JSON_COMPACT | JSON_SORT_KEYS);
}

struct proposal_scope proposal_scope_of(const struct turn *turn) {
    return (struct proposal_scope){.user_key = turn->keys->user,
                                   .connection_key = turn->keys->connection,
                                   .epoch = turn->keys->epoch,
                                   .user = turn->start->user,
                                   .conversation = turn->start->conversation};
}

void proposal_id(const struct proposal_scope *scope, const json_t *json,
                 char out[static ID_LEN + 1]) {
    uint8_t key[SEAL_KEY_LEN], mac[ID_LEN / 2] = {0};
    char *text = canonical(json);
    key_derive(scope->user_key, "proposal", key);
    if (text != NULL)
        key_mac(key, text, strlen(text), mac, sizeof(mac));
    hex_encode(mac, sizeof(mac), out);
    explicit_bzero(key, sizeof(key));
    string_wipe(text);
}

/* Of the user and of the connection: a calendar that was disconnected takes its proposals along. */
static void key_of(const struct proposal_scope *scope, uint8_t out[static SEAL_KEY_LEN]) {
    uint8_t both[SEAL_KEY_LEN];
    key_mac(scope->user_key, scope->connection_key, SEAL_KEY_LEN, both, sizeof(both));
    key_derive(both, "proposal", out);
    explicit_bzero(both, sizeof(both));
}

static struct seal_label label_of(const struct proposal_scope *scope, const char *id, char *subject,
                                  size_t cap) {
    const char *conversation = guard_holds(GUARD_PROPOSAL_CONVERSATION) ? scope->conversation : "";
    const char *bound = guard_holds(GUARD_PROPOSAL_BOUND) ? id : "";
    (void)snprintf(subject, cap, "%s:owner:%s:%s", scope->user, conversation, bound);
    return (struct seal_label){"proposal", subject, scope->epoch, 1};
}

int proposal_seal(const struct proposal_scope *scope, const json_t *json,
                  char ret_id[static ID_LEN + 1], uint8_t **ret, size_t *ret_len) {
    uint8_t key[SEAL_KEY_LEN];
    char subject[512];
    char *text = canonical(json);
    if (text == NULL)
        return -ENOMEM;
    proposal_id(scope, json, ret_id);
    int r = strlen(text) + SEAL_OVERHEAD > PROPOSAL_SEALED_MAX ? -E2BIG : 0;
    if (r == 0) {
        struct seal_label label = label_of(scope, ret_id, subject, sizeof(subject));
        key_of(scope, key);
        r = seal_box(key, &label, text, strlen(text), ret, ret_len);
        explicit_bzero(key, sizeof(key));
    }
    string_wipe(text);
    return r;
}

/* What the seal has vouched for is looked at once more: the name it goes by, whose it is, its age.
 */
static int judge(const struct proposal_scope *scope, const char *id, const json_t *json,
                 int64_t now_ms) {
    char known[ID_LEN + 1];
    proposal_id(scope, json, known);
    if (guard_holds(GUARD_PROPOSAL_BOUND) && strcmp(known, id) != 0)
        return -EBADMSG;
    if (guard_holds(GUARD_PROPOSAL_CONVERSATION) &&
        strcmp(json_text(json, "conversation"), scope->conversation) != 0)
        return -EBADMSG;
    if (guard_holds(GUARD_PROPOSAL_EXPIRES) && (int64_t)json_count(json, "expires_at", 0) <= now_ms)
        return -EKEYEXPIRED;
    return 0;
}

int proposal_open(const struct proposal_scope *scope, const char *id, const uint8_t *blob,
                  size_t len, int64_t now_ms, json_t **ret) {
    uint8_t key[SEAL_KEY_LEN];
    char subject[512];
    SCOPE_SECRET char *plain = NULL;
    size_t plain_len = 0;
    struct seal_label label = label_of(scope, id, subject, sizeof(subject));
    key_of(scope, key);
    int r = seal_open(key, &label, blob, len, &plain, &plain_len);
    explicit_bzero(key, sizeof(key));
    if (r < 0)
        return r == -ENOMEM ? r : -EBADMSG;
    json_t *json = json_loadb(plain, plain_len, 0, NULL);
    r = json_is_object(json) ? judge(scope, id, json, now_ms) : -EBADMSG;
    if (r == 0)
        *ret = json_incref(json);
    json_decref(json);
    return r;
}
