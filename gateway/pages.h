/* The few plain pages that people see in a browser: a heading, what happened, one next step. No
 * script; the one style sheet is allowed by its hash. Everything that is not fixed text is escaped.
 */
#ifndef CLOISTER_GATEWAY_PAGES_H
#define CLOISTER_GATEWAY_PAGES_H

#include "gateway/call.h"

struct page {
    unsigned status;
    const char *title, *text;     /* text: one paragraph */
    const char *link, *link_text; /* the next step; link NULL: none */
};

void page_answer(struct call *call, const struct page *page, const struct call_header *more,
                 size_t more_count);
/* The page for a connect request that failed. */
void page_failure(struct call *call, const struct problem *problem, const struct call_header *more,
                  size_t more_count);

#endif
