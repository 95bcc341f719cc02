/* Tools as every request names them: half of its bytes, and the same in each. Written once for a
 * dialect and a tool, in the zygote when model_warm was called there, and put behind the rest of
 * the request as text. */
#include <errno.h>
#include <string.h>

#include "providers/model.h"
#include "providers/strbuf.h"

#define FORMS_MAX 64

static struct form {
    const struct model_dialect *dialect;
    const char *schema; /* a constant of the program: by this the tool is known */
    char *text;
} forms[FORMS_MAX];

static char *quoted(const char *text) {
    json_t *string = json_string(text);
    char *out = string != NULL ? json_dumps(string, JSON_ENCODE_ANY | JSON_COMPACT) : NULL;
    json_decref(string);
    return out;
}

static char *form_make(const struct model_dialect *dialect, const struct model_tool *tool) {
    char *name = quoted(tool->name), *description = quoted(tool->description), *text = NULL;
    if (name != NULL && description != NULL &&
        asprintf(&text, "%s{\"name\":%s,\"description\":%s,\"%s\":%s}%s", dialect->tool_begin, name,
                 description, dialect->tool_schema, tool->schema, dialect->tool_end) < 0)
        text = NULL;
    free(name);
    free(description);
    return text;
}

/* NULL: no memory. */
static const char *form_of(const struct model_dialect *dialect, const struct model_tool *tool) {
    struct form *free_form = NULL;
    for (size_t i = 0; i < FORMS_MAX && free_form == NULL; i++) {
        if (forms[i].text == NULL)
            free_form = &forms[i];
        else if (forms[i].dialect == dialect && forms[i].schema == tool->schema)
            return forms[i].text;
    }
    if (free_form == NULL)
        return NULL;
    *free_form = (struct form){dialect, tool->schema, form_make(dialect, tool)};
    return free_form->text;
}

int model_warm(const struct model_settings *settings, const struct model_tool *tools, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (form_of(settings->dialect, &tools[i]) == NULL)
            return -ENOMEM;
    return 0;
}

char *model_body(const struct model_dialect *dialect, json_t *request,
                 const struct model_prompt *prompt) {
    char *plain = json_dumps(request, JSON_COMPACT); /* an object, and not an empty one */
    struct strbuf body = {0};
    if (plain == NULL || prompt->ntools == 0)
        return plain;
    strbuf_add(&body, plain, strlen(plain) - 1);
    string_wipe(plain);
    for (size_t i = 0; i < prompt->ntools; i++) {
        const char *form = form_of(dialect, &prompt->tools[i]);
        strbuf_puts(&body, i == 0 ? ",\"tools\":[" : ",");
        strbuf_puts(&body, form != NULL ? form : "");
        body.failed = body.failed || form == NULL;
    }
    strbuf_puts(&body, "]}");
    return strbuf_take(&body);
}
