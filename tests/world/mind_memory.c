/* What the owner asked to keep in mind: keeping, mending, forgetting, telling. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "tests/world/mind.h"

static const char *text(const json_t *object, const char *key) {
    return json_string_value(json_object_get(object, key));
}

static int common_words(const char *line, const char *wanted) {
    static struct words words;
    int n = 0;
    words_split(wanted, &words);
    for (size_t i = 0; i < words.count; i++) {
        const char *low = words.list[i].low;
        if (strlen(low) > 2 && !word_in(&words.list[i], "that the and what about you remember") &&
            strcasestr(line, low))
            n += (int)strlen(low);
    }
    return n;
}

/* Something that looks like an id in a line: hexadecimal or with digits, at least 6 long. */
static bool id_in(const char *line, char *out, size_t cap) {
    for (const char *p = line; *p; p++) {
        if (!handle_char(*p) || (p > line && handle_char(p[-1])))
            continue;
        size_t len = 0, digits = 0;
        for (; handle_char(p[len]); len++)
            digits += isdigit((unsigned char)p[len]) != 0;
        bool listed = p > line && strchr("[(#", p[-1]);
        if (len < cap && ((len >= 6 && digits > 0) || (listed && len > 0))) {
            snprintf(out, cap, "%.*s", (int)len, p);
            return true;
        }
    }
    return false;
}

bool context_memory(const struct mind *m, const char *wanted, char *out, size_t cap) {
    int most = 0;
    for (size_t t = 0; t <= m->last + 1; t++) {
        const char *all = t == 0 ? m->system : text(json_array_get(m->turns, t - 1), "text");
        SCOPE_FREE char *copy = strdup(all ? all : "");
        char *save = NULL;
        for (char *line = strtok_r(copy, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
            char id[128];
            int n = common_words(line, wanted);
            if (n > most && id_in(line, id, sizeof(id))) {
                most = n;
                snprintf(out, cap, "%s", id);
            }
        }
    }
    return most > 0;
}

/* "- 5f3a…: text": a line that begins with an id. */
static const char *memory_text(const char *line) {
    const char *p = line + strspn(line, " -*[(#");
    size_t len = 0, digits = 0;
    for (; handle_char(p[len]); len++)
        digits += isdigit((unsigned char)p[len]) != 0;
    if (p == line || len < 6 || digits == 0)
        return NULL;
    p += len + strspn(p + len, "]) ");
    return *p == ':' ? p + 1 + strspn(p + 1, " ") : NULL;
}

bool context_memories(const struct mind *m, char *out, size_t cap) {
    SCOPE_FREE char *copy = strdup(m->system ? m->system : "");
    char *save = NULL;
    out[0] = '\0';
    for (char *line = strtok_r(copy, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
        const char *said = memory_text(line);
        size_t n = strlen(out);
        if (said)
            snprintf(out + n, cap - n, "%s%s", n ? "; " : "", said);
    }
    return out[0] != '\0';
}

bool act_remember(struct mind *m, struct intent *in) {
    const json_t *tool = tool_pick(m->tools, USE_REMEMBER);
    if (!tool) {
        mind_no_tool(m, "remember things");
        return true;
    }
    json_t *args = json_object();
    char id[128];
    tool_set(tool, args, ARG_TEXT, json_string(in->title));
    bool mends = in->instead[0] && context_memory(m, in->instead, id, sizeof(id));
    if (mends && strcmp(tool_param(tool, ARG_ID) ? tool_param(tool, ARG_ID) : "text", "text") != 0)
        tool_set(tool, args, ARG_ID, json_string(id));
    struct outcome out;
    if (!mind_step(m, tool, args, &out))
        return false;
    if (out.error[0])
        mind_say(m, "I could not remember that: %s", out.error);
    else
        mind_say(m, "I will remember: %s.", in->title);
    return true;
}

bool act_forget(struct mind *m, struct intent *in) {
    const json_t *tool = tool_pick(m->tools, USE_FORGET);
    char id[128];
    if (!tool) {
        mind_no_tool(m, "forget things");
        return true;
    }
    if (!context_memory(m, in->title, id, sizeof(id))) {
        mind_say(m, "I remember nothing like that.");
        return true;
    }
    json_t *args = json_object();
    tool_set(tool, args, ARG_ID, json_string(id));
    struct outcome out;
    if (!mind_step(m, tool, args, &out))
        return false;
    if (out.error[0])
        mind_say(m, "I could not forget that: %s", out.error);
    else
        mind_say(m, "I have forgotten: %s.", in->title);
    return true;
}

bool act_recall(struct mind *m) {
    char list[2048];
    if (context_memories(m, list, sizeof(list)))
        mind_say(m, "You asked me to remember: %s.", list);
    else
        mind_say(m, "I remember nothing about you.");
    return true;
}
