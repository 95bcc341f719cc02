/* Request bodies: JSON objects and browsers' forms. What passes the table of fields is within it,
 * and a body that was read comes back as it was. The first byte chooses between the two. */
#include "fuzz.h"
#include "gateway/form.h"

static const char *const features[] = {"availability", "events", NULL};
static const struct field rows[] = {
    {"user", FIELD_NAME, true, USER_MAX, NULL},
    {"message", FIELD_TEXT, false, 64, NULL},
    {"code", FIELD_VISIBLE, false, 32, NULL},
    {"timezone", FIELD_TIMEZONE, false, TIMEZONE_MAX, NULL},
    {"confirm", FIELD_FLAG, false, 0, NULL},
    {"features", FIELD_WORDS, false, 2, features},
};

static size_t depth_of(const json_t *json) {
    size_t deepest = 0, i;
    const char *key;
    json_t *item;
    if (json_is_array(json))
        json_array_foreach(json, i, item) {
            size_t depth = depth_of(item);
            deepest = depth > deepest ? depth : deepest;
        }
    if (json_is_object(json))
        json_object_foreach((json_t *)json, key, item) {
            size_t depth = depth_of(item);
            deepest = depth > deepest ? depth : deepest;
        }
    return json_is_array(json) || json_is_object(json) ? deepest + 1 : 0;
}

static void fault_said(const struct field_fault *fault) {
    MUST(fault->code != NULL && fault->detail[0] != '\0');
    MUST(memchr(fault->detail, '\0', sizeof(fault->detail)) != NULL);
}

static void fields_hold(const json_t *object) {
    const json_t *words = json_object_get(object, "features");
    const json_t *flag = json_object_get(object, "confirm");
    const char *zone = field_text(object, "timezone"), *code = field_text(object, "code");
    MUST(name_valid(field_text(object, "user"), USER_MAX));
    MUST(strlen(field_text(object, "message")) <= 64);
    MUST(code[0] == '\0' || visible_valid(code, 32));
    MUST(zone[0] == '\0' || timezone_known(zone));
    MUST(strstr(zone, "..") == NULL && zone[0] != '/');
    MUST(flag == NULL || json_is_boolean(flag) || json_is_null(flag));
    MUST(json_array_size(words) <= 2);
    if (json_array_size(words) == 2)
        MUST(!json_equal(json_array_get(words, 0), json_array_get(words, 1)));
}

static void object_read(const uint8_t *body, size_t len) {
    struct field_fault fault = {0};
    json_t *object = fields_parse(body, len, &fault);
    if (object == NULL) {
        fault_said(&fault);
        return;
    }
    MUST(json_is_object(object) && depth_of(object) <= FIELDS_DEPTH_MAX);
    char *text = json_dumps(object, JSON_COMPACT);
    json_t *again = text != NULL ? fields_parse((uint8_t *)text, strlen(text), &fault) : NULL;
    MUST(again != NULL && json_equal(object, again));
    json_decref(again);
    free(text);
    if (fields_check(object, rows, COUNT_OF(rows), &fault) == 0)
        fields_hold(object);
    else
        fault_said(&fault);
    json_decref(object);
}

/* As a browser writes it. */
static char *form_text(const json_t *form) {
    char *text = NULL;
    size_t size = 0, i;
    FILE *out = open_memstream(&text, &size);
    const char *name, *between = "";
    json_t *value, *item;
    MUST(out != NULL);
    json_object_foreach((json_t *)form, name, value) {
        json_t *list = json_is_array(value) ? json_incref(value) : json_pack("[O]", value);
        json_array_foreach(list, i, item) {
            fprintf(out, "%s%s=", between, name);
            for (const char *c = json_string_value(item); *c != '\0'; c++)
                fprintf(out, "%%%02X", (unsigned)(uint8_t)*c);
            between = "&";
        }
        json_decref(list);
    }
    MUST(fclose(out) == 0);
    return text;
}

static void form_read(const uint8_t *body, size_t len) {
    struct field_fault fault = {0};
    json_t *form = form_parse(body, len, &fault);
    if (form == NULL) {
        fault_said(&fault);
        return;
    }
    const char *name;
    json_t *value;
    size_t fields = 0;
    json_object_foreach(form, name, value) {
        MUST(strlen(name) <= FORM_NAME_MAX && (json_is_string(value) || json_is_array(value)));
        fields += json_is_array(value) ? json_array_size(value) : 1;
    }
    MUST(fields <= FORM_FIELDS_MAX);
    char *text = form_text(form);
    json_t *again = form_parse((uint8_t *)text, strlen(text), &fault);
    MUST(again != NULL && json_equal(form, again));
    json_decref(again);
    free(text);
    if (form_check(form, rows, COUNT_OF(rows), &fault) == 0)
        fields_hold(form);
    else
        fault_said(&fault);
    json_decref(form);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len) {
    if (len < 1)
        return 0;
    (data[0] == 'f' ? form_read : object_read)(data + 1, len - 1);
    return 0;
}
