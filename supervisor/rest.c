#include "supervisor/rest.h"

#include <sodium.h>
#include <string.h>

#define KEYS_MAX     256 /* the longest quiet one makes room */
#define LONGEST_MS   60000
#define FORGOTTEN_MS 600000
#define KEY_BYTES    64

struct resting {
    char key[KEY_BYTES];
    unsigned times;
    uint64_t until, last; /* clock_ms() */
};

struct rest {
    uint64_t first_ms;
    struct resting keys[KEYS_MAX];
};

struct rest *rest_new(uint64_t first_ms) {
    struct rest *rest = calloc(1, sizeof(*rest));
    if (rest != NULL)
        rest->first_ms = first_ms;
    return rest;
}

void rest_free(struct rest *rest) {
    free(rest);
}

static const struct resting *find(const struct rest *rest, const char *key) {
    for (size_t i = 0; i < KEYS_MAX; i++)
        if (rest->keys[i].times > 0 && strcmp(rest->keys[i].key, key) == 0)
            return &rest->keys[i];
    return NULL;
}

static struct resting *place_for(struct rest *rest, const char *key) {
    struct resting *oldest = (struct resting *)find(rest, key);
    for (size_t i = 0; oldest == NULL && i < KEYS_MAX; i++)
        if (rest->keys[i].times == 0)
            oldest = &rest->keys[i];
    if (oldest != NULL)
        return oldest;
    oldest = &rest->keys[0];
    for (size_t i = 1; i < KEYS_MAX; i++)
        if (rest->keys[i].last < oldest->last)
            oldest = &rest->keys[i];
    oldest->times = 0;
    return oldest;
}

/* Doubled each time; a fifth of it is chance, so that several do not come back together. */
static uint64_t length(uint64_t first_ms, unsigned times) {
    uint64_t most = first_ms < LONGEST_MS ? first_ms : LONGEST_MS;
    for (unsigned i = 1; i < times && most < LONGEST_MS; i++)
        most *= 2;
    most = most < LONGEST_MS ? most : LONGEST_MS;
    return most - randombytes_uniform((uint32_t)(most / 5 + 1));
}

void rest_begin(struct rest *rest, const char *key, uint64_t now) {
    if (rest->first_ms == 0 || strlen(key) >= KEY_BYTES)
        return;
    struct resting *resting = place_for(rest, key);
    if (resting->times > 0 && now - resting->last > FORGOTTEN_MS)
        resting->times = 0;
    if (resting->times == 0)
        strcpy(resting->key, key);
    resting->times++;
    resting->last = now;
    resting->until = now + length(rest->first_ms, resting->times);
}

uint64_t rest_left(const struct rest *rest, const char *key, uint64_t now) {
    const struct resting *resting = rest->first_ms > 0 ? find(rest, key) : NULL;
    return resting != NULL && resting->until > now ? resting->until - now : 0;
}
