/* Notes into a seal and out of it. */
#include <errno.h>
#include <string.h>

#include "memory/notes_parts.h"

/* Decoding takes its memory from one block, which is wiped whole. */
struct arena {
    uint8_t *data;
    size_t used, cap;
};

static void *arena_alloc(void *ctx, size_t size) {
    struct arena *arena = ctx;
    size_t rounded = (size + 15) & ~(size_t)15;
    if (rounded < size || rounded > arena->cap - arena->used)
        return NULL;
    void *at = arena->data + arena->used;
    arena->used += rounded;
    return at;
}

static void arena_free(void *ctx, void *pointer) {
    (void)ctx;
    (void)pointer;
}

static void take_decoded(struct notes *notes, const Cloister__Notes *decoded) {
    for (size_t i = 0; i < decoded->n_turns; i++) {
        const Cloister__NotesTurn *turn = decoded->turns[i];
        notes_add(notes, &(struct notes_turn){turn->at_ms, turn->said, turn->answer, turn->record,
                                              turn->proposals});
    }
    for (size_t i = 0; i < decoded->n_handles; i++)
        notes_handle_add(notes, decoded->handles[i]->handle, decoded->handles[i]->id);
    memcpy(notes->salt, decoded->salt.data, sizeof(notes->salt));
}

static int notes_decode(struct notes *notes, const uint8_t *plain, size_t len) {
    if (len == 0)
        return 0;
    /* Texts rounded up, and room for as many structures as are kept with protobuf-c's own tables.
     */
    struct arena arena = {.cap = 2 * len + (size_t)NOTES_TURNS * 512 + (size_t)NOTES_HANDLES * 128};
    arena.data = malloc(arena.cap);
    if (arena.data == NULL)
        return -ENOMEM;
    ProtobufCAllocator allocator = {arena_alloc, arena_free, &arena};
    const Cloister__Notes *decoded = cloister__notes__unpack(&allocator, len, plain);
    int r = decoded == NULL || decoded->salt.len != sizeof(notes->salt) ? -EBADMSG : 0;
    if (r == 0)
        take_decoded(notes, decoded);
    explicit_bzero(arena.data, arena.cap);
    free(arena.data);
    return r;
}

int notes_open(const uint8_t key[static SEAL_KEY_LEN], const struct seal_label *label,
               const uint8_t *blob, size_t len, struct notes **ret) {
    struct notes *notes = notes_new();
    if (notes == NULL)
        return -ENOMEM;
    if (len > 0) {
        SCOPE_SECRET char *plain = NULL;
        size_t plain_len = 0;
        int r = seal_open(key, label, blob, len, &plain, &plain_len);
        if (r == 0)
            r = notes_decode(notes, (const uint8_t *)plain, plain_len);
        if (r < 0) {
            notes_free(notes);
            return r == -ENOMEM ? r : -EBADMSG;
        }
    }
    *ret = notes;
    return 0;
}

/* Bytes to take from the end of `text` so that at least `excess` go and no character is split. */
static size_t cut_text(char *text, size_t excess) {
    size_t len = strlen(text), keep = excess >= len ? 0 : len - excess;
    while (keep > 0 && ((unsigned char)text[keep] & 0xc0) == 0x80)
        keep--;
    explicit_bzero(text + keep, len - keep);
    return len - keep;
}

/* A single turn that is too large loses the end of its answer, then of the owner's words, then of
 * the record: the record holds the handles that follow-up questions need. */
static Cloister__NotesTurn *turn_shortened(const Cloister__NotesTurn *from, size_t excess) {
    Cloister__NotesTurn *turn = notes_turn_copy(
        &(struct notes_turn){from->at_ms, from->said, from->answer, from->record, from->proposals});
    if (turn == NULL)
        return NULL;
    char *texts[] = {turn->answer, turn->said, turn->record};
    for (size_t i = 0; i < COUNT_OF(texts) && excess > 0; i++) {
        size_t gone = cut_text(texts[i], excess);
        excess -= gone < excess ? gone : excess;
    }
    return turn;
}

static int seal_packed(const uint8_t *key, const struct seal_label *label,
                       const Cloister__Notes *message, uint8_t **ret, size_t *ret_len) {
    size_t len = cloister__notes__get_packed_size(message);
    SCOPE_SECRET uint8_t *plain = secret_alloc(len + 1);
    if (plain == NULL)
        return -ENOMEM;
    (void)cloister__notes__pack(message, plain);
    return seal_box(key, label, plain, len, ret, ret_len);
}

/* The salt and the newest handles; neither when there is hardly any room. */
static void pack_handles(const struct notes *notes, size_t room, Cloister__Notes *message,
                         Cloister__NotesHandle **kept) {
    message->salt = (ProtobufCBinaryData){sizeof(notes->salt), (uint8_t *)notes->salt};
    if (cloister__notes__get_packed_size(message) > room) {
        message->salt.len = 0;
        return;
    }
    memcpy(kept, notes->handles, notes->nhandles * sizeof(kept[0]));
    message->handles = kept;
    message->n_handles = notes->nhandles;
    while (message->n_handles > 0 && cloister__notes__get_packed_size(message) > room / 2) {
        message->handles++;
        message->n_handles--;
    }
}

int notes_seal(const uint8_t key[static SEAL_KEY_LEN], const struct seal_label *label,
               const struct notes *notes, size_t cap, uint8_t **ret, size_t *ret_len) {
    if (cap < SEAL_OVERHEAD)
        return -ENOSPC;
    const size_t room = cap - SEAL_OVERHEAD;
    Cloister__Notes message = CLOISTER__NOTES__INIT;
    Cloister__NotesTurn *kept[NOTES_TURNS];
    Cloister__NotesHandle *handles[NOTES_HANDLES];
    pack_handles(notes, room, &message, handles);
    if (message.salt.len == 0) /* no room for anything */
        return seal_packed(key, label, &message, ret, ret_len);
    memcpy(kept, notes->turns, notes->count * sizeof(kept[0]));
    message.turns = kept;
    message.n_turns = notes->count;
    size_t size;
    while ((size = cloister__notes__get_packed_size(&message)) > room && message.n_turns > 1) {
        message.turns++;
        message.n_turns--;
    }
    Cloister__NotesTurn *shortened = NULL;
    if (size > room) {
        shortened = turn_shortened(message.turns[0], size - room);
        if (shortened == NULL)
            return -ENOMEM;
        message.turns[0] = shortened;
        if (cloister__notes__get_packed_size(&message) > room)
            message.n_turns = 0;
    }
    int r = seal_packed(key, label, &message, ret, ret_len);
    notes_turn_free(shortened);
    return r;
}
