#include <ctype.h>
#include <string.h>

#include "tests/world/model.h"

static const char *const built_in[] = {
    "claude-sonnet-5-5", "claude-opus-5-5",  "claude-haiku-5-5",
    "claude-fable-5-1",  "claude-fable-5-2", "claude-opus-5",
    "claude-sonnet-5",   "claude-fable-5",   "claude-opus-4-8",
    "claude-sonnet-4-6", "claude-haiku-4-5", "claude-sonnet-4-5",
    "stand-in",          "llama3.3",         "qwen3",
};

bool model_known(const struct world *w, const char *id) {
    for (size_t i = 0; i < COUNT_OF(built_in); i++)
        if (strcmp(built_in[i], id) == 0)
            return true;
    for (size_t i = 0; i < w->opt.model_count; i++)
        if (strcmp(w->opt.models[i], id) == 0)
            return true;
    return false;
}

json_t *model_ids(const struct world *w) {
    json_t *ids = json_array();
    for (size_t i = 0; i < COUNT_OF(built_in); i++)
        json_array_append_new(ids, json_string(built_in[i]));
    for (size_t i = 0; i < w->opt.model_count; i++)
        json_array_append_new(ids, json_string(w->opt.models[i]));
    return ids;
}

bool model_members(const json_t *object, const char *const *allowed, const char **ret_key) {
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)object, key, value) {
        const char *const *a = allowed;
        while (*a && strcmp(*a, key) != 0)
            a++;
        if (!*a) {
            *ret_key = key;
            return false;
        }
    }
    return true;
}

bool model_tool_name_valid(const char *name) {
    size_t len = name ? strlen(name) : 0;
    for (size_t i = 0; i < len; i++)
        if (!isalnum((unsigned char)name[i]) && name[i] != '_' && name[i] != '-')
            return false;
    return len >= 1 && len <= 64;
}

json_int_t model_tokens(size_t bytes) {
    return (json_int_t)(bytes / 4 + 1);
}

char *model_cut(const char *text, json_int_t max_tokens, bool *ret_cut) {
    size_t len = strlen(text), most = max_tokens > 0 ? (size_t)max_tokens * 4 : 0;
    *ret_cut = len > most;
    if (*ret_cut) {
        len = most;
        while (len > 0 && ((unsigned char)text[len] & 0xC0) == 0x80)
            len--;
    }
    return strndup(text, len);
}

void model_stop(char *text, const json_t *sequences, const char **ret_stop) {
    size_t i;
    const json_t *one;
    char *first = NULL;
    json_array_foreach(sequences, i, one) {
        const char *want = json_string_value(one);
        char *at = want && *want ? strstr(text, want) : NULL;
        if (at && (!first || at < first)) {
            first = at;
            *ret_stop = want;
        }
    }
    if (first)
        *first = '\0';
}

size_t model_piece(const char *text) {
    size_t n = strcspn(text, " ");
    n += strspn(text + n, " ");
    return n;
}

bool model_is_anthropic(const struct exchange *x) {
    return strncmp(x->path, "/v1/messages", 12) == 0 ||
           exchange_header(x, "anthropic-version") != NULL;
}
