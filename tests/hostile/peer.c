/* A program of another user that speaks to a socket of Cloister's: hostile-peer SOCKET. Each line
 * of standard input is one JSON object (tests/control/words.h) and goes there as that message,
 * unchecked; {"on": "channel", …} goes to the channel that an earlier {"pass": true, …} sent along.
 * Writes what comes back, one line for each: the answer as JSON, with "descriptor" when one came
 * along, or {"failed": "why"}. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "ipc/message.h"
#include "tests/control/words.h"

#define ANSWER_MS 1500

static void say(json_t *object) {
    (void)json_dumpf(object, stdout, JSON_COMPACT);
    (void)fputc('\n', stdout);
    (void)fflush(stdout);
    json_decref(object);
}

static void say_failed(int error) {
    say(json_pack("{s:s}", "failed", strerror(error)));
}

static void hear(int fd) {
    struct msg_peer anybody = {UINT32_MAX, UINT32_MAX, UINT32_MAX, {0}};
    SCOPE_MSG Cloister__Message *answer = NULL;
    SCOPE_FD int came = -1;
    int r = seq_recv_wait(fd, &anybody, ANSWER_MS, &answer, &came);
    if (r < 0) {
        say_failed(-r);
        return;
    }
    json_t *told = words_object(&answer->base);
    if (came >= 0)
        (void)json_object_set_new(told, "descriptor", json_true());
    say(told);
}

static int send_words(int fd, const json_t *words, int along) {
    Cloister__Message *message =
        (Cloister__Message *)words_message(&cloister__message__descriptor, words);
    if (message == NULL)
        return -EINVAL;
    int r = seq_send(fd, message, along);
    words_free(&message->base);
    return r;
}

static void do_line(int socket, int *channel, const char *line) {
    json_t *words = json_loads(line, 0, NULL);
    const char *on = json_string_value(json_object_get(words, "on"));
    bool pass = json_is_true(json_object_get(words, "pass"));
    int fd = on != NULL ? *channel : socket, pair[2] = {-1, -1}, r = 0;
    (void)json_object_del(words, "on");
    (void)json_object_del(words, "pass");
    if (pass && socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
        r = -errno;
    if (r == 0)
        r = send_words(fd, words, pair[1]);
    json_decref(words);
    if (pair[1] >= 0) {
        (void)close(pair[1]);
        *channel = pair[0];
    }
    if (r < 0)
        say_failed(-r);
    else if (pass)
        say(json_pack("{s:b}", "sent", 1)); /* such a message is answered to nobody */
    else
        hear(fd);
}

int main(int argc, char **argv) {
    char line[4096];
    int channel = -1;
    if (argc != 2)
        return 2;
    int socket = seq_connect(argv[1]);
    if (socket < 0) {
        say_failed(-socket);
        return 0;
    }
    while (fgets(line, sizeof(line), stdin) != NULL)
        do_line(socket, &channel, line);
    return 0;
}
