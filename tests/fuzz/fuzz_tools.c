/* What a model gives as a tool's arguments: accepted are those that the tool's schema, as the model
 * reads it, allows; all else gets a sentence. The first byte chooses the tool, the rest is JSON. */
#include "agent/tools.h"
#include "fuzz.h"

static bool strings_only(const json_t *list) {
    size_t i;
    json_t *item;
    json_array_foreach(list, i, item) if (!json_is_string(item)) return false;
    return true;
}

static void arguments_hold(const struct model_tool *tool, json_t *args) {
    json_t *schema = json_loads(tool->schema, 0, NULL), *value;
    const json_t *properties = json_object_get(schema, "properties");
    const char *key;
    size_t i;
    json_object_foreach(args, key, value) {
        const char *type =
            json_string_value(json_object_get(json_object_get(properties, key), "type"));
        MUST(type != NULL);
        if (strcmp(type, "string") == 0)
            MUST(json_is_string(value));
        else if (strcmp(type, "boolean") == 0)
            MUST(json_is_boolean(value));
        else
            MUST(strcmp(type, "array") == 0 && json_is_array(value) && strings_only(value));
    }
    json_array_foreach(json_object_get(schema, "required"), i, value)
        MUST(json_object_get(args, json_string_value(value)) != NULL);
    json_decref(schema);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len) {
    struct input input = {data, len};
    size_t n;
    char why[160] = "";
    enum tool_id id;
    const struct model_tool *tools = tools_list(&n);
    const uint8_t which = input_byte(&input) % TOOL_COUNT;
    MUST(n == TOOL_COUNT && tools_find(tools[which].name, &id) && id == which);
    json_t *args = json_loadb((const char *)input.at, input.left, JSON_REJECT_DUPLICATES, NULL);
    if (json_is_object(args)) {
        const char *wrong = tools_check_args(id, args, why, sizeof(why));
        if (wrong == NULL)
            arguments_hold(&tools[id], args);
        else
            MUST(wrong[0] != '\0' && memchr(why, '\0', sizeof(why)) != NULL);
    }
    json_decref(args);
    return 0;
}
