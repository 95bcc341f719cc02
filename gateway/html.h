/* Writing pages piece by piece: a format's %s is always escaped, so that a value is text wherever
 * it stands, between tags or in a quoted attribute. Whole pages that need no loop are templates
 * (template.h). Pure. */
#ifndef CLOISTER_GATEWAY_HTML_H
#define CLOISTER_GATEWAY_HTML_H

#include <event2/buffer.h>
#include <jansson.h>

#include "ipc/base.h"

struct html {
    struct evbuffer *out;
    int error; /* of the first piece that failed; the others were left out */
};

/* -ENOMEM. Ended with html_done. */
int html_begin(struct html *html) MUST_CHECK;
/* The markup so far, NUL-terminated, valid until html_done; NULL when any piece failed: no memory,
 * or a value that is not UTF-8. */
const char *html_text(struct html *html);
/* Wipes and frees; may come twice. */
void html_done(struct html *html);

/* Adds `format`, which is markup, with values in place of %s (escaped; NULL counts as "") and %d;
 * %% is a percent sign, and there is nothing else. */
void html_put(struct html *html, const char *format, ...) PRINTF_LIKE(2, 3);
/* A text of several paragraphs: <p> for each, lines kept. */
void html_paragraphs(struct html *html, const char *text);
void html_option(struct html *html, const char *value, const char *label, bool selected);
/* `text` for a query string: percent-encoded, but for unreserved characters (RFC 3986, 2.3). */
void html_query(struct html *html, const char *text);

/* The string at `object`.`name`, or "". */
const char *json_text(const json_t *object, const char *name);
/* The same one object deeper. */
const char *json_text_in(const json_t *object, const char *outer, const char *name);

#endif
