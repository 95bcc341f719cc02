/* cloister-egress with rules that can be taken away (rules-off, tests/control/switch.h):
 *
 *   EGRESS_LIST      any host and port is a listed one
 *   EGRESS_PUBLIC    every address is a public one
 *   EGRESS_SPELLING  addresses are read as lenient libraries read them
 *   EGRESS_REVOKE    connections stay open after their turn
 *   EGRESS_SHARE, EGRESS_BYTES, EGRESS_RATE   no limit on a turn's connections, its bytes, an
 *                    agent's questions (egress_off_turns.c, egress_off_agents.c) */
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#include "supervisor/egress/address.h"
#include "supervisor/egress/allow.h"
#include "supervisor/egress/hosts.h"
#include "tests/control/switch.h"

#define WRAP(type, name, ...)                                                                      \
    type __real_##name(__VA_ARGS__);                                                               \
    type __wrap_##name(__VA_ARGS__);                                                               \
    type __wrap_##name(__VA_ARGS__)

/* Destinations beyond the list, one for each question: their names are looked up anew. */
#define SPARE 512
static struct destination spare[SPARE];
static size_t next;

WRAP(size_t, allow_count, const struct allow *allow) {
    return __real_allow_count(allow) + SPARE;
}

WRAP(const struct destination *, allow_at, const struct allow *allow, size_t index) {
    size_t listed = __real_allow_count(allow);
    if (index < listed)
        return __real_allow_at(allow, index);
    spare[index - listed].index = index;
    return &spare[index - listed];
}

WRAP(const struct destination *, allow_find, const struct allow *allow, const char *host,
     uint32_t port) {
    const struct destination *found = __real_allow_find(allow, host, port);
    if (found != NULL || !switched_off("EGRESS_LIST"))
        return found;
    struct destination *d = &spare[next++ % SPARE];
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
