#include "gateway/hosts.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define NAMES_MAX 8

struct hosts {
    char names[NAMES_MAX][264]; /* host:port as the Host header has it */
    size_t count;
    char scheme[9]; /* "https://" */
    bool loopback;
};

static bool is_loopback(const char *name) {
    return strncmp(name, "127.", 4) == 0 || strncmp(name, "localhost", 9) == 0 ||
           strncmp(name, "[::1]", 5) == 0;
}

static void add(struct hosts *hosts, const char *host, const char *port) {
    if (hosts->count == NAMES_MAX)
        return;
    int n = snprintf(hosts->names[hosts->count], sizeof(hosts->names[0]), "%s%s", host, port);
    if (n > 0 && (size_t)n < sizeof(hosts->names[0]))
        hosts->count++;
}

/* `name` itself, and on loopback what else it is called. */
static void add_all(struct hosts *hosts, const char *name) {
    add(hosts, name, "");
    if (!is_loopback(name))
        return;
    const char *colon = strrchr(name, ':');
    bool has_port = colon != NULL && strchr(colon, ']') == NULL;
    static const char *const others[] = {"localhost", "127.0.0.1", "[::1]"};
    for (size_t i = 0; i < COUNT_OF(others); i++)
        add(hosts, others[i], has_port ? colon : "");
}

int hosts_new(const char *public_url, const char *listen, struct hosts **ret) {
    struct hosts *hosts = calloc(1, sizeof(*hosts));
    const char *authority = strstr(public_url, "://");
    if (hosts == NULL)
        return -ENOMEM;
    if (authority != NULL) {
        (void)snprintf(hosts->scheme, sizeof(hosts->scheme), "%.*s://",
                       (int)(authority - public_url), public_url);
        char name[256];
        (void)snprintf(name, sizeof(name), "%.*s", (int)strcspn(authority + 3, "/"), authority + 3);
        add_all(hosts, name);
    }
    add_all(hosts, listen);
    *ret = hosts;
    return 0;
}

void hosts_free(struct hosts *hosts) {
    free(hosts);
}

bool hosts_ours(const struct hosts *hosts, const struct slice *host) {
    if (host == NULL)
        return true;
    for (size_t i = 0; i < hosts->count; i++)
        if (slice_is_nocase(*host, hosts->names[i]))
            return true;
    return false;
}

bool hosts_own_origin(const struct hosts *hosts, const struct slice *origin) {
    size_t skip = strlen(hosts->scheme);
    if (origin->len <= skip || strncmp(origin->at, hosts->scheme, skip) != 0)
        return false;
    const struct slice host = {origin->at + skip, origin->len - skip};
    return hosts_ours(hosts, &host);
}
