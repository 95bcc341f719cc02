#include "supervisor/egress/allow.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define DESTINATIONS_MAX 256

struct allow {
    size_t count;
    struct destination list[DESTINATIONS_MAX];
};

struct allow_reader {
    struct allow *allow;
    char *why;
    size_t why_len;
};

static int allow_add(struct allow *allow, const char *host, uint16_t port, bool may_private) {
    for (size_t i = 0; i < allow->count; i++) {
        struct destination *d = &allow->list[i];
        if (d->port == port && strcmp(d->host, host) == 0) {
            d->may_private = d->may_private || may_private;
            return 0;
        }
    }
    if (allow->count == DESTINATIONS_MAX)
        return -ENOSPC;
    struct destination *d = &allow->list[allow->count];
    *d = (struct destination){.port = port, .may_private = may_private, .index = allow->count++};
    (void)snprintf(d->host, sizeof(d->host), "%s", host);
    return 0;
}

static int allow_word(const char *word, void *ctx) {
    struct allow_reader *reader = ctx;
    char host[URL_HOST_MAX + 1];
    uint16_t port;
    int r = url_parse_pair(word, host, &port);
    if (r < 0)
        (void)snprintf(
            reader->why, reader->why_len,
            "egress.allow: every word must be host:port, with a host name or a plain address");
    else if ((r = allow_add(reader->allow, host, port, true)) < 0)
        (void)snprintf(reader->why, reader->why_len, "egress.allow: more than %d destinations",
                       DESTINATIONS_MAX);
    return r;
}

/* Where turns go on their own account. The consent page (auth_url) is the browser's business. */
static const struct {
    enum config_key key;
    const char *name;
} addresses[] = {{CONFIG_google_token_url, "google.token_url"},
                 {CONFIG_google_revoke_url, "google.revoke_url"},
                 {CONFIG_google_calendar_url, "google.calendar_url"},
                 {CONFIG_model_base_url, "model.base_url"}};

static int allow_read(struct allow_reader *reader, const struct config *config) {
    for (size_t i = 0; i < COUNT_OF(addresses); i++) {
        struct url url;
        int r = url_parse(config_str(config, addresses[i].key), &url);
        if (r < 0) {
            (void)snprintf(reader->why, reader->why_len, "%s is no plain http(s) address",
                           addresses[i].name);
            return r;
        }
        r = allow_add(reader->allow, url.host, url.port, false);
        if (r < 0)
            return r;
    }
    return config_list(config, CONFIG_egress_allow, allow_word, reader);
}

int allow_new(const struct config *config, struct allow **ret, char *why, size_t why_len) {
    struct allow_reader reader = {calloc(1, sizeof(struct allow)), why, why_len};
    if (reader.allow == NULL)
        return -ENOMEM;
    int r = allow_read(&reader, config);
    if (r < 0) {
        free(reader.allow);
        return r;
    }
    *ret = reader.allow;
    return 0;
}

void allow_free(struct allow *allow) {
    free(allow);
}

size_t allow_count(const struct allow *allow) {
    return allow->count;
}

const struct destination *allow_at(const struct allow *allow, size_t index) {
    return &allow->list[index];
}

const struct destination *allow_find(const struct allow *allow, const char *host, uint32_t port) {
    for (size_t i = 0; i < allow->count; i++)
        if (allow->list[i].port == port && strcasecmp(allow->list[i].host, host) == 0)
            return &allow->list[i];
    return NULL;
}
