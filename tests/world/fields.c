/* Google's `fields` parameter: "kind,items(id,start/dateTime)". A bare name keeps everything below
 * it. */
#include <string.h>

#include "tests/world/calendar.h"

static json_t *select_level(const char **p, const json_t *json);

/* Applies one selector below `value`: everything, "(…)" or "/…". */
static json_t *select_below(const char **p, const json_t *value) {
    if (**p != '(' && **p != '/')
        return json_incref((json_t *)value);
    bool group = *(*p)++ == '(';
    const char *start = *p;
    json_t *out = NULL;
    if (json_is_array(value)) {
        size_t i;
        const json_t *one;
        out = json_array();
        json_array_foreach(value, i, one) {
            *p = start;
            json_array_append_new(out, select_level(p, one));
        }
        if (json_array_size(value) == 0)
            json_decref(select_level(p, NULL));
    } else {
        out = select_level(p, value);
    }
    if (group && **p == ')')
        (*p)++;
    return out;
}

static json_t *select_level(const char **p, const json_t *json) {
    json_t *out = json_object();
    while (**p && **p != ')') {
        size_t len = strcspn(*p, ",/()");
        SCOPE_FREE char *name = strndup(*p, len);
        *p += len;
        const json_t *value = name ? json_object_get(json, name) : NULL;
        json_t *kept = select_below(p, value);
        if (value)
            json_object_set_new(out, name, kept);
        else
            json_decref(kept);
        if (**p != ',')
            break;
        (*p)++;
    }
    return out;
}

json_t *fields_select(const char *fields, const json_t *json) {
    const char *p = fields;
    return select_level(&p, json);
}
