#include "business/api/schema_check.h"

#define LIST_MAX 10 /* entries looked at; more are counted */

static const char given[] = "given";

static json_t *redact_object(const struct shape *members, const json_t *value);

static json_t *redact_value(const struct shape *shape, const json_t *value);

static json_t *redact_list(const struct shape *shape, const json_t *value) {
    if (!json_is_array(value))
        return json_string(given);
    json_t *list = json_array();
    for (size_t i = 0; list != NULL && i < json_array_size(value) && i < LIST_MAX; i++)
        if (json_array_append_new(list, redact_value(shape->of, json_array_get(value, i))) < 0) {
            json_decref(list);
            return NULL;
        }
    return list;
}

static json_t *redact_value(const struct shape *shape, const json_t *value) {
    switch (shape->type) {
    case SHAPE_TEXT:
    case SHAPE_INTEGER:
    case SHAPE_NUMBER:
    case SHAPE_BOOLEAN:
        return shape->log == LOG_VALUE && shape_holds(shape, value) ? json_deep_copy(value)
                                                                    : json_string(given);
    case SHAPE_OBJECT:
        return json_is_object(value) ? redact_object(shape->of, value) : json_string(given);
    case SHAPE_LIST:
        return redact_list(shape, value);
    case SHAPE_MAP: /* names of members are the caller's words, too */
    case SHAPE_ANSWER:
    case SHAPE_ANYTHING:
    case SHAPE_END:
        break;
    }
    return json_string(given);
}

static json_t *redact_object(const struct shape *members, const json_t *value) {
    json_t *kept = json_object(), *member;
    json_int_t unknown = 0;
    const char *name;
    bool ok = kept != NULL;
    json_object_foreach((json_t *)value, name, member) {
        const struct shape *shape = shape_find(members, name);
        if (shape == NULL)
            unknown++;
        else
            ok = ok && json_object_set_new(kept, shape->name, redact_value(shape, member)) == 0;
    }
    if (ok && unknown > 0)
        ok = json_object_set_new(kept, "unknown", json_integer(unknown)) == 0;
    if (ok)
        return kept;
    json_decref(kept);
    return NULL;
}

json_t *schema_redact(const struct shape *members, const json_t *value) {
    return json_is_object(value) ? redact_object(members, value) : json_object();
}
