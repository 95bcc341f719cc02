#include "supervisor/egress/resolve.h"

#include <errno.h>
#include <event2/dns.h>
#include <event2/event.h>
#include <string.h>
#include <sys/stat.h>

#define HOSTS_FILE  "/etc/hosts"
#define RESOLV_CONF "/etc/resolv.conf"
#define TTL_MIN_MS  1000u
#define TTL_MAX_MS  300000u
#define RECHECK_MS  2000u /* how often the two files are looked at */
#define LOOKUPS_MAX 1024u

/* One name of the list and what DNS said about it. */
struct name {
    struct resolver *resolver;
    const struct destination *d;
    struct address_list known, found;
    uint64_t asked, fresh_until;
    unsigned open; /* questions not answered yet */
    uint32_t ttl_ms;
    struct lookup *waiting;
};

struct lookup {
    struct lookup *next;
    struct name *name;
    resolve_fn done;
    void *ctx;
};

struct resolver {
    struct evdns_base *dns;
    uint64_t checked;
    struct timespec conf_time;
    size_t lookups, count;
    struct name names[];
};

static void read_conf(struct resolver *resolver) {
    struct stat now;
    uint64_t at = clock_ms();
    if (resolver->checked != 0 && at - resolver->checked < RECHECK_MS)
        return;
    resolver->checked = at;
    if (stat(RESOLV_CONF, &now) < 0)
        now.st_mtim = (struct timespec){.tv_sec = -1};
    if (now.st_mtim.tv_sec == resolver->conf_time.tv_sec &&
        now.st_mtim.tv_nsec == resolver->conf_time.tv_nsec)
        return;
    resolver->conf_time = now.st_mtim;
    (void)evdns_base_clear_nameservers_and_suspend(resolver->dns);
    (void)evdns_base_resolv_conf_parse(
        resolver->dns, DNS_OPTION_NAMESERVERS | DNS_OPTION_MISC | DNS_OPTION_NAMESERVERS_NO_DEFAULT,
        RESOLV_CONF);
    (void)evdns_base_set_option(resolver->dns, "timeout:", "2");
    (void)evdns_base_set_option(resolver->dns, "attempts:", "3");
    /* Some forwarders do not return the question's case, and a forged answer fails at TLS anyway.
     */
    (void)evdns_base_set_option(resolver->dns, "randomize-case:", "0");
    (void)evdns_base_resume(resolver->dns);
}

int resolver_new(struct event_base *base, const struct allow *allow, struct resolver **ret) {
    const size_t count = allow_places(allow);
    struct resolver *resolver = calloc(1, sizeof(*resolver) + count * sizeof(struct name));
    if (resolver == NULL)
        return -ENOMEM;
    resolver->dns = evdns_base_new(base, 0);
    if (resolver->dns == NULL) {
        free(resolver);
        return -ENOMEM;
    }
    resolver->count = count;
    for (size_t i = 0; i < count; i++)
        resolver->names[i] = (struct name){.resolver = resolver, .d = allow_at(allow, i)};
    read_conf(resolver);
    *ret = resolver;
    return 0;
}

void resolver_free(struct resolver *resolver) {
    if (resolver == NULL)
        return;
    evdns_base_free(resolver->dns, 0);
    for (size_t i = 0; i < resolver->count; i++)
        while (resolver->names[i].waiting != NULL)
            lookup_cancel(resolver->names[i].waiting);
    free(resolver);
}

bool resolver_known(struct resolver *resolver, const struct destination *d,
                    struct address_list *ret) {
    struct name *name = &resolver->names[d->index];
    union address literal;
    if (address_parse(d->host, &literal)) {
        ret->n = 0;
        address_list_add(ret, &literal);
        return true;
    }
    if (name->fresh_until <= clock_ms()) {
        hosts_find(HOSTS_FILE, d->host, &name->known);
        if (name->known.n == 0)
            return false;
        name->fresh_until = clock_ms() + RECHECK_MS;
    }
    *ret = name->known;
    return true;
}

static void finish(struct name *name) {
    const struct address_list *list = NULL;
    if (name->found.n > 0) {
        name->known = name->found;
        name->fresh_until = name->asked + name->ttl_ms;
        list = &name->known;
    }
    while (name->waiting != NULL) {
        struct lookup lookup = *name->waiting;
        lookup_cancel(name->waiting);
        lookup.done(lookup.ctx, list);
    }
}

static void take_answer(struct name *name, int type, int count, int ttl, const void *addresses) {
    uint64_t ms = ttl <= 0 ? TTL_MIN_MS : (uint64_t)ttl * 1000;
    for (int i = 0; i < count; i++) {
        union address address;
        if (type == DNS_IPv4_A) {
            address = (union address){.v4 = {.sin_family = AF_INET}};
            memcpy(&address.v4.sin_addr, (const uint8_t *)addresses + i * 4, 4);
        } else {
            address = (union address){.v6 = {.sin6_family = AF_INET6}};
            memcpy(&address.v6.sin6_addr, (const uint8_t *)addresses + i * 16, 16);
        }
        address_list_add(&name->found, &address);
    }
    ms = ms < TTL_MIN_MS ? TTL_MIN_MS : ms > TTL_MAX_MS ? TTL_MAX_MS : ms;
    if (name->ttl_ms == 0 || ms < name->ttl_ms)
        name->ttl_ms = (uint32_t)ms;
}

static void on_answer(int result, char type, int count, int ttl, void *addresses, void *ctx) {
    struct name *name = ctx;
    if (result == DNS_ERR_SHUTDOWN)
        return;
    name->open--;
    if (result == DNS_ERR_NONE && (type == DNS_IPv4_A || type == DNS_IPv6_AAAA))
        take_answer(name, type, count, ttl, addresses);
    /* IPv4 addresses suffice to begin; the other answer then only adds to what is known. */
    if (name->open == 0 || name->found.n > 0)
        finish(name);
}

/* Puts both questions; false when there is no name server to put them to. */
static bool put_questions(struct resolver *resolver, struct name *name) {
    read_conf(resolver);
    if (evdns_base_count_nameservers(resolver->dns) <= 0)
        return false;
    name->found.n = 0;
    name->ttl_ms = 0;
    name->asked = clock_ms();
    name->open = 2; /* before asking: an answer may come at once */
    unsigned put = 0;
    if (evdns_base_resolve_ipv4(resolver->dns, name->d->host, DNS_QUERY_NO_SEARCH, on_answer,
                                name) != NULL)
        put++;
    if (evdns_base_resolve_ipv6(resolver->dns, name->d->host, DNS_QUERY_NO_SEARCH, on_answer,
                                name) != NULL)
        put++;
    name->open -= 2 - put;
    return put > 0;
}

struct lookup *resolver_ask(struct resolver *resolver, const struct destination *d, resolve_fn done,
                            void *ctx) {
    struct name *name = &resolver->names[d->index];
    if (resolver->lookups >= LOOKUPS_MAX || (name->open == 0 && !put_questions(resolver, name)))
        return NULL;
    struct lookup *lookup = calloc(1, sizeof(*lookup));
    if (lookup == NULL)
        return NULL;
    *lookup = (struct lookup){name->waiting, name, done, ctx};
    name->waiting = lookup;
    resolver->lookups++;
    return lookup;
}

void lookup_cancel(struct lookup *lookup) {
    if (lookup == NULL)
        return;
    for (struct lookup **at = &lookup->name->waiting; *at != NULL; at = &(*at)->next)
        if (*at == lookup) {
            *at = lookup->next;
            break;
        }
    lookup->name->resolver->lookups--;
    free(lookup);
}
