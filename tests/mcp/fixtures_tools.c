/* Tools that answer by themselves, some of them slowly. */
#include <event2/event.h>
#include <string.h>

#include "tests/mcp/fixtures.h"

#define STEP_MS 50
#define BOTH    (MCP_LEGACY | MCP_MODERN)

const char fixture_png[] =
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5"
    "ErkJggg==";
const char fixture_wav[] = "UklGRiQAAABXQVZFZm10IBAAAAABAAEAQB8AAIA+AAACABAAZGF0YQAAAAA=";

static void simple(struct mcp *mcp) {
    fixture_text(mcp, "This is a simple text response for testing.");
}

static void image(struct mcp *mcp) {
    mcp_result(mcp, json_pack("{s:[{s:s, s:s, s:s}]}", "content", "type", "image", "data",
                              fixture_png, "mimeType", "image/png"));
}

static void audio(struct mcp *mcp) {
    mcp_result(mcp, json_pack("{s:[{s:s, s:s, s:s}]}", "content", "type", "audio", "data",
                              fixture_wav, "mimeType", "audio/wav"));
}

static json_t *embedded_json(const char *uri, const char *type, const char *text) {
    return json_pack("{s:s, s:{s:s, s:s, s:s}}", "type", "resource", "resource", "uri", uri,
                     "mimeType", type, "text", text);
}

static void embedded(struct mcp *mcp) {
    mcp_result(mcp, json_pack("{s:[o]}", "content",
                              embedded_json("test://embedded-resource", "text/plain",
                                            "This is an embedded resource content.")));
}

static void multiple(struct mcp *mcp) {
    mcp_result(mcp, json_pack("{s:[{s:s, s:s}, {s:s, s:s, s:s}, o]}", "content", "type", "text",
                              "text", "Multiple content types test:", "type", "image", "data",
                              fixture_png, "mimeType", "image/png",
                              embedded_json("test://mixed-content-resource", "application/json",
                                            "{\"test\":\"data\",\"value\":123}")));
}

static void failing(struct mcp *mcp) {
    mcp_result(mcp,
               json_pack("{s:[{s:s, s:s}], s:b}", "content", "type", "text", "text",
                         "This tool intentionally returns an error for testing", "isError", 1));
}

/* ---- in steps ---- */

struct mcp_work {
    struct mcp *mcp;
    struct event *timer;
    unsigned step;
    void (*tell)(struct mcp *mcp, unsigned step);
};

static void work_free(struct mcp_work *work) {
    event_free(work->timer);
    free(work);
}

static void on_step(evutil_socket_t fd, short what, void *ctx) {
    (void)fd, (void)what;
    struct mcp_work *work = ctx;
    const struct timeval wait = {0, STEP_MS * 1000};
    work->tell(work->mcp, work->step);
    if (++work->step < 3)
        (void)event_add(work->timer, &wait);
    else
        fixture_text(work->mcp, "Done in three steps.");
}

static void in_steps(struct mcp *mcp, void (*tell)(struct mcp *mcp, unsigned step)) {
    struct mcp_work *work = calloc(1, sizeof(*work));
    if (work == NULL)
        abort();
    *work = (struct mcp_work){.mcp = mcp, .tell = tell};
    work->timer = evtimer_new(mcp->call->gateway->base, on_step, work);
    mcp->work = work;
    mcp->work_free = work_free;
    on_step(-1, 0, work);
}

static void tell_log(struct mcp *mcp, unsigned step) {
    static const char *const words[] = {"Tool execution started", "Tool processing data",
                                        "Tool execution completed"};
    if (mcp->era == MCP_LEGACY || json_object_get(mcp->meta, MCP_META "logLevel") != NULL)
        mcp_notify(mcp, "notifications/message",
                   json_pack("{s:s, s:s}", "level", "info", "data", words[step]));
}

static void tell_progress(struct mcp *mcp, unsigned step) {
    if (mcp->progress_token != NULL)
        mcp_notify(mcp, "notifications/progress",
                   json_pack("{s:O, s:i, s:i}", "progressToken", mcp->progress_token, "progress",
                             (int)step * 50, "total", 100));
}

static void logging(struct mcp *mcp) {
    in_steps(mcp, tell_log);
}

static void progress(struct mcp *mcp) {
    in_steps(mcp, tell_progress);
}

static void missing_capability(struct mcp *mcp) {
    if (json_object_get(mcp->capabilities, "sampling") != NULL)
        fixture_text(mcp, "The client can sample.");
    else
        mcp_error(mcp, MCP_CAPABILITY, "This needs a client that can sample.",
                  json_pack("{s:{s:{}}}", "requiredCapabilities", "sampling"), 0);
}

const struct fixture fixture_tools[] = {
    {"test_simple_text", "One text.", BOTH, simple, NULL},
    {"test_image_content", "An image.", BOTH, image, NULL},
    {"test_audio_content", "A sound.", BOTH, audio, NULL},
    {"test_embedded_resource", "A resource.", BOTH, embedded, NULL},
    {"test_multiple_content_types", "Several kinds.", BOTH, multiple, NULL},
    {"test_error_handling", "Fails.", BOTH, failing, NULL},
    {"test_tool_with_logging", "Logs in steps.", MCP_LEGACY, logging, NULL},
    {"test_logging_tool", "Logs where it may.", MCP_MODERN, logging, NULL},
    {"test_tool_with_progress", "Tells how far it is.", BOTH, progress, NULL},
    {"test_missing_capability", "Needs sampling.", MCP_MODERN, missing_capability, NULL},
    {NULL, NULL, 0, NULL, NULL},
};
