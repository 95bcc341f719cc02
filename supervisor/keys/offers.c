#include "supervisor/keys/offers.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "ipc/log.h"

static int start_rotation(const struct offers *offers, int given, char *why, size_t why_len) {
    SCOPE_SECRET uint8_t *next = NULL;
    int r = secrets_read_kek(given, &next, why, why_len);
    if (r < 0)
        return r;
    r = rotation_start(offers->rotation, next);
    if (r < 0)
        (void)snprintf(why, why_len, "%s",
                       r == -EALREADY ? "the keyring is wrapped by this key already"
                       : r == -EBUSY  ? "the keyring is being rewrapped for another key"
                                      : strerror(-r));
    return r;
}

int offers_take(const struct offers *offers, const Cloister__Message *message, int given, int fd) {
    Cloister__KeysState state = CLOISTER__KEYS_STATE__INIT;
    Cloister__Message answer = MSG_OF(KEYS_STATE, keys_state, &state);
    struct keyring_progress progress;
    char why[200] = "";
    bool changed = false;
    int r = 0;
    if (message->body_case == CLOISTER__MESSAGE__BODY_SECRET_OFFER) {
        const struct secret_offer offer = {message->secret_offer->name, message->secret_offer->host,
                                           message->secret_offer->none, given};
        r = secrets_take(offers->secrets, &offer, &changed, why, sizeof(why));
        if (changed)
            log_info("%s was exchanged: turns from now on have the new one", offer.name);
    } else if (message->body_case == CLOISTER__MESSAGE__BODY_KEK_ROTATE) {
        r = start_rotation(offers, given, why, sizeof(why));
    }
    keyring_rotate_progress(offers->keyring, &progress);
    state.error = -r;
    state.detail = why;
    state.changed = changed;
    state.running = progress.running;
    state.done = progress.done;
    state.total = progress.total;
    state.unreadable = progress.unreadable;
    state.kek = progress.kek;
    state.next = progress.next;
    state.trouble = -rotation_error(offers->rotation);
    return seq_send(fd, &answer, -1);
}
