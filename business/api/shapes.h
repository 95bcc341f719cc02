/* The tables of fields of all operations, and the words they are written in. */
#ifndef CLOISTER_BUSINESS_API_SHAPES_H
#define CLOISTER_BUSINESS_API_SHAPES_H

#include "business/api/operations.h"

#define NEEDED   true
#define OPTIONAL false

/* TEXT(name, needed, format, fewest and most characters, log, "about"), and so on. */
#define TEXT(n, r, f, lo, hi, l, a)                                                                \
    {                                                                                              \
        .name = n, .type = SHAPE_TEXT, .format = f, .required = r, .min = lo, .max = hi, .log = l, \
        .about = a                                                                                 \
    }
#define CHOICE(n, r, w, a)                                                                         \
    {                                                                                              \
        .name = n, .type = SHAPE_TEXT, .format = FORMAT_WORD, .required = r, .max = 40,            \
        .log = LOG_VALUE, .words = w, .about = a                                                   \
    }
#define INTEGER(n, r, lo, hi, l, a)                                                                \
    { .name = n, .type = SHAPE_INTEGER, .required = r, .min = lo, .max = hi, .log = l, .about = a }
#define NUMBER(n, r, lo, hi, l, a)                                                                 \
    { .name = n, .type = SHAPE_NUMBER, .required = r, .min = lo, .max = hi, .log = l, .about = a }
#define BOOLEAN(n, r, a)                                                                           \
    { .name = n, .type = SHAPE_BOOLEAN, .required = r, .log = LOG_VALUE, .about = a }
#define OBJECT(n, r, members, a)                                                                   \
    { .name = n, .type = SHAPE_OBJECT, .required = r, .of = members, .about = a }
#define LIST(n, r, lo, hi, entry, a)                                                               \
    { .name = n, .type = SHAPE_LIST, .required = r, .min = lo, .max = hi, .of = entry, .about = a }
#define MAP(n, r, hi, entry, a)                                                                    \
    { .name = n, .type = SHAPE_MAP, .required = r, .max = hi, .of = entry, .about = a }
#define ANSWER(n, r, hi, a)                                                                        \
    { .name = n, .type = SHAPE_ANSWER, .required = r, .max = hi, .about = a }
#define ANYTHING(n, r, a)                                                                          \
    { .name = n, .type = SHAPE_ANYTHING, .required = r, .about = a }
#define END                                                                                        \
    { .type = SHAPE_END }

/* An entry of a list: a table of one. */
#define ENTRY(...)                                                                                 \
    (const struct shape[]) {                                                                       \
        __VA_ARGS__, END                                                                           \
    }

#define SLUG(n, r, a)      TEXT(n, r, FORMAT_SLUG, 1, 64, LOG_VALUE, a)
#define INSTANT(n, r, a)   TEXT(n, r, FORMAT_INSTANT, 1, 40, LOG_VALUE, a)
#define ZONE(n, r, a)      TEXT(n, r, FORMAT_ZONE, 1, 64, LOG_VALUE, a)
#define REFERENCE(n, r, a) TEXT(n, r, FORMAT_REFERENCE, 1, 32, LOG_VALUE, a)
#define SECRET(n, r, a)    TEXT(n, r, FORMAT_SECRET, 1, 128, LOG_PRESENCE, a)
#define CURSOR(n, r, a)    TEXT(n, r, FORMAT_CURSOR, 0, 512, LOG_PRESENCE, a)

extern const char *const words_mode[];
extern const char *const words_day[];
extern const char *const words_booking_status[];
extern const char *const words_inquiry_status[];

/* Members that several tables share. */
extern const struct shape customer_shape[]; /* who books or asks */
extern const struct shape slot_shape[];

#define OPERATION(name, ...) extern const struct shape name##_arguments[], name##_result[];
#include "business/api/operations.def"
#undef OPERATION

#endif
