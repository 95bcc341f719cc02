/* Whoever is at one end of a link (ipc/sp_end.h) where another program of Cloister should be:
 *
 *   hostile-link listen SOCKET             in the place of whom others dial
 *   hostile-link dial SOCKET [INSTANCE]    says BUSINESS_HELLO as INSTANCE first
 *
 * Each line of standard input is one JSON object (tests/control/words.h) and goes there as that
 * message, unchecked; {"pad": N, …} makes it N bytes long. Writes what comes back, one line for
 * each, and {"up": true}, {"down": true}, {"failed": "why"}. Ends with standard input. */
#include <errno.h>
#include <event2/buffer.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "ipc/log.h"
#include "ipc/message.h"
#include "ipc/sp_end.h"
#include "tests/control/words.h"
#include "tests/hostile/padded.h"

#define ANYBODY ((uid_t)-1)

static struct event_base *base;
static struct sp_end *end;
static struct evbuffer *told;
static const char *instance; /* NULL: says no hello by itself */

static void say(json_t *object) {
    (void)json_dumpf(object, stdout, JSON_COMPACT);
    (void)fputc('\n', stdout);
    (void)fflush(stdout);
    json_decref(object);
}

static int send_object(json_t *object) {
    size_t pad = (size_t)json_integer_value(json_object_get(object, "pad"));
    (void)json_object_del(object, "pad");
    Cloister__Message *message =
        (Cloister__Message *)words_message(&cloister__message__descriptor, object);
    if (message == NULL)
        return -EINVAL;
    if (message->protocol == 0)
        message->protocol = PROTOCOL_VERSION;
    size_t len = pad > 0 ? pad : cloister__message__get_packed_size(message);
    SCOPE_FREE uint8_t *data = pad > 0 ? padded(message, pad) : malloc(len + 1);
    int r = -ENOMEM;
    if (data != NULL) {
        if (pad == 0)
            (void)cloister__message__pack(message, data);
        r = sp_end_send(end, data, len);
    }
    words_free(&message->base);
    return r;
}

static bool on_up(void *ctx, pid_t pid, uid_t uid) {
    (void)ctx, (void)pid, (void)uid;
    say(json_pack("{s:b}", "up", 1));
    if (instance == NULL)
        return true;
    json_t *hello = json_pack("{s:{s:i, s:s}}", "business_hello", "protocol", (int)PROTOCOL_VERSION,
                              "instance", instance);
    int r = send_object(hello);
    json_decref(hello);
    return r == 0;
}

static void on_down(void *ctx) {
    (void)ctx;
    say(json_pack("{s:b}", "down", 1));
}

static void on_message(void *ctx, const uint8_t *data, size_t len) {
    (void)ctx;
    Cloister__Message *message = cloister__message__unpack(NULL, len, data);
    if (message == NULL)
        fatal("what came is no message");
    say(words_object(&message->base));
    cloister__message__free_unpacked(message, NULL);
}

static void on_line(const char *line) {
    json_t *object = json_loads(line, 0, NULL);
    if (object == NULL)
        fatal("a line is not JSON");
    int r = send_object(object);
    if (r < 0)
        say(json_pack("{s:s}", "failed", strerror(-r)));
    json_decref(object);
}

static void on_told(evutil_socket_t fd, short what, void *ctx) {
    (void)what, (void)ctx;
    if (evbuffer_read(told, fd, 65536) <= 0) {
        (void)event_base_loopbreak(base);
        return;
    }
    for (char *line; (line = evbuffer_readln(told, NULL, EVBUFFER_EOL_LF)) != NULL;) {
        on_line(line);
        free(line);
    }
}

int main(int argc, char **argv) {
    static const struct sp_end_ops ops = {on_up, on_message, on_down};
    log_open("hostile-link");
    (void)signal(SIGPIPE, SIG_IGN);
    if (argc < 3)
        fatal("usage: hostile-link listen SOCKET | dial SOCKET [INSTANCE]");
    base = event_base_new();
    told = evbuffer_new();
    instance = argv[3];
    int r = strcmp(argv[1], "dial") == 0
                ? sp_end_dial(base, argv[2], &ops, NULL, &end)
                : sp_end_listen_for(base, argv[2], 0666, ANYBODY, &ops, NULL, &end);
    if (r < 0) {
        say(json_pack("{s:s}", "failed", strerror(-r)));
        return 0;
    }
    struct event *input = event_new(base, 0, EV_READ | EV_PERSIST, on_told, NULL);
    if (input == NULL || event_add(input, NULL) < 0)
        fatal("cannot begin");
    (void)event_base_dispatch(base);
    event_free(input);
    sp_end_close(end);
    evbuffer_free(told);
    event_base_free(base);
    return 0;
}
