#include "tests/control/words.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static void *member(const ProtobufCMessage *message, unsigned offset) {
    return (uint8_t *)(uintptr_t)message + offset;
}

/* ---- JSON to message ---- */

static bool put_one(void *to, const ProtobufCFieldDescriptor *field, const json_t *value) {
    switch ((int)field->type) {
    case PROTOBUF_C_TYPE_STRING:
        if (json_is_string(value))
            *(char **)to = strdup(json_string_value(value));
        return json_is_string(value);
    case PROTOBUF_C_TYPE_BOOL:
        *(protobuf_c_boolean *)to = json_is_true(value);
        return json_is_boolean(value);
    case PROTOBUF_C_TYPE_UINT32:
        *(uint32_t *)to = (uint32_t)json_integer_value(value);
        return json_is_integer(value);
    case PROTOBUF_C_TYPE_ENUM: /* by number */
        *(int *)to = (int)json_integer_value(value);
        return json_is_integer(value);
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_INT64:
        *(uint64_t *)to = (uint64_t)json_integer_value(value);
        return json_is_integer(value);
    case PROTOBUF_C_TYPE_MESSAGE:
        *(ProtobufCMessage **)to = words_message(field->descriptor, value);
        return *(ProtobufCMessage **)to != NULL;
    default: /* nothing that is asked for has any other */
        return false;
    }
}

static bool put_list(ProtobufCMessage *message, const ProtobufCFieldDescriptor *field,
                     const json_t *value) {
    size_t n = json_array_size(value);
    void **list = calloc(n + 1, sizeof(*list)); /* texts and messages alike */
    bool pointers = field->type == PROTOBUF_C_TYPE_STRING || field->type == PROTOBUF_C_TYPE_MESSAGE;
    if (list == NULL || !pointers || !json_is_array(value)) {
        free(list);
        return false;
    }
    *(void ***)member(message, field->offset) = list;
    bool good = true;
    for (size_t i = 0; i < n && good; i++) {
        good = put_one(&list[i], field, json_array_get(value, i));
        *(size_t *)member(message, field->quantifier_offset) += good;
    }
    return good;
}

/* A length-delimited field: number << 3 | 2 as protobuf writes it, then length and bytes. */
static bool put_unknown(ProtobufCMessage *message, const json_t *pairs) {
    size_t n = json_array_size(pairs);
    message->unknown_fields = calloc(n + 1, sizeof(*message->unknown_fields));
    if (message->unknown_fields == NULL)
        return false;
    for (size_t i = 0; i < n; i++) {
        const json_t *pair = json_array_get(pairs, i);
        const char *text = json_string_value(json_array_get(pair, 1));
        size_t len = text == NULL ? 128 : strlen(text);
        uint8_t *data = len > 127 ? NULL : malloc(len + 1);
        if (data == NULL)
            return false;
        data[0] = (uint8_t)len;
        memcpy(data + 1, text, len);
        message->unknown_fields[i] = (ProtobufCMessageUnknownField){
            .tag = (uint32_t)json_integer_value(json_array_get(pair, 0)),
            .wire_type = PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED,
            .len = len + 1,
            .data = data};
        message->n_unknown_fields++;
    }
    return true;
}

static bool put_field(ProtobufCMessage *message, const char *name, const json_t *value) {
    if (strcmp(name, "unknown") == 0)
        return put_unknown(message, value);
    const ProtobufCFieldDescriptor *field =
        protobuf_c_message_descriptor_get_field_by_name(message->descriptor, name);
    if (field == NULL)
        return false;
    if (field->label == PROTOBUF_C_LABEL_REPEATED)
        return put_list(message, field, value);
    if (field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF)
        *(uint32_t *)member(message, field->quantifier_offset) = field->id;
    return put_one(member(message, field->offset), field, value);
}

ProtobufCMessage *words_message(const ProtobufCMessageDescriptor *descriptor,
                                const json_t *object) {
    ProtobufCMessage *message = calloc(1, descriptor->sizeof_message);
    const char *name;
    json_t *value;
    if (message == NULL)
        return NULL;
    descriptor->message_init(message);
    json_object_foreach((json_t *)(uintptr_t)object, name, value) {
        if (!put_field(message, name, value)) {
            words_free(message);
            return NULL;
        }
    }
    return message;
}

/* Every member was allocated as libprotobuf-c's own allocator would have. */
void words_free(ProtobufCMessage *message) {
    if (message != NULL)
        protobuf_c_message_free_unpacked(message, NULL);
}

/* ---- message to JSON ---- */

static json_t *object_one(const void *from, const ProtobufCFieldDescriptor *field) {
    switch ((int)field->type) {
    case PROTOBUF_C_TYPE_STRING:
        return json_string(*(char *const *)from);
    case PROTOBUF_C_TYPE_BOOL:
        return json_boolean(*(const protobuf_c_boolean *)from);
    case PROTOBUF_C_TYPE_UINT32:
        return json_integer(*(const uint32_t *)from);
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_INT64:
        return json_integer(*(const int64_t *)from);
    case PROTOBUF_C_TYPE_MESSAGE:
        return *(ProtobufCMessage *const *)from == NULL
                   ? json_null()
                   : words_object(*(ProtobufCMessage *const *)from);
    default: /* no answer to a gateway has any other */
        return json_null();
    }
}

static json_t *object_list(const ProtobufCMessage *message, const ProtobufCFieldDescriptor *field) {
    json_t *list = json_array();
    size_t n = *(size_t *)member(message, field->quantifier_offset);
    void **items = *(void ***)member(message, field->offset); /* strings or messages */
    for (size_t i = 0; i < n; i++)
        (void)json_array_append_new(list, object_one(&items[i], field));
    return list;
}

json_t *words_object(const ProtobufCMessage *message) {
    json_t *object = json_object();
    for (unsigned i = 0; i < message->descriptor->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &message->descriptor->fields[i];
        if ((field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) &&
            *(uint32_t *)member(message, field->quantifier_offset) != field->id)
            continue;
        (void)json_object_set_new(object, field->name,
                                  field->label == PROTOBUF_C_LABEL_REPEATED
                                      ? object_list(message, field)
                                      : object_one(member(message, field->offset), field));
    }
    return object;
}
