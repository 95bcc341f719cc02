#include "tests/mcp/fixtures.h"

#include <string.h>

static const struct fixture *const tables[] = {fixture_tools, fixture_asking, fixture_input};

static const struct fixture *find(const struct fixture *table, const struct mcp *mcp) {
    for (; table->name != NULL; table++)
        if (strcmp(table->name, mcp_text(mcp, "name")) == 0 && (table->eras & mcp->era) != 0)
            return table;
    return NULL;
}

const char *fixture_argument(const struct mcp *mcp, const char *name) {
    const char *text =
        json_string_value(json_object_get(json_object_get(mcp->params, "arguments"), name));
    return text != NULL ? text : "";
}

void fixture_text(struct mcp *mcp, const char *text) {
    mcp_result(mcp, json_pack("{s:[{s:s, s:s}]}", "content", "type", "text", "text", text));
}

static bool call_one(const struct fixture *table, struct mcp *mcp) {
    const struct fixture *one = find(table, mcp);
    if (one != NULL)
        one->handle(mcp);
    return one != NULL;
}

static bool on_method(struct mcp *mcp) {
    if (strcmp(mcp->method, "tools/call") == 0)
        for (size_t i = 0; i < COUNT_OF(tables); i++)
            if (call_one(tables[i], mcp))
                return true;
    if (strcmp(mcp->method, "prompts/get") == 0)
        return call_one(fixture_prompts, mcp);
    return fixture_resource(mcp);
}

static void add_tool(const struct fixture *tool, json_t *list) {
    const char *none = "{\"type\":\"object\",\"additionalProperties\":false}";
    json_t *schema = json_loads(tool->schema != NULL ? tool->schema : none, 0, NULL);
    (void)json_array_append_new(list, json_pack("{s:s, s:s, s:o}", "name", tool->name,
                                                "description", tool->about, "inputSchema", schema));
}

static void add_prompt(const struct fixture *prompt, json_t *list) {
    json_t *arguments = prompt->schema != NULL ? json_loads(prompt->schema, 0, NULL) : json_array();
    (void)json_array_append_new(list,
                                json_pack("{s:s, s:s, s:o}", "name", prompt->name, "description",
                                          prompt->about, "arguments", arguments));
}

static void on_list(const struct mcp *mcp, const char *what, json_t *list) {
    if (strcmp(what, "tools") == 0)
        for (size_t i = 0; i < COUNT_OF(tables); i++)
            for (const struct fixture *tool = tables[i]; tool->name != NULL; tool++)
                if ((tool->eras & mcp->era) != 0)
                    add_tool(tool, list);
    if (strcmp(what, "prompts") == 0)
        for (const struct fixture *prompt = fixture_prompts; prompt->name != NULL; prompt++)
            if ((prompt->eras & mcp->era) != 0)
                add_prompt(prompt, list);
    if (strcmp(what, "capabilities") == 0 && mcp->era == MCP_LEGACY)
        (void)json_object_set_new(list, "resources", json_pack("{s:b}", "subscribe", 1));
    fixture_resources_list(what, list);
}

const struct mcp_extras mcp_extras = {on_method, fixture_response, on_list};
