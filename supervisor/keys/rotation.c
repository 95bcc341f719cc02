#include "supervisor/keys/rotation.h"

#include <errno.h>
#include <string.h>

#include "ipc/log.h"

#define ROWS         64 /* one transaction: its waiting for the disk is most of the time */
#define RETRY_MS     500
#define RETRY_MAX_MS 30000

struct rotation {
    struct keyring *keyring;
    struct event *timer;
    unsigned failures; /* in a row */
    int error;
};

static void wait_ms(struct rotation *rotation, uint64_t ms) {
    const struct timeval wait = {(time_t)(ms / 1000), (suseconds_t)(ms % 1000 * 1000)};
    (void)event_add(rotation->timer, &wait);
}

static void say_finished(const struct rotation *rotation, int r) {
    struct keyring_progress progress;
    keyring_rotate_progress(rotation->keyring, &progress);
    log_info("the key-encryption key was changed: %llu data keys are wrapped by key %s",
             (unsigned long long)progress.done, progress.kek);
    if (progress.unreadable > 0)
        log_warn("%llu data keys could not be opened, before or after",
                 (unsigned long long)progress.unreadable);
    if (r == -EUCLEAN)
        log_error("the keyring's file could not be cleared of what the old key opens; change the "
                  "key again when there is room on the disk");
}

static void on_step(evutil_socket_t fd, short what, void *ctx) {
    (void)fd, (void)what;
    struct rotation *rotation = ctx;
    const uint64_t began = clock_ms();
    int r = keyring_rotate_step(rotation->keyring, ROWS);
    rotation->error = r < 0 ? r : 0;
    if (r == 0 || r == -EUCLEAN) {
        say_finished(rotation, r);
        return;
    }
    if (r < 0) {
        if (rotation->failures++ == 0)
            log_error("data keys cannot be rewrapped: %s; trying again", strerror(-r));
        wait_ms(rotation, backoff_ms(rotation->failures, RETRY_MS, RETRY_MAX_MS));
        return;
    }
    rotation->failures = 0;
    wait_ms(rotation, clock_ms() - began + 1);
}

int rotation_new(struct event_base *base, struct keyring *keyring, struct rotation **ret) {
    struct keyring_progress progress;
    struct rotation *rotation = calloc(1, sizeof(*rotation));
    if (rotation == NULL)
        return -ENOMEM;
    rotation->keyring = keyring;
    rotation->timer = evtimer_new(base, on_step, rotation);
    if (rotation->timer == NULL) {
        rotation_free(rotation);
        return -ENOMEM;
    }
    keyring_rotate_progress(keyring, &progress);
    if (progress.running) {
        log_info("going on with the change of the key-encryption key: %llu of %llu data keys are "
                 "rewrapped",
                 (unsigned long long)progress.done, (unsigned long long)progress.total);
        wait_ms(rotation, 0);
    }
    *ret = rotation;
    return 0;
}

void rotation_free(struct rotation *rotation) {
    if (rotation == NULL)
        return;
    if (rotation->timer != NULL)
        event_free(rotation->timer);
    free(rotation);
}

int rotation_start(struct rotation *rotation, const uint8_t *next) {
    struct keyring_progress progress;
    int r = keyring_rotate_begin(rotation->keyring, next);
    if (r < 0)
        return r;
    keyring_rotate_progress(rotation->keyring, &progress);
    log_info("changing the key-encryption key from %s to %s: %llu data keys", progress.kek,
             progress.next, (unsigned long long)progress.total);
    rotation->failures = 0;
    rotation->error = 0;
    wait_ms(rotation, 0);
    return 0;
}

int rotation_error(const struct rotation *rotation) {
    return rotation->error;
}
