/* Prints the table of operations with their schemas as one JSON document: for the OpenAPI document
 * and its page, made when Cloister is built, and for tests. */
#include <stdio.h>

#include "business/api/operations.h"

static const char *who(const struct operation *operation) {
    switch (operation->who) {
    case WHO_CUSTOMER:
        return "customer";
    case WHO_OWNER:
        return "owner";
    case WHO_CLOISTERD:
        return "cloisterd";
    }
    return "";
}

static json_t *operation_json(const struct operation *operation) {
    return json_pack("{s:s, s:s, s:b, s:b, s:b, s:b, s:s, s:o, s:o}", "who", who(operation),
                     "title", operation->title, "by_agent", (int)operation->by_agent, "changes",
                     (int)operation->changes, "needs_key", (int)operation->needs_key, "tool",
                     (int)operation->tool, "about", operation->about, "arguments",
                     schema_json(operation->arguments, SCHEMA_ARGUMENTS), "result",
                     schema_json(operation->result, SCHEMA_RESULT));
}

int main(void) {
    json_t *all = json_object();
    const struct operation *operation;
    for (size_t i = 0; (operation = operation_at(i)) != NULL; i++)
        (void)json_object_set_new(all, operation->name, operation_json(operation));
    int r = json_dumpf(all, stdout, JSON_INDENT(1));
    json_decref(all);
    return r == 0 && putchar('\n') == '\n' ? 0 : 1;
}
