/* prompts/list and prompts/get, from prompts.def. */
#include <stdio.h>
#include <string.h>

#include "gateway/mcp/extras.h"

#define ARGUMENTS_MAX 4
#define VALUE_MAX     500
#define LIST_TTL_MS   3600000

struct argument {
    const char *name;
    bool needed;
    const char *about;
};
static const struct prompt {
    const char *name, *title, *about;
    struct argument arguments[ARGUMENTS_MAX];
    const char *text;
} prompts[] = {
#define ARGUMENT(name, needed, about) {#name, needed, about},
#define ARGUMENTS(...)                                                                             \
    { __VA_ARGS__ }
#define PROMPT(name, title, about, arguments, text) {#name, title, about, arguments, text},
#include "gateway/mcp/prompts.def"
#undef PROMPT
#undef ARGUMENTS
#undef ARGUMENT
};

static json_t *prompt_json(const struct prompt *prompt) {
    json_t *arguments = json_array();
    for (size_t i = 0; i < ARGUMENTS_MAX && prompt->arguments[i].name != NULL; i++)
        (void)json_array_append_new(arguments,
                                    json_pack("{s:s, s:s, s:b}", "name", prompt->arguments[i].name,
                                              "description", prompt->arguments[i].about, "required",
                                              (int)prompt->arguments[i].needed));
    return json_pack("{s:s, s:s, s:s, s:o}", "name", prompt->name, "title", prompt->title,
                     "description", prompt->about, "arguments", arguments);
}

void mcp_prompts_list(struct mcp *mcp) {
    if (mcp_bad_cursor(mcp))
        return;
    json_t *list = json_array();
    for (size_t i = 0; i < COUNT_OF(prompts); i++)
        (void)json_array_append_new(list, prompt_json(&prompts[i]));
    if (mcp_extras.list != NULL)
        mcp_extras.list(mcp, "prompts", list);
    mcp_result(mcp, mcp_cacheable(mcp, json_pack("{s:o}", "prompts", list), LIST_TTL_MS));
}

/* What the caller gave for an argument: "" when nothing, NULL when it cannot be used. */
static const char *value_of(const struct mcp *mcp, const struct argument *argument) {
    const json_t *value =
        json_object_get(json_object_get(mcp->params, "arguments"), argument->name);
    const char *text = json_string_value(value);
    if (value == NULL)
        return argument->needed ? NULL : "";
    if (text == NULL || json_string_length(value) > VALUE_MAX ||
        !format_fits(FORMAT_PARAGRAPH, text, json_string_length(value)))
        return NULL;
    return argument->needed && text_blank(text) ? NULL : text;
}

/* The text with its places filled; NULL: an argument is missing or cannot be used. */
static char *filled(const struct mcp *mcp, const struct prompt *prompt) {
    size_t cap = strlen(prompt->text) + ARGUMENTS_MAX * VALUE_MAX + 1, used = 0;
    char *out = malloc(cap);
    for (const char *at = prompt->text; out != NULL && *at != '\0';) {
        const char *value = NULL;
        size_t skip = 0;
        for (size_t i = 0; i < ARGUMENTS_MAX && prompt->arguments[i].name != NULL; i++) {
            size_t len = strlen(prompt->arguments[i].name);
            if (*at != '{' || strncmp(at + 1, prompt->arguments[i].name, len) != 0 ||
                at[len + 1] != '}')
                continue;
            value = value_of(mcp, &prompt->arguments[i]);
            if (value == NULL) {
                free(out);
                return NULL;
            }
            skip = len + 2;
        }
        if (skip == 0) {
            out[used++] = *at++;
            continue;
        }
        memcpy(out + used, value, strlen(value));
        used += strlen(value);
        at += skip;
    }
    if (out != NULL)
        out[used] = '\0';
    return out;
}

void mcp_prompts_get(struct mcp *mcp) {
    const struct prompt *prompt = NULL;
    for (size_t i = 0; i < COUNT_OF(prompts); i++)
        if (strcmp(prompts[i].name, mcp_text(mcp, "name")) == 0)
            prompt = &prompts[i];
    if (prompt == NULL) {
        mcp_error(mcp, MCP_PARAMS, "There is no prompt of this name; see prompts/list.", NULL, 0);
        return;
    }
    SCOPE_FREE char *text = filled(mcp, prompt);
    if (text == NULL) {
        mcp_error(mcp, MCP_PARAMS,
                  "An argument that is needed is missing, or one is no text of at most 500 bytes; "
                  "see prompts/list.",
                  NULL, 0);
        return;
    }
    mcp_result(mcp, json_pack("{s:s, s:[{s:s, s:{s:s, s:s}}]}", "description", prompt->about,
                              "messages", "role", "user", "content", "type", "text", "text", text));
    explicit_bzero(text, strlen(text));
}
