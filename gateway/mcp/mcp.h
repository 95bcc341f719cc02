/* The Model Context Protocol at POST /mcp, both eras on one endpoint: "legacy" (revisions up to
 * 2025-11-25: a handshake, here without anything kept from it) and "modern" (2026-07-28: every
 * request says all about itself). Rules: modelcontextprotocol.io, revisions 2025-11-25 and
 * 2026-07-28; JSON-RPC 2.0. One message a POST. Nothing of this is in the owner instance's routes.
 *
 * Everything is answered from tables (business/api, prompts.def) or by an operation of
 * cloister-business (front.h). Loop thread. */
#ifndef CLOISTER_GATEWAY_MCP_MCP_H
#define CLOISTER_GATEWAY_MCP_MCP_H

#include "gateway/front.h"

#define MCP_MODERN_VERSION "2026-07-28"
#define MCP_LEGACY_NEWEST  "2025-11-25"
#define MCP_META           "io.modelcontextprotocol/"

/* Errors of JSON-RPC and of MCP. */
enum mcp_code {
    MCP_PARSE = -32700,
    MCP_INVALID = -32600,
    MCP_NO_METHOD = -32601,
    MCP_PARAMS = -32602,
    MCP_INTERNAL = -32603,
    MCP_NO_RESOURCE = -32002, /* legacy only */
    MCP_HEADERS = -32020,     /* modern only, these three */
    MCP_CAPABILITY = -32021,
    MCP_VERSION = -32022
};

#define MCP_SESSION_SIZE (ID_LEN + 1 + BASE64URL_SIZE(64 + 1 + 32))

enum mcp_era { MCP_LEGACY = 1 << 0, MCP_MODERN = 1 << 1 };

/* One POST. The texts and values point into `message`. */
struct mcp {
    struct call *call;
    enum mcp_era era;
    json_t *message;
    const json_t *id; /* NULL: a notification */
    const char *method;
    const json_t *params;         /* an object, or NULL */
    const json_t *meta;           /* params._meta: an object, or NULL */
    const json_t *progress_token; /* NULL: no progress is wanted */
    const json_t *capabilities;   /* modern: of the client */
    char client_name[65], client_version[33];
    char session[MCP_SESSION_SIZE]; /* legacy: what initialize gives */
    struct mcp_work *work; /* what a handler that answers later keeps; freed by `work_free` */
    void (*work_free)(struct mcp_work *work);
    void (*changed)(struct mcp *mcp, const char *what); /* extras' */
    bool streaming, done;
    bool asked_again; /* complete.c: a second time, with less */
};

/* ---- reply.c: each request is answered exactly once ---- */

/* The result, stolen. Modern ones get what every result has. */
void mcp_result(struct mcp *mcp, json_t *result);
/* The same as the text of an object, for answers that are passed on as they are. */
void mcp_result_text(struct mcp *mcp, const char *object, size_t len);
/* An error; `data` is stolen and may be NULL. The HTTP status is the era's, or `status` if not 0.
 */
void mcp_error(struct mcp *mcp, enum mcp_code code, const char *message, json_t *data,
               unsigned status);
/* A notification ahead of the answer, on the answer's own stream, which it begins; nothing where
 * the client takes no stream. Steals `params`. */
void mcp_notify(struct mcp *mcp, const char *method, json_t *params);
/* Any message on the answer's stream; steals. */
void mcp_send(struct mcp *mcp, json_t *message);
/* Answers before there is a request: `id` null. */
void mcp_refuse(struct call *call, unsigned status, enum mcp_code code, const char *message);
/* For notifications and responses: 202. */
void mcp_accept(struct call *call);
/* A result that everybody may keep for `ttl_ms` (modern; legacy ones have no such words). */
json_t *mcp_cacheable(const struct mcp *mcp, json_t *result, json_int_t ttl_ms);

/* ---- the eras' own checks; false: answered ---- */

bool modern_check(struct mcp *mcp);
bool legacy_check(struct mcp *mcp);
/* Whether a message is a modern one, by what it says of itself. */
bool modern_is(const struct call *call, const json_t *message);
/* A header's value as it is meant: blanks around it are gone, =?base64?…?= is decoded. 1; 0 when
 * there is none; -EINVAL when it came twice or cannot be decoded. */
int modern_header(const struct call *call, const char *name, char *out, size_t cap) MUST_CHECK;

/* ---- methods ---- */

struct mcp_method {
    const char *name;
    unsigned eras;
    void (*handle)(struct mcp *mcp);
};

void mcp_discover(struct mcp *mcp);
void mcp_initialize(struct mcp *mcp);
void mcp_ping(struct mcp *mcp);
void mcp_set_level(struct mcp *mcp);
void mcp_tools_list(struct mcp *mcp);
void mcp_tools_call(struct mcp *mcp);
void mcp_resources_list(struct mcp *mcp);
void mcp_templates_list(struct mcp *mcp);
void mcp_resources_read(struct mcp *mcp);
void mcp_prompts_list(struct mcp *mcp);
void mcp_prompts_get(struct mcp *mcp);
void mcp_complete(struct mcp *mcp);

/* What initialize and discover say of this server: a new reference. */
json_t *mcp_capabilities(const struct mcp *mcp);
const char *mcp_instructions(void);
json_t *mcp_server_info(void);

/* A text of params; "" when it is absent or no text. */
const char *mcp_text(const struct mcp *mcp, const char *name);
/* True when params has a cursor that we never gave: answered. */
bool mcp_bad_cursor(struct mcp *mcp);
/* Asks cloister-business for `operation`; `answer`'s context is the call, its state the mcp. */
void mcp_ask(struct mcp *mcp, const char *operation, json_t *arguments, const char *key,
             bool progress, upstream_answer *answer);
/* The result's object (new reference) of an answer below 400; NULL: *ret_refusal says why. */
json_t *mcp_object(const Cloister__Message *message, const Cloister__BusinessResult **ret_refusal);
/* Ends a request that is no tool's with what cloister-business refused. */
void mcp_refusal(struct mcp *mcp, const Cloister__BusinessResult *refusal);

#endif
