/* Resources and prompts. */
#include <stdio.h>
#include <string.h>

#include "tests/mcp/fixtures.h"

#define BOTH (MCP_LEGACY | MCP_MODERN)

static json_t *resource_json(const char *uri, const char *type) {
    return json_pack("{s:s, s:s, s:s, s:s}", "uri", uri, "name", uri + strlen("test://"),
                     "description", "For tests.", "mimeType", type);
}

void fixture_resources_list(const char *what, json_t *list) {
    if (strcmp(what, "resources") == 0) {
        (void)json_array_append_new(list, resource_json("test://static-text", "text/plain"));
        (void)json_array_append_new(list, resource_json("test://static-binary", "image/png"));
        (void)json_array_append_new(list, resource_json("test://watched-resource", "text/plain"));
    }
    if (strcmp(what, "resourceTemplates") == 0)
        (void)json_array_append_new(list, json_pack("{s:s, s:s, s:s, s:s}", "uriTemplate",
                                                    "test://template/{id}/data", "name", "template",
                                                    "description", "For tests.", "mimeType",
                                                    "application/json"));
}

static void contents(struct mcp *mcp, const char *type, const char *field, const char *value) {
    mcp_result(mcp, mcp_cacheable(mcp,
                                  json_pack("{s:[{s:s, s:s, s:s}]}", "contents", "uri",
                                            mcp_text(mcp, "uri"), "mimeType", type, field, value),
                                  0));
}

static bool read_one(struct mcp *mcp) {
    const char *uri = mcp_text(mcp, "uri");
    char id[64], text[200];
    if (strcmp(uri, "test://static-text") == 0 || strcmp(uri, "test://watched-resource") == 0)
        contents(mcp, "text/plain", "text", "This is the content of the static text resource.");
    else if (strcmp(uri, "test://static-binary") == 0)
        contents(mcp, "image/png", "blob", fixture_png);
    else if (sscanf(uri, "test://template/%63[A-Za-z0-9]/data", id) == 1) {
        (void)snprintf(text, sizeof(text),
                       "{\"id\":\"%s\",\"templateTest\":true,\"data\":\"Data for ID: %s\"}", id,
                       id);
        contents(mcp, "application/json", "text", text);
    } else {
        return false;
    }
    return true;
}

bool fixture_resource(struct mcp *mcp) {
    if (strcmp(mcp->method, "resources/read") == 0)
        return read_one(mcp);
    if (strcmp(mcp->method, "resources/list") == 0) { /* without a directory behind */
        json_t *list = json_array();
        fixture_resources_list("resources", list);
        mcp_result(mcp, mcp_cacheable(mcp, json_pack("{s:o}", "resources", list), 0));
        return true;
    }
    if (mcp->era == MCP_LEGACY && (strcmp(mcp->method, "resources/subscribe") == 0 ||
                                   strcmp(mcp->method, "resources/unsubscribe") == 0)) {
        mcp_result(mcp, json_object());
        return true;
    }
    return false;
}

/* ---- prompts ---- */

static json_t *text_message(const char *text) {
    return json_pack("{s:s, s:{s:s, s:s}}", "role", "user", "content", "type", "text", "text",
                     text);
}

static void simple(struct mcp *mcp) {
    mcp_result(mcp, json_pack("{s:[o]}", "messages",
                              text_message("This is a simple prompt for testing.")));
}

static void with_arguments(struct mcp *mcp) {
    char text[400];
    (void)snprintf(text, sizeof(text), "Prompt with arguments: arg1='%s', arg2='%s'",
                   fixture_argument(mcp, "arg1"), fixture_argument(mcp, "arg2"));
    mcp_result(mcp, json_pack("{s:[o]}", "messages", text_message(text)));
}

static void with_resource(struct mcp *mcp) {
    mcp_result(mcp, json_pack("{s:[{s:s, s:{s:s, s:{s:s, s:s, s:s}}}, o]}", "messages", "role",
                              "user", "content", "type", "resource", "resource", "uri",
                              fixture_argument(mcp, "resourceUri"), "mimeType", "text/plain",
                              "text", "Embedded resource content for testing.",
                              text_message("Please process the embedded resource above.")));
}

static void with_image(struct mcp *mcp) {
    mcp_result(mcp, json_pack("{s:[{s:s, s:{s:s, s:s, s:s}}, o]}", "messages", "role", "user",
                              "content", "type", "image", "data", fixture_png, "mimeType",
                              "image/png", text_message("Please analyze the image above.")));
}

#define NEEDED(name) "{\"name\":\"" name "\",\"description\":\"For tests.\",\"required\":true}"
const struct fixture fixture_prompts[] = {
    {"test_simple_prompt", "A prompt.", BOTH, simple, NULL},
    {"test_prompt_with_arguments", "A prompt with arguments.", BOTH, with_arguments,
     "[" NEEDED("arg1") "," NEEDED("arg2") "]"},
    {"test_prompt_with_embedded_resource", "A prompt with a resource.", BOTH, with_resource,
     "[" NEEDED("resourceUri") "]"},
    {"test_prompt_with_image", "A prompt with an image.", BOTH, with_image, NULL},
    {"test_input_required_result_prompt", "A prompt that needs input.", MCP_MODERN,
     fixture_input_prompt, NULL},
    {NULL, NULL, 0, NULL, NULL},
};
