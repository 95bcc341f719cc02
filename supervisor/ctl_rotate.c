#include "supervisor/ctl_rotate.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include "supervisor/control.h"
#include "supervisor/ctl_key_place.h"
#include "supervisor/ctl_keys.h"

#define LOOK_MS  100
#define SAY_MS   1000
#define AWAY_MS  60000 /* for as long cloister-keys may be away: it is being restarted */
#define RETRY_MS 200

struct rotate {
    const struct config *config;
    bool json, look_only;
    bool uncleared;   /* the keyring's file still has what the old key opens */
    int fd, next;     /* cloister-keys; the next key, -1 when only looking */
    uint64_t away_ms; /* clock since when it does not answer, 0: it does */
    uint64_t said_ms;
    char why[512];
};

static const char uncleared[] = "the key is changed, but the keyring's file still holds what the "
                                "old one opens: make room on the disk, then run cloisterctl "
                                "rotate-key again";

static void sleep_ms(unsigned ms) {
    const struct timespec wait = {ms / 1000, (long)(ms % 1000) * 1000000};
    (void)nanosleep(&wait, NULL);
}

static int complain(const struct rotate *rotate, int exit, const char *why) {
    if (rotate->json) {
        json_t *error = json_pack("{s:s}", "error", why);
        (void)json_dumpf(error, stdout, JSON_COMPACT);
        (void)putchar('\n');
        json_decref(error);
    }
    fprintf(stderr, "cloisterctl: %s\n", why);
    return exit;
}

static void say(struct rotate *rotate, const Cloister__KeysState *state, const char *word) {
    const bool last = word[0] != 'r'; /* "rewrapping" is said now and then, the end always */
    if (!last && clock_ms() - rotate->said_ms < SAY_MS)
        return;
    rotate->said_ms = clock_ms();
    if (rotate->json) {
        json_t *line =
            json_pack("{s:s, s:I, s:I, s:I, s:s, s:s}", "state", word, "done",
                      (json_int_t)state->done, "total", (json_int_t)state->total, "unreadable",
                      (json_int_t)state->unreadable, "key", state->kek, "next_key", state->next);
        (void)json_dumpf(line, stdout, JSON_COMPACT);
        (void)putchar('\n');
        json_decref(line);
    } else {
        printf("%s: %llu of %llu data keys", word, (unsigned long long)state->done,
               (unsigned long long)state->total);
        if (state->unreadable > 0)
            printf(", of which %llu open with no key", (unsigned long long)state->unreadable);
        (void)putchar('\n');
    }
    (void)fflush(stdout);
}

/* One question; connects anew where needed. *ret is NULL while cloister-keys is away. */
static int ask(struct rotate *rotate, bool begin, Cloister__Message **ret) {
    Cloister__KekRotate rotating = CLOISTER__KEK_ROTATE__INIT;
    Cloister__KeysAsk asking = CLOISTER__KEYS_ASK__INIT;
    Cloister__Message begins = MSG_OF(KEK_ROTATE, kek_rotate, &rotating);
    Cloister__Message looks = MSG_OF(KEYS_ASK, keys_ask, &asking);
    int r = 0;
    *ret = NULL;
    if (rotate->fd < 0)
        r = rotate->fd = ctl_keys_connect(rotate->config, rotate->why, sizeof(rotate->why));
    if (r >= 0 && begin && lseek(rotate->next, 0, SEEK_SET) < 0)
        r = -errno;
    if (r >= 0)
        r = ctl_keys_ask(rotate->fd, begin ? &begins : &looks, begin ? rotate->next : -1, ret);
    if (r >= 0) {
        rotate->away_ms = 0;
        return 0;
    }
    if (rotate->fd >= 0)
        (void)close(rotate->fd);
    rotate->fd = -1;
    if (rotate->away_ms == 0)
        rotate->away_ms = clock_ms();
    if (rotate->why[0] == '\0')
        (void)snprintf(rotate->why, sizeof(rotate->why), "cloister-keys: %s", strerror(-r));
    return clock_ms() - rotate->away_ms > AWAY_MS || rotate->look_only ? r : 0;
}

/* From the offer to the last row. A cloister-keys that was restarted meanwhile goes on by itself;
 * it is told again all the same, which changes nothing. */
static int rewrap(struct rotate *rotate) {
    bool told = false;
    for (;;) {
        SCOPE_MSG Cloister__Message *answer = NULL;
        int r = ask(rotate, !told, &answer);
        if (r < 0)
            return complain(rotate, CTL_UNREACHABLE, rotate->why);
        if (answer == NULL) {
            told = false;
            sleep_ms(RETRY_MS);
            continue;
        }
        const Cloister__KeysState *state = answer->keys_state;
        if (!told && state->error != 0 && state->error != EALREADY)
            return complain(rotate, CTL_FAILED, state->detail);
        if (!state->running) {
            say(rotate, state, "finished");
            rotate->uncleared = state->trouble != 0;
            return CTL_DONE;
        }
        if (state->trouble != 0 && clock_ms() - rotate->said_ms >= SAY_MS)
            fprintf(stderr, "cloisterctl: cloister-keys tries again: %s\n",
                    strerror(state->trouble));
        say(rotate, state, "rewrapping");
        told = true;
        sleep_ms(LOOK_MS);
    }
}

static int look(struct rotate *rotate) {
    SCOPE_MSG Cloister__Message *answer = NULL;
    if (ask(rotate, false, &answer) < 0 || answer == NULL)
        return complain(rotate, CTL_UNREACHABLE, rotate->why);
    say(rotate, answer->keys_state,
        answer->keys_state->running         ? "under way"
        : key_place_pending(rotate->config) ? "interrupted: run cloisterctl rotate-key again"
                                            : "none under way");
    if (!answer->keys_state->running && answer->keys_state->trouble != 0)
        return complain(rotate, CTL_FAILED, uncleared);
    return CTL_DONE;
}

/* Also when that cannot be learned. */
static bool has_begun(struct rotate *rotate) {
    SCOPE_MSG Cloister__Message *answer = NULL;
    return ask(rotate, false, &answer) < 0 || answer == NULL || answer->keys_state->next[0] != '\0';
}

static int change(struct rotate *rotate) {
    bool resumed = false;
    /* Two at once could put a key in its place that nothing is wrapped by yet. */
    SCOPE_FD int alone =
        open(config_str(rotate->config, CONFIG_runtime_dir), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (alone < 0 || flock(alone, LOCK_EX | LOCK_NB) < 0)
        return complain(rotate, CTL_FAILED,
                        alone < 0 ? "runtime.dir cannot be opened: is Cloister running?"
                                  : "another cloisterctl rotate-key is running");
    SCOPE_FD int next = key_place_next(rotate->config, has_begun(rotate), &resumed, rotate->why,
                                       sizeof(rotate->why));
    if (next < 0)
        return complain(rotate, CTL_FAILED, rotate->why);
    if (resumed && !rotate->json)
        printf("going on with the change that had begun\n");
    rotate->next = next;
    rotate->why[0] = '\0';
    int exit = rewrap(rotate);
    if (exit != CTL_DONE)
        return exit;
    if (key_place_finish(rotate->config, next, rotate->why, sizeof(rotate->why)) < 0)
        return complain(rotate, CTL_FAILED, rotate->why);
    return rotate->uncleared ? complain(rotate, CTL_FAILED, uncleared) : CTL_DONE;
}

int ctl_rotate(const struct ctl_options *options, const char *word) {
    struct rotate rotate = {.json = options->json, .look_only = word != NULL, .fd = -1, .next = -1};
    struct config *config = NULL;
    if (word != NULL && strcmp(word, "status") != 0)
        return complain(&rotate, CTL_USAGE, "rotate-key takes nothing, or the word status");
    if (geteuid() != 0)
        return complain(&rotate, CTL_FORBIDDEN, "rotate-key is for root: it writes the key file");
    if (config_load(options->config, &config, rotate.why, sizeof(rotate.why)) < 0)
        return complain(&rotate, CTL_FAILED, rotate.why);
    rotate.config = config;
    int exit;
    if (strcmp(config_str(config, CONFIG_keys_provider), "aws-kms") == 0)
        exit =
            complain(&rotate, CTL_FAILED, "keys.provider=aws-kms is not available in this version");
    else
        exit = rotate.look_only ? look(&rotate) : change(&rotate);
    if (rotate.fd >= 0)
        (void)close(rotate.fd);
    config_free(config);
    return exit;
}
