#include "gateway/assets.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "gateway/call.h"
#include "gateway/pages.h"

const struct asset *asset_find(const char *name) {
    for (size_t i = 0; i < assets_count; i++)
        if (strcmp(assets[i].name, name) == 0)
            return &assets[i];
    return NULL;
}

const char *asset_type(const struct asset *asset) {
    static const struct {
        const char *ending, *type;
    } types[] = {
        {".css", "text/css; charset=utf-8"},
        {".js", "text/javascript; charset=utf-8"},
        {".svg", "image/svg+xml"},
    };
    const char *dot = strrchr(asset->name, '.');
    for (size_t i = 0; dot != NULL && i < COUNT_OF(types); i++)
        if (strcmp(types[i].ending, dot) == 0)
            return types[i].type;
    return NULL;
}

void asset_tag(const struct asset *asset, char out[static ASSET_TAG_SIZE]) {
    uint8_t digest[crypto_hash_sha256_BYTES];
    char hex[25];
    (void)crypto_hash_sha256(digest, (const uint8_t *)asset->data, asset->len);
    hex_encode(digest, 12, hex);
    (void)snprintf(out, ASSET_TAG_SIZE, "\"%s\"", hex);
}

/* If-None-Match may list several tags, weak ones too; tags of ours hold no commas. */
static bool tag_listed(const char *list, const char *tag) {
    return list != NULL && (strcmp(list, "*") == 0 || strstr(list, tag) != NULL);
}

/* Kept by browsers, and asked for again each time whether it is still the same. */
static void answer_asset(struct call *call, const struct asset *asset, const char *type) {
    char tag[ASSET_TAG_SIZE];
    asset_tag(asset, tag);
    const struct call_header more[] = {{"ETag", tag}};
    call->cache = "no-cache";
    if (tag_listed(call->if_none_match, tag))
        call_answer(call, 304, NULL, NULL, 0, more, COUNT_OF(more));
    else
        call_answer(call, 200, type, asset->data, asset->len, more, COUNT_OF(more));
}

void handle_asset(struct call *call) {
    const struct asset *asset = asset_find(call->param[0]);
    const char *type = asset != NULL ? asset_type(asset) : NULL;
    if (type == NULL)
        call_refuse(call, 404, "not_found", "The pages have no such file.");
    else
        answer_asset(call, asset, type);
}

void handle_openapi(struct call *call) {
    const struct asset *asset =
        asset_find(call->gateway->instance == INSTANCE_PUBLIC ? "public.yaml" : "openapi.yaml");
    if (asset != NULL)
        answer_asset(call, asset, "application/yaml"); /* RFC 9512 */
    else
        call_refuse(call, 404, "not_found", "This build has no description of its API.");
}

void handle_docs(struct call *call) {
    const struct asset *asset =
        asset_find(call->gateway->instance == INSTANCE_PUBLIC ? "docs_public.html" : "docs.html");
    if (asset != NULL)
        page_whole(call, asset->data, asset->len);
    else
        call_redirect(call, 303, "/openapi.yaml", NULL, 0);
}
