/* Schemas of what operations take and give, as tables of fields: one table makes JSON Schema,
 * checks arguments and says what of them may be written to the operational log.
 *
 * Rules from outside: JSON Schema 2020-12; RFC 3339 (date-time, date); BCP 47 (language);
 * ISO 3166-1 alpha-2 (country); IANA zone names. Pure functions, no logging, any process, any
 * thread. */
#ifndef CLOISTER_BUSINESS_API_SCHEMA_H
#define CLOISTER_BUSINESS_API_SCHEMA_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "ipc/base.h"

enum shape_type {
    SHAPE_END, /* closes a table */
    SHAPE_TEXT,
    SHAPE_INTEGER,
    SHAPE_NUMBER,
    SHAPE_BOOLEAN,
    SHAPE_OBJECT,
    SHAPE_LIST,    /* of what `of` has as its only entry */
    SHAPE_MAP,     /* object with any member names of FORMAT_WORD; values as `of`'s only entry */
    SHAPE_ANSWER,  /* true, false or a text of at most `max` characters */
    SHAPE_ANYTHING /* object whose members other tables describe */
};

enum shape_format {
    FORMAT_LINE,      /* text without control characters */
    FORMAT_PARAGRAPH, /* text; of control characters only tab and line end */
    FORMAT_SLUG,      /* a-z 0-9 and single inner hyphens */
    FORMAT_WORD,      /* a-z 0-9 _ - beginning with a letter */
    FORMAT_WORDS,     /* FORMAT_WORDs separated by single blanks or hyphens */
    FORMAT_INSTANT,   /* RFC 3339 date-time with an offset */
    FORMAT_DATE,      /* RFC 3339 full-date */
    FORMAT_TIME,      /* HH:MM, 00:00 to 24:00 */
    FORMAT_ZONE,      /* Europe/Zurich */
    FORMAT_COUNTRY,   /* two capital letters */
    FORMAT_CURRENCY,  /* three capital letters */
    FORMAT_LANGUAGE,  /* de, pt-BR, zh-Hans */
    FORMAT_EMAIL,
    FORMAT_PHONE,     /* digits, blanks, + ( ) - . / */
    FORMAT_HTTPS,     /* https address */
    FORMAT_URL,       /* http or https address */
    FORMAT_REFERENCE, /* capital letters, digits, inner hyphens */
    FORMAT_SECRET,    /* base64url */
    FORMAT_CURSOR     /* base64url, may be empty */
};

/* What the operational log may hold of a field. VALUE is kept only where the value has the field's
 * form, so that words in a field meant for a number are not kept either. */
enum shape_log { LOG_PRESENCE, LOG_VALUE };

struct shape {
    const char *name; /* NULL: the entry of a list or map */
    enum shape_type type;
    enum shape_format format; /* SHAPE_TEXT */
    enum shape_log log;
    bool required;
    double min, max;          /* numbers: bounds; texts: characters; lists and maps: entries */
    const char *const *words; /* SHAPE_TEXT: the only ones, ends with NULL */
    const struct shape *of;   /* objects: members; lists and maps: one entry; ends with SHAPE_END */
    const char *about;        /* one sentence */
};

/* Arguments: unknown members are refused, and texts have patterns. Results: more may come. */
enum schema_use { SCHEMA_ARGUMENTS, SCHEMA_RESULT };

/* JSON Schema 2020-12 of the object with these members. A new reference; NULL: no memory. */
json_t *schema_json(const struct shape *members, enum schema_use use) MUST_CHECK;

/* Whether `value` is an object as `members` says. 0, or -EINVAL and a sentence in `error` that
 * begins with the field's path ("customer.email: must be an e-mail address") and holds nothing of
 * what was sent. Of a value that fits, whole numbers written as reals (30.0) become integers in
 * place wherever the table wants an integer, so that nothing behind this has to know both. */
#define SCHEMA_ERROR_SIZE 256
int schema_validate(const struct shape *members, enum schema_use use, json_t *value,
                    char error[static SCHEMA_ERROR_SIZE]) MUST_CHECK;

/* What the operational log keeps of arguments, well-formed or not: values of LOG_VALUE fields, the
 * word "given" for others, how many members are unknown as "unknown", nothing else. Bounded. A new
 * reference; NULL: no memory. */
json_t *schema_redact(const struct shape *members, const json_t *value) MUST_CHECK;

/* Whether a text has a form; `len` bytes of UTF-8. */
bool format_fits(enum shape_format format, const char *text, size_t len);
/* Its regular expression (ECMA 262), or NULL when it has a JSON Schema format name instead. */
const char *format_pattern(enum shape_format format);
/* Its JSON Schema format ("date-time"), or NULL. */
const char *format_name(enum shape_format format);
/* "must be …" of an error. */
const char *format_words(enum shape_format format);

#endif
