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
        if (uc_is_alnum(c)) {
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

size_t fold_words(const char *folded, char words[static FOLD_WORDS_MAX][FOLD_WORD_SIZE]) {
    size_t n = 0;
    for (const char *at = folded; *at != '\0' && n < FOLD_WORDS_MAX;) {
        size_t whole = strcspn(at, " "), len = cut(at, whole);
        bool known = len == 0;
        for (size_t i = 0; i < n && !known; i++)
            known = strlen(words[i]) == len && memcmp(words[i], at, len) == 0;
        if (!known) {
            memcpy(words[n], at, len);
            words[n++][len] = '\0';
        }
        at += whole;
        at += strspn(at, " ");
    }
    return n;
}

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
