/* Where a search goes on: base64url of the place and a MAC that binds it to what was asked. */
#include <assert.h>
#include <errno.h>
#include <sodium.h>
#include <string.h>

#include "business/search_parts.h"

#define VERSION 2
#define TAG_LEN 16

struct cursor {
    uint8_t version, stage, tier;
    uint8_t score[8], id[8], seen[8]; /* big-endian */
    uint8_t tag[TAG_LEN];
};

static void put_64(uint8_t out[static 8], int64_t value) {
    for (int i = 0; i < 8; i++)
        out[i] = (uint8_t)((uint64_t)value >> (56 - 8 * i));
}

static int64_t get_64(const uint8_t from[static 8]) {
    uint64_t value = 0;
    for (int i = 0; i < 8; i++)
        value = value << 8 | from[i];
    return (int64_t)value;
}

static int tag_of(const struct business_server *server, const struct search_request *request,
                  const struct cursor *cursor, uint8_t out[static TAG_LEN]) {
    uint8_t bound[offsetof(struct cursor, tag) + BUSINESS_MAC_LEN], mac[BUSINESS_MAC_LEN];
    memcpy(bound, cursor, offsetof(struct cursor, tag));
    if (search_digest(server, request, bound + offsetof(struct cursor, tag)) < 0)
        return -ENOMEM;
    business_mac(server, "cursor", bound, sizeof(bound), mac);
    memcpy(out, mac, TAG_LEN);
    return 0;
}

int search_cursor_write(const struct business_server *server, const struct search_request *request,
                        const struct search_place *place, char out[static CURSOR_SIZE]) {
    struct cursor cursor = {
        .version = VERSION, .stage = (uint8_t)place->stage, .tier = (uint8_t)place->tier};
    static_assert(BASE64URL_SIZE(sizeof(cursor)) <= CURSOR_SIZE, "it fits");
    put_64(cursor.score, place->score);
    put_64(cursor.id, place->id);
    put_64(cursor.seen, place->seen);
    if (tag_of(server, request, &cursor, cursor.tag) < 0)
        return -ENOMEM;
    base64url_encode((const uint8_t *)&cursor, sizeof(cursor), out);
    return 0;
}

int search_cursor_read(const struct business_server *server, const struct search_request *request,
                       const char *text, struct search_place *ret) {
    struct cursor cursor;
    uint8_t tag[TAG_LEN];
    if (base64url_decode(text, strlen(text), (uint8_t *)&cursor, sizeof(cursor)) !=
        (ssize_t)sizeof(cursor))
        return -EINVAL;
    if (tag_of(server, request, &cursor, tag) < 0)
        return -ENOMEM;
    if (sodium_memcmp(tag, cursor.tag, TAG_LEN) != 0 || cursor.version != VERSION ||
        cursor.stage >= STAGE_COUNT || cursor.tier >= TIER_COUNT)
        return -EINVAL;
    *ret = (struct search_place){.stage = (enum search_stage)cursor.stage,
                                 .tier = (enum search_tier)cursor.tier,
                                 .after = true,
                                 .score = get_64(cursor.score),
                                 .id = get_64(cursor.id),
                                 .seen = (uint32_t)get_64(cursor.seen)};
    return 0;
}
