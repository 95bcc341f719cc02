#include "gateway/form.h"

#include <errno.h>
#include <event2/http.h>
#include <event2/keyvalq_struct.h>
#include <stdio.h>
#include <string.h>
#include <sys/queue.h>

static void fault_set(struct field_fault *fault, const char *detail) {
    fault->code = "invalid_form";
    (void)snprintf(fault->detail, sizeof(fault->detail), "%s", detail);
}

/* libevent leaves broken escapes as they are, decodes %00 and reads names undecoded: refused first.
 * Names of ours need no escapes. */
static bool form_fits(const char *text, size_t len) {
    size_t fields = 1;
    bool value = false;
    if (strlen(text) != len)
        return false;
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)text[i];
        if (c <= 0x20 || c >= 0x7f)
            return false;
        if (c == '%' && (!value || strspn(text + i + 1, "0123456789abcdefABCDEF") < 2 ||
                         strncmp(text + i, "%00", 3) == 0))
            return false;
        if (c == '=')
            value = true;
        if (c == '&') {
            if (!value)
                return false;
            value = false;
            fields++;
        }
    }
    return fields <= FORM_FIELDS_MAX && (len == 0 || value);
}

static void form_add(json_t *form, const char *name, json_t *value) {
    json_t *there = json_object_get(form, name);
    if (json_is_string(there)) { /* the second of its name */
        json_t *list = json_pack("[O]", there);
        (void)json_object_set_new(form, name, list);
        there = list;
    }
    if (there == NULL)
        (void)json_object_set_new(form, name, value);
    else
        (void)json_array_append_new(there, value);
}

/* Browsers send each line's end as CR LF, and count it as the one character that it was when they
 * keep to a maxlength (HTML standard, 4.10.22.4 and 4.10.6). */
static void join_line_ends(char *text) {
    char *to = text;
    size_t len = strlen(text);
    for (const char *from = text; *from != '\0'; from++)
        if (from[0] != '\r' || from[1] != '\n')
            *to++ = *from;
    memset(to, 0, (size_t)(text + len - to)); /* what is wiped later ends here */
}

static json_t *form_of(const struct evkeyvalq *pairs) {
    json_t *form = json_object();
    const struct evkeyval *pair;
    TAILQ_FOREACH(pair, pairs, next) {
        join_line_ends(pair->value);
        json_t *value = strlen(pair->key) <= FORM_NAME_MAX ? json_string(pair->value) : NULL;
        if (value == NULL) { /* jansson refuses what is not UTF-8 */
            json_decref(form);
            return NULL;
        }
        form_add(form, pair->key, value);
    }
    return form;
}

static void pairs_wipe(struct evkeyvalq *pairs) {
    struct evkeyval *pair;
    TAILQ_FOREACH(pair, pairs, next)
    explicit_bzero(pair->value, strlen(pair->value));
    evhttp_clear_headers(pairs);
}

json_t *form_parse(const uint8_t *body, size_t len, struct field_fault *fault) {
    static const char wrong[] = "The form is not application/x-www-form-urlencoded as browsers "
                                "send it: name=value, joined by '&', UTF-8 percent-encoded.";
    struct evkeyvalq pairs;
    SCOPE_FREE char *text = len == 0 ? strdup("") : strndup((const char *)body, len);
    fault_set(fault, wrong);
    if (text == NULL || !form_fits(text, len))
        return NULL;
    int r = evhttp_parse_query_str(text, &pairs);
    explicit_bzero(text, len);
    if (r < 0)
        return NULL;
    json_t *form = form_of(&pairs);
    pairs_wipe(&pairs);
    return form;
}

static const struct field *row_of(const struct field *rows, size_t n, const char *name) {
    for (size_t i = 0; i < n; i++)
        if (strcmp(rows[i].name, name) == 0)
            return &rows[i];
    return NULL;
}

int form_check(json_t *form, const struct field *rows, size_t n, struct field_fault *fault) {
    const char *name;
    json_t *value;
    json_object_foreach(form, name, value) {
        const struct field *row = row_of(rows, n, name);
        if (!json_is_array(value) || (row != NULL && row->kind == FIELD_WORDS))
            continue;
        fault_set(fault, "The form has a field twice that may come once only.");
        return -EINVAL;
    }
    for (size_t i = 0; i < n; i++) {
        value = json_object_get(form, rows[i].name);
        if (rows[i].kind == FIELD_WORDS && json_is_string(value))
            (void)json_object_set_new(form, rows[i].name, json_pack("[O]", value));
    }
    return fields_check(form, rows, n, fault);
}
