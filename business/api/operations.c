#include "business/api/operations.h"

#include <string.h>

#include "business/api/shapes.h"

#define CUSTOMER  WHO_CUSTOMER
#define OWNER     WHO_OWNER
#define CLOISTERD WHO_CLOISTERD
#define PERSON    false
#define MODEL     true
#define READS     false
#define CHANGES   true
#define NO_KEY    false
#define KEY       true
#define NO_TOOL   false
#define TOOL      true
#define HINTS(destructive_, idempotent_, open_)                                                    \
    .destructive = (destructive_), .idempotent = (idempotent_), .open_world = (open_)

static const struct operation operations[] = {
#define OPERATION(name_, who_, agent, effect, key, timeout, tool_, hints, title_, about_)          \
    {.name = #name_,                                                                               \
     .who = (who_),                                                                                \
     .by_agent = (agent),                                                                          \
     .changes = (effect),                                                                          \
     .needs_key = (key),                                                                           \
     .tool = (tool_),                                                                              \
     hints,                                                                                        \
     .timeout_ms = (timeout),                                                                      \
     .title = (title_),                                                                            \
     .about = (about_),                                                                            \
     .arguments = name_##_arguments,                                                               \
     .result = name_##_result},
#include "business/api/operations.def"
#undef OPERATION
};

const struct operation *operation_at(size_t index) {
    return index < COUNT_OF(operations) ? &operations[index] : NULL;
}

const struct operation *operation_find(const char *name) {
    for (size_t i = 0; i < COUNT_OF(operations); i++)
        if (strcmp(operations[i].name, name) == 0)
            return &operations[i];
    return NULL;
}

bool operation_may(const struct operation *operation, const char *origin, bool by_agent) {
    if (by_agent && !operation->by_agent)
        return false;
    switch (operation->who) {
    case WHO_CUSTOMER:
        return strcmp(origin, "customer") == 0;
    case WHO_OWNER:
        return strcmp(origin, "owner") == 0;
    case WHO_CLOISTERD:
        return strcmp(origin, "cloisterd") == 0;
    }
    return false;
}

bool idempotency_key_valid(const char *key) {
    size_t len = strlen(key);
    for (size_t i = 0; i < len; i++)
        if (key[i] < 0x21 || key[i] > 0x7e)
            return false;
    return len > 0 && len <= IDEMPOTENCY_KEY_MAX;
}
