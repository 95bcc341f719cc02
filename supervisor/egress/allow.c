#include "supervisor/egress/allow.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

struct allow {
    size_t count;
    struct destination list[ALLOW_MAX];
};

struct allow_reader {
    struct allow *allow;
    const struct allow *notify; /* cloister-notify's: not for turns */
    char *why;
    size_t why_len;
};

/* Who named it. */
enum source { SOURCE_ADDRESS, SOURCE_LIST };

static struct destination *same(struct allow *allow, const char *host, uint16_t port) {
    for (size_t i = 0; i < allow->count; i++)
        if (allow->list[i].port == port && strcmp(allow->list[i].host, host) == 0)
            return &allow->list[i];
    return NULL;
}

/* NULL: there are too many. */
static struct destination *allow_add(struct allow *allow, const char *host, uint16_t port,
                                     enum source source) {
    struct destination *d = same(allow, host, port);
    if (d == NULL && allow->count == ALLOW_MAX)
        return NULL;
    if (d == NULL) {
        d = &allow->list[allow->count];
        *d = (struct destination){.port = port, .index = allow->count++};
        (void)snprintf(d->host, sizeof(d->host), "%s", host);
    }
    d->stays = d->stays || source == SOURCE_ADDRESS;
    return d;
}

static int allow_word(const char *word, void *ctx) {
    struct allow_reader *reader = ctx;
    char host[URL_HOST_MAX + 1];
    uint16_t port;
    int r = url_parse_pair(word, host, &port);
    if (r == 0 && allow_find(reader->notify, host, port) != NULL)
        return 0;
    if (r < 0)
        (void)snprintf(
            reader->why, reader->why_len,
            "egress.allow: every word must be host:port, with a host name or a plain address");
    if (r < 0)
        return r;
    struct destination *d = allow_add(reader->allow, host, port, SOURCE_LIST);
    if (d == NULL) {
        (void)snprintf(reader->why, reader->why_len, "egress.allow: more than %d destinations",
                       ALLOW_MAX);
        return -ENOSPC;
    }
    d->may_private = true;
    return 0;
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
        if (allow_add(reader->allow, url.host, url.port, SOURCE_ADDRESS) == NULL)
            return -ENOSPC;
    }
    return config_list(config, CONFIG_egress_allow, allow_word, reader);
}

/* ---- cloister-notify's ---- */

static int notify_word(const char *word, void *ctx) {
    struct allow *allow = ctx;
    char host[URL_HOST_MAX + 1];
    uint16_t port;
    if (url_parse_pair(word, host, &port) < 0)
        return 0; /* allow_word says so */
    struct destination *d = same(allow, host, port);
    if (d != NULL)
        d->may_private = true;
    return 0;
}

static int owners_word(const char *word, void *ctx) {
    char host[URL_HOST_MAX + 1];
    uint16_t port;
    int r = url_parse_pair(word, host, &port);
    if (r < 0)
        return r;
    return allow_add(ctx, host, port, SOURCE_LIST) == NULL ? -ENOSPC : 0;
}

static int notify_read(struct allow *allow, const struct config *config, char *why,
                       size_t why_len) {
    const char *mail = config_str(config, CONFIG_notify_smtp_url),
               *hook = config_str(config, CONFIG_notify_webhook_url);
    struct url url;
    int r = 0;
    if (mail[0] != '\0') {
        r = url_parse_smtp(mail, &url);
        if (r < 0) {
            (void)snprintf(why, why_len, "notify.smtp_url must be smtp://host:port or smtps://");
            return r;
        }
        struct destination *d = allow_add(allow, url.host, url.port, SOURCE_ADDRESS);
        if (d == NULL)
            return -ENOSPC;
        d->speaks_first = true;
    }
    if (hook[0] != '\0') {
        r = url_parse(hook, &url);
        if (r < 0) {
            (void)snprintf(why, why_len, "notify.webhook_url is no plain http(s) address");
            return r;
        }
        if (allow_add(allow, url.host, url.port, SOURCE_ADDRESS) == NULL)
            return -ENOSPC;
    }
    r = config_list(config, CONFIG_notify_owner_webhook_hosts, owners_word, allow);
    if (r < 0)
        (void)snprintf(why, why_len, "notify.owner_webhook_hosts: at most %d pairs of host:port",
                       ALLOW_MAX - 2);
    return r < 0 ? r : config_list(config, CONFIG_egress_allow, notify_word, allow);
}

int allow_new_notify(const struct config *config, struct allow **ret, char *why, size_t why_len) {
    struct allow *allow = calloc(1, sizeof(*allow));
    int r = allow == NULL ? -ENOMEM : notify_read(allow, config, why, why_len);
    if (r < 0) {
        free(allow);
        return r;
    }
    *ret = allow;
    return 0;
}

int allow_new(const struct config *config, struct allow **ret, char *why, size_t why_len) {
    struct allow *notify = NULL;
    int r = allow_new_notify(config, &notify, why, why_len);
    if (r < 0)
        return r;
    struct allow_reader reader = {calloc(1, sizeof(struct allow)), notify, why, why_len};
    r = reader.allow == NULL ? -ENOMEM : allow_read(&reader, config);
    allow_free(notify);
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

/* Of one that an address named only the rest of what the lists said is taken back. */
static void delist_all(struct allow *allow) {
    for (size_t i = 0; i < allow->count; i++) {
        struct destination *d = &allow->list[i];
        d->delisted = !d->stays;
        d->may_private = false;
    }
}

int allow_update(struct allow *allow, const struct allow *fresh) {
    size_t more = 0;
    for (size_t i = 0; i < fresh->count; i++)
        more += same(allow, fresh->list[i].host, fresh->list[i].port) == NULL;
    if (allow->count + more > ALLOW_MAX)
        return -ENOSPC;
    delist_all(allow);
    for (size_t i = 0; i < fresh->count; i++) {
        const struct destination *from = &fresh->list[i];
        struct destination *d = same(allow, from->host, from->port);
        const bool stayed = d != NULL && d->stays;
        size_t index = d != NULL ? d->index : allow->count++;
        d = &allow->list[index];
        *d = *from;
        d->index = index;
        d->stays = d->stays || stayed;
    }
    return 0;
}

size_t allow_count(const struct allow *allow) {
    size_t n = 0;
    for (size_t i = 0; i < allow->count; i++)
        n += !allow->list[i].delisted;
    return n;
}

size_t allow_places(const struct allow *allow) {
    return COUNT_OF(allow->list);
}

const struct destination *allow_at(const struct allow *allow, size_t index) {
    return &allow->list[index];
}

const struct destination *allow_find(const struct allow *allow, const char *host, uint32_t port) {
    for (size_t i = 0; i < allow->count; i++)
        if (!allow->list[i].delisted && allow->list[i].port == port &&
            strcasecmp(allow->list[i].host, host) == 0)
            return &allow->list[i];
    return NULL;
}
