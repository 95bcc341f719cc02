/* What the official conformance suite wants a server to have, so that it can look at everything:
 * tools, resources and prompts that do next to nothing. Linked in place of
 * gateway/mcp/extras_none.c into cloister-gateway-fixtures, which is never installed. */
#ifndef CLOISTER_TESTS_MCP_FIXTURES_H
#define CLOISTER_TESTS_MCP_FIXTURES_H

#include "gateway/mcp/extras.h"

struct fixture {
    const char *name, *about;
    unsigned eras;
    void (*handle)(struct mcp *mcp);
    const char *schema; /* of its arguments, as JSON; NULL: none are taken */
};

/* Ends with a name of NULL. */
extern const struct fixture fixture_tools[], fixture_asking[], fixture_input[], fixture_prompts[];

/* A 1x1 PNG and a WAV without samples, base64. */
extern const char fixture_png[], fixture_wav[];

/* A tool's result of one text. */
void fixture_text(struct mcp *mcp, const char *text);
/* params.arguments.NAME, or "". */
const char *fixture_argument(const struct mcp *mcp, const char *name);

/* fixtures_asking.c */
void fixture_response(struct call *call, const json_t *message);
/* fixtures_resources.c; false: not one of them. */
bool fixture_resource(struct mcp *mcp);
void fixture_resources_list(const char *what, json_t *list);
/* fixtures_input.c */
void fixture_input_prompt(struct mcp *mcp);

#endif
