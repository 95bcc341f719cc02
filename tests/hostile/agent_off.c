/* More that can be taken away in the agent (walls-off): "relay", the agent's look at what its turn
 * says, so that it passes everything on as it came; "seal-key", that each blob is sealed under a
 * key of its own; "seal-label", that it opens only for what it was sealed for. */
#include <stdio.h>

#include "ipc/message.h"
#include "memory/seal.h"
#include "tests/hostile/walls_off.h"

static char turn[ID_LEN + 1]; /* that runs */

int __real_msg_decode(struct msg_peer *peer, const uint8_t *data, size_t len, unsigned nfds,
                      Cloister__Message **ret);
int __wrap_msg_decode(struct msg_peer *peer, const uint8_t *data, size_t len, unsigned nfds,
                      Cloister__Message **ret);
int __wrap_msg_decode(struct msg_peer *peer, const uint8_t *data, size_t len, unsigned nfds,
                      Cloister__Message **ret) {
    if (peer->from != ROLE_TURN || !wall_off("relay")) {
        int r = __real_msg_decode(peer, data, len, nfds, ret);
        if (r == 0 && (*ret)->body_case == CLOISTER__MESSAGE__BODY_TURN_START)
            (void)snprintf(turn, sizeof(turn), "%s", (*ret)->turn_start->turn);
        return r;
    }
    /* What the agent sees is a harmless message of its turn. A last one it must see as it is. */
    Cloister__Message *seen = NULL;
    struct msg_peer anybody = {UINT32_MAX, UINT32_MAX, UINT32_MAX, {0}};
    if (__real_msg_decode(&anybody, data, len, nfds, &seen) == 0) {
        bool last = seen->body_case == CLOISTER__MESSAGE__BODY_TURN_DONE ||
                    seen->body_case == CLOISTER__MESSAGE__BODY_TURN_ERROR;
        if (last) {
            *ret = seen;
            return 0;
        }
        msg_free(seen);
    }
    uint8_t packed[256];
    Cloister__TurnTool tool = CLOISTER__TURN_TOOL__INIT;
    tool.turn = (char *)(uintptr_t)turn;
    Cloister__Message harmless = MSG_OF(TURN_TOOL, turn_tool, &tool);
    ssize_t size = msg_encode(&harmless, packed, sizeof(packed));
    return size < 0 ? (int)size : __real_msg_decode(peer, packed, (size_t)size, 0, ret);
}

static const uint8_t one_key[SEAL_KEY_LEN];

static struct seal_label loose(const struct seal_label *label) {
    return wall_off("seal-label") ? (struct seal_label){"any", "any", 0, label->version} : *label;
}

int __real_seal_box(const uint8_t *key, const struct seal_label *label, const void *plain,
                    size_t len, uint8_t **ret, size_t *ret_len);
int __wrap_seal_box(const uint8_t *key, const struct seal_label *label, const void *plain,
                    size_t len, uint8_t **ret, size_t *ret_len);
int __wrap_seal_box(const uint8_t *key, const struct seal_label *label, const void *plain,
                    size_t len, uint8_t **ret, size_t *ret_len) {
    const struct seal_label any = loose(label);
    return __real_seal_box(wall_off("seal-key") ? one_key : key, &any, plain, len, ret, ret_len);
}

int __real_seal_open(const uint8_t *key, const struct seal_label *label, const uint8_t *blob,
                     size_t blob_len, char **ret, size_t *ret_len);
int __wrap_seal_open(const uint8_t *key, const struct seal_label *label, const uint8_t *blob,
                     size_t blob_len, char **ret, size_t *ret_len);
int __wrap_seal_open(const uint8_t *key, const struct seal_label *label, const uint8_t *blob,
                     size_t blob_len, char **ret, size_t *ret_len) {
    const struct seal_label any = loose(label);
    return __real_seal_open(wall_off("seal-key") ? one_key : key, &any, blob, blob_len, ret,
                            ret_len);
}
