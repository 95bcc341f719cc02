/* Pages with places to fill in: {{name}} becomes the value of that name, escaped, so that a value
 * is text wherever it stands between tags or quotes. Pure. */
#ifndef CLOISTER_GATEWAY_TEMPLATE_H
#define CLOISTER_GATEWAY_TEMPLATE_H

#include <event2/buffer.h>

#include "ipc/base.h"

struct place {
    const char *name, *value;
    bool markup; /* `value` came out of template_fill itself: it goes in as it is */
};

/* Adds the filled-in text to `out`. -ENOENT: it has a place of another name; -EINVAL: a place that
 * does not end, or a value that is not UTF-8; -ENOMEM. */
int template_fill(struct evbuffer *out, const char *text, size_t len, const struct place *places,
                  size_t n) MUST_CHECK;

/* Adds `text`, escaped. -EINVAL: it is not UTF-8; -ENOMEM. */
int template_text(struct evbuffer *out, const char *text) MUST_CHECK;

#endif
