#include <stdio.h>
#include <string.h>

#include "build_config.h"
#include "gateway/mcp/mcp.h"
#include "ipc/log.h"

json_t *mcp_server_info(void) {
    return json_pack("{s:s, s:s, s:s}", "name", "cloister", "title", "Cloister directory",
                     "version", CLOISTER_VERSION);
}

/* One message as an event; JSON without line breaks is one data line. */
static void send_event(struct mcp *mcp, const struct iovec *pieces, size_t count) {
    struct evbuffer *out = evbuffer_new();
    if (out == NULL) {
        conn_abort(mcp->call->conn);
        return;
    }
    (void)evbuffer_add_printf(out, "event: message\ndata: ");
    for (size_t i = 0; i < count; i++)
        (void)evbuffer_add(out, pieces[i].iov_base, pieces[i].iov_len);
    (void)evbuffer_add(out, "\n\n", 2);
    conn_stream_send(mcp->call->conn, out);
    evbuffer_free(out);
}

static void begin_stream(struct mcp *mcp) {
    if (mcp->streaming)
        return;
    mcp->streaming = true;
    mcp->call->gateway->streams_open++;
    metrics_add(&mcp->call->gateway->metrics, METRIC_STREAMS, 0, 0, 1);
    call_stream(mcp->call);
}

void mcp_send(struct mcp *mcp, json_t *message) {
    SCOPE_FREE char *text = json_dumps(message, JSON_COMPACT);
    json_decref(message);
    if (text == NULL || mcp->done || !mcp->call->accepts_stream)
        return;
    const struct iovec piece = {text, strlen(text)};
    begin_stream(mcp);
    send_event(mcp, &piece, 1);
    explicit_bzero(text, strlen(text));
}

void mcp_notify(struct mcp *mcp, const char *method, json_t *params) {
    mcp_send(mcp, json_pack("{s:s, s:s, s:o}", "jsonrpc", "2.0", "method", method, "params",
                            params == NULL ? json_object() : params));
}

/* The one answer, as JSON or as the stream's last event. The call may be gone afterwards. */
static void finish_pieces(struct mcp *mcp, unsigned status, const struct iovec *pieces,
                          size_t count) {
    struct call *call = mcp->call;
    if (mcp->done)
        return;
    mcp->done = true;
    if (!mcp->streaming && !call->accepts_json) /* it takes a stream and nothing else */
        begin_stream(mcp);
    if (!mcp->streaming) {
        call_answer_pieces(call, status, "application/json", pieces, count, NULL, 0);
        return;
    }
    send_event(mcp, pieces, count);
    conn_stream_end(call->conn);
}

static void finish(struct mcp *mcp, unsigned status, const char *text, size_t len) {
    const struct iovec piece = {(void *)(uintptr_t)text, len};
    finish_pieces(mcp, status, &piece, 1);
}

void mcp_result_text(struct mcp *mcp, const char *object, size_t len) {
    char short_id[64];
    SCOPE_FREE char *long_id = NULL;
    SCOPE_FREE char *before = NULL;
    const char *id = short_id;
    size_t id_len = json_dumpb(mcp->id, short_id, sizeof(short_id), JSON_COMPACT | JSON_ENCODE_ANY);
    if (id_len > sizeof(short_id))
        id = long_id = json_dumps(mcp->id, JSON_COMPACT | JSON_ENCODE_ANY);
    static const char all[] = "\"resultType\":\"complete\",\"_meta\":{\"" MCP_META
                              "serverInfo\":{\"name\":\"cloister\",\"version\":"
                              "\"" CLOISTER_VERSION "\"}}";
    const char *modern = mcp->era == MCP_MODERN ? all : "";
    const char *comma = mcp->era == MCP_MODERN && object[1] != '}' ? "," : "";
    static const char first[] = "{\"jsonrpc\":\"2.0\",\"id\":", second[] = ",\"result\":{";
    if (id != NULL && id_len > 0)
        before = malloc(sizeof(first) + id_len + sizeof(second) + sizeof(all) + 1);
    if (before == NULL) {
        conn_abort(mcp->call->conn);
        return;
    }
    char *at = mempcpy(mempcpy(before, first, sizeof(first) - 1), id, id_len);
    at = stpcpy(stpcpy(stpcpy(at, second), modern), comma);
    const struct iovec pieces[] = {{before, (size_t)(at - before)},
                                   {(void *)(uintptr_t)(object + 1), len - 1},
                                   {(void *)(uintptr_t) "}", 1}};
    finish_pieces(mcp, 200, pieces, COUNT_OF(pieces));
}

void mcp_result(struct mcp *mcp, json_t *result) {
    if (result != NULL && mcp->era == MCP_MODERN) {
        json_t *own = json_pack("{s:s, s:{s:o}}", "resultType", "complete", "_meta",
                                MCP_META "serverInfo", mcp_server_info());
        (void)json_object_update_missing(result, own);
        json_decref(own);
    }
    json_t *message = json_pack("{s:s, s:O, s:o}", "jsonrpc", "2.0", "id", mcp->id, "result",
                                result == NULL ? json_object() : result);
    SCOPE_FREE char *text = message == NULL ? NULL : json_dumps(message, JSON_COMPACT);
    json_decref(message);
    if (text != NULL)
        finish(mcp, 200, text, strlen(text));
    else
        conn_abort(mcp->call->conn);
}

static char *error_text(const json_t *id, enum mcp_code code, const char *message, json_t *data) {
    json_t *error = json_pack("{s:i, s:s}", "code", (int)code, "message", message);
    if (data != NULL)
        (void)json_object_set_new(error, "data", data);
    json_t *whole =
        json_pack("{s:s, s:o, s:o}", "jsonrpc", "2.0", "id",
                  id == NULL ? json_null() : json_incref((json_t *)(uintptr_t)id), "error", error);
    char *text = json_dumps(whole, JSON_COMPACT);
    json_decref(whole);
    return text;
}

static unsigned status_of(enum mcp_era era, enum mcp_code code) {
    if (era == MCP_LEGACY)
        return 200;
    switch (code) {
    case MCP_NO_METHOD:
        return 404;
    case MCP_HEADERS:
    case MCP_CAPABILITY:
    case MCP_VERSION:
    case MCP_INVALID:
    case MCP_PARSE:
        return 400;
    case MCP_PARAMS:
    case MCP_INTERNAL:
    case MCP_NO_RESOURCE:
        break;
    }
    return 200;
}

void mcp_error(struct mcp *mcp, enum mcp_code code, const char *message, json_t *data,
               unsigned status) {
    SCOPE_FREE char *text = error_text(mcp->id, code, message, data);
    if (text != NULL)
        finish(mcp, status != 0 ? status : status_of(mcp->era, code), text, strlen(text));
    else
        conn_abort(mcp->call->conn);
}

void mcp_refuse(struct call *call, unsigned status, enum mcp_code code, const char *message) {
    SCOPE_FREE char *text = error_text(NULL, code, message, NULL);
    call_answer(call, status, "application/json", text != NULL ? text : "{}",
                text != NULL ? strlen(text) : 2, NULL, 0);
}

void mcp_accept(struct call *call) {
    call_answer(call, 202, NULL, NULL, 0, NULL, 0);
}

json_t *mcp_cacheable(const struct mcp *mcp, json_t *result, json_int_t ttl_ms) {
    if (mcp->era == MCP_MODERN) {
        (void)json_object_set_new(result, "ttlMs", json_integer(ttl_ms));
        (void)json_object_set_new(result, "cacheScope", json_string("public"));
    }
    return result;
}
