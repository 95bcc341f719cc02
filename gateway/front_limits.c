#include "gateway/front_limits.h"

#include <sodium.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "business/gcra.h"

#define BUCKETS   65536
#define MINUTE_US UINT64_C(60000000)

struct front_limits {
    struct gcra *gcra;                  /* behind this struct */
    uint64_t address, client, business; /* a minute; 0: no limit */
    uint8_t secret[crypto_generichash_KEYBYTES];
    max_align_t table[];
};

struct met {
    uint8_t key[GCRA_KEY_LEN];
    uint64_t every_us;
    uint32_t burst;
};

size_t front_limits_size(void) {
    return sizeof(struct front_limits) + gcra_size(BUCKETS);
}

struct front_limits *front_limits_begin(void *memory, const struct config *config, bool found) {
    struct front_limits *limits = memory;
    limits->address = config_u64(config, CONFIG_business_calls_per_minute);
    limits->client = config_u64(config, CONFIG_business_client_calls_per_minute);
    limits->business = config_u64(config, CONFIG_business_business_calls_per_minute);
    if (!found)
        randombytes_buf(limits->secret, sizeof(limits->secret));
    limits->gcra = gcra_begin(limits->table, BUCKETS, found);
    return limits;
}

/* As business/limits.c: a fifth of a minute's calls may come at once. */
static void met_add(const struct front_limits *limits, struct met *met, size_t *n, char kind,
                    const void *what, size_t len, uint64_t per_minute) {
    crypto_generichash_state state;
    uint64_t burst = per_minute / 5 + 5;
    if (len == 0 || per_minute == 0)
        return;
    (void)crypto_generichash_init(&state, limits->secret, sizeof(limits->secret), GCRA_KEY_LEN);
    (void)crypto_generichash_update(&state, (const uint8_t *)&kind, 1);
    (void)crypto_generichash_update(&state, what, len);
    (void)crypto_generichash_final(&state, met[*n].key, GCRA_KEY_LEN);
    met[*n].every_us = MINUTE_US / per_minute > 0 ? MINUTE_US / per_minute : 1;
    met[*n].burst = burst < UINT32_MAX ? (uint32_t)burst : UINT32_MAX;
    (*n)++;
}

uint64_t front_limits_take(struct front_limits *limits, const struct call *call,
                           const struct front_request *request) {
    struct met met[3];
    size_t n = 0;
    char client[128];
    const char *slug = json_string_value(json_object_get(request->arguments, "business"));
    const char *name = request->client.name != NULL ? request->client.name : "";
    uint64_t now = (uint64_t)wall_ms(), longest = 0;
    (void)snprintf(client, sizeof(client), "%s %s", request->client.channel, name);
    met_add(limits, met, &n, 'a', &call->address, sizeof(call->address), limits->address);
    if (name[0] != '\0') /* those who give none are not one client */
        met_add(limits, met, &n, 'c', client, strlen(client), limits->client);
    if (slug != NULL)
        met_add(limits, met, &n, 'b', slug, strlen(slug), limits->business);
    for (size_t i = 0; i < n; i++) {
        uint64_t wait = gcra_wait(limits->gcra, met[i].key, met[i].every_us, met[i].burst, now);
        if (wait > longest)
            longest = wait;
    }
    for (size_t i = 0; i < n && longest == 0; i++)
        gcra_take(limits->gcra, met[i].key, met[i].every_us, now);
    return longest;
}
