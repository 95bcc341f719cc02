/* cloisterd's end of a connection, over a fake nng: frames that arrive in pieces come out whole, in
 * order and as they were; a malformed one ends the connection; somebody else's connection takes
 * nobody's place; reading pauses when nothing is taken. The first byte says in what pieces the rest
 * arrives, and whether the right user connects first. */
#include "fake_nng.h"
#include "frames.h"
#include "ipc/nng_link.h"

#define OWNER    100
#define STRANGER 101
#define QUEUE    (64u << 10)

/* Takes what has become whole and sends it back. */
static void drain(struct nng_link *link, const uint8_t *stream, size_t written, size_t *at) {
    struct nng_item *item;
    while ((item = nng_link_take(link)) != NULL) {
        const uint8_t *wanted = NULL;
        size_t len = 0, sent_len = 0, from = 0, again_len = 0;
        const uint8_t *again = NULL;
        MUST(frame_next(stream, written, at, &wanted, &len) == FRAME_WHOLE);
        MUST(item->len == len && memcmp(item->data, wanted, len) == 0);
        fake_nng_reset();
        if (nng_link_send(link, item->data, item->len, QUEUE) == 0) {
            const uint8_t *sent = fake_nng_sent(&sent_len);
            MUST(frame_next(sent, sent_len, &from, &again, &again_len) == FRAME_WHOLE &&
                 from == sent_len && again_len == len && memcmp(again, wanted, len) == 0);
        }
        nng_item_free(item);
    }
}

static void feed(struct nng_link *link, const uint8_t *data, size_t len, size_t piece,
                 bool taking) {
    size_t written = 0, at = 0;
    while (written < len && fake_nng_reading()) {
        written += fake_nng_give(data + written, len - written < piece ? len - written : piece);
        if (taking)
            drain(link, data, written, &at);
    }
    bool full = !fake_nng_reading() && !nng_link_went(link);
    drain(link, data, written, &at);
    const uint8_t *body = NULL;
    size_t body_len = 0;
    enum frame_state state = frame_next(data, written, &at, &body, &body_len);
    MUST(state != FRAME_WHOLE);
    MUST(nng_link_went(link) == (state == FRAME_BAD));
    MUST(!full || (!taking && fake_nng_reading())); /* taking what waits lets it read on */
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len) {
    struct nng_link *link = NULL;
    pid_t pid;
    uid_t uid;
    size_t sent_len = 0;
    if (len < 1)
        return 0;
    const uint8_t way = data[0];
    data++;
    len--;
    fake_nng_reset();
    MUST(nng_link_open(NULL, NULL, "/nowhere", 0600, OWNER, &link) == 0);
    if ((way & 0x40) != 0) {
        fake_nng_connect(STRANGER);
        MUST(!nng_link_connected(link) && !fake_nng_reading());
    }
    fake_nng_connect(OWNER);
    MUST(nng_link_connected(link) && !nng_link_came(link, &pid, &uid));
    const uint8_t *sent = fake_nng_sent(&sent_len);
    MUST(sent_len == GREETING_LEN && memcmp(sent, pair_greeting, GREETING_LEN) == 0);
    const uint8_t *greeting = (way & 0x80) != 0 ? pair_greeting : data;
    size_t head = (way & 0x80) != 0 || len > GREETING_LEN ? GREETING_LEN : len;
    for (size_t i = 0; i < head; i++)
        MUST(fake_nng_give(greeting + i, 1) == 1);
    bool good = head == GREETING_LEN && memcmp(greeting, pair_greeting, head) == 0;
    MUST(nng_link_came(link, &pid, &uid) == good && (!good || uid == OWNER));
    MUST(nng_link_went(link) == (head == GREETING_LEN && !good));
    if (greeting == data) {
        data += head;
        len -= head;
    }
    if (good)
        feed(link, data, len, way % 32 + 1u, (way & 0x20) != 0);
    fake_nng_hang_up();
    MUST(nng_link_went(link));
    nng_link_close(link);
    return 0;
}
