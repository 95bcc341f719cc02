/* Around cloister-business's rules about who dials it and what they say, by the linker's --wrap:
 * with a rule's name in rules-off (tests/control/switch.h) it does not hold.
 *
 *   BUSINESS_DIALLER   whoever comes to a socket passes for the user that it is there for
 *   BUSINESS_PHASE, BUSINESS_ONCE   ipc/messages.def
 *   BUSINESS_ORIGIN    the public gateway's calls are whose they say */
#include <pwd.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "build_config.h"
#include "business/server.h"
#include "tests/control/switch.h"

static const struct {
    const char *socket, *user;
} ends[] = {{"/public.sock", CLOISTER_USER_PUBLIC},
            {"/supervisor.sock", CLOISTER_USER_SUPERVISOR},
            {"/notify.sock", CLOISTER_USER_NOTIFY}};
static uid_t uids[sizeof(ends) / sizeof(ends[0])];

/* Before the program confines itself. */
__attribute__((constructor)) static void look_up(void) {
    for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
        const struct passwd *user = getpwnam(ends[i].user);
        uids[i] = user == NULL ? 0 : user->pw_uid;
    }
}

int __real_getsockopt(int fd, int level, int what, void *value, socklen_t *len);
int __wrap_getsockopt(int fd, int level, int what, void *value, socklen_t *len);
int __wrap_getsockopt(int fd, int level, int what, void *value, socklen_t *len) {
    struct sockaddr_un here = {0};
    socklen_t here_len = sizeof(here) - 1;
    int r = __real_getsockopt(fd, level, what, value, len);
    if (r < 0 || level != SOL_SOCKET || what != SO_PEERCRED || !switched_off("BUSINESS_DIALLER") ||
        getsockname(fd, (struct sockaddr *)&here, &here_len) < 0)
        return r;
    for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++)
        if (strstr(here.sun_path, ends[i].socket) != NULL)
            ((struct ucred *)value)->uid = uids[i];
    return r;
}

int __real_msg_decode(struct msg_peer *peer, const uint8_t *data, size_t len, unsigned nfds,
                      Cloister__Message **ret);
int __wrap_msg_decode(struct msg_peer *peer, const uint8_t *data, size_t len, unsigned nfds,
                      Cloister__Message **ret);
int __wrap_msg_decode(struct msg_peer *peer, const uint8_t *data, size_t len, unsigned nfds,
                      Cloister__Message **ret) {
    struct msg_peer loose = *peer;
    if (switched_off("BUSINESS_PHASE"))
        loose.phase = UINT32_MAX;
    if (switched_off("BUSINESS_ONCE"))
        memset(loose.once, 0, sizeof(loose.once));
    int r = __real_msg_decode(&loose, data, len, nfds, ret);
    for (size_t i = 0; i < COUNT_OF(peer->once); i++)
        peer->once[i] |= loose.once[i]; /* said is said, also while the rule is away */
    return r;
}

bool __real_business_link_public(const struct business_link *link);
bool __wrap_business_link_public(const struct business_link *link);
bool __wrap_business_link_public(const struct business_link *link) {
    return !switched_off("BUSINESS_ORIGIN") && __real_business_link_public(link);
}
