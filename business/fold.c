#include "business/fold.h"

#include <string.h>
#include <unicase.h>
#include <unictype.h>
#include <uninorm.h>
#include <unistr.h>

#define WHOLE_BELOW 4 /* characters: shorter words must match as they are */
#define CUT_FROM    6 /* longer ones may end otherwise: plumbers, plumber */

/* What most text is, folded as all of it is; NULL: it is more, or there is no memory. */
static char *fold_ascii(const char *text) {
    char *out = malloc(strlen(text) + 1), *at = out;
    if (out == NULL)
        return NULL;
    for (; *text != '\0' && (unsigned char)*text < 0x80; text++) {
        char small = (char)(*text >= 'A' && *text <= 'Z' ? *text + 32 : *text);
        if ((small >= 'a' && small <= 'z') || (small >= '0' && small <= '9'))
            *at++ = small;
        else if (at > out && at[-1] != ' ')
            *at++ = ' ';
    }
    if (*text != '\0') {
        free(out);
        return NULL;
    }
    at -= at > out && at[-1] == ' ';
    *at = '\0';
    return out;
}

/* Letters that Unicode does not take apart, as who has no key for them writes them. */
static const char *plain_of(ucs4_t c) {
    static const struct {
        ucs4_t letter;
        const char *plain;
    } rows[] = {{0xe6, "ae"}, {0xf0, "d"},  {0xf8, "o"},  {0xfe, "th"},  {0x111, "d"},
                {0x127, "h"}, {0x131, "i"}, {0x142, "l"}, {0x153, "oe"}, {0x167, "t"}};
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        if (rows[i].letter == c)
            return rows[i].plain;
    return NULL;
}

char *fold_text(const char *text) {
    char *plain = fold_ascii(text);
    if (plain != NULL)
        return plain;
    size_t len = 0, out_len = 0;
    uint8_t *folded =
        u8_casefold((const uint8_t *)text, strlen(text), NULL, UNINORM_NFKD, NULL, &len);
    char *out = folded == NULL ? NULL : malloc(len + 1);
    for (size_t at = 0; out != NULL && at < len;) {
        ucs4_t c;
        int n = u8_mbtouc(&c, folded + at, len - at);
        if (uc_is_general_category(c, UC_CATEGORY_M)) {
            at += (size_t)n;
            continue;
        }
        const char *typed = plain_of(c); /* never longer than it was: out has room */
        if (typed != NULL) {
            out_len = (size_t)(stpcpy(out + out_len, typed) - out);
        } else if (uc_is_alnum(c)) {
            memcpy(out + out_len, folded + at, (size_t)n);
            out_len += (size_t)n;
        } else if (out_len > 0 && out[out_len - 1] != ' ') {
            out[out_len++] = ' ';
        }
        at += (size_t)n;
    }
    free(folded);
    if (out == NULL)
        return NULL;
    if (out_len > 0 && out[out_len - 1] == ' ')
        out_len--;
    out[out_len] = '\0';
    return out;
}

/* Cut where a character ends. */
static size_t cut(const char *word, size_t len) {
    if (len < FOLD_WORD_SIZE)
        return len;
    len = FOLD_WORD_SIZE - 1;
    while (len > 0 && ((uint8_t)word[len] & 0xc0) == 0x80)
        len--;
    return len;
}

struct words {
    char (*words)[FOLD_WORD_SIZE];
    size_t n;
};

/* Unless it is there, or there are enough. */
static void add_word(void *ctx, const char *word, size_t whole) {
    struct words *list = ctx;
    size_t len = cut(word, whole);
    bool known = len == 0 || list->n == FOLD_WORDS_MAX;
    for (size_t i = 0; i < list->n && !known; i++)
        known = strlen(list->words[i]) == len && memcmp(list->words[i], word, len) == 0;
    if (known)
        return;
    memcpy(list->words[list->n], word, len);
    list->words[list->n++][len] = '\0';
}

size_t fold_words(const char *folded, char words[static FOLD_WORDS_MAX][FOLD_WORD_SIZE]) {
    struct words list = {.words = words};
    for (const char *at = folded; *at != '\0'; at += *at == ' ') {
        size_t whole = strcspn(at, " ");
        add_word(&list, at, whole);
        at += whole;
    }
    return list.n;
}

/* ---- scripts without blanks ---- */

static bool is_unspaced(ucs4_t c) {
    static const struct {
        ucs4_t first, last;
    } rows[] = {{0xe00, 0xeff},    {0x1000, 0x109f}, {0x1780, 0x17ff}, {0x3005, 0x3007},
                {0x3040, 0x30ff},  {0x31f0, 0x31ff}, {0x3400, 0x4dbf}, {0x4e00, 0x9fff},
                {0x20000, 0x3ffff}}; /* Thai, Lao; Burmese; Khmer; Japanese; Chinese */
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        if (c >= rows[i].first && c <= rows[i].last)
            return true;
    return false;
}

/* The length of the character at `at`, which is not the end, and whether it is of such a script. */
static size_t character(const char *at, bool *ret_unspaced) {
    ucs4_t c;
    int n = u8_mbtouc(&c, (const uint8_t *)at, strnlen(at, 4));
    *ret_unspaced = is_unspaced(c);
    return n > 0 ? (size_t)n : 1;
}

bool fold_unspaced(const char *word) {
    bool unspaced = false;
    return word[0] != '\0' && character(word, &unspaced) > 0 && unspaced;
}

/* A part of a word that is all of such scripts, or all of others; its length. */
static size_t part(const char *word, size_t len, bool *ret_unspaced) {
    size_t at = character(word, ret_unspaced);
    while (at < len) {
        bool unspaced;
        size_t next = character(word + at, &unspaced);
        if (unspaced != *ret_unspaced)
            break;
        at += next;
    }
    return at;
}

typedef void add_piece(void *ctx, const char *piece, size_t len);

/* The pieces of a part: the whole where blanks part words, else what lies side by side; `each`:
 * every character, too. */
static void pieces_of(const char *at, size_t len, bool unspaced, bool each, add_piece *add,
                      void *ctx) {
    const char *end = at + len;
    if (!unspaced) {
        add(ctx, at, len);
        return;
    }
    for (bool first = true, any; at < end; first = false) {
        size_t one = character(at, &any), two = 0;
        if (at + one < end)
            two = character(at + one, &any);
        if (each || (first && two == 0))
            add(ctx, at, one);
        if (two > 0)
            add(ctx, at, one + two);
        at += one;
    }
}

/* Every part of every word. */
static void each_part(const char *folded, bool words_too, bool each, add_piece *add, void *ctx) {
    for (const char *at = folded; *at != '\0'; at += *at == ' ') {
        size_t whole = strcspn(at, " ");
        bool unspaced;
        for (const char *end = at + whole; at < end;) {
            size_t len = part(at, (size_t)(end - at), &unspaced);
            if (unspaced || words_too || len < whole)
                pieces_of(at, len, unspaced, each, add, ctx);
            at += len;
        }
    }
}

size_t fold_sought(const char *folded, char words[static FOLD_WORDS_MAX][FOLD_WORD_SIZE]) {
    struct words list = {.words = words};
    each_part(folded, true, false, add_word, &list);
    return list.n;
}

struct spread {
    char *out;
    size_t len; /* `out` NULL: this is how much it takes */
};

static void add_spread(void *ctx, const char *piece, size_t len) {
    struct spread *spread = ctx;
    if (spread->out != NULL) {
        spread->out[spread->len] = ' ';
        memcpy(spread->out + spread->len + 1, piece, len);
    }
    spread->len += 1 + len;
}

char *fold_spread(const char *folded) {
    struct spread spread = {.len = strlen(folded)};
    each_part(folded, false, true, add_spread, &spread);
    spread.out = malloc(spread.len + 1);
    if (spread.out == NULL)
        return NULL;
    spread.len = (size_t)(stpcpy(spread.out, folded) - spread.out);
    each_part(folded, false, true, add_spread, &spread);
    spread.out[spread.len] = '\0';
    return spread.out;
}

/* ---- what is found ---- */

static size_t stem_of(const char *word, size_t len, size_t characters) {
    if (characters < CUT_FROM)
        return len;
    do
        len--;
    while (((uint8_t)word[len] & 0xc0) == 0x80);
    return len;
}

size_t fold_stem(const char *word) {
    size_t len = strlen(word);
    return stem_of(word, len, u8_mbsnlen((const uint8_t *)word, len));
}

bool fold_has(const char *folded, const char *word) {
    size_t len = strlen(word), characters = u8_mbsnlen((const uint8_t *)word, len);
    size_t stem = stem_of(word, len, characters);
    bool prefix = characters >= WHOLE_BELOW;
    if (fold_unspaced(word))
        return strstr(folded, word) != NULL;
    for (const char *at = folded; *at != '\0';) {
        size_t whole = (size_t)(strchrnul(at, ' ') - at);
        if (prefix ? whole >= stem && memcmp(at, word, stem) == 0
                   : whole == len && memcmp(at, word, len) == 0)
            return true;
        for (at += whole; *at == ' ';)
            at++;
    }
    return false;
}
