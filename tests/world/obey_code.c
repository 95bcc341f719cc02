/* Disguises: the ways in which published attacks carried words past filters that look for them. */
#include <ctype.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>

#include "tests/world/obey.h"

/* One code point at `p`; its length in *ret_len (1 for a broken byte). */
static uint32_t point_at(const char *p, size_t *ret_len) {
    const unsigned char *u = (const unsigned char *)p;
    static const struct {
        unsigned char mask, lead, bits;
        size_t len;
    } forms[] = {
        {0x80, 0x00, 0x7f, 1}, {0xe0, 0xc0, 0x1f, 2}, {0xf0, 0xe0, 0x0f, 3}, {0xf8, 0xf0, 0x07, 4}};
    for (size_t i = 0; i < COUNT_OF(forms); i++) {
        if ((u[0] & forms[i].mask) != forms[i].lead)
            continue;
        uint32_t point = u[0] & forms[i].bits;
        size_t k = 1;
        for (; k < forms[i].len && (u[k] & 0xc0) == 0x80; k++)
            point = point << 6 | (u[k] & 0x3f);
        if (k == forms[i].len) {
            *ret_len = k;
            return point;
        }
    }
    *ret_len = 1;
    return u[0];
}

static size_t point_put(uint32_t point, char *out) {
    if (point < 0x80) {
        out[0] = (char)point;
        return 1;
    }
    size_t len = point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
    static const unsigned char leads[] = {0, 0, 0xc0, 0xe0, 0xf0};
    for (size_t i = len; i-- > 1; point >>= 6)
        out[i] = (char)(0x80 | (point & 0x3f));
    out[0] = (char)(leads[len] | point);
    return len;
}

static bool shows_nothing(uint32_t point) {
    return point == 0xad || point == 0x61c || (point >= 0x200b && point <= 0x200f) ||
           (point >= 0x202a && point <= 0x202e) || (point >= 0x2060 && point <= 0x206f) ||
           point == 0xfeff;
}

char *obey_plain(const char *text) {
    char *out = malloc(strlen(text) + 1), *to = out;
    if (out == NULL)
        abort();
    for (size_t n; *text != '\0'; text += n) {
        uint32_t point = point_at(text, &n);
        if (point >= 0xe0020 && point <= 0xe007e)
            *to++ = (char)(point - 0xe0000);
        else if (!shows_nothing(point) && (point < 0xe0000 || point > 0xe007f)) {
            memcpy(to, text, n);
            to += n;
        }
    }
    *to = '\0';
    return out;
}

char *obey_base64(const char *text, size_t *ret_len) {
    size_t len = strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"),
           whole = (len + 3) / 4 * 4;
    SCOPE_FREE char *padded = calloc(1, whole + 1);
    unsigned char *out = calloc(1, whole / 4 * 3 + 1);
    if (padded == NULL || out == NULL)
        abort();
    memset(padded, '=', whole);
    memcpy(padded, text, len);
    int n = whole == 0 ? 0 : EVP_DecodeBlock(out, (const unsigned char *)padded, (int)whole);
    size_t pads = whole - len;
    *ret_len = n < 0 || (size_t)n < pads ? 0 : (size_t)n - pads;
    out[*ret_len] = '\0';
    return (char *)out;
}

/* ---- one function for each disguise; `out` has room for twelve bytes a byte ---- */

static void code_b64(const char *text, char *out) {
    (void)EVP_EncodeBlock((unsigned char *)out, (const unsigned char *)text, (int)strlen(text));
}

static void code_hex(const char *text, char *out) {
    hex_encode((const uint8_t *)text, strlen(text), out);
}

static void code_reversed(const char *text, char *out) {
    size_t len = strlen(text), n;
    char *to = out + len;
    *to = '\0';
    for (; *text != '\0'; text += n) {
        (void)point_at(text, &n);
        to -= n;
        memcpy(to, text, n);
    }
}

static void code_percent(const char *text, char *out) {
    for (; *text != '\0'; text++)
        out += sprintf(out, isalnum((unsigned char)*text) ? "%c" : "%%%02X", (unsigned char)*text);
    *out = '\0';
}

static void code_rot13(const char *text, char *out) {
    for (; *text != '\0'; text++) {
        int base = isupper((unsigned char)*text) ? 'A' : 'a';
        *out++ = (char)(isalpha((unsigned char)*text) ? base + (*text - base + 13) % 26 : *text);
    }
    *out = '\0';
}

/* Something between any two characters. */
static void spread(const char *text, const char *between, char *out) {
    for (size_t n; *text != '\0'; text += n) {
        (void)point_at(text, &n);
        memcpy(out, text, n);
        out += n;
        if (text[n] != '\0')
            out = stpcpy(out, between);
    }
    *out = '\0';
}

static void code_zero_width(const char *text, char *out) {
    spread(text, "\u200b", out);
}

static void code_dashes(const char *text, char *out) {
    spread(text, "-", out);
}

/* Letters that look the same in another alphabet. */
static void code_homoglyphs(const char *text, char *out) {
    static const char latin[] = "aceopxyiABCEHKMOPTX";
    static const uint32_t cyrillic[] = {0x430, 0x441, 0x435, 0x43e, 0x440, 0x445, 0x443,
                                        0x456, 0x410, 0x412, 0x421, 0x415, 0x41d, 0x41a,
                                        0x41c, 0x41e, 0x420, 0x422, 0x425};
    for (; *text != '\0'; text++) {
        const char *at = strchr(latin, *text);
        if (at != NULL)
            out += point_put(cyrillic[at - latin], out);
        else
            *out++ = *text;
    }
    *out = '\0';
}

/* Full-width forms. */
static void code_wide(const char *text, char *out) {
    for (; *text != '\0'; text++) {
        if (*text > 0x20 && *text < 0x7f)
            out += point_put((uint32_t)*text + 0xfee0, out);
        else
            *out++ = *text;
    }
    *out = '\0';
}

/* Tag characters: nothing is seen at all. */
static void code_tags(const char *text, char *out) {
    for (; *text != '\0'; text++)
        if (*text >= 0x20 && *text < 0x7f)
            out += point_put((uint32_t)*text + 0xe0000, out);
    *out = '\0';
}

/* Written backwards, and turned round again by an override when it is shown. */
static void code_bidi(const char *text, char *out) {
    out = stpcpy(out, "\u202e");
    code_reversed(text, out);
    (void)strcat(out, "\u202c");
}

static void code_upper(const char *text, char *out) {
    for (; *text != '\0'; text++)
        *out++ = (char)toupper((unsigned char)*text);
    *out = '\0';
}

char *obey_disguise(const char *code, const char *text) {
    static const struct {
        const char *name;
        void (*code)(const char *text, char *out);
    } codes[] = {{"b64", code_b64},     {"hex", code_hex},         {"rev", code_reversed},
                 {"url", code_percent}, {"rot", code_rot13},       {"zw", code_zero_width},
                 {"dash", code_dashes}, {"homo", code_homoglyphs}, {"wide", code_wide},
                 {"tag", code_tags},    {"bidi", code_bidi},       {"upper", code_upper}};
    char *out = calloc(1, strlen(text) * 12 + 32);
    if (out == NULL)
        abort();
    (void)strcpy(out, text);
    for (size_t i = 0; i < COUNT_OF(codes); i++)
        if (strcmp(codes[i].name, code) == 0)
            codes[i].code(text, out);
    return out;
}
