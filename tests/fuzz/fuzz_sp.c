/* The agent's end of its connection: frames that arrive in pieces come out whole, in order and as
 * they were; a malformed greeting, type or length ends the connection; what is sent back is framed
 * the same way. The first byte says in what pieces the rest arrives, and whether a good greeting
 * goes before it. */
#include <errno.h>
#include <sys/socket.h>

#include "frames.h"
#include "ipc/sp.h"

/* Takes what has become whole. `*at` follows in the bytes that were written so far. */
static int drain(struct sp *sp, int peer, const uint8_t *stream, size_t written, size_t *at) {
    for (;;) {
        const uint8_t *body = NULL, *wanted = NULL;
        size_t len = 0, wanted_len = 0;
        int r = sp_recv(sp, &body, &len);
        enum frame_state state = frame_next(stream, written, at, &wanted, &wanted_len);
        if (r < 0) {
            MUST(state != FRAME_WHOLE);
            MUST(state == FRAME_BAD ? r == -EPROTO : r == -EAGAIN);
            return r;
        }
        MUST(state == FRAME_WHOLE && len == wanted_len && memcmp(body, wanted, len) == 0);
        if (len <= 1024 && sp_send(sp, body, len) == 0) {
            uint8_t echo[9 + 1024];
            const uint8_t *again = NULL;
            size_t again_len = 0, from = 0;
            MUST(!sp_waiting(sp));
            MUST(recv(peer, echo, sizeof(echo), MSG_DONTWAIT) == (ssize_t)(9 + len));
            MUST(frame_next(echo, 9 + len, &from, &again, &again_len) == FRAME_WHOLE);
            MUST(again_len == len && memcmp(again, body, len) == 0);
        }
        sp_done(sp);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len) {
    int pair[2];
    struct sp *sp = NULL;
    uint8_t greeting[GREETING_LEN];
    if (len < 1)
        return 0;
    const size_t piece = data[0] % 32 + 1u;
    const bool greeted = (data[0] & 0x80) != 0;
    data++;
    len--;
    MUST(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0);
    MUST(sp_new(pair[0], &sp) == 0 && sp_fd(sp) == pair[0]);
    MUST(recv(pair[1], greeting, sizeof(greeting), 0) == GREETING_LEN &&
         memcmp(greeting, pair_greeting, GREETING_LEN) == 0);
    size_t at = 0, written = 0;
    int r = -EAGAIN;
    if (greeted) {
        MUST(send(pair[1], pair_greeting, GREETING_LEN, 0) == GREETING_LEN);
    } else {
        size_t head = len < GREETING_LEN ? len : GREETING_LEN;
        MUST(send(pair[1], data, head, 0) == (ssize_t)head);
        const uint8_t *body = NULL;
        size_t body_len = 0;
        bool good = head == GREETING_LEN && memcmp(data, pair_greeting, head) == 0;
        r = sp_recv(sp, &body, &body_len);
        MUST(r == (head < GREETING_LEN || good ? -EAGAIN : -EPROTO));
        if (!good)
            len = head;
        data += head;
        len -= head;
    }
    for (; r == -EAGAIN && written < len;) {
        size_t n = len - written < piece ? len - written : piece;
        MUST(send(pair[1], data + written, n, 0) == (ssize_t)n);
        written += n;
        r = drain(sp, pair[1], data, written, &at);
    }
    (void)close(pair[1]);
    const uint8_t *body = NULL;
    size_t body_len = 0;
    if (r == -EAGAIN)
        MUST(sp_recv(sp, &body, &body_len) == -ECONNRESET);
    sp_free(sp);
    return 0;
}
