#include "gateway/mcp/extras.h"

const struct mcp_extras mcp_extras = {NULL, NULL, NULL};
