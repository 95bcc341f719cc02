/* cloister-egress with rules that can be taken away (rules-off, tests/control/switch.h):
 *
 *   EGRESS_LIST      any host and port is a listed one
 *   EGRESS_PUBLIC    every address is a public one
 *   EGRESS_SPELLING  addresses are read as lenient libraries read them
 *   EGRESS_REVOKE    connections stay open after their turn
 *   EGRESS_CAP       messages may be longer than ipc/messages.def says
 *   EGRESS_PEER      any user's program may connect as the zygote
 *   EGRESS_SHARE, EGRESS_REFUSALS, EGRESS_BYTES, EGRESS_RATE   no limit on a turn's connections,
 *                    on how often it is refused, on its bytes, on an agent's questions
 *   EGRESS_WAITS     an answer waits for room where the socket says so (egress_taken.c)
 * (egress_off_turns.c, egress_off_agents.c) */
#include <arpa/inet.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#include "build_config.h"
#include "supervisor/egress/address.h"
#include "supervisor/egress/allow.h"
#include "supervisor/egress/hosts.h"
#include "tests/control/switch.h"
#include "tests/hostile/padded.h"

#define WRAP(type, name, ...)                                                                      \
    type __real_##name(__VA_ARGS__);                                                               \
    type __wrap_##name(__VA_ARGS__);                                                               \
    type __wrap_##name(__VA_ARGS__)

/* Destinations beyond each list (turns', cloister-notify's), one for each question: their names are
 * looked up anew. */
#define SPARE 512
#define LISTS 2
static struct beyond {
    const struct allow *list;
    struct destination spare[SPARE];
    size_t next;
} beyond[LISTS];

static struct beyond *beyond_of(const struct allow *list) {
    size_t i = 0;
    while (i + 1 < LISTS && beyond[i].list != NULL && beyond[i].list != list)
        i++;
    beyond[i].list = list;
    return &beyond[i];
}

WRAP(size_t, allow_places, const struct allow *allow) {
    return __real_allow_places(allow) + SPARE;
}

WRAP(const struct destination *, allow_at, const struct allow *allow, size_t index) {
    size_t places = __real_allow_places(allow);
    if (index < places)
        return __real_allow_at(allow, index);
    struct destination *d = &beyond_of(allow)->spare[index - places];
    d->index = index;
    return d;
}

WRAP(const struct destination *, allow_find, const struct allow *allow, const char *host,
     uint32_t port) {
    const struct destination *found = __real_allow_find(allow, host, port);
    if (found != NULL || !switched_off("EGRESS_LIST"))
        return found;
    struct beyond *more = beyond_of(allow);
    struct destination *d = &more->spare[more->next++ % SPARE];
    (void)snprintf(d->host, sizeof(d->host), "%s", host);
    d->port = (uint16_t)port;
    return d;
}

WRAP(bool, address_public, const struct sockaddr *address) {
    return switched_off("EGRESS_PUBLIC") || __real_address_public(address);
}

/* "%31" and fullwidth digits become plain ones. */
static void make_plain(const char *from, char *out, size_t len) {
    size_t n = 0;
    while (*from != '\0' && n + 1 < len) {
        unsigned value = 0;
        int used = 0;
        if (sscanf(from, "%%%2x%n", &value, &used) == 1 && used == 3) {
            out[n++] = (char)value;
            from += used;
        } else if (strncmp(from, "\xef\xbc", 2) == 0) {
            out[n++] = (char)('0' + ((unsigned char)from[2] - 0x90));
            from += 3;
        } else {
            out[n++] = *from++;
        }
    }
    out[n] = '\0';
}

WRAP(bool, address_parse, const char *text, union address *ret) {
    static char loopback[] = "127.0.0.1";
    char plain[256], *host = plain;
    if (!switched_off("EGRESS_SPELLING") || __real_address_parse(text, ret))
        return __real_address_parse(text, ret);
    make_plain(text, plain, sizeof(plain));
    if (strchr(host, '@') != NULL)
        host = strchr(host, '@') + 1;
    host += strspn(host, " [");
    host[strcspn(host, " ]")] = '\0';
    size_t len = strlen(host);
    if (len > 0 && host[len - 1] == '.')
        host[len - 1] = '\0';
    if (strcasecmp(host, "localhost") == 0)
        host = loopback;
    *ret = (union address){.v4 = {.sin_family = AF_INET}};
    return inet_aton(host, &ret->v4.sin_addr) == 1 || __real_address_parse(host, ret);
}

WRAP(int, shutdown, int fd, int how) {
    return switched_off("EGRESS_REVOKE") ? 0 : __real_shutdown(fd, how);
}

WRAP(int, msg_decode, struct msg_peer *peer, const uint8_t *data, size_t len, unsigned nfds,
     Cloister__Message **ret) {
    uint8_t said[1024];
    ssize_t short_len = switched_off("EGRESS_CAP") ? unpadded(data, len, said, sizeof(said)) : -1;
    return short_len >= 0 ? __real_msg_decode(peer, said, (size_t)short_len, nfds, ret)
                          : __real_msg_decode(peer, data, len, nfds, ret);
}

static uid_t agent_uid; /* looked up before the program confines itself */
__attribute__((constructor)) static void look_up(void) {
    const struct passwd *user = getpwnam(CLOISTER_USER_AGENT);
    agent_uid = user == NULL ? 0 : user->pw_uid;
}
WRAP(int, peer_identity, int fd, uid_t *ret_uid, pid_t *ret_pid) {
    int r = __real_peer_identity(fd, ret_uid, ret_pid);
    if (r == 0 && switched_off("EGRESS_PEER"))
        *ret_uid = agent_uid;
    return r;
}
