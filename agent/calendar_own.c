#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "agent/calendar.h"
#include "providers/json_get.h"
#include "providers/strbuf.h"

static void mac_hex(const uint8_t user_key[static SEAL_KEY_LEN], const char *use, const void *data,
                    size_t len, char *out, size_t out_len) {
    uint8_t key[SEAL_KEY_LEN], mac[16];
    key_derive(user_key, use, key);
    key_mac(key, data, len, mac, sizeof(mac));
    hex_encode(mac, out_len / 2, out);
    sodium_memzero(key, sizeof(key));
}

static void put_u32(uint8_t *at, uint32_t value) {
    for (int i = 0; i < 4; i++)
        at[i] = (uint8_t)(value >> (24 - 8 * i));
}

void event_id_make(const uint8_t user_key[static SEAL_KEY_LEN], const uint8_t request[static 32],
                   uint32_t index, uint32_t variant, char out[static EVENT_ID_LEN + 1]) {
    uint8_t data[40];
    memcpy(data, request, 32);
    put_u32(data + 32, index);
    put_u32(data + 36, variant);
    mac_hex(user_key, "event-id", data, sizeof(data), out, EVENT_ID_LEN);
}

void event_tag_make(const uint8_t user_key[static SEAL_KEY_LEN], const uint8_t request[static 32],
                    uint32_t index, char out[static EVENT_TAG_LEN + 1]) {
    uint8_t data[36];
    memcpy(data, request, 32);
    put_u32(data + 32, index);
    mac_hex(user_key, "event-tag", data, sizeof(data), out, EVENT_TAG_LEN);
}

void event_mac_make(const uint8_t user_key[static SEAL_KEY_LEN], const char *id,
                    char out[static EVENT_ID_LEN + 1]) {
    mac_hex(user_key, "own-event", id, strlen(id), out, EVENT_ID_LEN);
}

static const char *private_text(const json_t *event, const char *name) {
    const json_t *extended = json_object_get(event, "extendedProperties");
    return json_text(json_object_get(extended, "private"), name);
}

static bool mac_is_for(const uint8_t user_key[static SEAL_KEY_LEN], const char *mac,
                       const char *id) {
    char wanted[EVENT_ID_LEN + 1];
    if (*id == '\0' || strlen(mac) != EVENT_ID_LEN)
        return false;
    event_mac_make(user_key, id, wanted);
    return sodium_memcmp(mac, wanted, EVENT_ID_LEN) == 0;
}

bool event_is_own(const uint8_t user_key[static SEAL_KEY_LEN], const json_t *event) {
    const char *mac = private_text(event, EVENT_PROP_MAC);
    return mac_is_for(user_key, mac, json_text(event, "id")) ||
           mac_is_for(user_key, mac, json_text(event, "recurringEventId"));
}

void booking_mac_make(const uint8_t booking_key[static SEAL_KEY_LEN], const char *id,
                      char out[static EVENT_ID_LEN + 1]) {
    uint8_t mac[EVENT_ID_LEN / 2];
    key_mac(booking_key, id, strlen(id), mac, sizeof(mac));
    hex_encode(mac, sizeof(mac), out);
}

bool event_is_booking(const uint8_t booking_key[static SEAL_KEY_LEN], const json_t *event) {
    const char *mac = private_text(event, EVENT_PROP_BOOKING), *id = json_text(event, "id");
    char wanted[EVENT_ID_LEN + 1];
    if (*id == '\0' || strlen(mac) != EVENT_ID_LEN)
        return false;
    booking_mac_make(booking_key, id, wanted);
    return sodium_memcmp(mac, wanted, EVENT_ID_LEN) == 0;
}

bool event_has_tag(const json_t *event, const char *tag) {
    const char *tags = private_text(event, EVENT_PROP_TAGS);
    for (; *tags != '\0'; tags += strspn(tags, " ")) {
        size_t len = strcspn(tags, " ");
        if (len == EVENT_TAG_LEN && strncmp(tags, tag, len) == 0)
            return true;
        tags += len;
    }
    return false;
}

char *event_tags_with(const json_t *event, const char *tag) {
    const char *tags = private_text(event, EVENT_PROP_TAGS);
    const size_t keep = (EVENT_TAGS_MAX - 1) * (EVENT_TAG_LEN + 1) - 1;
    size_t len = strlen(tags);
    if (len % (EVENT_TAG_LEN + 1) != EVENT_TAG_LEN) /* not as we write it */
        len = 0;
    if (len > keep)
        tags += len - keep;
    char *all = NULL;
    if (asprintf(&all, "%s%s%s", len > 0 ? tags : "", len > 0 ? " " : "", tag) < 0)
        return NULL;
    return all;
}

bool event_has_attendees(const json_t *event) {
    size_t i;
    json_t *person;
    json_array_foreach(json_object_get(event, "attendees"), i, person) {
        if (!json_is_true(json_object_get(person, "self")))
            return true;
    }
    return json_is_true(json_object_get(event, "attendeesOmitted"));
}

bool event_id_valid(const char *id) {
    size_t len = strlen(id);
    return len > 0 && len <= 1024 && id[0] != '.' &&
           strspn(id, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.@") == len;
}

bool event_is_busy(const json_t *event) {
    size_t i;
    json_t *person;
    const char *type = json_text(event, "eventType");
    if (strcmp(json_text(event, "status"), "cancelled") == 0 ||
        strcmp(json_text(event, "transparency"), "transparent") == 0 ||
        strcmp(type, "birthday") == 0 || strcmp(type, "workingLocation") == 0)
        return false;
    json_array_foreach(json_object_get(event, "attendees"), i, person) {
        if (json_is_true(json_object_get(person, "self")) &&
            strcmp(json_text(person, "responseStatus"), "declined") == 0)
            return false;
    }
    return true;
}
