#include "memory/visible.h"

#include <string.h>
#include <unictype.h>
#include <unistr.h>

#define ZERO_WIDTH_NON_JOINER 0x200c
#define ZERO_WIDTH_JOINER     0x200d
#define TEXT_SELECTOR         0xfe0e
#define EMOJI_SELECTOR        0xfe0f
#define KEYCAP                0x20e3
#define BRAILLE_BLANK         0x2800

/* Scripts in whose ordinary words joiners stand (Unicode core specification 23.2). */
static bool joins(ucs4_t c) {
    static const char *const scripts[] = {
        "Arabic", "Syriac", "Nko",    "Mongolian", "Devanagari", "Bengali", "Gurmukhi", "Gujarati",
        "Oriya",  "Tamil",  "Telugu", "Kannada",   "Malayalam",  "Sinhala", "Khmer",    "Myanmar"};
    const uc_script_t *script = c >= 0x600 ? uc_script(c) : NULL;
    for (size_t i = 0; script != NULL && i < COUNT_OF(scripts); i++)
        if (strcmp(script->name, scripts[i]) == 0)
            return true;
    return false;
}

static bool pictures(ucs4_t c) {
    return c >= 0xa9 && uc_is_property_extended_pictographic(c);
}

/* Between two characters that it joins, and nowhere else: alone it is only a bit of hidden text. */
static bool joiner_belongs(ucs4_t joiner, ucs4_t before, ucs4_t after) {
    if (joins(before) && joins(after))
        return true;
    return joiner == ZERO_WIDTH_JOINER && pictures(after) &&
           (pictures(before) || before == EMOJI_SELECTOR ||
            (before >= 0x1f3fb && before <= 0x1f3ff)); /* skin tones */
}

static bool selector_belongs(ucs4_t before, ucs4_t after) {
    return before < 0x80 ? after == KEYCAP && uc_is_property_emoji(before)
                         : uc_is_property_emoji(before);
}

static bool stays(ucs4_t c, ucs4_t before, ucs4_t after) {
    if (c < 0x80)
        return c >= 0x20 ? c != 0x7f : c == '\n' || c == '\t';
    if (c == ZERO_WIDTH_JOINER || c == ZERO_WIDTH_NON_JOINER)
        return joiner_belongs(c, before, after);
    if (c == TEXT_SELECTOR || c == EMOJI_SELECTOR)
        return selector_belongs(before, after);
    if (c < 0xa0 || c == BRAILLE_BLANK || (c >= 0xfff9 && c <= 0xfffb))
        return false;
    return !uc_is_property_default_ignorable_code_point(c) && !uc_is_property_bidi_control(c);
}

static ucs4_t next_of(const char *text, size_t len, size_t *ret_bytes) {
    ucs4_t c = '?';
    int n = u8_mbtoucr(&c, (const uint8_t *)text, len);
    *ret_bytes = n > 0 ? (size_t)n : 1;
    return n > 0 ? c : '?';
}

static size_t ascii_end(const char *text, size_t len) {
    size_t i = 0;
    while (i < len && (unsigned char)(text[i] - 0x20) < 0x5f)
        i++;
    return i;
}

size_t visible_clean(char *text, size_t len) {
    size_t out = ascii_end(text, len), bytes;
    ucs4_t before = out > 0 ? (ucs4_t)(unsigned char)text[out - 1] : 0;
    for (size_t at = out; at < len; at += bytes) {
        size_t unused;
        bool whole = (unsigned char)text[at] < 0x80;
        ucs4_t c = next_of(text + at, len - at, &bytes);
        ucs4_t after = at + bytes < len ? next_of(text + at + bytes, len - at - bytes, &unused) : 0;
        if (c == 0x85 || c == 0x2028 || c == 0x2029) {
            text[out++] = '\n';
        } else if (c == '?' && !whole) {
            text[out++] = '?';
        } else if (stays(c, before, after)) {
            memmove(text + out, text + at, bytes);
            out += bytes;
        } else {
            continue;
        }
        before = c;
    }
    return out;
}

void visible_clean_string(char *text) {
    text[visible_clean(text, strlen(text))] = '\0';
}
