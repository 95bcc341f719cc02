/* The files that the pages are made of, put into the program when it is built (embed.awk): the
 * gateway opens none. Any thread. */
#ifndef CLOISTER_GATEWAY_ASSETS_H
#define CLOISTER_GATEWAY_ASSETS_H

#include "ipc/base.h"

struct asset {
    const char *name; /* "chat.js" */
    const char *data;
    size_t len;
};
#define ASSET_TEXT(literal) (literal), sizeof(literal) - 1

extern const struct asset assets[];
extern const size_t assets_count;

/* NULL: there is none of this name. */
const struct asset *asset_find(const char *name);
/* By the name's ending; NULL for what is not served under /assets/ (templates). */
const char *asset_type(const struct asset *asset);
/* A strong entity tag (RFC 9110 section 8.8.3), quotes included, from the content. */
#define ASSET_TAG_SIZE 27
void asset_tag(const struct asset *asset, char out[static ASSET_TAG_SIZE]);

#endif
