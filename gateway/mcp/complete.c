/* completion/complete: slugs, categories and places that the directory has. */
#include <string.h>
#include <strings.h>

#include "gateway/mcp/mcp.h"

#define VALUES_MAX 100
#define LOOK_AT    50 /* businesses a completion looks at */

/* Which member of a hit completes an argument of ours; NULL: none does. */
static const char *member_of(const char *argument) {
    static const struct {
        const char *argument, *member;
    } rows[] = {
        {"slug", "slug"}, {"business", "slug"}, {"category", "category"}, {"place", "city"}};
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        if (strcmp(rows[i].argument, argument) == 0)
            return rows[i].member;
    return NULL;
}

static void answer(struct mcp *mcp, json_t *values) {
    size_t n = json_array_size(values);
    mcp_result(mcp, json_pack("{s:{s:o, s:I, s:b}}", "completion", "values", values, "total",
                              (json_int_t)n, "hasMore", 0));
}

static bool has(const json_t *values, const char *text) {
    size_t i;
    json_t *value;
    json_array_foreach(values, i,
                       value) if (strcmp(json_string_value(value), text) == 0) return true;
    return false;
}

static const char *typed(const struct mcp *mcp, const char *what) {
    const char *text =
        json_string_value(json_object_get(json_object_get(mcp->params, "argument"), what));
    return text != NULL ? text : "";
}

static bool on_found(void *ctx, enum upstream_end end, const Cloister__Message *message) {
    struct mcp *mcp = ((struct call *)ctx)->state;
    const Cloister__BusinessResult *refusal;
    (void)end;
    if (mcp == NULL)
        return false;
    json_t *found = mcp_object(message, &refusal), *values = json_array(), *business;
    const char *member = member_of(typed(mcp, "name")), *begin = typed(mcp, "value");
    size_t i;
    json_array_foreach(json_object_get(found, "businesses"), i, business) {
        const char *text = json_string_value(json_object_get(business, member));
        if (text != NULL && text[0] != '\0' && strcasestr(text, begin) != NULL &&
            !has(values, text) && json_array_size(values) < VALUES_MAX)
            (void)json_array_append_new(values, json_string(text));
    }
    json_decref(found);
    if (json_array_size(values) > 0 || mcp->asked_again) {
        answer(mcp, values); /* where the directory is away: nothing comes to mind */
        return false;
    }
    /* Half a word finds nothing by search: then among the fullest profiles. */
    json_decref(values);
    mcp->asked_again = true;
    mcp_ask(mcp, "search_businesses", json_pack("{s:i}", "limit", LOOK_AT), NULL, false, on_found);
    return false;
}

void mcp_complete(struct mcp *mcp) {
    const json_t *ref = json_object_get(mcp->params, "ref");
    const char *kind = json_string_value(json_object_get(ref, "type"));
    const json_t *argument = json_object_get(mcp->params, "argument");
    if (kind == NULL || (strcmp(kind, "ref/prompt") != 0 && strcmp(kind, "ref/resource") != 0) ||
        !json_is_string(json_object_get(argument, "name")) ||
        !json_is_string(json_object_get(argument, "value"))) {
        mcp_error(mcp, MCP_PARAMS,
                  "ref must be a prompt's or a resource template's, and argument needs name and "
                  "value.",
                  NULL, 0);
        return;
    }
    const char *member = member_of(typed(mcp, "name")), *begin = typed(mcp, "value");
    if (member == NULL) {
        answer(mcp, json_array());
        return;
    }
    json_t *arguments = json_pack("{s:i}", "limit", LOOK_AT);
    if (!text_blank(begin) && strlen(begin) <= 100 &&
        format_fits(FORMAT_LINE, begin, strlen(begin)))
        (void)json_object_set_new(arguments, "query", json_string(begin));
    mcp_ask(mcp, "search_businesses", arguments, NULL, false, on_found);
}
