/* The operations that find businesses. */
#include <errno.h>

#include "business/call.h"
#include "business/search.h"

#define FOUND_MAX 10

/* Ends the call unless there is a result. */
static bool found(struct business_call *call, int error, const char *why, size_t hits) {
    if (error == -EINVAL)
        business_refuse_argument(call, "%s", why);
    else if (error != 0)
        business_refuse_store(call, error);
    else
        call->results = (int64_t)hits;
    return error == 0;
}

static void on_search_businesses(void *ctx, int error, const char *why, const char *result,
                                 size_t hits) {
    if (found(ctx, error, why, hits))
        business_reply_text(ctx, result);
}

void handle_search_businesses(struct business_call *call) {
    search_run(call->server, call->arguments, 0, on_search_businesses, call);
}

static void on_search(void *ctx, int error, const char *why, const char *result, size_t hits) {
    struct business_call *call = ctx;
    json_t *all, *results, *hit;
    size_t i;
    if (!found(call, error, why, hits))
        return;
    all = json_loads(result, 0, NULL);
    results = json_array();
    json_array_foreach(json_object_get(all, "businesses"), i, hit)(void) json_array_append_new(
        results, json_pack("{s:O s:O s:O}", "id", json_object_get(hit, "slug"), "title",
                           json_object_get(hit, "name"), "url", json_object_get(hit, "url")));
    json_decref(all);
    business_reply(call, json_pack("{s:o}", "results", results));
}

void handle_search(struct business_call *call) {
    search_run(call->server, call->arguments, FOUND_MAX, on_search, call);
}
