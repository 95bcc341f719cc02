/* Arguments of the front door's operations, against the table. What is taken is taken again as it
 * was written down; what the operational log keeps are words of the table and values without a
 * blank. The first byte chooses the operation. */
#include <errno.h>

#include "business/api/operations.h"
#include "fuzz.h"

/* No free text: those that may be kept are short and of few signs. */
static void kept_text_is_plain(const char *text) {
    MUST(strlen(text) <= 64);
    MUST(strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_:.+/") ==
         strlen(text));
}

static void kept_is_plain(const json_t *kept) {
    const char *name;
    json_t *item;
    size_t i;
    if (json_is_string(kept))
        kept_text_is_plain(json_string_value(kept));
    json_object_foreach((json_t *)kept, name, item) {
        kept_text_is_plain(name);
        kept_is_plain(item);
    }
    json_array_foreach(kept, i, item) kept_is_plain(item);
    MUST(json_array_size(kept) <= 10);
}

static void judge(const struct operation *operation, json_t *value) {
    char error[SCHEMA_ERROR_SIZE];
    memset(error, 'x', sizeof(error));
    int r = schema_validate(operation->arguments, SCHEMA_ARGUMENTS, value, error);
    MUST(r == 0 || r == -EINVAL);
    MUST(memchr(error, '\0', sizeof(error)) != NULL && (error[0] == '\0') == (r == 0));
    if (r == 0) {
        MUST(json_is_object(value));
        MUST(schema_validate(operation->arguments, SCHEMA_RESULT, value, error) == 0);
    }
    json_t *kept = schema_redact(operation->arguments, value);
    MUST(json_is_object(kept));
    kept_is_plain(kept);
    json_decref(kept);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len) {
    if (len < 2)
        return 0;
    size_t n = 0;
    while (operation_at(n) != NULL)
        n++;
    const struct operation *operation = operation_at(data[0] % n);
    MUST(operation == operation_find(operation->name));
    json_t *value = json_loadb((const char *)data + 1, len - 1, JSON_DECODE_ANY, NULL);
    if (value == NULL)
        return 0;
    judge(operation, value);
    json_decref(value);
    return 0;
}
