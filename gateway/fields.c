#include "gateway/fields.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

PRINTF_LIKE(3, 4)
static int fault_set(struct field_fault *fault, const char *code, const char *format, ...) {
    va_list args;
    va_start(args, format);
    fault->code = code;
    (void)vsnprintf(fault->detail, sizeof(fault->detail), format, args);
    va_end(args);
    return -EINVAL;
}

/* jansson recurses, so depth is counted before it parses; brackets inside strings do not count. */
static bool depth_fits(const uint8_t *body, size_t len) {
    size_t depth = 0;
    bool quoted = false;
    for (size_t i = 0; i < len; i++) {
        if (quoted && body[i] == '\\')
            i++;
        else if (body[i] == '"')
            quoted = !quoted;
        else if (!quoted && (body[i] == '{' || body[i] == '['))
            depth++;
        else if (!quoted && (body[i] == '}' || body[i] == ']') && depth > 0)
            depth--;
        if (depth > FIELDS_DEPTH_MAX)
            return false;
    }
    return true;
}

json_t *fields_parse(const uint8_t *body, size_t len, struct field_fault *fault) {
    json_error_t error;
    if (len == 0) {
        (void)fault_set(fault, "invalid_json", "The body is empty; send one JSON object.");
        return NULL;
    }
    if (!utf8_valid((const char *)body, len)) {
        (void)fault_set(fault, "invalid_utf8",
                        "The body is not UTF-8 without NUL; encode JSON as UTF-8.");
        return NULL;
    }
    if (!depth_fits(body, len)) {
        (void)fault_set(fault, "invalid_json", "The JSON is nested more than %d levels deep.",
                        FIELDS_DEPTH_MAX);
        return NULL;
    }
    json_t *object = json_loadb((const char *)body, len, JSON_REJECT_DUPLICATES, &error);
    if (object == NULL) { /* jansson's own words may quote the body: position only */
        (void)fault_set(fault, "invalid_json",
                        "The body is not valid JSON (line %d, column %d), names a field twice or "
                        "holds an escaped NUL.",
                        error.line, error.column);
        return NULL;
    }
    if (!json_is_object(object)) {
        json_decref(object);
        (void)fault_set(fault, "invalid_json", "The body must be one JSON object: { … }.");
        return NULL;
    }
    return object;
}

bool name_valid(const char *text, size_t max) {
    size_t len = strlen(text);
    if (len == 0 || len > max || !utf8_valid(text, len))
        return false;
    for (size_t i = 0; i < len; i++) {
        uint8_t c = (uint8_t)text[i], next = (uint8_t)text[i + 1];
        if (c < 0x20 || c == 0x7f || (c == 0xc2 && next >= 0x80 && next <= 0x9f))
            return false;
    }
    return true;
}

bool visible_valid(const char *text, size_t max) {
    size_t len = strlen(text);
    for (size_t i = 0; i < len; i++)
        if (text[i] <= 0x20 || text[i] >= 0x7f)
            return false;
    return len > 0 && len <= max;
}

bool timezone_known(const char *name) {
    char path[96];
    uint8_t head[4];
    size_t len = strlen(name);
    if (len == 0 || len > TIMEZONE_MAX || name[0] == '/' || strstr(name, "..") != NULL ||
        strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/_+-") != len)
        return false;
    /* Copies of the database under names that are not IANA's. */
    if (strncmp(name, "posix/", 6) == 0 || strncmp(name, "right/", 6) == 0 ||
        strcmp(name, "localtime") == 0 || strcmp(name, "posixrules") == 0)
        return false;
    (void)snprintf(path, sizeof(path), "/usr/share/zoneinfo/%s", name);
    int r = (int)file_read(path, head, sizeof(head));
    if (r == -EMFILE || r == -ENFILE || r == -ENOMEM)
        return true; /* the turn looks as well, and no caller is blamed for what is missing here */
    /* Longer than four bytes is what a zone file is; its first four tell. */
    return r == -EFBIG && memcmp(head, "TZif", 4) == 0;
}

static int check_words(const json_t *value, const struct field *row, struct field_fault *fault) {
    char known[96] = "";
    for (size_t i = 0; row->words[i] != NULL; i++)
        (void)snprintf(known + strlen(known), sizeof(known) - strlen(known), "%s%s",
                       i > 0 ? ", " : "", row->words[i]);
    if (!json_is_array(value) || json_array_size(value) == 0 || json_array_size(value) > row->max)
        return fault_set(fault, "invalid_field", "'%s' must be a list of one or more of: %s.",
                         row->name, known);
    for (size_t i = 0; i < json_array_size(value); i++) {
        const char *word = json_string_value(json_array_get(value, i));
        bool fits = false;
        for (size_t w = 0; word != NULL && row->words[w] != NULL; w++)
            fits = fits || strcmp(word, row->words[w]) == 0;
        for (size_t before = 0; fits && before < i; before++)
            fits = strcmp(word, json_string_value(json_array_get(value, before))) != 0;
        if (!fits)
            return fault_set(fault, "invalid_field", "'%s' must be a list of one or more of: %s.",
                             row->name, known);
    }
    return 0;
}

static int check_field(const json_t *value, const struct field *row, struct field_fault *fault) {
    if (row->kind == FIELD_WORDS)
        return check_words(value, row, fault);
    if (row->kind == FIELD_FLAG)
        return json_is_boolean(value)
                   ? 0
                   : fault_set(fault, "invalid_field", "'%s' must be true or false.", row->name);
    const char *text = json_string_value(value);
    size_t len = json_string_length(value);
    if (text == NULL)
        return fault_set(fault, "invalid_field", "'%s' must be a string.", row->name);
    if (len > row->max)
        return fault_set(fault, "invalid_field", "'%s' may have at most %zu bytes.", row->name,
                         row->max);
    if (row->required && (row->kind == FIELD_TEXT ? text_blank(text) : len == 0))
        return fault_set(fault, "invalid_field", "'%s' must not be empty.", row->name);
    if (len == 0)
        return 0;
    switch (row->kind) {
    case FIELD_TEXT:
    case FIELD_FLAG:
    case FIELD_WORDS:
        return 0;
    case FIELD_NAME:
        return name_valid(text, row->max)
                   ? 0
                   : fault_set(fault, "invalid_field", "'%s' may hold no control characters.",
                               row->name);
    case FIELD_VISIBLE:
        return visible_valid(text, row->max)
                   ? 0
                   : fault_set(fault, "invalid_field",
                               "'%s' may hold visible ASCII characters only.", row->name);
    case FIELD_TIMEZONE:
        return timezone_known(text)
                   ? 0
                   : fault_set(fault, "invalid_timezone",
                               "'%s' must be an IANA zone name such as \"Europe/Berlin\" or "
                               "\"America/New_York\".",
                               row->name);
    }
    return -EINVAL;
}

int fields_check(const json_t *object, const struct field *rows, size_t n,
                 struct field_fault *fault) {
    for (size_t i = 0; i < n; i++) {
        const json_t *value = json_object_get(object, rows[i].name);
        if (value == NULL || (json_is_null(value) && !rows[i].required)) {
            if (rows[i].required)
                return fault_set(fault, "invalid_field", "The field '%s' is missing.",
                                 rows[i].name);
            continue;
        }
        int r = check_field(value, &rows[i], fault);
        if (r < 0)
            return r;
    }
    return 0;
}

int fields_known(const json_t *object, const struct field *rows, size_t n,
                 struct field_fault *fault) {
    char known[160] = "";
    size_t found = 0;
    for (size_t i = 0; i < n; i++) {
        size_t used = strlen(known);
        (void)snprintf(known + used, sizeof(known) - used, "%s%s", i > 0 ? ", " : "", rows[i].name);
        found += json_object_get(object, rows[i].name) != NULL;
    }
    if (json_object_size(object) == found)
        return 0;
    return fault_set(fault, "invalid_argument", "has a member that is not known; known are: %s",
                     known);
}

const char *field_text(const json_t *object, const char *name) {
    const char *text = json_string_value(json_object_get(object, name));
    return text != NULL ? text : "";
}
