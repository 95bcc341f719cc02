/* Characters of addresses, and where one ends. */
#include <string.h>
#include <unictype.h>
#include <unistr.h>

#include "agent/address_parts.h"

static bool wide_letter(ucs4_t c) {
    return uc_is_general_category_withtable(c, UC_CATEGORY_MASK_L | UC_CATEGORY_MASK_M |
                                                   UC_CATEGORY_MASK_N | UC_CATEGORY_MASK_Cf);
}

/* Bytes of the letter at `at`, 0 when it is none. */
size_t address_letter_len(const char *text, size_t len, size_t at) {
    if (at >= len)
        return 0;
    if ((unsigned char)text[at] < 0x80)
        return is_alnum(text[at]) || text[at] == '-' || text[at] == '_';
    ucs4_t c;
    int n = u8_mbtoucr(&c, (const uint8_t *)text + at, len - at);
    return n > 0 && wide_letter(c) ? (size_t)n : 0;
}

/* Where the character that ends before `at` begins. */
size_t address_before(const char *text, size_t at) {
    size_t i = at - 1;
    while (i > 0 && at - i < 4 && ((unsigned char)text[i] & 0xc0) == 0x80)
        i--;
    return i;
}

bool address_letter_at(const char *text, size_t len, size_t at) {
    return address_letter_len(text, len, at) > 0;
}

bool address_letter_before(const char *text, size_t at) {
    return at > 0 &&
           address_letter_len(text, at, address_before(text, at)) == at - address_before(text, at);
}

size_t address_blank(const char *text, size_t len) {
    unsigned char c = (unsigned char)text[0];
    if (c < 0x80)
        return c == ' ' || (c >= '\t' && c <= '\r');
    ucs4_t u;
    int n = u8_mbtoucr(&u, (const uint8_t *)text, len);
    if (n <= 0)
        return 0;
    bool ends = uc_is_property_white_space(u) || (u >= 0x3001 && u <= 0x3003) ||
                (u >= 0x3008 && u <= 0x301f) || u == 0xff01 || u == 0xff0c || u == 0xff1b ||
                u == 0xff61 || u == 0xff1f || u == 0xff5e;
    return ends ? (size_t)n : 0;
}

bool address_runs_together(const char *word, size_t len, size_t at) {
    ucs4_t c = 0;
    if ((unsigned char)word[at] < 0x80 || u8_mbtoucr(&c, (const uint8_t *)word + at, len - at) <= 0)
        return false;
    return (c >= 0xe00 && c <= 0xeff) || (c >= 0x1000 && c <= 0x109f) ||
           (c >= 0x1100 && c <= 0x11ff) || (c >= 0x1780 && c <= 0x17ff) ||
           (c >= 0x2e80 && c <= 0xa4cf) || (c >= 0xac00 && c <= 0xd7af) ||
           (c >= 0xf900 && c <= 0xfaff) || (c >= 0xff66 && c <= 0xff9d) || c >= 0x20000;
}

/* ---- where an address ends ---- */

/* Punctuation at the end belongs to the sentence. */
static size_t trim(const char *word, size_t from, size_t end) {
    while (end > from) {
        size_t last = address_before(word, end);
        ucs4_t c;
        if ((unsigned char)word[last] < 0x80) {
            if (strchr(".,;:!?'*_~", word[last]) == NULL)
                return end;
        } else if (u8_mbtoucr(&c, (const uint8_t *)word + last, end - last) <= 0 ||
                   !uc_is_general_category_withtable(c, UC_CATEGORY_MASK_P)) {
            return end;
        }
        end = last;
    }
    return end;
}

/* A link's or an image's, of two characters. */
bool address_begins_markup(const char *text) {
    return strncmp(text, "](", 2) == 0 || strncmp(text, "]:", 2) == 0 ||
           strncmp(text, "![", 2) == 0;
}

size_t address_extent(const char *word, size_t len, size_t from) {
    size_t end = from;
    static const char openers[] = "([{", closers[] = ")]}";
    int open[3] = {0};
    for (; end < len && strchr("<>\"`", word[end]) == NULL; end++) {
        if (end + 1 < len && address_begins_markup(word + end))
            break;
        const char *opens = strchr(openers, word[end]), *closes = strchr(closers, word[end]);
        if (opens != NULL)
            open[opens - openers]++;
        else if (closes != NULL && --open[closes - closers] < 0) /* opened before the address */
            break;
    }
    return trim(word, from, end);
}
