#include "business/api/schema.h"

#include <string.h>

#include "business/api/mail_name.h"

/* What each form is called, matched by and worded as. */
static const struct {
    const char *pattern, *name, *words;
} forms[] = {
    [FORMAT_LINE] = {"^[^\\u0000-\\u001f\\u007f]*$", NULL, "must be text on one line"},
    [FORMAT_PARAGRAPH] = {"^[^\\u0000-\\u0008\\u000b\\u000c\\u000e-\\u001f\\u007f]*$", NULL,
                          "must be text without control characters"},
    [FORMAT_SLUG] = {"^[a-z0-9]+(-[a-z0-9]+)*$", NULL,
                     "must be lower-case letters, digits and single hyphens between them"},
    [FORMAT_WORD] = {"^[a-z][a-z0-9_-]*$", NULL,
                     "must be a word of lower-case letters, digits, _ and -"},
    [FORMAT_WORDS] = {"^[^\\u0000-\\u001f\\u007f]*$", NULL, "must be a word or two on one line"},
    [FORMAT_INSTANT] = {NULL, "date-time",
                        "must be an RFC 3339 time with an offset, like 2027-03-01T09:00:00+01:00"},
    [FORMAT_DATE] = {NULL, "date", "must be a date like 2027-03-01"},
    [FORMAT_TIME] = {"^(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$", NULL,
                     "must be a time of day like 09:30"},
    [FORMAT_ZONE] = {"^[A-Za-z][A-Za-z0-9_+-]*(/[A-Za-z0-9_+-]+)*$", NULL,
                     "must be an IANA time zone like Europe/Zurich"},
    [FORMAT_COUNTRY] = {"^[A-Z]{2}$", NULL, "must be a country's two capital letters"},
    [FORMAT_CURRENCY] = {"^[A-Z]{3}$", NULL, "must be a currency's three capital letters"},
    [FORMAT_LANGUAGE] = {"^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*$", NULL,
                         "must be a language tag like de or pt-BR"},
    [FORMAT_EMAIL] = {NULL, "email",
                      "must be an e-mail address of plain letters, digits and signs, without a dot "
                      "at an end of its name or two in a row"},
    [FORMAT_PHONE] = {"^([+(][ +()./-]*)?[0-9]([ +()./-]*[0-9]){4}[0-9 +()./-]*$", NULL,
                      "must be a phone number: at least 5 digits, blanks, + ( ) . / and -"},
    [FORMAT_HTTPS] = {"^https://[^\\u0000-\\u0020\\u007f]+$", NULL, "must be an https address"},
    [FORMAT_URL] = {"^https?://[^\\u0000-\\u0020\\u007f]+$", NULL, "must be a web address"},
    [FORMAT_REFERENCE] = {"^[A-Z0-9]+(-[A-Z0-9]+)*$", NULL,
                          "must be a reference: capital letters, digits and hyphens"},
    [FORMAT_SECRET] = {"^[A-Za-z0-9_-]+$", NULL, "must be the secret as it was given"},
    [FORMAT_CURSOR] = {"^[A-Za-z0-9._~-]*$", NULL, "must be a cursor as it was given"},
};

const char *format_pattern(enum shape_format format) {
    return forms[format].pattern;
}

const char *format_name(enum shape_format format) {
    return forms[format].name;
}

const char *format_words(enum shape_format format) {
    return forms[format].words;
}

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

static bool is_lower(char c) {
    return c >= 'a' && c <= 'z';
}

static bool is_upper(char c) {
    return c >= 'A' && c <= 'Z';
}

static bool is_alpha(char c) {
    return is_lower(c) || is_upper(c);
}

/* All bytes of `text` are digits, letters as asked for, or in `others`. */
static bool all_of(const char *text, size_t len, bool upper, bool lower, const char *others) {
    for (size_t i = 0; i < len; i++)
        if (!is_digit(text[i]) && !(upper && is_upper(text[i])) && !(lower && is_lower(text[i])) &&
            (text[i] == '\0' || strchr(others, text[i]) == NULL))
            return false;
    return true;
}

/* Groups of such bytes with single hyphens between them. */
static bool hyphenated(const char *text, size_t len, bool upper) {
    if (len == 0 || text[0] == '-' || text[len - 1] == '-' || memmem(text, len, "--", 2) != NULL)
        return false;
    return all_of(text, len, upper, !upper, "-");
}

static bool no_controls(const char *text, size_t len, const char *but) {
    for (size_t i = 0; i < len; i++)
        if (((unsigned char)text[i] < 0x20 && (text[i] == '\0' || strchr(but, text[i]) == NULL)) ||
            text[i] == 0x7f)
            return false;
    return true;
}

static int two(const char *text) {
    return is_digit(text[0]) && is_digit(text[1]) ? (text[0] - '0') * 10 + text[1] - '0' : -1;
}

static bool time_fits(const char *text, size_t len) {
    if (len != 5 || text[2] != ':')
        return false;
    int hours = two(text), minutes = two(text + 3);
    return (hours >= 0 && hours <= 23 && minutes >= 0 && minutes <= 59) ||
           (hours == 24 && minutes == 0);
}

static bool date_fits(const char *text, size_t len) {
    static const int lengths[] = {31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    if (len != 10 || text[4] != '-' || text[7] != '-' || two(text) < 0 || two(text + 2) < 0)
        return false;
    int year = two(text) * 100 + two(text + 2), month = two(text + 5), day = two(text + 8);
    if (year < 1 || month < 1 || month > 12 || day < 1 || day > lengths[month - 1])
        return false;
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return month != 2 || day != 29 || leap;
}

/* RFC 3339 section 5.6; the offset is part of it. */
static bool instant_fits(const char *text, size_t len) {
    if (len < 20 || !date_fits(text, 10) || (text[10] != 'T' && text[10] != 't'))
        return false;
    int hours = two(text + 11), minutes = two(text + 14), seconds = two(text + 17);
    if (text[13] != ':' || text[16] != ':' || hours < 0 || hours > 23 || minutes < 0 ||
        minutes > 59 || seconds < 0 || seconds > 60)
        return false;
    size_t at = 19;
    if (text[at] == '.') {
        size_t digits = 0;
        for (at++; at < len && is_digit(text[at]); at++)
            digits++;
        if (digits == 0 || digits > 9)
            return false;
    }
    if (len - at == 1)
        return text[at] == 'Z' || text[at] == 'z';
    return len - at == 6 && (text[at] == '+' || text[at] == '-') && time_fits(text + at + 1, 5) &&
           two(text + at + 1) < 24;
}

static bool zone_fits(const char *text, size_t len) {
    return len > 0 && is_alpha(text[0]) && text[len - 1] != '/' &&
           memmem(text, len, "//", 2) == NULL && all_of(text, len, true, true, "_+-/");
}

static bool language_fits(const char *text, size_t len) {
    size_t part = 0;
    bool first = true;
    for (size_t i = 0; i <= len; i++) {
        if (i < len && text[i] != '-') {
            if (!is_alpha(text[i]) && (first || !is_digit(text[i])))
                return false;
            part++;
            continue;
        }
        if (part < 2 || part > (first ? 3 : 8))
            return false;
        first = false;
        part = 0;
    }
    return true;
}

/* Labels of letters, digits and hyphens inside, at least two; the last begins with a letter. */
static bool host_fits(const char *text, size_t len) {
    size_t from = 0, labels = 0;
    for (size_t i = 0; i <= len; i++) {
        if (i < len && text[i] != '.')
            continue;
        if (i == from || i - from > 63 || text[from] == '-' || text[i - 1] == '-')
            return false;
        labels++;
        if (i == len)
            break;
        from = i + 1;
    }
    return labels > 1 && is_alpha(text[from]) && all_of(text, len, true, true, ".-");
}

/* What mail can be sent to: whatever fits here fits notify_address_valid (business/reach.h), too,
 * so that who is taken is told. Address literals are left out on purpose. */
static bool email_fits(const char *text, size_t len) {
    const char *at = memchr(text, '@', len);
    return at != NULL && len <= 254 && mail_name_fits(text, (size_t)(at - text)) &&
           host_fits(at + 1, len - (size_t)(at + 1 - text));
}

static bool address_fits(const char *text, size_t len, const char *scheme) {
    size_t skip = strlen(scheme);
    if (len <= skip || memcmp(text, scheme, skip) != 0 || text[skip] == '/')
        return false;
    return no_controls(text, len, "") && memchr(text, ' ', len) == NULL;
}

/* What somebody can be called at has a few digits, whatever stands between them. */
static bool phone_fits(const char *text, size_t len) {
    size_t digits = 0;
    for (size_t i = 0; i < len; i++)
        digits += is_digit(text[i]);
    return digits >= 5 && (is_digit(text[0]) || text[0] == '+' || text[0] == '(') &&
           all_of(text, len, false, false, " +()./-");
}

bool format_fits(enum shape_format format, const char *text, size_t len) {
    switch (format) {
    case FORMAT_LINE:
    case FORMAT_WORDS:
        return no_controls(text, len, "");
    case FORMAT_PARAGRAPH:
        return no_controls(text, len, "\t\r\n");
    case FORMAT_SLUG:
        return hyphenated(text, len, false);
    case FORMAT_WORD:
        return len > 0 && is_lower(text[0]) && all_of(text, len, false, true, "_-");
    case FORMAT_INSTANT:
        return instant_fits(text, len);
    case FORMAT_DATE:
        return date_fits(text, len);
    case FORMAT_TIME:
        return time_fits(text, len);
    case FORMAT_ZONE:
        return zone_fits(text, len);
    case FORMAT_COUNTRY:
        return len == 2 && is_upper(text[0]) && is_upper(text[1]);
    case FORMAT_CURRENCY:
        return len == 3 && is_upper(text[0]) && is_upper(text[1]) && is_upper(text[2]);
    case FORMAT_LANGUAGE:
        return language_fits(text, len);
    case FORMAT_EMAIL:
        return email_fits(text, len);
    case FORMAT_PHONE:
        return phone_fits(text, len);
    case FORMAT_HTTPS:
        return address_fits(text, len, "https://");
    case FORMAT_URL:
        return address_fits(text, len, "https://") || address_fits(text, len, "http://");
    case FORMAT_REFERENCE:
        return hyphenated(text, len, true);
    case FORMAT_SECRET:
        return len > 0 && all_of(text, len, true, true, "_-");
    case FORMAT_CURSOR:
        return all_of(text, len, true, true, "._~-");
    }
    return false;
}
