#include "supervisor/control.h"

#include <errno.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "ipc/limit.h"
#include "ipc/log.h"
#include "ipc/message.h"

#define CALLS_MAX    32
#define CALLS_OTHERS 16 /* of these, for all who are no operators */
#define ASK_WAIT_S   5
#define ANSWER_S     60
#define LONG_S       3600
#define PIECE_BYTES  49152
#define GROUPS_MAX   256
#define NOISE_BURST  5
#define NOISE_SECOND 1

struct ctl_call {
    LIST_ENTRY(ctl_call) listed;
    struct control *control;
    struct event *event, *timer;
    struct msg_peer peer;
    enum ctl_role role;
    enum ctl_exit exit;
    char *text; /* the answer, as far as it is not sent */
    size_t len, sent;
    const struct ctl_watch_ops *watch; /* NULL: its end is no news to anybody */
    void *watch_ctx;
    struct event *room; /* while it reads too slowly */
    int fd;
    bool asked; /* its command runs */
};

struct control {
    struct event_base *base;
    struct event *accept;
    struct ctl_groups groups;
    ctl_run *run;
    void *ctx;
    LIST_HEAD(, ctl_call) calls;
    unsigned count;
    struct limit noise; /* log lines about callers */
    int fd;
};

int control_open(const char *path, const struct ctl_groups *groups) {
    /* Observers are not in the operators' group: then everybody may connect, and is told no. */
    SCOPE_FD int fd = seq_listen(path, groups->observers != (gid_t)-1 ? 0666 : 0660);
    if (fd < 0)
        return fd;
    if (groups->operators != (gid_t)-1 && lchown(path, (uid_t)-1, groups->operators) < 0)
        return -errno; /* not root: only to a group of its own (SupplementaryGroups= in the unit) */
    return take_fd(&fd);
}

static void call_free(struct ctl_call *call) {
    LIST_REMOVE(call, listed);
    call->control->count--;
    if (call->event != NULL)
        event_free(call->event);
    if (call->timer != NULL)
        event_free(call->timer);
    if (call->room != NULL)
        event_free(call->room);
    (void)close(call->fd);
    free(call->text);
    if (call->watch != NULL)
        call->watch->gone(call->watch_ctx);
    free(call);
}

/* A command that runs will answer and must find its call; everything else ends at once. */
static void call_gone(struct ctl_call *call) {
    if (!call->asked || call->text != NULL || call->watch != NULL) {
        call_free(call);
        return;
    }
    event_free(take_ptr(call->event));
    event_free(take_ptr(call->timer));
}

static int send_piece(struct ctl_call *call) {
    size_t left = call->len - call->sent, size = left < PIECE_BYTES ? left : PIECE_BYTES;
    SCOPE_FREE char *piece = strndup(call->text + call->sent, size);
    if (piece == NULL)
        return -ENOMEM;
    Cloister__CtlReply reply = CLOISTER__CTL_REPLY__INIT;
    reply.exit = (int32_t)call->exit;
    reply.json = piece;
    reply.more = size < left;
    Cloister__Message message = MSG_OF(CTL_REPLY, ctl_reply, &reply);
    int r = seq_send(call->fd, &message, -1);
    if (r == 0)
        call->sent += size;
    return r;
}

static void send_answer(struct ctl_call *call) {
    int r;
    do
        r = send_piece(call);
    while (r == 0 && call->sent < call->len);
    if (r != -EAGAIN)
        call_free(call);
}

static void on_event(evutil_socket_t fd, short what, void *arg);

static void answer_text(struct ctl_call *call, enum ctl_exit exit, char *text) {
    call->exit = exit;
    call->text = text;
    call->len = text == NULL ? 0 : strlen(text);
    if (text == NULL || call->event == NULL) { /* no memory, or the caller has gone */
        call_free(call);
        return;
    }
    event_free(call->event);
    call->event = event_new(call->control->base, call->fd, EV_WRITE | EV_PERSIST, on_event, call);
    if (call->event == NULL || event_add(call->event, NULL) < 0) {
        call_free(call);
        return;
    }
    send_answer(call);
}

/* ---- lines before the answer ---- */

enum ctl_role control_role(const struct ctl_call *call) {
    return call->role;
}

void control_watch(struct ctl_call *call, const struct ctl_watch_ops *ops, void *ctx) {
    call->watch = ops;
    call->watch_ctx = ctx;
}

static void on_room(evutil_socket_t fd, short what, void *arg) {
    (void)fd, (void)what;
    struct ctl_call *call = arg;
    if (call->watch != NULL)
        call->watch->room(call->watch_ctx);
}

static void await_room(struct ctl_call *call) {
    if (call->room == NULL)
        call->room = event_new(call->control->base, call->fd, EV_WRITE, on_room, call);
    if (call->room != NULL)
        (void)event_add(call->room, NULL);
}

int control_line(struct ctl_call *call, json_t *json) {
    SCOPE_FREE char *text = json == NULL ? NULL : json_dumps(json, JSON_COMPACT);
    json_decref(json);
    if (text == NULL)
        return -ENOMEM;
    if (call->event == NULL)
        return -EPIPE;
    Cloister__CtlReply reply = CLOISTER__CTL_REPLY__INIT;
    reply.json = text;
    reply.more = true;
    reply.line = true;
    Cloister__Message message = MSG_OF(CTL_REPLY, ctl_reply, &reply);
    int r = seq_send(call->fd, &message, -1);
    if (r == -EAGAIN)
        await_room(call);
    return r;
}

void control_answer(struct ctl_call *call, enum ctl_exit exit, json_t *json) {
    call->watch = NULL; /* the answer ends it */
    char *text = json == NULL ? NULL : json_dumps(json, JSON_COMPACT);
    json_decref(json);
    answer_text(call, exit, text);
}

static void refuse(struct ctl_call *call, enum ctl_exit exit, const char *why) {
    control_answer(call, exit, json_pack("{s:s}", "error", why));
}

static void wait_for_command(struct ctl_call *call, const struct ctl_command *command) {
    struct timeval wait = {.tv_sec = command->kind == CTL_LONG ? LONG_S : ANSWER_S};
    if (command->kind == CTL_STREAM)
        (void)event_del(call->timer);
    else
        (void)event_add(call->timer, &wait);
}

static void run_request(struct ctl_call *call, const Cloister__CtlRequest *request) {
    const struct ctl_command *command = ctl_command_find(request->command);
    if (request->protocol != PROTOCOL_VERSION)
        refuse(call, CTL_FAILED, "cloisterctl and cloisterd are of different versions");
    else if (command == NULL)
        refuse(call, CTL_USAGE, "no such command");
    else if (call->role < command->role)
        refuse(call, CTL_FORBIDDEN,
               "not permitted: join the group that [control] names, or be root");
    else if (request->n_arguments < command->min || request->n_arguments > command->max)
        refuse(call, CTL_USAGE, "wrong number of arguments");
    else {
        if (command->role == CTL_OPERATE)
            log_info("operator: %s", command->name);
        wait_for_command(call, command);
        call->asked = true;
        call->control->run(call->control->ctx, call, command, request->arguments,
                           request->n_arguments);
    }
}

static void on_event(evutil_socket_t fd, short what, void *arg) {
    (void)fd;
    struct ctl_call *call = arg;
    if (what & EV_WRITE) {
        send_answer(call);
        return;
    }
    SCOPE_MSG Cloister__Message *message = NULL;
    int r = seq_recv(call->fd, &call->peer, &message, NULL);
    if (r == -EAGAIN)
        return;
    if (r < 0)
        call_gone(call);
    else
        run_request(call, message->ctl_request);
}

static void on_timeout(evutil_socket_t fd, short what, void *arg) {
    (void)fd, (void)what;
    call_gone(arg);
}

static enum ctl_role role_of_peer(const struct control *control, int fd) {
    struct ucred peer;
    gid_t groups[GROUPS_MAX];
    socklen_t len = sizeof(peer), groups_len = sizeof(groups);
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) < 0)
        return CTL_NOBODY;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &groups_len) < 0)
        groups_len = 0; /* in more groups than any operator: only the first counts */
    struct ctl_peer who = {peer.uid, peer.gid, groups, groups_len / sizeof(*groups)};
    return ctl_role_of(&who, &control->groups);
}

static int call_new(struct control *control, int fd, enum ctl_role role) {
    struct ctl_call *call = calloc(1, sizeof(*call));
    if (call == NULL)
        return -ENOMEM;
    *call = (struct ctl_call){.control = control, .fd = fd, .role = role};
    call->peer = (struct msg_peer){ROLE_CTL, ROLE_SUPERVISOR, PHASE_START, {0}};
    call->event = event_new(control->base, fd, EV_READ | EV_PERSIST, on_event, call);
    call->timer = evtimer_new(control->base, on_timeout, call);
    LIST_INSERT_HEAD(&control->calls, call, listed);
    control->count++;
    struct timeval wait = {.tv_sec = ASK_WAIT_S};
    if (call->event == NULL || call->timer == NULL || event_add(call->event, NULL) < 0 ||
        event_add(call->timer, &wait) < 0)
        call_free(call);
    return 0;
}

static void on_accept(evutil_socket_t fd, short what, void *arg) {
    (void)what;
    struct control *control = arg;
    SCOPE_FD int peer = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (peer < 0)
        return;
    enum ctl_role role = role_of_peer(control, peer);
    if (control->count >= (role == CTL_OPERATE ? CALLS_MAX : CALLS_OTHERS)) {
        if (limit_take(&control->noise, clock_ms()))
            log_warn("control socket: too many callers at once, one was turned away");
        return;
    }
    if (call_new(control, peer, role) == 0)
        (void)take_fd(&peer);
}

int control_new(struct event_base *base, int fd, const struct ctl_groups *groups, ctl_run *run,
                void *ctx, struct control **ret) {
    struct control *control = calloc(1, sizeof(*control));
    if (control == NULL)
        return -ENOMEM;
    *control = (struct control){.base = base, .groups = *groups, .run = run, .ctx = ctx, .fd = fd};
    control->noise = limit_make(NOISE_BURST, NOISE_SECOND);
    LIST_INIT(&control->calls);
    control->accept = event_new(base, fd, EV_READ | EV_PERSIST, on_accept, control);
    if (control->accept == NULL || event_add(control->accept, NULL) < 0) {
        if (control->accept != NULL)
            event_free(control->accept);
        free(control);
        return -ENOMEM;
    }
    *ret = control;
    return 0;
}

void control_free(struct control *control) {
    if (control == NULL)
        return;
    struct ctl_call *call;
    while ((call = LIST_FIRST(&control->calls)) != NULL)
        call_free(call);
    event_free(control->accept);
    (void)close(control->fd);
    free(control);
}
