/* The route table without what it leads to: matching is tested, answering is not. Several routes
 * may have one handler, which C would not let this table define twice. */
void no_handler(void);
void no_handler(void) {}

#define ROUTE(METHOD, pattern, caller, right, where, body, handler, summary)                       \
    __asm__(".globl " #handler "\n.set " #handler ", no_handler");
#include "gateway/routes.def"
#undef ROUTE
