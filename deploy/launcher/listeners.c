#include "deploy/launcher/listeners.h"

#include <errno.h>
#include <grp.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "build_config.h"
#include "gateway/listen.h"
#include "ipc/log.h"
#include "ipc/message.h"

static int open_owner(const struct config *config, char *why, size_t why_len) {
    return listen_tcp(config_str(config, CONFIG_gateway_owner_listen), why, why_len);
}

static int open_public(const struct config *config, char *why, size_t why_len) {
    return listen_tcp(config_str(config, CONFIG_gateway_public_listen), why, why_len);
}

static int open_for_operators(const struct config *config, const char *name, const char *user,
                              char *why, size_t why_len) {
    char path[256];
    int r = config_runtime_path(config, name, path, sizeof(path));
    if (r < 0) {
        (void)snprintf(why, why_len, "runtime.dir is too long");
        return r;
    }
    return listen_unix(path, user, config_str(config, CONFIG_control_group), why, why_len);
}

static int open_operator(const struct config *config, char *why, size_t why_len) {
    return open_for_operators(config, "operator/gateway-owner.sock", CLOISTER_USER_GATEWAY, why,
                              why_len);
}

static int open_public_operator(const struct config *config, char *why, size_t why_len) {
    return open_for_operators(config, "public/gateway-public.sock", CLOISTER_USER_PUBLIC, why,
                              why_len);
}

/* As cloisterd makes it where nobody did (supervisor/control.c). */
static int open_control(const struct config *config, char *why, size_t why_len) {
    const char *configured = config_str(config, CONFIG_control_socket);
    const bool observed = config_str(config, CONFIG_control_observer_group)[0] != '\0';
    const struct group *operators = getgrnam(config_str(config, CONFIG_control_group));
    char path[256];
    int r = config_runtime_path(config, "control.sock", path, sizeof(path));
    if (configured[0] != '\0' || r == 0)
        r = seq_listen(configured[0] != '\0' ? configured : path, observed ? 0666 : 0660);
    SCOPE_FD int fd = r;
    if (fd >= 0 && (operators == NULL || lchown(configured[0] != '\0' ? configured : path,
                                                (uid_t)-1, operators->gr_gid) < 0))
        r = -EPERM;
    if (r < 0)
        (void)snprintf(why, why_len, "the control socket cannot be made: %s", strerror(-r));
    return r < 0 ? r : take_fd(&fd);
}

static struct {
    const char *program, *name;
    int (*open)(const struct config *config, char *why, size_t why_len);
    int fd;
} table[] = {
    {"cloisterd", "control", open_control, -1},
    {"cloister-gateway", "owner", open_owner, -1},
    {"cloister-gateway", "operator", open_operator, -1},
    {"cloister-gateway-public", "public", open_public, -1},
    {"cloister-gateway-public", "operator", open_public_operator, -1},
};

void listeners_open(const char *program, const struct config *config) {
    char why[256] = "";
    for (size_t i = 0; i < COUNT_OF(table); i++) {
        if (table[i].fd >= 0 || strcmp(table[i].program, program) != 0)
            continue;
        table[i].fd = table[i].open(config, why, sizeof(why));
        if (table[i].fd < 0)
            log_warn("%s: %s", program, why);
    }
}

size_t listeners_of(const char *program, struct listener found[static LISTENERS_MAX]) {
    size_t n = 0;
    for (size_t i = 0; i < COUNT_OF(table) && n < LISTENERS_MAX; i++)
        if (table[i].fd >= 0 && strcmp(table[i].program, program) == 0)
            found[n++] = (struct listener){table[i].name, table[i].fd};
    return n;
}
