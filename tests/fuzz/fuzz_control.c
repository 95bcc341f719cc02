/* The operators' socket: a command runs only when it is in the table, the caller may use it and its
 * arguments are as many as it takes; whoever asks for anything else is answered or dropped, and the
 * next caller is served. The first byte says who calls; the rest is what they send. */
#include <errno.h>
#include <sys/socket.h>

#include "fuzz.h"
#include "ipc/message.h"
#include "supervisor/control.h"

#define SOCKET_FORMAT "/tmp/cloister-fuzz-control-%d"

static const struct ctl_groups groups = {.operators = (gid_t)-1, .observers = (gid_t)-1};
static char path[64];
static enum ctl_role role;
static unsigned runs;

/* Linked in place of commands.c's (meson.build): the kernel's word on the peer is always the same
 * here. */
enum ctl_role __wrap_ctl_role_of(const struct ctl_peer *peer, const struct ctl_groups *of);
enum ctl_role __wrap_ctl_role_of(const struct ctl_peer *peer, const struct ctl_groups *of) {
    (void)peer;
    (void)of;
    return role;
}

static void on_run(void *ctx, struct ctl_call *call, const struct ctl_command *command,
                   char *const *arguments, size_t n) {
    (void)ctx;
    runs++;
    MUST(command == ctl_command_find(command->name) && role >= command->role && role != CTL_NOBODY);
    MUST(n >= command->min && n <= command->max);
    json_t *answer = json_array();
    for (size_t i = 0; i < n; i++) /* what is not UTF-8 cannot be put into an answer */
        (void)json_array_append_new(answer, json_string(arguments[i]));
    control_answer(call, CTL_DONE, answer);
}

static int caller_new(void) {
    int fd = seq_connect(path);
    MUST(fd >= 0 && fd_nonblock(fd) == 0);
    return fd;
}

/* Whole answers only, of the form cloisterctl reads. */
static bool answer_take(int fd) {
    struct msg_peer daemon = {ROLE_SUPERVISOR, ROLE_CTL, PHASE_START, {0}};
    SCOPE_MSG Cloister__Message *message = NULL;
    int r = seq_recv(fd, &daemon, &message, NULL);
    if (r == -EAGAIN || r == -ECONNRESET)
        return false;
    MUST(r == 0 && message->body_case == CLOISTER__MESSAGE__BODY_CTL_REPLY);
    json_t *json = json_loads(message->ctl_reply->json, 0, NULL);
    MUST(json != NULL && !message->ctl_reply->more);
    MUST((message->ctl_reply->exit == CTL_DONE) == (runs > 0));
    json_decref(json);
    return true;
}

static void loop(struct event_base *base) {
    for (int i = 0; i < 3; i++)
        (void)event_base_loop(base, EVLOOP_NONBLOCK);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len) {
    static struct event_base *base;
    static struct control *control;
    if (base == NULL) {
        (void)snprintf(path, sizeof(path), SOCKET_FORMAT, (int)getpid());
        base = event_base_new();
        int fd = control_open(path, &groups);
        MUST(base != NULL && fd >= 0);
        MUST(control_new(base, fd, &groups, on_run, NULL, &control) == 0);
    }
    if (len < 2)
        return 0;
    role = (enum ctl_role)(data[0] % 3);
    runs = 0;
    int fd = caller_new();
    loop(base);
    MUST(send(fd, data + 1, len - 1, MSG_NOSIGNAL) == (ssize_t)(len - 1));
    loop(base);
    bool answered = answer_take(fd);
    MUST(runs <= 1 && (runs == 0 || answered));
    (void)close(fd);
    loop(base);
    return 0;
}
