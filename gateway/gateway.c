#include "gateway/gateway.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <systemd/sd-daemon.h>

#include "gateway/dispatch.h"
#include "gateway/front.h"
#include "gateway/front_notes.h"
#include "gateway/pages.h"
#include "ipc/log.h"

#define GRACE_MS       1000
#define GRACE_EVERY_MS 20
#define RELOAD_MS      2000
#define PUBLIC_KEEP_MS 15000

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
    if (gateway->instance == INSTANCE_PUBLIC)
        return;
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

static void arm_drain(struct gateway *gateway, uint64_t ms) {
    const struct timeval wait = {(time_t)(ms / 1000), (suseconds_t)(ms % 1000 * 1000)};
    (void)event_add(gateway->drain_deadline, &wait);
}

/* After what is active now has run: the last rows of the log leave, too. */
static void leave(struct gateway *gateway) {
    front_notes_flush(gateway->notes);
    (void)event_base_loopexit(gateway->base, NULL);
}

/* Who connected before the door was shut has a moment to send what they came for: to be hung up on
 * looks to them as if it might have been done. */
static void on_grace(struct gateway *gateway) {
    if (guard_connections(gateway->door) > 0 && clock_ms() < gateway->grace_until) {
        arm_drain(gateway, GRACE_EVERY_MS);
        return;
    }
    gateway->grace_until = 0;
    guard_stop(gateway->door);
    guard_stop(gateway->operators);
    if (gateway->calls == 0)
        leave(gateway);
    else
        arm_drain(gateway, gateway->limits.drain_ms);
}

static void on_drain_deadline(evutil_socket_t fd, short what, void *ctx) {
    (void)fd;
    (void)what;
    struct gateway *gateway = ctx;
    struct timeval farewell = {1, 0};
    if (gateway->grace_until != 0) {
        on_grace(gateway);
        return;
    }
    if (gateway->cut_off) {
        (void)event_base_loopbreak(gateway->base);
        return;
    }
    /* Their clients are told, and have a second to hear it. */
    gateway->cut_off = true;
    log_warn("%zu requests are cut off at the end of the draining time", gateway->calls);
    (void)event_add(gateway->drain_deadline, &farewell);
    upstream_abandon(gateway->upstream);
    if (gateway->business != NULL)
        upstream_abandon(gateway->business);
}

/* A turn may wait behind others of its user; the supervisor's own deadlines come first. */
static uint64_t chat_time(const struct config *config) {
    return config_u64(config, CONFIG_model_turn_timeout_ms) *
               (config_u64(config, CONFIG_agents_turns_queued_per_user) + 1) +
           30000;
}

static int gateway_tables(struct gateway *gateway, const struct kept *kept) {
    const struct throttle_rule waits = {gateway->limits.sign_in_failures,
                                        gateway->limits.sign_in_wait_ms,
                                        gateway->limits.sign_in_wait_max_ms};
    int r = tallies_begin(kept, gateway->instance == INSTANCE_PUBLIC, &waits, gateway->config,
                          &gateway->tallies);
    if (r == 0)
        r = config_list(gateway->config, CONFIG_gateway_allowed_origins, add_origin, gateway);
    return r;
}

static int gateway_listeners(struct gateway *gateway, const struct gateway_sockets *sockets) {
    const struct guard_ops *ops =
        gateway->instance == INSTANCE_PUBLIC ? &dispatch_public : &dispatch_owner;
    int r = guard_new(gateway->base, &gateway->limits, ops, gateway, &gateway->door);
    if (r == 0)
        r = guard_new(gateway->base, &gateway->limits, &dispatch_operators, gateway,
                      &gateway->operators);
    if (r == 0 && sockets->door >= 0)
        r = guard_listen(gateway->door, sockets->door);
    if (r == 0 && sockets->operators >= 0)
        r = guard_listen(gateway->operators, sockets->operators);
    return r;
}

static int gateway_link(struct gateway *gateway, char *why, size_t why_len) {
    char path[108];
    bool public = gateway->instance == INSTANCE_PUBLIC;
    int r = config_runtime_path(
        gateway->config, public ? "gateway/public.ipc" : "gateway/owner.ipc", path, sizeof(path));
    if (r < 0) {
        (void)snprintf(why, why_len, "runtime.dir is too long for a socket's name");
        return r;
    }
    const struct upstream_limits limits = {gateway->limits.hold_ms, gateway->limits.held,
                                           gateway->limits.held_bytes};
    return upstream_new(gateway->base, path, public ? "public" : "owner", &limits,
                        &gateway->upstream);
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
    int r = gateway_tables(gateway, sockets->tallies);
    if (r == 0 && gateway->instance == INSTANCE_OWNER) {
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
    if (r == 0 && gateway->instance == INSTANCE_PUBLIC)
        r = front_begin(gateway, why, why_len);
    if (r == 0)
        r = gateway_listeners(gateway, sockets);
    if (r < 0)
        return r;
    gateway->reload = event_new(gateway->base, -1, EV_PERSIST, on_reload, gateway);
    gateway->drain_deadline = evtimer_new(gateway->base, on_drain_deadline, gateway);
    if (gateway->reload == NULL || gateway->drain_deadline == NULL)
        return -ENOMEM;
    if (gateway->instance == INSTANCE_PUBLIC) /* it has no frontends */
        return 0;
    return event_add(gateway->reload, &every) < 0 ? -ENOMEM : 0;
}

int gateway_new(struct event_base *base, const struct config *config,
                enum gateway_instance instance, const struct gateway_limits *limits,
                const struct gateway_sockets *sockets, struct gateway **ret, char *why,
                size_t why_len) {
    struct gateway *gateway = calloc(1, sizeof(*gateway));
    if (gateway == NULL)
        return -ENOMEM;
    gateway->base = base;
    gateway->config = config;
    gateway->instance = instance;
    gateway->limits = *limits;
    if (instance == INSTANCE_PUBLIC && gateway->limits.keep_ms == 0)
        gateway->limits.keep_ms = PUBLIC_KEEP_MS;
    if (gateway->limits.chat_ms == 0)
        gateway->limits.chat_ms = chat_time(config);
    gateway->public_url =
        config_str(config, instance == INSTANCE_PUBLIC ? CONFIG_gateway_public_pages_url
                                                       : CONFIG_gateway_public_url);
    pages_prepare(gateway);
    gateway->started_ms = (uint64_t)wall_ms();
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
    if (gateway->draining && gateway->grace_until == 0 && gateway->calls == 0)
        leave(gateway);
}

void gateway_drain(struct gateway *gateway) {
    if (gateway->draining)
        return;
    gateway->draining = true;
    (void)sd_notify(0, "STOPPING=1");
    log_info("stopping: %zu requests are finished first", gateway->calls);
    guard_shut(gateway->door);
    guard_shut(gateway->operators);
    gateway->grace_until = clock_ms() + GRACE_MS;
    on_grace(gateway);
}

void gateway_free(struct gateway *gateway) {
    if (gateway == NULL)
        return;
    gateway->draining = false; /* no loop to end any more */
    guard_free(gateway->door);
    guard_free(gateway->operators);
    upstream_free(gateway->upstream);
    front_end(gateway);
    frontends_free(gateway->frontends);
    tallies_end(&gateway->tallies);
    for (size_t i = 0; i < gateway->origin_count; i++)
        free(gateway->origins[i]);
    if (gateway->reload != NULL)
        event_free(gateway->reload);
    if (gateway->drain_deadline != NULL)
        event_free(gateway->drain_deadline);
    free(gateway);
}
