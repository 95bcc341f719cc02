/* The parts of a running cloisterd, as its main puts them together. Loop thread. */
#ifndef CLOISTER_SUPERVISOR_DAEMON_H
#define CLOISTER_SUPERVISOR_DAEMON_H

#include "ipc/config.h"
#include "ipc/metrics.h"
#include "supervisor/api.h"
#include "supervisor/chat.h"
#include "supervisor/control.h"
#include "supervisor/events.h"
#include "supervisor/front_door.h"
#include "supervisor/gateway.h"
#include "supervisor/keys_client.h"
#include "supervisor/log_pipe.h"
#include "supervisor/records.h"
#include "supervisor/relief.h"
#include "supervisor/sessions.h"
#include "supervisor/store.h"
#include "supervisor/turns_operate.h"
#include "supervisor/zygote.h"

struct daemon {
    struct event_base *base;
    struct config *config;
    const char *config_path;
    struct log_pipe *logs;
    struct zygote *zygote;
    struct store *store;
    struct records *records;
    struct budgets *budgets;
    struct keys_client *keys;
    struct turns *turns;
    struct relief *relief;
    struct sessions *sessions;
    struct proposals *proposals;
    struct api *api;
    struct chats *chats;
    struct gateway *gateway;
    struct gateway *gateway_public; /* NULL: there is none */
    struct front_door *front_door;
    struct control *control;
    struct events *events;
    unsigned watchers; /* of the events */
    struct event *signals[4];
    struct ctl_call *drainer; /* the operator who waits for the end of a drain */
    int64_t since_ms;
    struct metrics metrics; /* what this program tells of metrics.def */
    uid_t keys_uid, egress_uid, business_uid, notify_uid; /* whose pages of numbers are believed */
    int handover; /* an empty memfd, for what the next cloisterd is left */
    bool stopping, announced, refused;
};

/* operators.c: what the control socket's commands do; `ctx` is the daemon. */
void operators_run(void *ctx, struct ctl_call *call, const struct ctl_command *command,
                   char *const *arguments, size_t n);
/* operators_reload.c: reads the configuration again; what may change while running does. The answer
 * for an operator, {"changed": […]}; NULL, and a sentence in `why`: it is not good, and nothing has
 * changed. `keyed`: as reload_rules.h has it. */
json_t *daemon_reload(struct daemon *daemon, const char *keyed, char *why, size_t why_len);
/* health.c: why cloisterd is not ready; static words. `ctx` is the daemon. */
size_t health_reasons(void *ctx, const char **reasons, size_t max);
/* proc_cloisterd.c: refuse, wait, then end agents; `drained` when none is left. */
void daemon_drain(struct daemon *daemon, bool on, void (*drained)(void *ctx));

#endif
