/* Resources: the published profiles, as business://SLUG and by their pages' addresses. */
#include <stdio.h>
#include <string.h>

#include "gateway/business.h"
#include "gateway/mcp/extras.h"

#define PAGE          50
#define LIST_TTL_MS   60000
#define SCHEME        "business://"
#define TEMPLATES_TTL 3600000

/* The slug that a resource's address names; false: none of ours. */
static bool slug_of(const struct mcp *mcp, const char *uri, char out[static SLUG_MAX + 1]) {
    char page[600];
    (void)snprintf(page, sizeof(page), "%sb/", mcp->call->gateway->home_url);
    const char *slug = strncmp(uri, SCHEME, sizeof(SCHEME) - 1) == 0 ? uri + sizeof(SCHEME) - 1
                       : strncmp(uri, page, strlen(page)) == 0       ? uri + strlen(page)
                                                                     : "";
    if (!format_fits(FORMAT_SLUG, slug, strlen(slug)) || strlen(slug) > SLUG_MAX)
        return false;
    memcpy(out, slug, strlen(slug) + 1);
    return true;
}

static json_t *resource_json(const json_t *business) {
    const char *slug = json_string_value(json_object_get(business, "slug"));
    const char *name = json_string_value(json_object_get(business, "name"));
    const char *summary = json_string_value(json_object_get(business, "summary"));
    char uri[sizeof(SCHEME) + SLUG_MAX + 1];
    (void)snprintf(uri, sizeof(uri), SCHEME "%.*s", SLUG_MAX, slug != NULL ? slug : "");
    return json_pack("{s:s, s:s, s:s, s:s, s:s}", "uri", uri, "name", slug != NULL ? slug : "",
                     "title", name != NULL ? name : "", "description",
                     summary != NULL ? summary : "", "mimeType", "application/json");
}

static bool on_listed(void *ctx, enum upstream_end end, const Cloister__Message *message) {
    struct mcp *mcp = ((struct call *)ctx)->state;
    const Cloister__BusinessResult *refusal;
    (void)end;
    if (mcp == NULL)
        return false;
    json_t *found = mcp_object(message, &refusal), *list = json_array(), *business;
    size_t i;
    if (found == NULL) {
        json_decref(list);
        mcp_refusal(mcp, refusal);
        return false;
    }
    if (mcp_extras.list != NULL && json_object_get(mcp->params, "cursor") == NULL)
        mcp_extras.list(mcp, "resources", list);
    json_array_foreach(json_object_get(found, "businesses"), i, business)(void)
        json_array_append_new(list, resource_json(business));
    json_t *result = json_pack("{s:o}", "resources", list);
    json_t *next = json_object_get(found, "next_cursor");
    if (next != NULL)
        (void)json_object_set(result, "nextCursor", next);
    json_decref(found);
    mcp_result(mcp, mcp_cacheable(mcp, result, LIST_TTL_MS));
    return false;
}

void mcp_resources_list(struct mcp *mcp) {
    json_t *arguments = json_pack("{s:i}", "limit", PAGE);
    json_t *cursor = json_object_get(mcp->params, "cursor");
    if (cursor != NULL)
        (void)json_object_set(arguments, "cursor", cursor);
    mcp_ask(mcp, "search_businesses", arguments, NULL, false, on_listed);
}

void mcp_templates_list(struct mcp *mcp) {
    if (mcp_bad_cursor(mcp))
        return;
    json_t *list = json_pack("[{s:s, s:s, s:s, s:s, s:s}]", "uriTemplate", SCHEME "{slug}", "name",
                             "business", "title", "A business's public profile", "description",
                             "What a business published about itself: services, prices, hours, "
                             "place, contacts.",
                             "mimeType", "application/json");
    if (mcp_extras.list != NULL)
        mcp_extras.list(mcp, "resourceTemplates", list);
    mcp_result(mcp,
               mcp_cacheable(mcp, json_pack("{s:o}", "resourceTemplates", list), TEMPLATES_TTL));
}

static void unknown(struct mcp *mcp) {
    mcp_error(mcp, mcp->era == MCP_MODERN ? MCP_PARAMS : MCP_NO_RESOURCE, "Resource not found",
              json_pack("{s:s}", "uri", mcp_text(mcp, "uri")), 0);
}

static bool on_read(void *ctx, enum upstream_end end, const Cloister__Message *message) {
    struct mcp *mcp = ((struct call *)ctx)->state;
    const Cloister__BusinessResult *result = message->business_result;
    (void)end;
    if (mcp == NULL)
        return false;
    if (result->status == 404)
        unknown(mcp);
    else if (result->status >= 400)
        mcp_refusal(mcp, result);
    else
        mcp_result(mcp, mcp_cacheable(mcp,
                                      json_pack("{s:[{s:s, s:s, s:s}]}", "contents", "uri",
                                                mcp_text(mcp, "uri"), "mimeType",
                                                "application/json", "text", result->result),
                                      LIST_TTL_MS));
    return false;
}

void mcp_resources_read(struct mcp *mcp) {
    char slug[SLUG_MAX + 1];
    if (!json_is_string(json_object_get(mcp->params, "uri")))
        mcp_error(mcp, MCP_PARAMS, "uri is needed.", NULL, 0);
    else if (!slug_of(mcp, mcp_text(mcp, "uri"), slug))
        unknown(mcp);
    else
        mcp_ask(mcp, "get_business", json_pack("{s:s}", "business", slug), NULL, false, on_read);
}
