/* The parts of a running cloisterd, as its main puts them together. Loop thread. */
#ifndef CLOISTER_SUPERVISOR_DAEMON_H
#define CLOISTER_SUPERVISOR_DAEMON_H

#include "ipc/config.h"
#include "supervisor/api.h"
#include "supervisor/chat.h"
#include "supervisor/control.h"
#include "supervisor/gateway.h"
#include "supervisor/keys_client.h"
#include "supervisor/log_pipe.h"
#include "supervisor/sessions.h"
#include "supervisor/store.h"
#include "supervisor/turns_operate.h"
#include "supervisor/zygote.h"

struct daemon {
    struct event_base *base;
    const struct config *config;
    struct log_pipe *logs;
    struct zygote *zygote;
    struct store *store;
    struct keys_client *keys;
    struct turns *turns;
    struct sessions *sessions;
    struct api *api;
    struct chats *chats;
    struct gateway *gateway;
    struct control *control;
    struct event *signals[4];
    struct ctl_call *drainer; /* the operator who waits for the end of a drain */
    int64_t since_ms;
    bool stopping, announced, refused;
};

/* operators.c: what the control socket's commands do; `ctx` is the daemon. */
void operators_run(void *ctx, struct ctl_call *call, const struct ctl_command *command,
                   char *const *arguments, size_t n);
/* health.c: why cloisterd is not ready; static words. `ctx` is the daemon. */
size_t health_reasons(void *ctx, const char **reasons, size_t max);
/* proc_cloisterd.c: refuse, wait, then end agents; `drained` when none is left. */
void daemon_drain(struct daemon *daemon, bool on, void (*drained)(void *ctx));

#endif
