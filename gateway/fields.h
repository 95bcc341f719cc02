/* Request bodies: strict JSON, one object, fields checked against a table. Names that the table
 * does not have are ignored, so that callers may be newer than the server; customers', whose every
 * other request is held against a schema, are refused (fields_known). */
#ifndef CLOISTER_GATEWAY_FIELDS_H
#define CLOISTER_GATEWAY_FIELDS_H

#include <jansson.h>

#include "ipc/base.h"

#define USER_MAX         128
#define CONVERSATION_MAX 128
#define MESSAGE_TEXT_MAX 16384
#define MEMORY_TEXT_MAX  1200
#define TIMEZONE_MAX     64
#define FIELDS_DEPTH_MAX 16

enum field_kind {
    FIELD_NAME,     /* string without control characters */
    FIELD_TEXT,     /* string, any text */
    FIELD_VISIBLE,  /* string of visible ASCII */
    FIELD_TIMEZONE, /* name of a zone this system knows */
    FIELD_FLAG,     /* true or false */
    FIELD_WORDS,    /* array of 1 to `max` different strings out of `words` */
};

struct field {
    const char *name;
    enum field_kind kind;
    bool required;
    size_t max;               /* bytes, or items of FIELD_WORDS */
    const char *const *words; /* FIELD_WORDS: NULL-terminated */
};

struct field_fault {
    const char *code; /* static */
    char detail[256];
};

/* Parses a body. On failure NULL, and *fault says what to write instead (400). The caller decrefs.
 */
json_t *fields_parse(const uint8_t *body, size_t len, struct field_fault *fault) MUST_CHECK;
/* Checks `object` against `n` rows. 0 or -EINVAL with *fault. */
int fields_check(const json_t *object, const struct field *rows, size_t n,
                 struct field_fault *fault) MUST_CHECK;
/* For what the front door's operations answer the same way: -EINVAL with *fault when `object` has
 * a member that no row has. Its name is whoever sent it's, and not said. */
int fields_known(const json_t *object, const struct field *rows, size_t n,
                 struct field_fault *fault) MUST_CHECK;
/* The string of a checked field; "" when absent. Valid as long as `object`. */
const char *field_text(const json_t *object, const char *name);

/* Printable UTF-8 of 1 to `max` bytes: no control characters, neither C0, DEL nor C1. */
bool name_valid(const char *text, size_t max);
/* Visible ASCII, 1 to `max` bytes. */
bool visible_valid(const char *text, size_t max);
/* A zone in /usr/share/zoneinfo, by its name there. True as well when it cannot be looked up for
 * want of descriptors or memory: the turn judges it then. */
bool timezone_known(const char *name);

#endif
