/* POST /mcp: what is it, of which era, and who answers. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "gateway/mcp/extras.h"

static const struct mcp_method methods[] = {
    {"initialize", MCP_LEGACY, mcp_initialize},
    {"ping", MCP_LEGACY, mcp_ping},
    {"logging/setLevel", MCP_LEGACY, mcp_set_level},
    {"server/discover", MCP_MODERN, mcp_discover},
    {"tools/list", MCP_LEGACY | MCP_MODERN, mcp_tools_list},
    {"tools/call", MCP_LEGACY | MCP_MODERN, mcp_tools_call},
    {"resources/list", MCP_LEGACY | MCP_MODERN, mcp_resources_list},
    {"resources/templates/list", MCP_LEGACY | MCP_MODERN, mcp_templates_list},
    {"resources/read", MCP_LEGACY | MCP_MODERN, mcp_resources_read},
    {"prompts/list", MCP_LEGACY | MCP_MODERN, mcp_prompts_list},
    {"prompts/get", MCP_LEGACY | MCP_MODERN, mcp_prompts_get},
    {"completion/complete", MCP_LEGACY | MCP_MODERN, mcp_complete},
};

static void mcp_free(struct mcp *mcp) {
    if (mcp->work != NULL)
        mcp->work_free(mcp->work);
    if (mcp->streaming)
        mcp->call->gateway->streams_open--;
    json_decref(mcp->message);
    free(mcp);
}

/* The client has gone, or has its answer. */
static void on_gone(struct call *call) {
    struct mcp *mcp = call->state;
    call->state = NULL;
    call->cancel = NULL;
    mcp_free(mcp);
}

const char *mcp_text(const struct mcp *mcp, const char *name) {
    const char *text = json_string_value(json_object_get(mcp->params, name));
    return text != NULL ? text : "";
}

bool mcp_bad_cursor(struct mcp *mcp) {
    if (json_object_get(mcp->params, "cursor") == NULL)
        return false;
    mcp_error(mcp, MCP_PARAMS, "The cursor is not one that this server gave.", NULL, 0);
    return true;
}

void mcp_ask(struct mcp *mcp, const char *operation, json_t *arguments, const char *key,
             bool progress, upstream_answer *answer) {
    const struct front_request request = {
        .operation = operation,
        .arguments = arguments,
        .key = key,
        .client = {"mcp", mcp->client_name, mcp->client_version},
        .progress = progress,
    };
    front_ask(mcp->call, &request, answer);
}

json_t *mcp_object(const Cloister__Message *message, const Cloister__BusinessResult **ret_refusal) {
    const Cloister__BusinessResult *result = message->business_result;
    *ret_refusal = result;
    if (result->status >= 400)
        return NULL;
    json_t *object = json_loads(result->result, JSON_REJECT_DUPLICATES, NULL);
    return object;
}

void mcp_refusal(struct mcp *mcp, const Cloister__BusinessResult *refusal) {
    json_t *data = json_pack("{s:s}", "code", refusal->code);
    if (refusal->retry_after_ms > 0)
        (void)json_object_set_new(data, "retry_after_ms",
                                  json_integer((json_int_t)refusal->retry_after_ms));
    mcp_error(mcp, refusal->status < 500 && refusal->status != 429 ? MCP_PARAMS : MCP_INTERNAL,
              refusal->detail[0] != '\0' ? refusal->detail : "The directory gave no answer.", data,
              0);
}

static const struct mcp_method *method_find(const struct mcp *mcp) {
    for (size_t i = 0; i < COUNT_OF(methods); i++)
        if (strcmp(methods[i].name, mcp->method) == 0 && (methods[i].eras & mcp->era) != 0)
            return &methods[i];
    return NULL;
}

static void serve(struct mcp *mcp) {
    if (!(mcp->era == MCP_MODERN ? modern_check(mcp) : legacy_check(mcp)))
        return;
    if (mcp_extras.method != NULL && mcp_extras.method(mcp))
        return;
    const struct mcp_method *method = method_find(mcp);
    if (method == NULL)
        mcp_error(mcp, MCP_NO_METHOD, "There is no such method.", NULL, 0);
    else
        method->handle(mcp);
}

static bool id_fits(const json_t *id) {
    return json_is_string(id) || json_is_integer(id);
}

/* The shape of a request or notification: NULL, or what is wrong. */
static const char *shape_fault(const json_t *message) {
    const json_t *id = json_object_get(message, "id"), *params = json_object_get(message, "params");
    const char *version = json_string_value(json_object_get(message, "jsonrpc"));
    if (version == NULL || strcmp(version, "2.0") != 0)
        return "jsonrpc must be \"2.0\".";
    if (id != NULL && !id_fits(id)) /* then no answer can name it: its id is null */
        return "id must be a text or a whole number.";
    if (params != NULL && !json_is_object(params))
        return "params must be an object.";
    return NULL;
}

static bool is_response(const json_t *message) {
    return json_object_get(message, "method") == NULL &&
           (json_object_get(message, "result") != NULL ||
            json_object_get(message, "error") != NULL);
}

/* Takes `message`. */
static struct mcp *mcp_new(struct call *call, json_t *message) {
    struct mcp *mcp = calloc(1, sizeof(*mcp));
    if (mcp == NULL)
        return NULL;
    mcp->call = call;
    mcp->message = message;
    mcp->id = id_fits(json_object_get(message, "id")) ? json_object_get(message, "id") : NULL;
    mcp->method = json_string_value(json_object_get(message, "method"));
    mcp->params = json_object_get(message, "params");
    mcp->meta = json_object_get(mcp->params, "_meta");
    mcp->progress_token = json_object_get(mcp->meta, "progressToken");
    mcp->era = modern_is(call, message) ? MCP_MODERN : MCP_LEGACY;
    if (!json_is_string(mcp->progress_token) && !json_is_integer(mcp->progress_token))
        mcp->progress_token = NULL;
    call->state = mcp;
    call->cancel = on_gone;
    return mcp;
}

/* Owns `message`, an object. */
static void take(struct call *call, json_t *message) {
    const char *fault = shape_fault(message);
    if (fault == NULL && is_response(message)) {
        if (mcp_extras.response != NULL)
            mcp_extras.response(call, message);
        mcp_accept(call);
        json_decref(message);
        return;
    }
    if (fault == NULL && json_string_value(json_object_get(message, "method")) == NULL)
        fault = "method must be a text.";
    struct mcp *mcp = mcp_new(call, message);
    if (mcp == NULL) {
        json_decref(message);
        call_refuse(call, 503, "full", "The server is out of memory.");
        return;
    }
    if (fault != NULL)
        mcp_error(mcp, MCP_INVALID, fault, NULL, 400);
    else if (mcp->id != NULL)
        serve(mcp);
    else if (mcp->era == MCP_LEGACY ? legacy_check(mcp) : modern_check(mcp))
        mcp_accept(call); /* nothing that a client tells us needs to be done */
}

void handle_mcp(struct call *call) {
    if (!call->accepts_json && !call->accepts_stream) {
        mcp_refuse(call, 406, MCP_INVALID, "Accept application/json and text/event-stream.");
        return;
    }
    json_t *message = json_loadb((const char *)call->raw, call->raw_len,
                                 JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, NULL);
    if (json_is_object(message)) {
        take(call, message);
        return;
    }
    if (message == NULL)
        mcp_refuse(call, 400, MCP_PARSE, "The body is not JSON.");
    else
        mcp_refuse(call, 400, MCP_INVALID, "The body must be one JSON-RPC message; no batches.");
    json_decref(message);
}
