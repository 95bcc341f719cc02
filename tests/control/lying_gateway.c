/* A gateway that says what a test tells it to: lying-gateway SOCKET INSTANCE, run as the gateway's
 * user in its place. Greets cloisterd as INSTANCE; each line of standard input, one JSON object
 * {"chat_request": {"request": 1, "caller": {…}, …}}, goes to cloisterd as that message, unchecked
 * (words.h). Writes {"up": true}, {"down": true} and every message of cloisterd's as such a line.
 * Ends with standard input. */
#include <errno.h>
#include <event2/buffer.h>
#include <event2/event.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "ipc/log.h"
#include "ipc/message.h"
#include "ipc/nng_end.h"
#include "tests/control/words.h"

struct liar {
    struct event_base *base;
    struct nng_end *end;
    struct evbuffer *told;
    const char *instance;
};

static void say(json_t *object) {
    (void)json_dumpf(object, stdout, JSON_COMPACT);
    (void)fputc('\n', stdout);
    (void)fflush(stdout);
    json_decref(object);
}

static int send_object(struct liar *liar, json_t *object) {
    Cloister__Message *message =
        (Cloister__Message *)words_message(&cloister__message__descriptor, object);
    if (message == NULL)
        return -EINVAL;
    if (message->protocol == 0)
        message->protocol = PROTOCOL_VERSION;
    size_t len = cloister__message__get_packed_size(message);
    SCOPE_FREE uint8_t *data = malloc(len + 1);
    int r = -ENOMEM;
    if (data != NULL) {
        (void)cloister__message__pack(message, data);
        r = nng_end_send(liar->end, data, len);
    }
    words_free(&message->base);
    return r;
}

static bool on_up(void *ctx, pid_t pid, uid_t uid) {
    struct liar *liar = ctx;
    (void)pid;
    (void)uid;
    json_t *hello = json_pack("{s:{s:i, s:s}}", "gateway_hello", "protocol", (int)PROTOCOL_VERSION,
                              "instance", liar->instance);
    int r = send_object(liar, hello);
    json_decref(hello);
    if (r < 0)
        fatal("hello: %s", strerror(-r));
    say(json_pack("{s:b}", "up", 1));
    return true;
}

static void on_down(void *ctx) {
    (void)ctx;
    say(json_pack("{s:b}", "down", 1));
}

static void on_message(void *ctx, const uint8_t *data, size_t len) {
    (void)ctx;
    Cloister__Message *message = cloister__message__unpack(NULL, len, data);
    if (message == NULL)
        fatal("cloisterd sent what is no message");
    say(words_object(&message->base));
    cloister__message__free_unpacked(message, NULL);
}

static void on_line(struct liar *liar, const char *line) {
    json_error_t error;
    json_t *object = json_loads(line, 0, &error);
    if (object == NULL)
        fatal("a line is not JSON: %s", error.text);
    int r = send_object(liar, object);
    if (r < 0)
        say(json_pack("{s:s}", "unsent", strerror(-r)));
    json_decref(object);
}

static void on_told(evutil_socket_t fd, short what, void *ctx) {
    struct liar *liar = ctx;
    (void)what;
    if (evbuffer_read(liar->told, fd, 65536) <= 0) {
        (void)event_base_loopbreak(liar->base);
        return;
    }
    for (char *line; (line = evbuffer_readln(liar->told, NULL, EVBUFFER_EOL_LF)) != NULL;) {
        on_line(liar, line);
        free(line);
    }
}

int main(int argc, char **argv) {
    static const struct nng_end_ops ops = {on_up, on_message, on_down};
    struct liar liar = {.base = event_base_new(), .told = evbuffer_new()};
    log_open("lying-gateway");
    (void)signal(SIGPIPE, SIG_IGN);
    if (argc != 3)
        fatal("usage: lying-gateway SOCKET INSTANCE");
    liar.instance = argv[2];
    struct event *input = event_new(liar.base, 0, EV_READ | EV_PERSIST, on_told, &liar);
    if (nng_end_dial(liar.base, argv[1], &ops, &liar, &liar.end) < 0 || input == NULL ||
        event_add(input, NULL) < 0)
        fatal("cannot begin");
    (void)event_base_dispatch(liar.base);
    event_free(input);
    nng_end_close(liar.end);
    evbuffer_free(liar.told);
    event_base_free(liar.base);
    return 0;
}
