/* A program's end of a connection on its own loop (gateways, cloister-business, cloister-notify),
 * over real sockets: frames that arrive in pieces come out whole, in order and as they were, and go
 * back so; a malformed one ends the connection and nothing else; whoever is refused, dropped or
 * closed in the middle of it hears nothing more. The first byte says in what pieces the rest
 * arrives, whether a good greeting is put before it, who dials and whether the peer is let in; the
 * second at which message (of sixteen) the connection is dropped or closed, if at all. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "frames.h"
#include "ipc/sp_end.h"

#define HEARD_MAX (4u << 20)

enum { GREETED = 0x80, DIALS = 0x40, REFUSED = 0x20, PIECES = 0x1f };
enum act { NOTHING, DROP, CLOSE };

static struct event_base *base;
static struct sockaddr_un address = {.sun_family = AF_UNIX};

static struct {
    struct sp_end *end; /* NULL: closed */
    bool refuse, is_up;
    unsigned ups, downs, messages, act_at;
    enum act act;
    const uint8_t *stream; /* what was written behind the greeting */
    size_t written, at;    /* of it: what came out */
    uint8_t *heard;        /* what came back */
    size_t heard_len, heard_at;
} run;

static bool on_up(void *ctx, pid_t pid, uid_t uid) {
    MUST(ctx == &run && pid == getpid() && uid == geteuid() && !run.is_up);
    run.ups++;
    run.is_up = !run.refuse;
    return run.is_up;
}

static void on_down(void *ctx) {
    MUST(ctx == &run && run.is_up);
    run.is_up = false;
    run.downs++;
}

static void on_message(void *ctx, const uint8_t *data, size_t len) {
    const uint8_t *wanted = NULL;
    size_t wanted_len = 0;
    MUST(ctx == &run && run.is_up && run.end != NULL);
    MUST(frame_next(run.stream, run.written, &run.at, &wanted, &wanted_len) == FRAME_WHOLE);
    MUST(len == wanted_len && memcmp(data, wanted, len) == 0);
    MUST(sp_end_send(run.end, data, len) == 0);
    if (++run.messages != run.act_at || run.act == NOTHING)
        return;
    if (run.act == DROP)
        sp_end_drop(run.end);
    else
        sp_end_close(take_ptr(run.end));
    run.is_up = run.act == DROP; /* a closed one calls nothing back */
}

static const struct sp_end_ops ops = {on_up, on_message, on_down};

/* ---- the other side ---- */

static int other_socket(void) {
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    MUST(fd >= 0);
    return fd;
}

/* What the end has sent so far: its greeting, then the very frames that it was given. */
static void listen_to(int fd) {
    ssize_t n;
    while (run.heard_len < HEARD_MAX &&
           (n = recv(fd, run.heard + run.heard_len, HEARD_MAX - run.heard_len, 0)) > 0)
        run.heard_len += (size_t)n;
    size_t head = run.heard_len < GREETING_LEN ? run.heard_len : GREETING_LEN;
    MUST(memcmp(run.heard, pair_greeting, head) == 0);
    if (run.heard_len > GREETING_LEN) {
        size_t back = run.heard_len - GREETING_LEN;
        MUST(back <= run.at && memcmp(run.heard + GREETING_LEN, run.stream, back) == 0);
    }
}

/* Until nothing more comes of what was said. */
static void turn_loop(int fd) {
    unsigned before;
    do {
        before = run.messages + run.downs;
        for (int i = 0; i < 3; i++)
            (void)event_base_loop(base, EVLOOP_NONBLOCK);
        listen_to(fd);
    } while (before != run.messages + run.downs);
}

static int begin(bool dials) {
    (void)unlink(address.sun_path);
    if (!dials) {
        MUST(sp_end_listen_for(base, address.sun_path, 0600, geteuid(), &ops, &run, &run.end) == 0);
        int fd = other_socket();
        MUST(connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0);
        return fd;
    }
    int listener = other_socket(), fd;
    MUST(bind(listener, (struct sockaddr *)&address, sizeof(address)) == 0);
    MUST(listen(listener, 1) == 0);
    MUST(sp_end_dial(base, address.sun_path, &ops, &run, &run.end) == 0);
    do
        (void)event_base_loop(base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
    while ((fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK)) < 0 &&
           errno == EAGAIN);
    MUST(fd >= 0);
    (void)close(listener);
    return fd;
}

/* In pieces; what is hung up on takes no more. */
static size_t write_pieces(int fd, const uint8_t *data, size_t len, size_t piece, bool counts) {
    size_t at = 0;
    while (at < len) {
        size_t n = len - at < piece ? len - at : piece;
        if (counts)
            run.written = at + n; /* known before it is heard */
        ssize_t sent = send(fd, data + at, n, MSG_NOSIGNAL);
        if (sent < 0)
            break;
        MUST((size_t)sent == n);
        at += n;
        turn_loop(fd);
    }
    return at;
}

/* Whether the connection is as what was said has it. */
static void judge(bool good) {
    const uint8_t *body = NULL;
    size_t len = 0, at = run.at;
    if (!good) {
        MUST(run.ups == 0 && run.messages == 0);
        return;
    }
    MUST(run.ups == 1);
    if (run.refuse) {
        MUST(run.messages == 0 && run.downs == 0);
        return;
    }
    if (run.act != NOTHING && run.messages >= run.act_at) {
        MUST(run.messages == run.act_at && run.downs == (run.act == DROP));
        return;
    }
    enum frame_state state = frame_next(run.stream, run.written, &at, &body, &len);
    MUST(state != FRAME_WHOLE);
    MUST(run.downs == (state == FRAME_BAD));
    MUST(state == FRAME_BAD || run.heard_len == GREETING_LEN + run.at);
}

static void set_up(void) {
    if (base != NULL)
        return;
    base = event_base_new();
    run.heard = malloc(HEARD_MAX);
    (void)snprintf(address.sun_path, sizeof(address.sun_path), "/tmp/fuzz-sp-end.%d", getpid());
    MUST(base != NULL && run.heard != NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len) {
    if (len < 2)
        return 0;
    set_up();
    uint8_t *heard = run.heard;
    const uint8_t way = data[0], when = data[1];
    data += 2;
    len -= 2;
    const bool given = (way & GREETED) != 0;
    const uint8_t *head = given ? pair_greeting : data;
    const size_t head_len = given || len > GREETING_LEN ? GREETING_LEN : len;
    const bool good = head_len == GREETING_LEN && memcmp(head, pair_greeting, head_len) == 0;
    memset(&run, 0, sizeof(run));
    run.heard = heard;
    run.refuse = (way & REFUSED) != 0;
    run.act = (when >> 4) % 3 == 0 ? NOTHING : (when >> 4) % 3 == 1 ? DROP : CLOSE;
    run.act_at = when % 16 + 1u;
    run.stream = given ? data : data + head_len;
    const size_t stream_len = given ? len : len - head_len;
    const size_t piece = (way & PIECES) * 7u + 1u;

    int fd = begin((way & DIALS) != 0);
    turn_loop(fd);
    if (write_pieces(fd, head, head_len, piece, false) == head_len)
        (void)write_pieces(fd, run.stream, stream_len, piece, true);
    turn_loop(fd);
    judge(good);
    (void)close(fd);
    for (int i = 0; i < 3; i++)
        (void)event_base_loop(base, EVLOOP_NONBLOCK);
    MUST(run.end == NULL || !run.is_up);
    sp_end_close(run.end);
    (void)unlink(address.sun_path);
    return 0;
}
