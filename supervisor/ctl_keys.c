#include "supervisor/ctl_keys.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "build_config.h"
#include "ipc/confine.h"

#define ANSWER_WAIT_MS 10000

int ctl_keys_connect(const struct config *config, char *why, size_t why_len) {
    char path[108];
    uid_t uid = 0, own = 0;
    gid_t gid = 0;
    pid_t pid = 0;
    if (config_runtime_path(config, "keys/keys.sock", path, sizeof(path)) < 0) {
        (void)snprintf(why, why_len, "runtime.dir is too long");
        return -ENAMETOOLONG;
    }
    SCOPE_FD int fd = seq_connect(path);
    int r = fd < 0 ? fd : peer_identity(fd, &uid, &pid);
    /* It listened before it gave root up, or as its own user. */
    if (r == 0 && uid != 0 && (user_lookup(CLOISTER_USER_KEYS, &own, &gid) < 0 || uid != own))
        r = -EPERM;
    if (r < 0) {
        (void)snprintf(why, why_len, "%s: %s (is cloister-keys running?)", path, strerror(-r));
        return r;
    }
    return take_fd(&fd);
}

int ctl_keys_ask(int fd, Cloister__Message *question, int pass_fd, Cloister__Message **ret) {
    struct msg_peer peer = {ROLE_KEYS, ROLE_CTL, PHASE_READY, {0}};
    int r = seq_send(fd, question, pass_fd);
    return r < 0 ? r : seq_recv_wait(fd, &peer, ANSWER_WAIT_MS, ret, NULL);
}
