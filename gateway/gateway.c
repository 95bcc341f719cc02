#include "gateway/gateway.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <systemd/sd-daemon.h>

#include "gateway/dispatch.h"
#include "gateway/pages.h"
#include "ipc/log.h"

#define RELOAD_MS 2000

static void report_frontend(const char *name, const char *why) {
    log_warn("frontend %s is left out: %s", name, why);
}

static int load_frontends(struct gateway *gateway) {
    const char *dir = config_str(gateway->config, CONFIG_gateway_frontends_dir);
    struct frontends *fresh = NULL;
    uint64_t stamp =
        frontends_stamp(dir); /* before reading: a change in between is seen next time */
    int r = frontends_load(dir, report_frontend, &fresh);
    gateway->frontends_stamp = stamp;
    if (r < 0)
        return r;
    log_info("%zu frontends may call", frontends_count(fresh));
    frontends_free(gateway->frontends);
    gateway->frontends = fresh;
    return 0;
}

void gateway_reload(struct gateway *gateway) {
    int r = load_frontends(gateway);
    if (r < 0)
        log_error("gateway.frontends_dir cannot be read (%s); the frontends stay as they were",
                  strerror(-r));
}

static void on_reload(evutil_socket_t fd, short what, void *ctx) {
    (void)fd;
    (void)what;
    struct gateway *gateway = ctx;
    const char *dir = config_str(gateway->config, CONFIG_gateway_frontends_dir);
    if (frontends_stamp(dir) != gateway->frontends_stamp)
        gateway_reload(gateway);
}

static int add_origin(const char *word, void *ctx) {
    struct gateway *gateway = ctx;
    if (gateway->origin_count == ORIGINS_MAX)
        return -ENOSPC;
    gateway->origins[gateway->origin_count] = strdup(word);
    if (gateway->origins[gateway->origin_count] == NULL)
        return -ENOMEM;
    gateway->origin_count++;
    return 0;
}

static int add_proxy(const char *word, void *ctx) {
    struct gateway *gateway = ctx;
    return proxies_add(&gateway->proxies, word);
}

static void on_drain_deadline(evutil_socket_t fd, short what, void *ctx) {
    (void)fd;
    (void)what;
    struct gateway *gateway = ctx;
    struct timeval farewell = {1, 0};
    if (gateway->cut_off) {
        (void)event_base_loopbreak(gateway->base);
        return;
    }
    /* Their clients are told, and have a second to hear it. */
    gateway->cut_off = true;
    log_warn("%zu requests are cut off at the end of the draining time", gateway->calls);
    (void)event_add(gateway->drain_deadline, &farewell);
    upstream_abandon(gateway->upstream);
}

/* A turn may wait behind others of its user; the supervisor's own deadlines come first. */
static uint64_t chat_time(const struct config *config) {
    return config_u64(config, CONFIG_model_turn_timeout_ms) *
               (config_u64(config, CONFIG_agents_turns_queued_per_user) + 1) +
           30000;
}

static int gateway_tables(struct gateway *gateway) {
    const struct throttle_rule waits = {gateway->limits.sign_in_failures,
                                        gateway->limits.sign_in_wait_ms,
                                        gateway->limits.sign_in_wait_max_ms};
    int r = buckets_new(4096, &gateway->by_address);
    if (r == 0)
        r = buckets_new(1024, &gateway->by_bad_key);
    if (r == 0)
        r = buckets_new(512, &gateway->by_frontend);
    if (r == 0)
        r = buckets_new(4096, &gateway->by_sign_in);
    if (r == 0)
        r = throttle_new(&waits, &gateway->failures);
    if (r == 0)
        r = config_list(gateway->config, CONFIG_gateway_allowed_origins, add_origin, gateway);
    return r;
}

static int gateway_listeners(struct gateway *gateway, const struct gateway_sockets *sockets) {
    int r = guard_new(gateway->base, &gateway->limits, &dispatch_owner, gateway, &gateway->owner);
    if (r == 0)
        r = guard_new(gateway->base, &gateway->limits, &dispatch_operators, gateway,
                      &gateway->operators);
    if (r == 0 && sockets->owner >= 0)
        r = guard_listen(gateway->owner, sockets->owner);
    if (r == 0 && sockets->operators >= 0)
        r = guard_listen(gateway->operators, sockets->operators);
    return r;
}

static int gateway_link(struct gateway *gateway, char *why, size_t why_len) {
    char path[108];
    int r = config_runtime_path(gateway->config, "gateway/owner.ipc", path, sizeof(path));
    if (r < 0) {
        (void)snprintf(why, why_len, "runtime.dir is too long for a socket's name");
        return r;
    }
    return upstream_new(gateway->base, path, "owner", &gateway->upstream);
}

static int gateway_proxies(struct gateway *gateway, char *why, size_t why_len) {
    int r = config_list(gateway->config, CONFIG_gateway_trusted_proxies, add_proxy, gateway);
    if (r < 0)
        (void)snprintf(why, why_len,
                       "gateway.trusted_proxies must list at most %d addresses, such as 127.0.0.1 "
                       "or 2001:db8::7, without ports, names or networks",
                       PROXIES_MAX);
    return r;
}

static int gateway_parts(struct gateway *gateway, const struct gateway_sockets *sockets, char *why,
                         size_t why_len) {
    struct timeval every = {RELOAD_MS / 1000, 0};
    int r = gateway_tables(gateway);
    if (r == 0) {
        r = load_frontends(gateway);
        if (r < 0)
            (void)snprintf(
                why, why_len,
                "gateway.frontends_dir=%s cannot be read: %s. Make it, with one NAME.conf "
                "per frontend, readable by the gateway's user",
                config_str(gateway->config, CONFIG_gateway_frontends_dir), strerror(-r));
    }
    if (r == 0)
        r = gateway_proxies(gateway, why, why_len);
    if (r == 0)
        r = gateway_link(gateway, why, why_len);
    if (r == 0)
        r = gateway_listeners(gateway, sockets);
    if (r < 0)
        return r;
    gateway->reload = event_new(gateway->base, -1, EV_PERSIST, on_reload, gateway);
    gateway->drain_deadline = evtimer_new(gateway->base, on_drain_deadline, gateway);
    if (gateway->reload == NULL || gateway->drain_deadline == NULL)
        return -ENOMEM;
    return event_add(gateway->reload, &every) < 0 ? -ENOMEM : 0;
}

int gateway_new(struct event_base *base, const struct config *config,
                const struct gateway_limits *limits, const struct gateway_sockets *sockets,
                struct gateway **ret, char *why, size_t why_len) {
    struct gateway *gateway = calloc(1, sizeof(*gateway));
    if (gateway == NULL)
        return -ENOMEM;
    gateway->base = base;
    gateway->config = config;
    gateway->limits = *limits;
    if (gateway->limits.chat_ms == 0)
        gateway->limits.chat_ms = chat_time(config);
    gateway->public_url = config_str(config, CONFIG_gateway_public_url);
    pages_prepare(gateway);
    gateway->counts.started_ms = (uint64_t)wall_ms();
    (void)snprintf(why, why_len, "out of memory or descriptors");
    int r = gateway_parts(gateway, sockets, why, why_len);
    if (r < 0) {
        gateway_free(gateway);
        return r;
    }
    *ret = gateway;
    return 0;
}

void gateway_call_ended(struct gateway *gateway) {
    gateway->calls--;
    if (gateway->draining && gateway->calls == 0)
        (void)event_base_loopexit(gateway->base, NULL); /* after what is active now has run */
}

void gateway_drain(struct gateway *gateway) {
    struct timeval wait = {(time_t)(gateway->limits.drain_ms / 1000),
                           (suseconds_t)(gateway->limits.drain_ms % 1000 * 1000)};
    if (gateway->draining)
        return;
    gateway->draining = true;
    (void)sd_notify(0, "STOPPING=1");
    log_info("stopping: %zu requests are finished first", gateway->calls);
    guard_stop(gateway->owner);
    guard_stop(gateway->operators);
    if (gateway->calls == 0)
        (void)event_base_loopexit(gateway->base, NULL);
    else
        (void)event_add(gateway->drain_deadline, &wait);
}

void gateway_free(struct gateway *gateway) {
    if (gateway == NULL)
        return;
    gateway->draining = false; /* no loop to end any more */
    guard_free(gateway->owner);
    guard_free(gateway->operators);
    upstream_free(gateway->upstream);
    frontends_free(gateway->frontends);
    buckets_free(gateway->by_address);
    buckets_free(gateway->by_bad_key);
    buckets_free(gateway->by_frontend);
    buckets_free(gateway->by_sign_in);
    throttle_free(gateway->failures);
    for (size_t i = 0; i < gateway->origin_count; i++)
        free(gateway->origins[i]);
    if (gateway->reload != NULL)
        event_free(gateway->reload);
    if (gateway->drain_deadline != NULL)
        event_free(gateway->drain_deadline);
    free(gateway);
}
