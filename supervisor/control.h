/* The operators' socket: one request a connection, answered with JSON that never holds content. Who
 * may ask what is decided by the kernel's word on the peer and the table commands.def. Loop thread.
 */
#ifndef CLOISTER_SUPERVISOR_CONTROL_H
#define CLOISTER_SUPERVISOR_CONTROL_H

#include <event2/event.h>
#include <jansson.h>
#include <sys/types.h>

#include "ipc/base.h"

/* Exit statuses of cloisterctl; UNREACHABLE is its own. */
enum ctl_exit {
#define EXIT(name, number, text) CTL_##name = number,
#include "supervisor/ctl_exit.def"
#undef EXIT
};

/* How long a command may take: a minute, an hour, or until the caller goes. */
enum ctl_kind { CTL_ANSWER, CTL_LONG, CTL_STREAM };
enum ctl_role { CTL_NOBODY, CTL_LOOK, CTL_OPERATE };

struct ctl_command {
    const char *name;
    enum ctl_kind kind;
    enum ctl_role role;
    unsigned min, max;
    const char *arguments, *help, *manual;
};
/* NULL when there is no such command. */
const struct ctl_command *ctl_command_find(const char *name);
#define CTL_NAME_MAX 32
/* As people write it: rotate_key is "rotate-key". ctl_command_find knows both. */
void ctl_command_typed(const char *name, char out[static CTL_NAME_MAX]);
const struct ctl_command *ctl_command_at(size_t index); /* NULL behind the last one */

struct ctl_peer {
    uid_t uid;
    gid_t gid;
    const gid_t *groups;
    size_t n_groups;
};
struct ctl_groups {
    gid_t operators, observers; /* (gid_t)-1: there is no such group */
};
enum ctl_role ctl_role_of(const struct ctl_peer *peer, const struct ctl_groups *groups);

struct control;
struct ctl_call; /* one connection that waits for its answer */

/* Runs a command whose role and arity were checked. It answers with control_answer, now or later.
 */
typedef void ctl_run(void *ctx, struct ctl_call *call, const struct ctl_command *command,
                     char *const *arguments, size_t n);

/* Listens; root may chown the socket to the operators' group. fd or -errno. Before confinement. */
int control_open(const char *path, const struct ctl_groups *groups) MUST_CHECK;
/* Takes the descriptor over. */
int control_new(struct event_base *base, int fd, const struct ctl_groups *groups, ctl_run *run,
                void *ctx, struct control **ret) MUST_CHECK;
void control_free(struct control *control);
/* Answers and closes; takes `json` over. A caller who has gone meanwhile is no error. */
void control_answer(struct ctl_call *call, enum ctl_exit exit, json_t *json);

/* A JSON document of its own before the answer, sent at once; takes `json` over. 0; -EAGAIN: the
 * caller reads too slowly and does not get this one; -EPIPE: it has gone. At most 48 KiB. */
int control_line(struct ctl_call *call, json_t *json);
/* Of a caller that is sent lines. `room` once it reads again after -EAGAIN; `gone` when it has left
 * (or cloisterd stops): the call is invalid afterwards, and needs no answer. */
struct ctl_watch_ops {
    void (*room)(void *ctx);
    void (*gone)(void *ctx);
};
void control_watch(struct ctl_call *call, const struct ctl_watch_ops *ops, void *ctx);
enum ctl_role control_role(const struct ctl_call *call);

#endif
