#include "ipc/service.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <systemd/sd-daemon.h>
#include <time.h>

#include "ipc/metrics_page.h"

#define PASSED_MAX       64
#define STORE_WAIT_US    5000000
#define FEEDS_PER_PERIOD 3 /* two may be lost or late */

struct service {
    struct event *feed;
};

static void on_feed(evutil_socket_t fd, short what, void *arg) {
    (void)fd, (void)what, (void)arg;
    (void)sd_notify(0, "WATCHDOG=1");
    metrics_page_tell();
}

int service_new(struct event_base *base, struct service **ret) {
    uint64_t period_us = 0;
    struct service *service = calloc(1, sizeof(*service));
    if (service == NULL)
        return -ENOMEM;
    if (sd_watchdog_enabled(0, &period_us) > 0) {
        uint64_t us = period_us / FEEDS_PER_PERIOD;
        const struct timeval every = {(time_t)(us / 1000000), (suseconds_t)(us % 1000000)};
        service->feed = event_new(base, -1, EV_PERSIST, on_feed, NULL);
        if (service->feed == NULL || event_add(service->feed, &every) < 0) {
            service_free(service);
            return -ENOMEM;
        }
        on_feed(-1, 0, NULL);
    }
    *ret = service;
    return 0;
}

void service_free(struct service *service) {
    if (service == NULL)
        return;
    if (service->feed != NULL)
        event_free(service->feed);
    free(service);
}

void service_ready(const char *status) {
    (void)sd_notifyf(0, "READY=1\nSTATUS=%s", status);
}

/* Type=notify-reload, from systemd 253, wants the time beside it; Debian 12's ignores it. */
void service_reloading(void) {
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    (void)sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%llu",
                     (unsigned long long)now.tv_sec * 1000000u +
                         (unsigned long long)now.tv_nsec / 1000u);
}

void service_stopping(void) {
    (void)sd_notify(0, "STOPPING=1\nSTATUS=Stopping");
}

int service_passed(const char *name) {
    static bool taken[PASSED_MAX];
    char **names = NULL;
    int n = sd_listen_fds_with_names(0, &names), found = -1;
    for (int i = 0; i < n; i++) {
        if (found < 0 && i < PASSED_MAX && !taken[i] && strcmp(names[i], name) == 0) {
            found = SD_LISTEN_FDS_START + i;
            taken[i] = true;
        }
        free(names[i]);
    }
    free(names);
    return found;
}

int service_store(const char *name, int fd) {
    char text[128];
    service_unstore(name);
    (void)snprintf(text, sizeof(text), "FDSTORE=1\nFDNAME=%s", name);
    int r = sd_pid_notify_with_fds(0, 0, text, &fd, 1);
    if (r == 0)
        return -ENOENT;
    /* The manager looks at what a process that is gone has said, but may not know whose it was. */
    if (r > 0)
        r = sd_notify_barrier(0, STORE_WAIT_US);
    return r < 0 ? r : 0;
}

void service_unstore(const char *name) {
    (void)sd_notifyf(0, "FDSTOREREMOVE=1\nFDNAME=%s", name);
}
