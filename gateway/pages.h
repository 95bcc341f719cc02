/* The pages that people see in a browser: the templates of gateway/web/ filled in, and for whatever
 * went wrong a page that says what happened and has one button to go on. No inline script or style;
 * the policy in their headers allows none. */
#ifndef CLOISTER_GATEWAY_PAGES_H
#define CLOISTER_GATEWAY_PAGES_H

#include "gateway/call.h"
#include "gateway/template.h"

/* What of public_url the pages need, and their Content-Security-Policy; once, at the start. */
void pages_prepare(struct gateway *gateway);

enum page {
    PAGE_CHAT,
    PAGE_LANDING,
    PAGE_CONNECT,
    PAGE_MEMORY,
    PAGE_MEMORY_NOTE, /* a part of the one before, once for each note */
    PAGE_RESULT,
    PAGE_OFFICE, /* what owners see of their businesses */
    PAGE_FRONT,  /* what their customers see */
    PAGES_COUNT
};
/* The template's file, and the names of its places; those after `required` may be missing. */
struct page_kind {
    const char *file;
    size_t required;
    const char *places[10]; /* NULL-terminated */
};
extern const struct page_kind page_kinds[PAGES_COUNT];

/* A page with its places filled in; extra headers as for call_answer. */
void page_show(struct call *call, unsigned status, enum page page, const struct place *places,
               size_t n, const struct call_header *more, size_t more_count);
/* What a form of the page has just done, by the word that its way back has as ?done=; "" for none
 * of `notices`. */
struct page_notice {
    const char *word, *text;
};
const char *page_notice_of(const struct call *call, const struct page_notice *notices, size_t n);
/* A page as it is. */
void page_whole(struct call *call, const char *html, size_t len);
/* The page for a request that failed. What was typed into its form stands on it, to be copied. */
void page_failure(struct call *call, const struct problem *problem, const struct call_header *more,
                  size_t more_count);

#endif
