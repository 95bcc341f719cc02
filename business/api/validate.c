#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "business/api/schema_check.h"

/* Where in the value we are, for errors: names come from the table, never from what was sent. */
struct walk {
    enum schema_use use;
    char path[128];
    char *error;
};

static int fault(struct walk *walk, const char *format, ...) PRINTF_LIKE(2, 3);
static int fault(struct walk *walk, const char *format, ...) {
    int n =
        walk->path[0] == '\0' ? 0 : snprintf(walk->error, SCHEMA_ERROR_SIZE, "%s: ", walk->path);
    if (n < 0 || n >= SCHEMA_ERROR_SIZE)
        return -EINVAL;
    va_list args;
    va_start(args, format);
    (void)vsnprintf(walk->error + n, (size_t)(SCHEMA_ERROR_SIZE - n), format, args);
    va_end(args);
    return -EINVAL;
}

static size_t characters(const json_t *text) {
    size_t n = 0, len = json_string_length(text);
    const char *at = json_string_value(text);
    for (size_t i = 0; i < len; i++)
        n += ((unsigned char)at[i] & 0xc0) != 0x80;
    return n;
}

bool text_is_one_of(const char *const *words, const char *text) {
    for (; *words != NULL; words++)
        if (strcmp(*words, text) == 0)
            return true;
    return false;
}

static int check_words(const struct shape *shape, const json_t *value, struct walk *walk) {
    if (text_is_one_of(shape->words, json_string_value(value)))
        return 0;
    char known[160] = "";
    for (const char *const *word = shape->words; *word != NULL; word++) {
        size_t len = strlen(known);
        (void)snprintf(known + len, sizeof(known) - len, "%s%s", len > 0 ? ", " : "", *word);
    }
    return fault(walk, "must be one of %s", known);
}

static int check_text(const struct shape *shape, const json_t *value, struct walk *walk) {
    if (!json_is_string(value))
        return fault(walk, "must be a text");
    if (shape->words != NULL)
        return check_words(shape, value, walk);
    size_t n = characters(value);
    if ((double)n < shape->min)
        return n == 0 ? fault(walk, "must not be empty")
                      : fault(walk, "must have at least %.0f characters", shape->min);
    if ((double)n > shape->max)
        return fault(walk, "must have at most %.0f characters", shape->max);
    size_t len = json_string_length(value);
    if (len > 0 && !format_fits(shape->format, json_string_value(value), len))
        return fault(walk, "%s", format_words(shape->format));
    if (shape->min > 0 && (shape->format == FORMAT_LINE || shape->format == FORMAT_PARAGRAPH) &&
        text_blank(json_string_value(value)))
        return fault(walk, "must not be blank");
    return 0;
}

/* 3.0 is a whole number in JSON Schema, too. */
static bool is_whole(const json_t *value) {
    double number = json_real_value(value);
    return json_is_real(value) && number > -1e15 && number < 1e15 &&
           number == (double)(long long)number;
}

static int check_number(const struct shape *shape, const json_t *value, struct walk *walk) {
    if (shape->type == SHAPE_INTEGER && !json_is_integer(value) && !is_whole(value))
        return fault(walk, "must be a whole number");
    if (!json_is_number(value))
        return fault(walk, "must be a number");
    double number = json_number_value(value);
    if (!(number >= shape->min && number <= shape->max))
        return fault(walk, "must be between %g and %g", shape->min, shape->max);
    return 0;
}

static int check_value(const struct shape *shape, const json_t *value, struct walk *walk);

/* Runs `check_value` with a path that is one step longer. */
static int check_below(const struct shape *shape, const char *step, const json_t *value,
                       struct walk *walk) {
    size_t len = strlen(walk->path), at = len, room = sizeof(walk->path) - 1 - len;
    if (len > 0 && step[0] != '[' && room > 0) {
        walk->path[at++] = '.';
        room--;
    }
    size_t more = strnlen(step, room);
    memcpy(walk->path + at, step, more);
    walk->path[at + more] = '\0';
    int r = check_value(shape, value, walk);
    walk->path[len] = '\0';
    return r;
}

static int check_list(const struct shape *shape, const json_t *value, struct walk *walk) {
    if (!json_is_array(value))
        return fault(walk, "must be a list");
    size_t n = json_array_size(value);
    if ((double)n < shape->min)
        return fault(walk, "must have at least %.0f entries", shape->min);
    if ((double)n > shape->max)
        return fault(walk, "must have at most %.0f entries", shape->max);
    int r = 0;
    for (size_t i = 0; r == 0 && i < n; i++) {
        char step[24];
        (void)snprintf(step, sizeof(step), "[%zu]", i);
        r = check_below(shape->of, step, json_array_get(value, i), walk);
    }
    return r;
}

static int check_map(const struct shape *shape, const json_t *value, struct walk *walk) {
    if (!json_is_object(value))
        return fault(walk, "must be an object");
    if ((double)json_object_size(value) > shape->max)
        return fault(walk, "must have at most %.0f members", shape->max);
    const char *name;
    json_t *member;
    int r = 0;
    json_object_foreach((json_t *)value, name, member) {
        if (strlen(name) > 60 || !format_fits(FORMAT_WORD, name, strlen(name)))
            return fault(walk, "names of members must be words of at most 60 lower-case letters, "
                               "digits, _ and -");
        if (r == 0)
            r = check_below(shape->of, "(member)", member, walk);
    }
    return r;
}

static int check_answer(const struct shape *shape, const json_t *value, struct walk *walk) {
    if (json_is_boolean(value))
        return 0;
    if (!json_is_string(value))
        return fault(walk, "must be true, false or a text");
    if ((double)characters(value) > shape->max)
        return fault(walk, "must have at most %.0f characters", shape->max);
    if (!format_fits(FORMAT_LINE, json_string_value(value), json_string_length(value)))
        return fault(walk, "%s", format_words(FORMAT_LINE));
    return 0;
}

const struct shape *shape_find(const struct shape *members, const char *name) {
    for (; members->type != SHAPE_END; members++)
        if (strcmp(members->name, name) == 0)
            return members;
    return NULL;
}

static int fault_unknown(const struct shape *members, struct walk *walk) {
    char known[200] = "";
    for (; members->type != SHAPE_END; members++) {
        size_t len = strlen(known);
        (void)snprintf(known + len, sizeof(known) - len, "%s%s", len > 0 ? ", " : "",
                       members->name);
    }
    return fault(walk, "has a member that is not known; known are: %s",
                 known[0] == '\0' ? "none" : known);
}

static int check_object(const struct shape *members, const json_t *value, struct walk *walk) {
    if (!json_is_object(value))
        return fault(walk, "must be an object");
    const char *name;
    json_t *member;
    if (walk->use == SCHEMA_ARGUMENTS)
        json_object_foreach((json_t *)value, name, member) {
            if (shape_find(members, name) == NULL)
                return fault_unknown(members, walk);
        }
    int r = 0;
    for (const struct shape *shape = members; r == 0 && shape->type != SHAPE_END; shape++) {
        member = json_object_get(value, shape->name);
        if (member != NULL)
            r = check_below(shape, shape->name, member, walk);
        else if (shape->required)
            r = fault(walk, "%s is needed", shape->name);
    }
    return r;
}

static int check_value(const struct shape *shape, const json_t *value, struct walk *walk) {
    switch (shape->type) {
    case SHAPE_TEXT:
        return check_text(shape, value, walk);
    case SHAPE_INTEGER:
    case SHAPE_NUMBER:
        return check_number(shape, value, walk);
    case SHAPE_BOOLEAN:
        return json_is_boolean(value) ? 0 : fault(walk, "must be true or false");
    case SHAPE_OBJECT:
        return check_object(shape->of, value, walk);
    case SHAPE_LIST:
        return check_list(shape, value, walk);
    case SHAPE_MAP:
        return check_map(shape, value, walk);
    case SHAPE_ANSWER:
        return check_answer(shape, value, walk);
    case SHAPE_ANYTHING:
        return json_is_object(value) ? 0 : fault(walk, "must be an object");
    case SHAPE_END:
        break;
    }
    return -EINVAL;
}

/* ---- whole numbers written with a point ---- */

static int settle_members(const struct shape *members, json_t *value);

/* What stands for `value` once whole numbers are integers: a new reference. NULL: no memory. */
static json_t *settle(const struct shape *shape, json_t *value) {
    size_t i;
    json_t *entry;
    bool ok = true;
    switch (shape->type) {
    case SHAPE_INTEGER:
        return json_is_real(value) ? json_integer((json_int_t)json_real_value(value))
                                   : json_incref(value);
    case SHAPE_OBJECT:
        ok = settle_members(shape->of, value) == 0;
        break;
    case SHAPE_LIST:
        json_array_foreach(value, i, entry) ok =
            ok && json_array_set_new(value, i, settle(shape->of, entry)) == 0;
        break;
    case SHAPE_MAP:
        for (void *at = json_object_iter(value); ok && at != NULL;
             at = json_object_iter_next(value, at))
            ok = json_object_iter_set_new(value, at,
                                          settle(shape->of, json_object_iter_value(at))) == 0;
        break;
    case SHAPE_TEXT:
    case SHAPE_NUMBER:
    case SHAPE_BOOLEAN:
    case SHAPE_ANSWER:
    case SHAPE_ANYTHING:
    case SHAPE_END:
        break;
    }
    return ok ? json_incref(value) : NULL;
}

static int settle_members(const struct shape *members, json_t *value) {
    for (; members->type != SHAPE_END; members++) {
        json_t *member = json_object_get(value, members->name);
        if (member != NULL &&
            json_object_set_new(value, members->name, settle(members, member)) < 0)
            return -ENOMEM;
    }
    return 0;
}

int schema_validate(const struct shape *members, enum schema_use use, json_t *value,
                    char error[static SCHEMA_ERROR_SIZE]) {
    struct walk walk = {.use = use, .error = error};
    error[0] = '\0';
    int r = check_object(members, value, &walk);
    return r < 0 ? r : settle_members(members, value) < 0 ? fault(&walk, "is too large") : 0;
}

bool shape_holds(const struct shape *shape, const json_t *value) {
    char error[SCHEMA_ERROR_SIZE];
    struct walk walk = {.use = SCHEMA_ARGUMENTS, .error = error};
    return check_value(shape, value, &walk) == 0;
}
