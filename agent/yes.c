#include "agent/yes.h"

#include <string.h>
#include <unicase.h>
#include <unictype.h>
#include <uninorm.h>
#include <unistr.h>

#define WORD_MAX 48u /* bytes; what is longer is no plain word */

/* Case-folded. A word that means consent in one language and something else in another stays out
 * ("tak" is thanks in Danish, "igen" again in Swedish, "ano" what in Tagalog, "так" a mere "so" in
 * Russian): what is not here goes to the model, which cannot act on it; what is here acts. */
static const char *const yes_words[] = {
    "yes", "y", "yes please", "yes do it", "yes go ahead", "yes yes", "yeah", "yep", "yup", "ok",
    "okay", "sure", "do it", "please do", "go ahead", "confirm", "confirmed", "i confirm", "agreed",
    /* German, Dutch, Scandinavian */
    "ja", "ja bitte", "jawohl", "bestätigt", "ja graag", "ja tak", "ja takk", "ja tack", "javisst",
    /* Romance */
    "oui", "oui s'il te plaît", "oui s'il vous plaît", "d'accord", "sí", "si", "sí por favor",
    "si por favor", "claro", "vale", "sì", "sì grazie", "va bene", "sim", "sim por favor", "da",
    /* Slavic, Baltic, Finnish, Estonian, Greek, Turkish */
    "да", "tak proszę", "áno", "taip", "jah", "kyllä", "joo", "ναι", "evet",
    /* further east and south */
    "نعم", "כן", "हाँ", "हां", "हाँ जी", "はい", "お願いします", "是", "是的", "好", "好的", "可以",
    "네", "예", "vâng", "có", "ใช่", "ndiyo"};
static const char *const no_words[] = {
    "no",         "n",         "no thanks", "no thank you", "nope",      "nah",  "don't",
    "do not",     "cancel",    "leave it",  "reject",       "stop",      "nein", "nein danke",
    "nee",        "nej",       "nei",       "non",          "non merci", "não",  "nu",
    "no gracias", "no grazie", "нет",       "ні",           "не",        "nie",  "ne",
    "ei",         "nem",       "όχι",       "hayır",        "hayir",     "لا",   "לא",
    "नहीं",        "いいえ",    "やめて",    "不",           "不要",      "不用", "아니요",
    "아니오",     "tidak",     "không",     "ไม่",           "hapana"};

static bool is_among(const char *word, const char *const *words, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (strcmp(word, words[i]) == 0)
            return true;
    return false;
}

static enum plain word_is(const char *word) {
    if (is_among(word, yes_words, COUNT_OF(yes_words)))
        return PLAIN_YES;
    return is_among(word, no_words, COUNT_OF(no_words)) ? PLAIN_NO : PLAIN_NEITHER;
}

static bool is_sign(ucs4_t c, const ucs4_t *signs, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (signs[i] == c)
            return true;
    return false;
}

/* What may stand behind the word without changing it: no question mark, and behind a yes nothing
 * that shakes its head. */
static bool closing(ucs4_t c, enum plain word) {
    static const ucs4_t asks[] = {'?',    0x37e,  0x55e,  0x61f,  0x1367, 0x203d,
                                  0x2753, 0x2754, 0x2e2e, 0xff1f, 0x1f914};
    static const ucs4_t denies[] = {0x26d4, 0x2716,  0x2717,  0x2718, 0x274c,
                                    0x274e, 0x1f44e, 0x1f645, 0x1f6ab};
    if (is_sign(c, asks, COUNT_OF(asks)) ||
        (word == PLAIN_YES && is_sign(c, denies, COUNT_OF(denies))))
        return false;
    return uc_is_property_white_space(c) ||
           uc_is_general_category_withtable(c, UC_CATEGORY_MASK_P | UC_CATEGORY_MASK_S |
                                                   UC_CATEGORY_MASK_Cf | UC_CATEGORY_MASK_Me) ||
           c == 0xfe0f;
}

/* Case-folded and composed; commas and runs of blanks become one blank. -1: too long or odd. */
static int simplify(const char *message, char out[static WORD_MAX]) {
    uint8_t folded[4 * WORD_MAX], *got = NULL;
    size_t len = sizeof(folded), n = 0;
    if (strlen(message) <= 2 * WORD_MAX)
        got = u8_casefold((const uint8_t *)message, strlen(message), NULL, UNINORM_NFKC, folded,
                          &len);
    if (got != folded) { /* too long for a plain word, or no text at all */
        free(got);
        return -1;
    }
    bool blank = true;
    for (size_t i = 0; i < len && n + 1 < WORD_MAX; i++) {
        bool gap = folded[i] == ',' || folded[i] == ' ' || (folded[i] >= 0x09 && folded[i] <= 0x0d);
        if (!gap || !blank)
            out[n++] = gap ? ' ' : (char)folded[i];
        blank = gap;
    }
    if (n + 1 >= WORD_MAX)
        return -1;
    out[n] = '\0';
    return (int)n;
}

static size_t drop_closing(const char *text, enum plain word) {
    size_t len = strlen(text);
    const uint8_t *bytes = (const uint8_t *)text;
    ucs4_t c;
    const uint8_t *last;
    while (len > 0 && (last = u8_prev(&c, bytes + len, bytes)) != NULL && closing(c, word))
        len = (size_t)(last - bytes);
    return len;
}

static enum plain somewhere(char *text) {
    char *save = NULL;
    for (char *word = strtok_r(text, " .!,;:\n", &save); word != NULL;
         word = strtok_r(NULL, " .!,;:\n", &save))
        if (word_is(word) != PLAIN_NEITHER)
            return word_is(word);
    return PLAIN_NEITHER;
}

enum plain yes_read(const char *message, bool anywhere) {
    char text[WORD_MAX];
    if (anywhere) {
        SCOPE_FREE char *copy = strdup(message);
        for (char *c = copy; c != NULL && *c != '\0'; c++)
            *c = (char)(*c >= 'A' && *c <= 'Z' ? *c + 32 : *c);
        return copy != NULL ? somewhere(copy) : PLAIN_NEITHER;
    }
    if (simplify(message, text) < 0)
        return PLAIN_NEITHER;
    size_t yes = drop_closing(text, PLAIN_YES);
    text[drop_closing(text, PLAIN_NO)] = '\0';
    enum plain word = word_is(strncmp(text, "¡", 2) == 0 ? text + 2 : text);
    return word == PLAIN_YES && yes > strlen(text) ? PLAIN_NEITHER : word;
}
