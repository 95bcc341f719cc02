/* Tools of the legacy era that ask the client something on the answer's stream and wait for what it
 * posts. */
#include <stdio.h>
#include <string.h>
#include <sys/queue.h>

#include "tests/mcp/fixtures.h"

struct mcp_work {
    LIST_ENTRY(mcp_work) next;
    struct mcp *mcp;
    char id[ID_LEN + 1];
    const char *before; /* what the answer begins with */
    bool sampling;
};
static LIST_HEAD(, mcp_work) waiting = LIST_HEAD_INITIALIZER(waiting);

static void work_free(struct mcp_work *work) {
    LIST_REMOVE(work, next);
    free(work);
}

/* Steals `params`. */
static void ask(struct mcp *mcp, const char *method, json_t *params, const char *before) {
    struct mcp_work *work = calloc(1, sizeof(*work));
    if (work == NULL)
        abort();
    work->mcp = mcp;
    work->before = before;
    work->sampling = strncmp(method, "sampling/", 9) == 0;
    id_random(work->id);
    LIST_INSERT_HEAD(&waiting, work, next);
    mcp->work = work;
    mcp->work_free = work_free;
    mcp_send(mcp, json_pack("{s:s, s:s, s:s, s:o}", "jsonrpc", "2.0", "id", work->id, "method",
                            method, "params", params));
}

static void finish(struct mcp_work *work, const json_t *result) {
    char text[1024];
    SCOPE_FREE char *content = json_dumps(json_object_get(result, "content"), JSON_COMPACT);
    const char *action = json_string_value(json_object_get(result, "action"));
    const char *said =
        json_string_value(json_object_get(json_object_get(result, "content"), "text"));
    if (work->sampling)
        (void)snprintf(text, sizeof(text), "%s%s", work->before, said != NULL ? said : "");
    else
        (void)snprintf(text, sizeof(text), "%saction=%s, content=%s", work->before,
                       action != NULL ? action : "?", content != NULL ? content : "{}");
    fixture_text(work->mcp, text);
}

void fixture_response(struct call *call, const json_t *message) {
    (void)call;
    const char *id = json_string_value(json_object_get(message, "id"));
    struct mcp_work *work;
    LIST_FOREACH(work, &waiting, next)
    if (id != NULL && strcmp(work->id, id) == 0) {
        finish(work, json_object_get(message, "result"));
        return;
    }
}

static void sampling(struct mcp *mcp) {
    ask(mcp, "sampling/createMessage",
        json_pack("{s:[{s:s, s:{s:s, s:s}}], s:i}", "messages", "role", "user", "content", "type",
                  "text", "text", fixture_argument(mcp, "prompt"), "maxTokens", 100),
        "LLM response: ");
}

static void elicit(struct mcp *mcp, const char *message, const char *properties, const char *needed,
                   const char *before) {
    ask(mcp, "elicitation/create",
        json_pack("{s:s, s:{s:s, s:o, s:o}}", "message", message, "requestedSchema", "type",
                  "object", "properties", json_loads(properties, 0, NULL), "required",
                  json_loads(needed, 0, NULL)),
        before);
}

static void elicitation(struct mcp *mcp) {
    elicit(mcp, fixture_argument(mcp, "message"),
           "{\"username\":{\"type\":\"string\",\"description\":\"User's response\"},"
           "\"email\":{\"type\":\"string\",\"description\":\"User's email address\"}}",
           "[\"username\",\"email\"]", "User response: ");
}

static void defaults(struct mcp *mcp) {
    elicit(mcp, "Please check these.",
           "{\"name\":{\"type\":\"string\",\"default\":\"John Doe\"},"
           "\"age\":{\"type\":\"integer\",\"default\":30},"
           "\"score\":{\"type\":\"number\",\"default\":95.5},"
           "\"status\":{\"type\":\"string\",\"enum\":[\"active\",\"inactive\",\"pending\"],"
           "\"default\":\"active\"},"
           "\"verified\":{\"type\":\"boolean\",\"default\":true}}",
           "[]", "Elicitation completed: ");
}

static void enums(struct mcp *mcp) {
    elicit(
        mcp, "Please choose.",
        "{\"untitledSingle\":{\"type\":\"string\",\"enum\":[\"option1\",\"option2\",\"option3\"]},"
        "\"titledSingle\":{\"type\":\"string\",\"oneOf\":[{\"const\":\"value1\",\"title\":\"First "
        "Option\"},{\"const\":\"value2\",\"title\":\"Second Option\"},{\"const\":\"value3\","
        "\"title\":\"Third Option\"}]},"
        "\"legacyEnum\":{\"type\":\"string\",\"enum\":[\"opt1\",\"opt2\",\"opt3\"],\"enumNames\":["
        "\"Option One\",\"Option Two\",\"Option Three\"]},"
        "\"untitledMulti\":{\"type\":\"array\",\"items\":{\"type\":\"string\",\"enum\":["
        "\"option1\",\"option2\",\"option3\"]}},"
        "\"titledMulti\":{\"type\":\"array\",\"items\":{\"anyOf\":[{\"const\":\"value1\","
        "\"title\":\"First Choice\"},{\"const\":\"value2\",\"title\":\"Second Choice\"},"
        "{\"const\":\"value3\",\"title\":\"Third Choice\"}]}}}",
        "[]", "Elicitation completed: ");
}

#define ONE_TEXT(name)                                                                             \
    "{\"type\":\"object\",\"properties\":{\"" name                                                 \
    "\":{\"type\":\"string\"}},\"required\":[\"" name "\"]}"

const struct fixture fixture_asking[] = {
    {"test_sampling", "Asks the client's model.", MCP_LEGACY, sampling, ONE_TEXT("prompt")},
    {"test_elicitation", "Asks the user.", MCP_LEGACY, elicitation, ONE_TEXT("message")},
    {"test_elicitation_sep1034_defaults", "Asks with defaults.", MCP_LEGACY, defaults, NULL},
    {"test_elicitation_sep1330_enums", "Asks with choices.", MCP_LEGACY, enums, NULL},
    {NULL, NULL, 0, NULL, NULL},
};
