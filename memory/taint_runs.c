#include "memory/taint_runs.h"

#include <errno.h>
#include <string.h>
#include <unicase.h>
#include <unictype.h>
#include <uninorm.h>
#include <unistr.h>

#define RUN_LETTERS 12u
#define RUN_WIDE    6u /* letters of scripts that write a word with one or two */
#define RUN_WORDS   3u

static bool is_wide(uint32_t c) {
    return (c >= 0x2e80 && c <= 0xa4cf) || (c >= 0xac00 && c <= 0xd7a3) ||
           (c >= 0xf900 && c <= 0xfaff) || (c >= 0x1100 && c <= 0x11ff) ||
           (c >= 0x1b000 && c <= 0x1b2ff) || (c >= 0x20000 && c <= 0x3ffff);
}

static uint64_t hash_add(uint64_t hash, uint64_t value) {
    hash ^= value + 0x9e3779b97f4a7c15u + (hash << 6) + (hash >> 2);
    return hash * 0xff51afd7ed558ccdu;
}

/* The lowest bit says that a word is a number. */
static uint64_t word_mark(uint64_t hash, bool digits) {
    return (hash & ~(uint64_t)1) | digits;
}

static bool is_kind(ucs4_t c, uint32_t categories) {
    if (c >= 0x80)
        return uc_is_general_category_withtable(c, categories);
    bool digit = c >= '0' && c <= '9', letter = (c | 32) >= 'a' && (c | 32) <= 'z';
    return (digit && (categories & UC_CATEGORY_MASK_N) != 0) ||
           (letter && (categories & UC_CATEGORY_MASK_L) != 0);
}

/* Fills in the arrays, which have room for every character. */
static void split(const uint8_t *folded, size_t len, struct runs *ret) {
    uint64_t word = 0;
    size_t in_word = 0;
    bool digits = true;
    for (size_t at = 0; at < len;) {
        ucs4_t c = folded[at];
        int n = c < 0x80 ? 1 : u8_mbtoucr(&c, folded + at, len - at);
        at += n > 0 ? (size_t)n : 1;
        if (n > 0 && is_kind(c, UC_CATEGORY_MASK_M | UC_CATEGORY_MASK_Cf))
            continue; /* accents, and what is invisible */
        bool letter = n > 0 && is_kind(c, UC_CATEGORY_MASK_L | UC_CATEGORY_MASK_N);
        if (letter) {
            ret->letters[ret->nletters++] = c;
            word = hash_add(word, c);
            digits = digits && is_kind(c, UC_CATEGORY_MASK_N);
            in_word++;
        } else if (in_word > 0) {
            ret->words[ret->nwords++] = word_mark(word, digits);
            word = 0;
            in_word = 0;
            digits = true;
        }
    }
    if (in_word > 0)
        ret->words[ret->nwords++] = word_mark(word, digits);
}

/* Case and composition undone; malloc'd. */
static uint8_t *fold(const char *text, size_t len, size_t *ret_len) {
    uint8_t *valid = malloc(len + 1);
    bool ascii = true;
    if (valid == NULL)
        return NULL;
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)text[i];
        ascii = ascii && c < 0x80;
        valid[i] = c >= 'A' && c <= 'Z' ? c | 32 : c;
    }
    *ret_len = len;
    if (ascii)
        return valid;
    for (const uint8_t *bad; (bad = u8_check(valid, len)) != NULL;)
        valid[bad - valid] = ' ';
    uint8_t *folded = u8_casefold(valid, len, NULL, UNINORM_NFKD, NULL, ret_len);
    explicit_bzero(valid, len);
    free(valid);
    return folded;
}

int runs_of(const char *text, size_t len, struct runs *ret) {
    size_t folded_len = 0;
    uint8_t *folded = fold(text, len, &folded_len);
    *ret = (struct runs){0};
    if (folded == NULL)
        return -ENOMEM;
    ret->letters = reallocarray(NULL, folded_len + 1, sizeof(*ret->letters));
    ret->words = reallocarray(NULL, folded_len + 1, sizeof(*ret->words));
    bool room = ret->letters != NULL && ret->words != NULL;
    if (room)
        split(folded, folded_len, ret);
    else
        runs_free(ret);
    explicit_bzero(folded, folded_len);
    free(folded);
    return room ? 0 : -ENOMEM;
}

void runs_free(struct runs *runs) {
    if (runs->letters != NULL)
        explicit_bzero(runs->letters, runs->nletters * sizeof(*runs->letters));
    free(runs->letters);
    free(runs->words);
    *runs = (struct runs){0};
}

/* ---- runs, one after another ---- */

struct walk {
    const struct runs *runs;
    size_t at;
    unsigned kind; /* letters, wide letters, words */
};

static bool letters_run(const uint32_t *letters, size_t n, bool wide, uint64_t *ret) {
    uint64_t hash = n;
    for (size_t i = 0; i < n; i++) {
        if (wide && !is_wide(letters[i]))
            return false;
        hash = hash_add(hash, letters[i]);
    }
    *ret = hash;
    return true;
}

/* Dates and times of day are not anybody's text: two of the words are none of numbers. */
static bool words_run(const uint64_t *words, uint64_t *ret) {
    size_t numbers = 0;
    *ret = RUN_WORDS;
    for (size_t i = 0; i < RUN_WORDS; i++) {
        numbers += words[i] & 1;
        *ret = hash_add(*ret, words[i]);
    }
    return numbers < 2;
}

static bool walk_next(struct walk *walk, uint64_t *ret) {
    const struct runs *runs = walk->runs;
    for (; walk->kind < 2; walk->kind++, walk->at = 0) {
        bool wide = walk->kind == 1;
        size_t n = wide ? RUN_WIDE : RUN_LETTERS;
        while (walk->at + n <= runs->nletters)
            if (letters_run(runs->letters + walk->at++, n, wide, ret))
                return true;
    }
    while (walk->at + RUN_WORDS <= runs->nwords)
        if (words_run(runs->words + walk->at++, ret))
            return true;
    return false;
}

int run_set_new(size_t letters, size_t words, struct run_set *ret) {
    size_t slots = 64;
    while (slots < (2 * letters + words) * 2)
        slots *= 2;
    *ret = (struct run_set){calloc(slots, sizeof(uint64_t)), slots - 1, 0};
    return ret->slots != NULL ? 0 : -ENOMEM;
}

void run_set_free(struct run_set *set) {
    free(set->slots);
    *set = (struct run_set){0};
}

static size_t slot_of(const struct run_set *set, uint64_t hash) {
    size_t at = (size_t)(hash >> 7) & set->mask;
    while (set->slots[at] != 0 && set->slots[at] != hash)
        at = (at + 1) & set->mask;
    return at;
}

static bool set_has(const struct run_set *set, uint64_t hash) {
    return set->slots[slot_of(set, hash | 1)] != 0;
}

void run_set_add(struct run_set *set, const struct runs *runs, const struct run_set *without) {
    struct walk walk = {.runs = runs};
    uint64_t hash;
    while (walk_next(&walk, &hash)) {
        if ((without != NULL && set_has(without, hash)) || set_has(set, hash))
            continue;
        if (set->used >= set->mask / 2 + 1) /* no larger text was announced */
            return;
        set->slots[slot_of(set, hash | 1)] = hash | 1;
        set->used++;
    }
}

bool run_set_meets(const struct run_set *set, const struct runs *runs) {
    struct walk walk = {.runs = runs};
    uint64_t hash;
    if (set->used == 0)
        return false;
    while (walk_next(&walk, &hash))
        if (set_has(set, hash))
            return true;
    return false;
}
