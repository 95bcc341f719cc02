/* tools/list and tools/call: the operations of business/api that are tools. */
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "business/api/operations.h"
#include "gateway/front_cache.h"
#include "gateway/mcp/extras.h"

#define LIST_TTL_MS 3600000
#define HOUR_MS     3600000

static const char key_name[] = "idempotency_key";

/* ---- the list ---- */

static json_t *annotations_json(const struct operation *operation) {
    return json_pack("{s:s, s:b, s:b, s:b, s:b}", "title", operation->title, "readOnlyHint",
                     (int)!operation->changes, "destructiveHint", (int)operation->destructive,
                     "idempotentHint", (int)operation->idempotent, "openWorldHint",
                     (int)operation->open_world);
}

static json_t *input_json(const struct operation *operation) {
    json_t *schema = schema_json(operation->arguments, SCHEMA_ARGUMENTS);
    if (schema != NULL && operation->needs_key)
        (void)json_object_set_new(
            json_object_get(schema, "properties"), key_name,
            json_pack("{s:s, s:s, s:i, s:i, s:s}", "type", "string", "pattern", "^[!-~]+$",
                      "minLength", 1, "maxLength", IDEMPOTENCY_KEY_MAX, "description",
                      "Any text of your own for this one request. When it is repeated under the "
                      "same key it is not done twice."));
    return schema;
}

/* Nobody signs in. OpenAI's clients look for it in two places. */
static json_t *security_json(void) {
    return json_pack("[{s:s}]", "type", "noauth");
}

static json_t *tool_json(const struct operation *operation) {
    return json_pack("{s:s, s:s, s:s, s:o, s:o, s:o, s:o, s:{s:o}}", "name", operation->name,
                     "title", operation->title, "description", operation->about, "inputSchema",
                     input_json(operation), "outputSchema",
                     schema_json(operation->result, SCHEMA_RESULT), "annotations",
                     annotations_json(operation), "securitySchemes", security_json(), "_meta",
                     "securitySchemes", security_json());
}

void mcp_tools_list(struct mcp *mcp) {
    if (mcp_bad_cursor(mcp))
        return;
    json_t *tools = json_array();
    const struct operation *operation;
    for (size_t i = 0; (operation = operation_at(i)) != NULL; i++)
        if (operation->tool)
            (void)json_array_append_new(tools, tool_json(operation));
    if (mcp_extras.list != NULL)
        mcp_extras.list(mcp, "tools", tools);
    mcp_result(mcp, mcp_cacheable(mcp, json_pack("{s:o}", "tools", tools), LIST_TTL_MS));
}

/* ---- calls ---- */

/* "… The next free times: A, B." */
static char *refusal_words(const char *detail, const json_t *facts) {
    size_t i, used = strlen(detail);
    json_t *slot;
    const json_t *slots = json_object_get(facts, "next_slots");
    size_t cap = used + json_array_size(slots) * 64 + 64;
    char *words = malloc(cap);
    if (words == NULL)
        return NULL;
    (void)snprintf(words, cap, "%s", detail);
    json_array_foreach(slots, i, slot) {
        const char *start = json_string_value(json_object_get(slot, "start"));
        int n = snprintf(words + used, cap - used, "%s%.48s",
                         i == 0 ? " The next free times: " : ", ", start != NULL ? start : "?");
        if (n > 0 && (size_t)n < cap - used)
            used += (size_t)n;
    }
    (void)snprintf(words + used, cap - used, "%s", json_array_size(slots) > 0 ? "." : "");
    return words;
}

/* The words a model can act on, and the same for programs as a second text. What is structured
 * content has to fit the tool's output schema: a refusal does not. */
static void refuse_call(struct mcp *mcp, const Cloister__BusinessResult *refusal) {
    json_t *beside = json_loads(refusal->result, JSON_REJECT_DUPLICATES, NULL);
    json_t *facts = json_is_object(beside) ? beside : json_object();
    if (facts != beside)
        json_decref(beside);
    (void)json_object_set_new(facts, "code", json_string(refusal->code));
    (void)json_object_set_new(facts, "status", json_integer((json_int_t)refusal->status));
    if (refusal->retry_after_ms > 0)
        (void)json_object_set_new(facts, "retry_after_ms",
                                  json_integer((json_int_t)refusal->retry_after_ms));
    SCOPE_FREE char *text = json_dumps(facts, JSON_COMPACT);
    SCOPE_FREE char *words = refusal_words(
        refusal->detail[0] != '\0' ? refusal->detail : "That is not possible now.", facts);
    json_decref(facts);
    mcp_result(mcp, json_pack("{s:[{s:s, s:s?}, {s:s, s:s?}], s:b}", "content", "type", "text",
                              "text", words, "type", "text", "text", text, "isError", 1));
}

/* Text of another process is put into JSON as it is only if it is one line that may be an object.
 */
static bool may_embed(const char *object) {
    size_t len = strlen(object);
    return len >= 2 && object[0] == '{' && object[len - 1] == '}' && utf8_line(object, len);
}

/* {"content":[{"type":"text","text":"…"}],"structuredContent":…}, without reading what is inside.
 * To free; NULL: it cannot be passed on. */
static char *called_text(const char *object, size_t *ret_len) {
    static const char before[] = "{\"content\":[{\"type\":\"text\",\"text\":\"",
                      between[] = "\"}],\"structuredContent\":";
    size_t len = strlen(object);
    char *text = may_embed(object) ? malloc(sizeof(before) + sizeof(between) + 3 * len) : NULL;
    if (text == NULL)
        return NULL;
    char *at = mempcpy(text, before, sizeof(before) - 1);
    for (size_t i = 0; i < len;
         i++) { /* printable UTF-8: these two alone need a sign before them */
        if (object[i] == '"' || object[i] == '\\')
            *at++ = '\\';
        *at++ = object[i];
    }
    at = mempcpy(at, between, sizeof(between) - 1);
    at = mempcpy(at, object, len);
    memcpy(at, "}", 2);
    *ret_len = (size_t)(at + 1 - text);
    return text;
}

/* What is asked often is made once. */
static void answer_call(struct mcp *mcp, const char *object) {
    struct call *call = mcp->call;
    struct front_kept *kept = call->kept;
    if (kept != NULL && kept->made != NULL) {
        mcp_result_text(mcp, kept->made, kept->made_len);
        return;
    }
    size_t len = 0;
    SCOPE_FREE char *text = called_text(object, &len);
    if (text == NULL) {
        mcp_error(mcp, MCP_INTERNAL, "An unexpected answer came from inside.", NULL, 0);
        return;
    }
    if (kept != NULL)
        front_cache_made(call->gateway->cache, kept, text, len);
    mcp_result_text(mcp, text, len);
}

static void tell_progress(struct mcp *mcp, const Cloister__BusinessProgress *progress) {
    json_t *params = json_pack("{s:O, s:I}", "progressToken", mcp->progress_token, "progress",
                               (json_int_t)progress->done);
    if (progress->total > 0)
        (void)json_object_set_new(params, "total", json_integer((json_int_t)progress->total));
    if (progress->message[0] != '\0')
        (void)json_object_set_new(params, "message", json_string(progress->message));
    mcp_notify(mcp, "notifications/progress", params);
}

static bool on_called(void *ctx, enum upstream_end end, const Cloister__Message *message) {
    struct call *call = ctx;
    struct mcp *mcp = call->state;
    (void)end; /* front.h: always a reply */
    if (mcp == NULL)
        return false;
    if (message->body_case == CLOISTER__MESSAGE__BODY_BUSINESS_PROGRESS) {
        tell_progress(mcp, message->business_progress);
        return true;
    }
    const Cloister__BusinessResult *result = message->business_result;
    if (result->status >= 400)
        refuse_call(mcp, result);
    else
        answer_call(mcp, result->result);
    return false;
}

/* Without a key of the client's: the same request, sent again within the hour, has the same one.
 * Two requests of one client differ in their JSON-RPC id. */
static void derive_key(const struct mcp *mcp, const char *tool, const json_t *arguments,
                       char out[static IDEMPOTENCY_KEY_MAX + 1]) {
    SCOPE_FREE char *id = json_dumps(mcp->id, JSON_ENCODE_ANY | JSON_COMPACT);
    SCOPE_FREE char *text = json_dumps(arguments, JSON_COMPACT | JSON_SORT_KEYS);
    const json_t *session = json_object_get(mcp->call->mcp, "mcp-session-id");
    const char *parts[] = {tool, id, text, json_string_value(session), mcp->client_name};
    uint64_t hour = (uint64_t)wall_ms() / HOUR_MS;
    uint8_t hash[ID_LEN / 2];
    crypto_generichash_state state;
    (void)crypto_generichash_init(&state, NULL, 0, sizeof(hash));
    (void)crypto_generichash_update(&state, (const uint8_t *)&hour, sizeof(hour));
    (void)crypto_generichash_update(&state, (const uint8_t *)&mcp->call->address,
                                    sizeof(mcp->call->address));
    for (size_t i = 0; i < COUNT_OF(parts); i++)
        if (parts[i] != NULL)
            (void)crypto_generichash_update(&state, (const uint8_t *)parts[i],
                                            strlen(parts[i]) + 1);
    (void)crypto_generichash_final(&state, hash, sizeof(hash));
    hex_encode(hash, sizeof(hash), stpcpy(out, IDEMPOTENCY_DERIVED));
    if (text != NULL)
        explicit_bzero(text, strlen(text));
}

/* Takes the key out of `arguments`, or makes one. False: answered. */
static bool take_key(struct mcp *mcp, const char *tool, json_t *arguments,
                     char out[static IDEMPOTENCY_KEY_MAX + 1]) {
    json_t *given = json_object_get(arguments, key_name);
    if (given == NULL) {
        derive_key(mcp, tool, arguments, out);
        return true;
    }
    const char *key = json_string_value(given);
    if (key == NULL || strlen(key) != json_string_length(given) || !idempotency_key_valid(key)) {
        Cloister__BusinessResult refusal = CLOISTER__BUSINESS_RESULT__INIT;
        refusal.status = 400;
        refusal.code = (char *)(uintptr_t) "invalid_argument";
        refusal.detail = (char *)(uintptr_t) "idempotency_key: must be 1 to 128 visible ASCII "
                                             "characters";
        refuse_call(mcp, &refusal);
        return false;
    }
    memcpy(out, key, strlen(key) + 1);
    (void)json_object_del(arguments, key_name);
    return true;
}

void mcp_tools_call(struct mcp *mcp) {
    const char *name = mcp_text(mcp, "name");
    const struct operation *operation = operation_find(name);
    json_t *given = json_object_get(mcp->params, "arguments");
    char key[IDEMPOTENCY_KEY_MAX + 1] = "";
    if (operation == NULL || !operation->tool) {
        mcp_error(mcp, MCP_PARAMS, "There is no tool of this name; see tools/list.", NULL, 0);
        return;
    }
    if (given != NULL && !json_is_object(given)) {
        mcp_error(mcp, MCP_PARAMS, "arguments must be an object.", NULL, 0);
        return;
    }
    json_t *arguments = given == NULL ? json_object() : json_incref(given);
    if (operation->needs_key && !take_key(mcp, name, arguments, key)) {
        json_decref(arguments);
        return;
    }
    bool progress = mcp->progress_token != NULL && mcp->call->accepts_stream &&
                    strcmp(name, "ask_businesses") == 0;
    mcp_ask(mcp, operation->name, arguments, key, progress, on_called);
}
