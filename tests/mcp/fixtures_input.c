/* Tools of the modern era that need input: they say what, and are called again with it. What they
 * say goes to the client and comes back, so the state carries a MAC. */
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "tests/mcp/fixtures.h"

/* ---- state ---- */

static const uint8_t *state_key(void) {
    static uint8_t key[crypto_auth_KEYBYTES];
    static bool made;
    if (!made)
        crypto_auth_keygen(key);
    made = true;
    return key;
}

static void state_mac(const char *tool, const char *word, char out[static 65]) {
    char text[200];
    uint8_t mac[crypto_auth_BYTES];
    (void)snprintf(text, sizeof(text), "%s\n%s", tool, word);
    (void)crypto_auth(mac, (const uint8_t *)text, strlen(text), state_key());
    hex_encode(mac, sizeof(mac), out);
}

/* Whether the call brings the state `word` of this tool back. */
static bool state_is(const struct mcp *mcp, const char *word) {
    char mac[65], wanted[120];
    state_mac(mcp_text(mcp, "name"), word, mac);
    (void)snprintf(wanted, sizeof(wanted), "%s.%s", word, mac);
    return strcmp(mcp_text(mcp, "requestState"), wanted) == 0;
}

/* ---- requests for input ---- */

static json_t *elicit(const char *message, const char *name, const char *type) {
    return json_pack("{s:s, s:{s:s, s:{s:s, s:{s:{s:s}}, s:[s]}}}", "method", "elicitation/create",
                     "params", "message", message, "requestedSchema", "type", "object",
                     "properties", name, "type", type, "required", name);
}

static json_t *sample(const char *text, int tokens) {
    return json_pack("{s:s, s:{s:[{s:s, s:{s:s, s:s}}], s:i}}", "method", "sampling/createMessage",
                     "params", "messages", "role", "user", "content", "type", "text", "text", text,
                     "maxTokens", tokens);
}

static json_t *roots(void) {
    return json_pack("{s:s, s:{}}", "method", "roots/list", "params");
}

/* Steals `requests`. */
static void need(struct mcp *mcp, json_t *requests, const char *word) {
    json_t *result =
        json_pack("{s:s, s:o}", "resultType", "input_required", "inputRequests", requests);
    if (word != NULL) {
        char mac[65];
        state_mac(mcp_text(mcp, "name"), word, mac);
        (void)json_object_set_new(result, "requestState", json_sprintf("%s.%s", word, mac));
    }
    mcp_result(mcp, result);
}

static json_t *given(const struct mcp *mcp, const char *key) {
    return json_object_get(json_object_get(mcp->params, "inputResponses"), key);
}

/* A text that the user gave, or NULL. */
static const char *answered(const struct mcp *mcp, const char *key, const char *name) {
    return json_string_value(json_object_get(json_object_get(given(mcp, key), "content"), name));
}

/* ---- tools ---- */

static void elicitation(struct mcp *mcp) {
    const char *name = answered(mcp, "user_name", "name");
    char text[200];
    if (name == NULL) {
        need(mcp, json_pack("{s:o}", "user_name", elicit("What is your name?", "name", "string")),
             NULL);
        return;
    }
    (void)snprintf(text, sizeof(text), "Hello, %s!", name);
    fixture_text(mcp, text);
}

static void sampling(struct mcp *mcp) {
    const char *said = answered(mcp, "capital_question", "text");
    if (said == NULL)
        need(mcp,
             json_pack("{s:o}", "capital_question", sample("What is the capital of France?", 100)),
             NULL);
    else
        fixture_text(mcp, said);
}

static void list_roots(struct mcp *mcp) {
    const json_t *list = json_object_get(given(mcp, "client_roots"), "roots");
    if (!json_is_array(list)) {
        need(mcp, json_pack("{s:o}", "client_roots", roots()), NULL);
        return;
    }
    SCOPE_FREE char *text = json_dumps(list, JSON_COMPACT);
    fixture_text(mcp, text);
}

static void request_state(struct mcp *mcp) {
    if (given(mcp, "confirm") == NULL)
        need(mcp, json_pack("{s:o}", "confirm", elicit("Please confirm", "ok", "boolean")),
             "asked");
    else if (state_is(mcp, "asked"))
        fixture_text(mcp, "state-ok");
    else
        mcp_error(mcp, MCP_PARAMS, "requestState is not one of this server's.", NULL, 0);
}

static void multiple_inputs(struct mcp *mcp) {
    bool all = given(mcp, "user_name") != NULL && given(mcp, "greeting") != NULL &&
               given(mcp, "client_roots") != NULL;
    if (all && state_is(mcp, "asked"))
        fixture_text(mcp, "All three are there.");
    else if (all)
        mcp_error(mcp, MCP_PARAMS, "requestState is not one of this server's.", NULL, 0);
    else
        need(mcp,
             json_pack("{s:o, s:o, s:o}", "user_name",
                       elicit("What is your name?", "name", "string"), "greeting",
                       sample("Generate a greeting", 50), "client_roots", roots()),
             "asked");
}

static void multi_round(struct mcp *mcp) {
    if (given(mcp, "step2") != NULL && state_is(mcp, "second"))
        fixture_text(mcp, "Both steps are done.");
    else if (given(mcp, "step1") != NULL && state_is(mcp, "first"))
        need(mcp,
             json_pack("{s:o}", "step2",
                       elicit("Step 2: What is your favorite color?", "color", "string")),
             "second");
    else
        need(mcp,
             json_pack("{s:o}", "step1", elicit("Step 1: What is your name?", "name", "string")),
             "first");
}

static void tampered_state(struct mcp *mcp) {
    if (mcp_text(mcp, "requestState")[0] == '\0')
        need(mcp, json_pack("{s:o}", "confirm", elicit("Please confirm", "ok", "boolean")),
             "asked");
    else if (state_is(mcp, "asked"))
        fixture_text(mcp, "state-ok");
    else
        mcp_error(mcp, MCP_PARAMS, "requestState was changed.", NULL, 0);
}

static void capabilities(struct mcp *mcp) {
    json_t *requests = json_object();
    if (given(mcp, "question") != NULL || given(mcp, "name") != NULL) {
        json_decref(requests);
        fixture_text(mcp, "Thank you.");
        return;
    }
    if (json_object_get(mcp->capabilities, "sampling") != NULL)
        (void)json_object_set_new(requests, "question", sample("Say something", 50));
    if (json_object_get(mcp->capabilities, "elicitation") != NULL)
        (void)json_object_set_new(requests, "name", elicit("What is your name?", "name", "string"));
    if (json_object_size(requests) > 0) {
        need(mcp, requests, NULL);
        return;
    }
    json_decref(requests);
    mcp_error(mcp, MCP_CAPABILITY, "This needs a client that can sample.",
              json_pack("{s:{s:{}}}", "requiredCapabilities", "sampling"), 0);
}

void fixture_input_prompt(struct mcp *mcp) {
    const char *context = answered(mcp, "user_context", "context");
    if (given(mcp, "user_context") == NULL)
        need(mcp,
             json_pack("{s:o}", "user_context",
                       elicit("What context should the prompt use?", "context", "string")),
             NULL);
    else
        mcp_result(mcp,
                   json_pack("{s:[{s:s, s:{s:s, s:s}}]}", "messages", "role", "user", "content",
                             "type", "text", "text", context != NULL ? context : "No context."));
}

#define ROW(name, handler)                                                                         \
    { "test_input_required_result_" name, "Needs input.", MCP_MODERN, handler, NULL }
const struct fixture fixture_input[] = {
    ROW("elicitation", elicitation),
    ROW("sampling", sampling),
    ROW("list_roots", list_roots),
    ROW("request_state", request_state),
    ROW("multiple_inputs", multiple_inputs),
    ROW("multi_round", multi_round),
    ROW("tampered_state", tampered_state),
    ROW("capabilities", capabilities),
    {"test_streaming_elicitation", "Needs input.", MCP_MODERN, elicitation, NULL},
    {NULL, NULL, 0, NULL, NULL},
};
