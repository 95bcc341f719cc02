/* Inside of validate.c and redact.c. */
#ifndef CLOISTER_BUSINESS_API_SCHEMA_CHECK_H
#define CLOISTER_BUSINESS_API_SCHEMA_CHECK_H

#include "business/api/schema.h"

bool text_is_one_of(const char *const *words, const char *text);
const struct shape *shape_find(const struct shape *members, const char *name);
/* Whether one value has its field's form. */
bool shape_holds(const struct shape *shape, const json_t *value);

#endif
