/* Revision 2026-07-28: every request says which revision it speaks and what its client can, and
 * says part of it again in headers, which must agree. */
#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "gateway/mcp/mcp.h"

#define HEADER_MAX 2048

bool modern_is(const struct call *call, const json_t *message) {
    const char *header = json_string_value(json_object_get(call->mcp, "mcp-protocol-version"));
    const char *method = json_string_value(json_object_get(message, "method"));
    const json_t *meta = json_object_get(json_object_get(message, "params"), "_meta");
    if (json_object_get(meta, MCP_META "protocolVersion") != NULL)
        return true;
    if (method != NULL && strcmp(method, "server/discover") == 0)
        return true;
    if (method != NULL && strcmp(method, "initialize") == 0) /* what was not agreed on yet */
        return false;
    return header != NULL && strcmp(header, MCP_MODERN_VERSION) >= 0;
}

/* =?base64?…?= as it is meant; anything else as it is. */
static int decode(const char *value, size_t len, char *out, size_t cap) {
    static const char head[] = "=?base64?", tail[] = "?=";
    size_t head_len = sizeof(head) - 1, tail_len = sizeof(tail) - 1, n = 0;
    if (len < head_len + tail_len || strncmp(value, head, head_len) != 0 ||
        memcmp(value + len - tail_len, tail, tail_len) != 0) {
        if (len >= cap)
            return -EINVAL;
        memcpy(out, value, len);
        out[len] = '\0';
        return 1;
    }
    if (sodium_base642bin((uint8_t *)out, cap - 1, value + head_len, len - head_len - tail_len,
                          NULL, &n, NULL, sodium_base64_VARIANT_ORIGINAL) != 0)
        return -EINVAL;
    out[n] = '\0';
    return memchr(out, '\0', n) == NULL ? 1 : -EINVAL;
}

int modern_header(const struct call *call, const char *name, char *out, size_t cap) {
    const json_t *value = json_object_get(call->mcp, name);
    if (value == NULL)
        return 0;
    return json_is_string(value)
               ? decode(json_string_value(value), json_string_length(value), out, cap)
               : -EINVAL;
}

static bool header_fits(struct mcp *mcp, const char *name, const char *wanted) {
    char value[HEADER_MAX], message[200];
    int r = modern_header(mcp->call, name, value, sizeof(value));
    if (r == 1 && strcmp(value, wanted) == 0)
        return true;
    (void)snprintf(message, sizeof(message), "The header %s is %s.", name,
                   r == 0 ? "missing" : "not what the body says");
    mcp_error(mcp, MCP_HEADERS, message, NULL, 400);
    return false;
}

/* Which member of params the header Mcp-Name repeats; NULL: the method has none. */
static const char *named_by(const char *method) {
    if (strcmp(method, "tools/call") == 0 || strcmp(method, "prompts/get") == 0)
        return "name";
    return strcmp(method, "resources/read") == 0 ? "uri" : NULL;
}

static bool headers_fit(struct mcp *mcp, const char *version) {
    const char *named = named_by(mcp->method);
    if (!header_fits(mcp, "mcp-protocol-version", version) ||
        !header_fits(mcp, "mcp-method", mcp->method))
        return false;
    return named == NULL || !json_is_string(json_object_get(mcp->params, named)) ||
           header_fits(mcp, "mcp-name", mcp_text(mcp, named));
}

static bool refuse_meta(struct mcp *mcp, const char *message) {
    mcp_error(mcp, MCP_PARAMS, message, NULL, 400);
    return false;
}

static void take_client(struct mcp *mcp) {
    const json_t *info = json_object_get(mcp->meta, MCP_META "clientInfo");
    const char *name = json_string_value(json_object_get(info, "name"));
    const char *version = json_string_value(json_object_get(info, "version"));
    (void)snprintf(mcp->client_name, sizeof(mcp->client_name), "%s", name != NULL ? name : "");
    (void)snprintf(mcp->client_version, sizeof(mcp->client_version), "%s",
                   version != NULL ? version : "");
}

bool modern_check(struct mcp *mcp) {
    const char *version = json_string_value(json_object_get(mcp->meta, MCP_META "protocolVersion"));
    mcp->capabilities = json_object_get(mcp->meta, MCP_META "clientCapabilities");
    if (mcp->id == NULL && version == NULL) /* a notification need not say it */
        return true;
    if (version == NULL)
        return refuse_meta(mcp, "params._meta needs " MCP_META "protocolVersion.");
    if (!json_is_object(mcp->capabilities))
        return refuse_meta(mcp, "params._meta needs the object " MCP_META "clientCapabilities.");
    if (!headers_fit(mcp, version))
        return false;
    if (strcmp(version, MCP_MODERN_VERSION) != 0) {
        mcp_error(mcp, MCP_VERSION, "This server does not speak that protocol version.",
                  json_pack("{s:[s], s:s}", "supported", MCP_MODERN_VERSION, "requested", version),
                  400);
        return false;
    }
    take_client(mcp);
    return true;
}

void mcp_discover(struct mcp *mcp) {
    json_t *result =
        json_pack("{s:[s], s:o, s:s}", "supportedVersions", MCP_MODERN_VERSION, "capabilities",
                  mcp_capabilities(mcp), "instructions", mcp_instructions());
    mcp_result(mcp, mcp_cacheable(mcp, result, 3600000));
}
