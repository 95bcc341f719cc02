#include "memory/notes.h"

#include <errno.h>
#include <string.h>

#include "memory/notes.pb-c.h"

/* More turns than a model is shown anyway; also bounds the work for a blob that somebody made
 * large. */
#define TURNS_MAX 64

/* protobuf-c's own structures are what is kept: all of them in `turns`, oldest first. */
struct notes {
    size_t count;
    Cloister__NotesTurn *turns[TURNS_MAX];
};

struct notes *notes_new(void) {
    return calloc(1, sizeof(struct notes));
}

static void wipe_text(char *text) {
    if (text == NULL)
        return;
    explicit_bzero(text, strlen(text));
    free(text);
}

static void turn_free(Cloister__NotesTurn *turn) {
    if (turn == NULL)
        return;
    wipe_text(turn->said);
    wipe_text(turn->answer);
    wipe_text(turn->record);
    explicit_bzero(turn, sizeof(*turn));
    free(turn);
}

static Cloister__NotesTurn *turn_copy(const struct notes_turn *from) {
    Cloister__NotesTurn *turn = malloc(sizeof(*turn));
    if (turn == NULL)
        return NULL;
    cloister__notes_turn__init(turn);
    turn->at_ms = from->at_ms;
    turn->said = strdup(from->said);
    turn->answer = strdup(from->answer);
    turn->record = strdup(from->record);
    if (turn->said == NULL || turn->answer == NULL || turn->record == NULL) {
        turn_free(turn);
        return NULL;
    }
    return turn;
}

static void forget_oldest(struct notes *notes) {
    turn_free(notes->turns[0]);
    notes->count--;
    memmove(notes->turns, notes->turns + 1, notes->count * sizeof(notes->turns[0]));
}

void notes_add(struct notes *notes, const struct notes_turn *turn) {
    Cloister__NotesTurn *copy = turn_copy(turn);
    if (copy == NULL)
        return; /* forgetting is always allowed */
    if (notes->count == TURNS_MAX)
        forget_oldest(notes);
    notes->turns[notes->count++] = copy;
}

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

static int notes_decode(struct notes *notes, const uint8_t *plain, size_t len) {
    /* Texts rounded up, and room for TURNS_MAX structures with protobuf-c's own tables. */
    struct arena arena = {.cap = 2 * len + (size_t)TURNS_MAX * 512};
    arena.data = malloc(arena.cap);
    if (arena.data == NULL)
        return -ENOMEM;
    ProtobufCAllocator allocator = {arena_alloc, arena_free, &arena};
    const Cloister__Notes *decoded = cloister__notes__unpack(&allocator, len, plain);
    int r = decoded == NULL ? -EBADMSG : 0;
    for (size_t i = 0; r == 0 && i < decoded->n_turns; i++) {
        const Cloister__NotesTurn *turn = decoded->turns[i];
        notes_add(notes, &(struct notes_turn){turn->at_ms, turn->said, turn->answer, turn->record});
    }
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
    Cloister__NotesTurn *turn =
        turn_copy(&(struct notes_turn){from->at_ms, from->said, from->answer, from->record});
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

int notes_seal(const uint8_t key[static SEAL_KEY_LEN], const struct seal_label *label,
               const struct notes *notes, size_t cap, uint8_t **ret, size_t *ret_len) {
    if (cap < SEAL_OVERHEAD)
        return -ENOSPC;
    const size_t room = cap - SEAL_OVERHEAD;
    Cloister__Notes message = CLOISTER__NOTES__INIT;
    Cloister__NotesTurn *kept[TURNS_MAX];
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
    turn_free(shortened);
    return r;
}

size_t notes_count(const struct notes *notes) {
    return notes->count;
}

void notes_get(const struct notes *notes, size_t index, struct notes_turn *ret) {
    const Cloister__NotesTurn *turn = notes->turns[index];
    *ret = (struct notes_turn){turn->at_ms, turn->said, turn->answer, turn->record};
}

void notes_free(struct notes *notes) {
    if (notes == NULL)
        return;
    while (notes->count > 0)
        turn_free(notes->turns[--notes->count]);
    free(notes);
}
