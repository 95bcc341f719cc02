/* A browser's form: application/x-www-form-urlencoded as libevent reads it, after what it would let
 * pass (broken escapes, NUL, text that is not UTF-8, too many fields) is refused. */
#ifndef CLOISTER_GATEWAY_FORM_H
#define CLOISTER_GATEWAY_FORM_H

#include "gateway/fields.h"

#define FORM_FIELDS_MAX 32
#define FORM_NAME_MAX   64

/* An object of strings; a name that comes more than once becomes a list of its values, in order.
 * Lines end with LF. On failure NULL, and *fault says why (400). The caller decrefs. */
json_t *form_parse(const uint8_t *body, size_t len, struct field_fault *fault) MUST_CHECK;
/* fields_check for a form: a list field may come once, and no other more than once, be it among
 * `rows` or not. Empty optional fields count as absent. 0 or -EINVAL with *fault. */
int form_check(json_t *form, const struct field *rows, size_t n,
               struct field_fault *fault) MUST_CHECK;

#endif
