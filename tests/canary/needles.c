#include "tests/canary/needles.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define PIECE 12 /* characters */
#define STEP  6

struct maker {
    unsigned secret;
    needle_found *each;
    void *ctx;
};

static void give(const struct maker *maker, const char *form, const uint8_t *bytes, size_t len) {
    if (len < 8 || len > NEEDLE_MAX)
        return;
    SCOPE_FREE struct needle *needle = malloc(sizeof(*needle) + len);
    if (needle == NULL)
        abort();
    needle->secret = maker->secret;
    needle->form = form;
    needle->len = len;
    memcpy(needle->bytes, bytes, len);
    maker->each(maker->ctx, needle);
}

/* ---- forms of bytes ---- */

static void give_hex(const struct maker *maker, const uint8_t *piece, size_t len) {
    char out[NEEDLE_MAX + 1];
    size_t n = 0;
    for (size_t i = 0; i < len; i++)
        n += (size_t)snprintf(out + n, sizeof(out) - n, "%02x", piece[i]);
    give(maker, "hex", (const uint8_t *)out, n);
    for (size_t i = 0; i < n; i++)
        if (out[i] >= 'a')
            out[i] = (char)(out[i] - 'a' + 'A');
    give(maker, "HEX", (const uint8_t *)out, n);
}

/* Base64 as it looks when the piece begins `shift` bytes behind a group's start: the characters
 * that are its alone. */
static void give_base64(const struct maker *maker, const uint8_t *piece, size_t len, size_t shift,
                        bool url) {
    static const char std_letters[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    static const char url_letters[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    static const char *const names[2][3] = {{"base64+0", "base64+1", "base64+2"},
                                            {"base64url+0", "base64url+1", "base64url+2"}};
    const char *letters = url ? url_letters : std_letters;
    uint8_t out[NEEDLE_MAX];
    size_t n = 0;
    bool differs = false;
    for (size_t c = (shift * 8 + 5) / 6; c < (shift + len) * 8 / 6; c++) {
        unsigned value = 0;
        for (size_t bit = c * 6; bit < c * 6 + 6; bit++)
            value = value << 1 | ((unsigned)piece[bit / 8 - shift] >> (7 - bit % 8) & 1u);
        differs |= value >= 62;
        out[n++] = (uint8_t)letters[value];
    }
    if (!url || differs)
        give(maker, names[url][shift], out, n);
}

static void give_bytes(const struct maker *maker, const uint8_t *piece, size_t len,
                       const char *plain) {
    give(maker, plain, piece, len);
    give_hex(maker, piece, len);
    for (size_t shift = 0; shift < 3; shift++) {
        give_base64(maker, piece, len, shift, false);
        give_base64(maker, piece, len, shift, true);
    }
}

/* ---- forms of text ---- */

static size_t char_len(uint8_t first) {
    return first < 0x80 ? 1 : first >> 5 == 6 ? 2 : first >> 4 == 14 ? 3 : first >> 3 == 30 ? 4 : 0;
}

/* UTF-16 units of a piece; at most two for a character. */
static size_t units_of(const uint8_t *piece, size_t len, uint16_t *units) {
    size_t n = 0;
    for (size_t i = 0; i < len;) {
        size_t bytes = char_len(piece[i]);
        uint32_t c = bytes == 1 ? piece[i] : piece[i] & (0xffu >> (bytes + 1));
        for (size_t k = 1; k < bytes; k++)
            c = c << 6 | (piece[i + k] & 0x3fu);
        i += bytes;
        if (c < 0x10000) {
            units[n++] = (uint16_t)c;
        } else {
            units[n++] = (uint16_t)(0xd800 + ((c - 0x10000) >> 10));
            units[n++] = (uint16_t)(0xdc00 + ((c - 0x10000) & 0x3ff));
        }
    }
    return n;
}

static void give_utf16(const struct maker *maker, const uint16_t *units, size_t n) {
    uint8_t little[PIECE * 4], big[PIECE * 4];
    for (size_t i = 0; i < n; i++) {
        little[2 * i] = big[2 * i + 1] = (uint8_t)units[i];
        little[2 * i + 1] = big[2 * i] = (uint8_t)(units[i] >> 8);
    }
    give(maker, "UTF-16LE", little, 2 * n);
    give(maker, "UTF-16BE", big, 2 * n);
}

static void upper(char *text) {
    for (; *text != '\0'; text++)
        if (*text >= 'a' && *text <= 'f')
            *text = (char)(*text - 'a' + 'A');
}

/* `all`: plain letters too. `big`: digits in upper case. */
static void give_json(const struct maker *maker, const uint16_t *units, size_t n, bool all,
                      bool big) {
    char out[NEEDLE_MAX + 1];
    size_t len = 0;
    for (size_t i = 0; i < n; i++) {
        if (!all && units[i] < 0x80) {
            out[len++] = (char)units[i];
            continue;
        }
        (void)snprintf(out + len, sizeof(out) - len, "\\u%04x", units[i]);
        if (big)
            upper(out + len + 2);
        len += 6;
    }
    give(maker, all ? "JSON, all escaped" : "JSON", (const uint8_t *)out, len);
}

static void give_percent(const struct maker *maker, const uint8_t *piece, size_t len, bool all,
                         bool big) {
    char out[NEEDLE_MAX + 1];
    size_t n = 0;
    for (size_t i = 0; i < len; i++) {
        if (!all && piece[i] < 0x80) {
            out[n++] = (char)piece[i];
            continue;
        }
        (void)snprintf(out + n, sizeof(out) - n, "%%%02x", piece[i]);
        if (big)
            upper(out + n);
        n += 3;
    }
    give(maker, all ? "percent, all" : "percent", (const uint8_t *)out, n);
}

static void give_text(const struct maker *maker, const uint8_t *piece, size_t len) {
    uint16_t units[PIECE * 2];
    size_t n = units_of(piece, len, units);
    give_bytes(maker, piece, len, "UTF-8");
    give_utf16(maker, units, n);
    for (unsigned all = 0; all < 2; all++) {
        if (all == 0 && n == len)
            continue; /* nothing to escape: it is the plain form */
        for (unsigned big = 0; big < 2; big++) {
            give_json(maker, units, n, all != 0, big != 0);
            give_percent(maker, piece, len, all != 0, big != 0);
        }
    }
}

/* ---- pieces ---- */

int needles_of(const uint8_t *secret, size_t len, bool text, unsigned number, needle_found *each,
               void *ctx) {
    const struct maker maker = {.secret = number, .each = each, .ctx = ctx};
    SCOPE_FREE size_t *starts = calloc(len + 1, sizeof(*starts));
    size_t chars = 0;
    if (starts == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < len;) {
        size_t bytes = text ? char_len(secret[i]) : 1;
        if (bytes == 0 || i + bytes > len)
            return -EINVAL;
        starts[chars++] = i;
        i += bytes;
    }
    starts[chars] = len;
    if (chars < PIECE)
        return -EINVAL;
    for (size_t at = 0, last = chars - PIECE;; at = at + STEP < last ? at + STEP : last) {
        const uint8_t *piece = secret + starts[at];
        size_t bytes = starts[at + PIECE] - starts[at];
        if (text)
            give_text(&maker, piece, bytes);
        else
            give_bytes(&maker, piece, bytes, "bytes");
        if (at == last)
            return 0;
    }
}
