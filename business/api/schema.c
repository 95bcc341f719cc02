#include "business/api/schema.h"

#define DEPTH_MAX 8 /* tables are ours; more would be a loop */

static json_t *object_json(const struct shape *members, enum schema_use use, unsigned depth);

/* Owns `value`; false when there was no memory for it or for the member. */
static bool put(json_t *object, const char *name, json_t *value) {
    return value != NULL && json_object_set_new(object, name, value) == 0;
}

static json_t *number_json(double value) {
    return (double)(json_int_t)value == value ? json_integer((json_int_t)value) : json_real(value);
}

static bool put_text(json_t *schema, const struct shape *shape, enum schema_use use) {
    bool ok = put(schema, "type", json_string("string"));
    if (shape->words != NULL) {
        json_t *words = json_array();
        for (const char *const *word = shape->words; *word != NULL; word++)
            ok = ok && json_array_append_new(words, json_string(*word)) == 0;
        return put(schema, "enum", words) && ok;
    }
    if (format_name(shape->format) != NULL)
        ok = ok && put(schema, "format", json_string(format_name(shape->format)));
    if (use == SCHEMA_RESULT)
        return ok;
    if (format_pattern(shape->format) != NULL)
        ok = ok && put(schema, "pattern", json_string(format_pattern(shape->format)));
    if (shape->min > 0)
        ok = ok && put(schema, "minLength", number_json(shape->min));
    return ok && put(schema, "maxLength", number_json(shape->max));
}

static bool put_number(json_t *schema, const struct shape *shape, enum schema_use use) {
    bool ok = put(schema, "type", json_string(shape->type == SHAPE_INTEGER ? "integer" : "number"));
    if (use == SCHEMA_RESULT)
        return ok;
    return ok && put(schema, "minimum", number_json(shape->min)) &&
           put(schema, "maximum", number_json(shape->max));
}

static json_t *shape_json(const struct shape *shape, enum schema_use use, unsigned depth);

static bool put_list(json_t *schema, const struct shape *shape, enum schema_use use,
                     unsigned depth) {
    bool ok = put(schema, "type", json_string("array")) &&
              put(schema, "items", shape_json(shape->of, use, depth + 1));
    if (use == SCHEMA_RESULT)
        return ok;
    if (shape->min > 0)
        ok = ok && put(schema, "minItems", number_json(shape->min));
    return ok && put(schema, "maxItems", number_json(shape->max));
}

static bool put_map(json_t *schema, const struct shape *shape, enum schema_use use,
                    unsigned depth) {
    bool ok = put(schema, "type", json_string("object")) &&
              put(schema, "additionalProperties", shape_json(shape->of, use, depth + 1));
    if (use == SCHEMA_RESULT)
        return ok;
    return ok &&
           put(schema, "propertyNames",
               json_pack("{s:s,s:i}", "pattern", format_pattern(FORMAT_WORD), "maxLength", 60)) &&
           put(schema, "maxProperties", number_json(shape->max));
}

static json_t *shape_json(const struct shape *shape, enum schema_use use, unsigned depth) {
    json_t *schema =
        shape->type == SHAPE_OBJECT ? object_json(shape->of, use, depth + 1) : json_object();
    if (schema == NULL)
        return NULL;
    bool ok = true;
    switch (shape->type) {
    case SHAPE_TEXT:
        ok = put_text(schema, shape, use);
        break;
    case SHAPE_INTEGER:
    case SHAPE_NUMBER:
        ok = put_number(schema, shape, use);
        break;
    case SHAPE_BOOLEAN:
        ok = put(schema, "type", json_string("boolean"));
        break;
    case SHAPE_LIST:
        ok = put_list(schema, shape, use, depth);
        break;
    case SHAPE_MAP:
        ok = put_map(schema, shape, use, depth);
        break;
    case SHAPE_ANSWER:
        ok = put(schema, "type", json_pack("[s,s]", "boolean", "string")) &&
             put(schema, "maxLength", number_json(shape->max));
        break;
    case SHAPE_ANYTHING:
        ok = put(schema, "type", json_string("object"));
        break;
    case SHAPE_OBJECT:
    case SHAPE_END:
        break;
    }
    if (ok && shape->about != NULL)
        ok = put(schema, "description", json_string(shape->about));
    if (ok)
        return schema;
    json_decref(schema);
    return NULL;
}

static json_t *object_json(const struct shape *members, enum schema_use use, unsigned depth) {
    if (depth > DEPTH_MAX)
        return NULL;
    json_t *schema = json_object(), *properties = json_object(), *required = json_array();
    bool ok = schema != NULL && properties != NULL && required != NULL &&
              put(schema, "type", json_string("object"));
    for (const struct shape *shape = members; ok && shape->type != SHAPE_END; shape++) {
        ok = put(properties, shape->name, shape_json(shape, use, depth));
        if (shape->required)
            ok = ok && json_array_append_new(required, json_string(shape->name)) == 0;
    }
    ok = ok && json_object_set(schema, "properties", properties) == 0;
    if (ok && json_array_size(required) > 0)
        ok = json_object_set(schema, "required", required) == 0;
    if (ok && use == SCHEMA_ARGUMENTS)
        ok = put(schema, "additionalProperties", json_false());
    json_decref(properties);
    json_decref(required);
    if (ok)
        return schema;
    json_decref(schema);
    return NULL;
}

json_t *schema_json(const struct shape *members, enum schema_use use) {
    return object_json(members, use, 0);
}
