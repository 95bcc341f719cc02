#include "agent/handles.h"

#include <stdio.h>
#include <string.h>

#include "agent/calendar.h"
#include "agent/guards.h"
#include "providers/strbuf.h"

#define VARIANTS 8u /* of one id's handle, should two events' be the same */

struct handle {
    char *text, *id;
};

/* Latest last. */
struct handles {
    struct handle *items;
    size_t n, cap;
    uint8_t key[SEAL_KEY_LEN];
};

static const char *add(struct handles *handles, const char *text, const char *id) {
    if (handles->n == handles->cap) {
        size_t cap = handles->cap > 0 ? 2 * handles->cap : 64;
        struct handle *items = reallocarray(handles->items, cap, sizeof(*items));
        if (items == NULL)
            return NULL;
        handles->items = items;
        handles->cap = cap;
    }
    struct handle *item = &handles->items[handles->n];
    item->text = strdup(text);
    item->id = strdup(id);
    if (item->text == NULL || item->id == NULL) {
        free(item->text);
        free(item->id);
        return NULL;
    }
    handles->n++;
    return item->text;
}

static const struct handle *make_latest(struct handles *handles, size_t at) {
    struct handle item = handles->items[at];
    memmove(handles->items + at, handles->items + at + 1,
            (handles->n - 1 - at) * sizeof(*handles->items));
    handles->items[handles->n - 1] = item;
    return &handles->items[handles->n - 1];
}

static const struct handle *find(struct handles *handles, const char *text) {
    for (size_t i = handles->n; i-- > 0;)
        if (strcmp(handles->items[i].text, text) == 0)
            return make_latest(handles, i);
    return NULL;
}

struct handles *handles_new(const uint8_t user_key[static SEAL_KEY_LEN],
                            const struct notes *notes) {
    uint8_t use[SEAL_KEY_LEN];
    struct handles *handles = calloc(1, sizeof(*handles));
    if (handles == NULL)
        return NULL;
    key_derive(user_key, "handle", use);
    key_mac(use, notes_salt(notes), NOTES_SALT_LEN, handles->key, sizeof(handles->key));
    explicit_bzero(use, sizeof(use));
    for (size_t i = 0; i < notes_handle_count(notes); i++) {
        const char *text, *id;
        notes_handle_get(notes, i, &text, &id);
        if (event_reference_valid(id))
            (void)add(handles, text, id);
    }
    return handles;
}

static void make_text(const struct handles *handles, const char *id, unsigned variant,
                      char out[static HANDLE_SIZE]) {
    uint8_t mac[16], key[SEAL_KEY_LEN] = {0};
    char hex[2 * sizeof(mac) + 1], numbered[16];
    (void)snprintf(numbered, sizeof(numbered), "%u", variant);
    key_derive(handles->key, numbered, key);
    key_mac(key, id, strlen(id), mac, sizeof(mac));
    hex_encode(mac, sizeof(mac), hex);
    (void)snprintf(out, HANDLE_SIZE, "ev%.10s", hex);
    explicit_bzero(key, sizeof(key));
}

const char *handles_give(struct handles *handles, const char *id) {
    char text[HANDLE_SIZE];
    if (!event_reference_valid(id))
        return NULL;
    for (size_t i = handles->n; i-- > 0;)
        if (strcmp(handles->items[i].id, id) == 0)
            return make_latest(handles, i)->text;
    if (!guard_holds(GUARD_HANDLES_SESSION))
        return add(handles, id, id);
    for (unsigned variant = 0; variant < VARIANTS; variant++) {
        make_text(handles, id, variant, text);
        if (find(handles, text) == NULL)
            return add(handles, text, id);
    }
    return NULL;
}

const char *handles_find(struct handles *handles, const char *text) {
    const struct handle *found = find(handles, text);
    if (found != NULL)
        return found->id;
    if (!guard_holds(GUARD_HANDLES_SESSION) &&
        event_reference_valid(text)) /* means something anywhere */
        return add(handles, text, text);
    return NULL;
}

void handles_keep(const struct handles *handles, struct notes *notes) {
    size_t first = handles->n > NOTES_HANDLES ? handles->n - NOTES_HANDLES : 0;
    notes_handles_clear(notes);
    for (size_t i = first; i < handles->n; i++)
        notes_handle_add(notes, handles->items[i].text, handles->items[i].id);
}

void handles_free(struct handles *handles) {
    if (handles == NULL)
        return;
    for (size_t i = 0; i < handles->n; i++) {
        string_wipe(handles->items[i].text);
        string_wipe(handles->items[i].id);
    }
    free(handles->items);
    explicit_bzero(handles->key, sizeof(handles->key));
    free(handles);
}
