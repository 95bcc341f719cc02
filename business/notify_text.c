#include "business/notify_text.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define VALUE_MAX     4000
#define IN_SUBJECT    60 /* of one value */
#define ENCODED_BYTES 42 /* in one RFC 2047 word: with its frame below 75 characters */

/* ---- times ---- */

/* The start of an RFC 3339 time, as it stands there: a business's own, whatever its offset. */
static bool local_read(const char *text, struct tm *ret) {
    *ret = (struct tm){0};
    const char *end = strptime(text, "%Y-%m-%dT%H:%M", ret);
    return end != NULL && end - text == 16 && ret->tm_year >= 70;
}

bool text_when(const char *start, const char *end, const char *zone, char *out, size_t cap) {
    struct tm from, to;
    char begins[80], until[80] = "", where[80] = "";
    if (!local_read(start, &from))
        return false;
    if (local_read(end, &to)) {
        bool same = to.tm_year == from.tm_year && to.tm_yday == from.tm_yday;
        (void)strftime(until, sizeof(until), same ? " to %H:%M" : " to %H:%M on %A, %-d %B", &to);
    }
    if (zone[0] != '\0')
        (void)snprintf(where, sizeof(where), " (%s)", zone);
    (void)strftime(begins, sizeof(begins), "%A, %-d %B %Y, %H:%M", &from);
    int n = snprintf(out, cap, "%s%s%s", begins, until, where);
    return n > 0 && (size_t)n < cap;
}

void text_date(int64_t at_ms, char out[static 40]) {
    time_t seconds = (time_t)(at_ms / 1000);
    struct tm utc;
    (void)gmtime_r(&seconds, &utc);
    (void)strftime(out, 40, "%a, %d %b %Y %H:%M:%S +0000", &utc);
}

/* ---- templates ---- */

struct out {
    char *at;
    size_t used, cap;
    bool full;
};

static void put(struct out *out, const char *text, size_t len) {
    if (out->used + len >= out->cap) {
        out->full = true;
        return;
    }
    memcpy(out->at + out->used, text, len);
    out->used += len;
    out->at[out->used] = '\0';
}

static bool is_control(const char *at, size_t *ret_len) {
    const unsigned char *c = (const unsigned char *)at;
    /* C1 controls, line and paragraph separators, and what turns the reading direction. */
    if (c[0] == 0xc2 && c[1] >= 0x80 && c[1] < 0xa0)
        return *ret_len = 2, true;
    if (c[0] == 0xe2 && c[1] == 0x80 && ((c[2] >= 0xa8 && c[2] <= 0xae)))
        return *ret_len = 3, true;
    if (c[0] == 0xe2 && c[1] == 0x81 && c[2] >= 0xa6 && c[2] <= 0xa9)
        return *ret_len = 3, true;
    *ret_len = 1;
    return c[0] < 0x20 || c[0] == 0x7f;
}

/* Cuts behind a whole character. */
static size_t cut(const char *text, size_t max) {
    size_t len = strlen(text);
    if (len <= max)
        return len;
    for (len = max; len > 0 && ((unsigned char)text[len] & 0xc0) == 0x80; len--)
        ;
    return len;
}

static void put_value(struct out *out, const char *value, bool one_line) {
    size_t len = cut(value, one_line ? IN_SUBJECT : VALUE_MAX), step = 1;
    bool quoted = !one_line && memchr(value, '\n', len) != NULL;
    if (quoted)
        put(out, "\r\n    > ", 8);
    for (size_t i = 0; i < len; i += step) {
        if (!one_line && value[i] == '\n') {
            put(out, "\r\n    > ", 8);
            step = 1;
        } else if (is_control(value + i, &step)) {
            if (value[i] != '\r')
                put(out, " ", 1);
        } else {
            put(out, value + i, 1);
            step = 1;
        }
    }
}

/* An agent says what whoever asks leads it to, and who asks need not be who reads the mail: that
 * has the link alone. What the owner answers is the owner's. */
static bool is_led(const struct notice *notice) {
    return strcmp(notice->to_kind, "customer") == 0 &&
           strcmp(notice_text(notice, "answered_by"), "owner") != 0;
}

static const char *value_of(const struct notice *notice, const char *name, char *made, size_t cap) {
    const char *zone = notice_text(notice, "timezone");
    made[0] = '\0';
    if (strcmp(name, "when") == 0) {
        if (!text_when(notice_text(notice, "start"), notice_text(notice, "end"), zone, made, cap))
            made[0] = '\0';
        return made;
    }
    if (strcmp(name, "was") == 0) {
        if (!text_when(notice_text(notice, "was_start"), "", zone, made, cap))
            made[0] = '\0';
        return made;
    }
    if (strcmp(name, "answer") == 0 && is_led(notice))
        return made;
    if (strcmp(name, "reference") == 0)
        return notice->reference;
    if (strcmp(name, "business_name") == 0 && notice_text(notice, name)[0] == '\0')
        return notice->business;
    return notice_text(notice, name);
}

/* One line of a template without its end; false when a name in it has no text. */
static bool fill_line(const struct notice *notice, const char *line, size_t len, bool one_line,
                      struct out *out) {
    const char *end = line + len;
    while (line < end) {
        char name[32], made[200];
        const char *open = memmem(line, (size_t)(end - line), "{{", 2);
        const char *close = open == NULL ? NULL : memmem(open, (size_t)(end - open), "}}", 2);
        if (close == NULL) {
            put(out, line, (size_t)(end - line));
            return true;
        }
        put(out, line, (size_t)(open - line));
        (void)snprintf(name, sizeof(name), "%.*s", (int)(close - open - 2), open + 2);
        const char *value = value_of(notice, name, made, sizeof(made));
        if (text_blank(value))
            return false;
        put_value(out, value, one_line);
        line = close + 2;
    }
    return true;
}

static const struct mail_template *template_of(const struct notice *notice) {
    for (size_t i = 0; i < mail_template_count; i++)
        if (strcmp(mail_templates[i].kind, notice->kind) == 0 &&
            strcmp(mail_templates[i].to_kind, notice->to_kind) == 0)
            return &mail_templates[i];
    return NULL;
}

int text_fill(const struct notice *notice, struct mail_words *ret) {
    const struct mail_template *template = template_of(notice);
    struct out subject = {ret->subject, 0, sizeof(ret->subject), false},
               body = {ret->body, 0, sizeof(ret->body), false};
    ret->subject[0] = ret->body[0] = '\0';
    if (template == NULL)
        return -ENOENT;
    const char *line = template->text + strlen("Subject: "), *end = strchr(line, '\n');
    (void)fill_line(notice, line, (size_t)(end - line), true, &subject);
    for (line = end + 2; *line != '\0'; line = end + 1) { /* behind the empty line */
        size_t before = body.used;
        end = strchrnul(line, '\n');
        if (fill_line(notice, line, (size_t)(end - line), false, &body)) {
            put(&body, "\r\n", 2);
        } else {
            body.used = before;
            body.at[before] = '\0';
        }
        if (*end == '\0')
            break;
    }
    return subject.full || body.full ? -EFBIG : 0;
}

/* ---- headers ---- */

static bool plain(const char *text) {
    for (const char *c = text; *c != '\0'; c++)
        if ((unsigned char)*c < 0x20 || (unsigned char)*c >= 0x7f)
            return false;
    return strstr(text, "=?") == NULL;
}

static void base64(const char *in, size_t len, char *out) {
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const unsigned char *c = (const unsigned char *)in;
    for (size_t i = 0; i < len; i += 3) {
        uint32_t three = (uint32_t)c[i] << 16 | (i + 1 < len ? (uint32_t)c[i + 1] << 8 : 0) |
                         (i + 2 < len ? c[i + 2] : 0);
        *out++ = digits[three >> 18];
        *out++ = digits[three >> 12 & 63];
        *out++ = i + 1 < len ? digits[three >> 6 & 63] : '=';
        *out++ = i + 2 < len ? digits[three & 63] : '=';
    }
    *out = '\0';
}

/* RFC 2047, section 5: words apart by a folded line, each of whole characters. */
static void put_encoded(struct out *out, const char *text) {
    char clean[TEXT_SUBJECT_MAX * 4 + 1];
    struct out made = {clean, 0, sizeof(clean), false};
    clean[0] = '\0';
    size_t step;
    for (size_t i = 0, len = cut(text, sizeof(clean) - 1); i < len; i += step) {
        bool control = is_control(text + i, &step);
        put(&made, control ? " " : text + i, 1);
        step = control ? step : 1;
    }
    for (const char *at = clean; *at != '\0';) {
        char word[ENCODED_BYTES * 2];
        size_t len = cut(at, ENCODED_BYTES);
        base64(at, len, word);
        if (at != clean)
            put(out, "\r\n ", 3);
        put(out, "=?UTF-8?B?", 10);
        put(out, word, strlen(word));
        put(out, "?=", 2);
        at += len;
    }
}

int text_header(const char *name, const char *value, char *out, size_t cap) {
    struct out made = {out, 0, cap, false};
    put(&made, name, strlen(name));
    put(&made, ": ", 2);
    if (plain(value))
        put(&made, value, strlen(value));
    else
        put_encoded(&made, value);
    return made.full ? -ENOSPC : 0;
}

int text_header_address(const char *name, const char *display, const char *address, char *out,
                        size_t cap) {
    struct out made = {out, 0, cap, false};
    put(&made, name, strlen(name));
    put(&made, ": ", 2);
    if (display[0] != '\0' && plain(display)) {
        put(&made, "\"", 1);
        for (const char *c = display; *c != '\0'; c++) {
            if (*c == '"' || *c == '\\')
                put(&made, "\\", 1);
            put(&made, c, 1);
        }
        put(&made, "\" ", 2);
    } else if (display[0] != '\0') {
        put_encoded(&made, display);
        put(&made, " ", 1);
    }
    put(&made, "<", 1);
    put(&made, address, strlen(address));
    put(&made, ">", 1);
    return made.full ? -ENOSPC : 0;
}
