/* What another build may add to the endpoint: the conformance suite's fixtures. The product links
 * extras_none.c, which adds nothing. Each function may be NULL. */
#ifndef CLOISTER_GATEWAY_MCP_EXTRAS_H
#define CLOISTER_GATEWAY_MCP_EXTRAS_H

#include "gateway/mcp/mcp.h"

struct mcp_extras {
    /* Methods beside, and before, those of the product; false: not one of its own. */
    bool (*method)(struct mcp *mcp);
    /* A response to a request that was sent to the client. */
    void (*response)(struct call *call, const json_t *message);
    /* Adds to the lists "tools", "resources", "resourceTemplates", "prompts", and to
     * "capabilities". */
    void (*list)(const struct mcp *mcp, const char *what, json_t *list);
};

extern const struct mcp_extras mcp_extras;

#endif
