/* Reading members of JSON that others wrote: a missing or odd one is the fallback, never a crash.
 */
#ifndef CLOISTER_PROVIDERS_JSON_GET_H
#define CLOISTER_PROVIDERS_JSON_GET_H

#include <jansson.h>

#include "ipc/base.h"

/* "" when there is no such string member; lives as long as `object`. */
const char *json_text(const json_t *object, const char *key);
uint64_t json_count(const json_t *object, const char *key, uint64_t otherwise);

#endif
