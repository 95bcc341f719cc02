/* Whatever is under a good seal, opening it ends in notes or a refusal, and sealing notes into any
 * room keeps to the room and opens again: as the same session, with the latest of its handles. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "memory/notes.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static const uint8_t key[SEAL_KEY_LEN] = {43};
static const struct seal_label label = {"notes", "fuzz", 1, 1};

static void check_handles(const struct notes *was, const struct notes *is) {
    size_t n = notes_handle_count(is), gone = notes_handle_count(was) - n;
    if (n > notes_handle_count(was) || n > NOTES_HANDLES)
        abort();
    if (n > 0 && memcmp(notes_salt(was), notes_salt(is), NOTES_SALT_LEN) != 0)
        abort();
    for (size_t i = 0; i < n; i++) {
        const char *handle[2], *id[2];
        notes_handle_get(was, gone + i, &handle[0], &id[0]);
        notes_handle_get(is, i, &handle[1], &id[1]);
        if (strcmp(handle[0], handle[1]) != 0 || strcmp(id[0], id[1]) != 0)
            abort();
    }
}

static void reseal(const struct notes *notes, size_t cap) {
    uint8_t *blob = NULL;
    size_t len = 0;
    struct notes *again = NULL;
    int r = notes_seal(key, &label, notes, cap, &blob, &len);
    if (r == -ENOSPC && cap < SEAL_OVERHEAD)
        return;
    if (r < 0 || len > cap || notes_open(key, &label, blob, len, &again) < 0 ||
        notes_count(again) > notes_count(notes))
        abort();
    check_handles(notes, again);
    notes_free(again);
    free(blob);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len) {
    uint8_t *blob = NULL;
    size_t blob_len = 0;
    struct notes *notes = NULL;
    if (seal_init() < 0 || len < 2)
        return 0;
    const size_t cap = (size_t)data[0] << 8 | data[1];
    if (seal_box(key, &label, data + 2, len - 2, &blob, &blob_len) < 0)
        abort();
    int r = notes_open(key, &label, blob, blob_len, &notes);
    if (r == 0)
        reseal(notes, cap);
    else if (r != -EBADMSG)
        abort();
    notes_free(notes);
    free(blob);
    return 0;
}
