/* Reading profiles: what everybody sees, what a front cell may know, and what an owner has. */
#include "business/profiles.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "business/call.h"
#include "business/listing.h"
#include "business/profile_check.h"
#include "business/together.h"
#include "ipc/log.h"

/* ---- for other parts ---- */

struct asked {
    published_done *done;
    void *ctx;
};

static void on_published(void *ctx, int error, const struct pg_rows *rows, unsigned row,
                         unsigned n) {
    struct asked *asked = ctx;
    struct published published = {0};
    if (error == 0 && n == 0)
        error = -ENOENT;
    else if (error != 0)
        error = -EAGAIN;
    if (error == 0) {
        published.id = pg_int(rows, row, 1);
        snprintf(published.slug, sizeof(published.slug), "%s", pg_text(rows, row, 2));
        snprintf(published.user, sizeof(published.user), "%s", pg_text(rows, row, 3));
        published.profile = json_loads(pg_text(rows, row, 4), 0, NULL);
        if (published.profile == NULL)
            error = -EAGAIN;
    }
    asked->done(asked->ctx, error, error == 0 ? &published : NULL);
    json_decref(published.profile);
    free(asked);
}

void profile_published(struct business_server *server, const char *slug, published_done *done,
                       void *ctx) {
    static struct together kind = {
        .sql = "SELECT n, id, slug, user_id, published::text "
               "FROM unnest($1::text[]) WITH ORDINALITY AS a (asked, n), LATERAL (SELECT * FROM "
               "businesses WHERE slug = asked AND published IS NOT NULL OFFSET 0) AS b ORDER BY n",
        .types = "t",
        .reads = true};
    struct asked *asked = malloc(sizeof(*asked));
    if (asked == NULL)
        fatal("out of memory");
    *asked = (struct asked){done, ctx};
    struct pg_param params[] = {PG_TEXT(slug)};
    together_ask(server, &kind, params, false, on_published, asked);
}

json_t *profile_service(const json_t *profile, const char *id) {
    size_t i;
    json_t *service;
    json_array_foreach(json_object_get(profile, "services"), i, service) {
        const char *own = json_string_value(json_object_get(service, "id"));
        if (own != NULL && strcmp(own, id) == 0)
            return service;
    }
    return NULL;
}

bool profile_feature(const json_t *profile, const char *word) {
    return json_is_true(json_object_get(json_object_get(profile, "features"), word));
}

/* ---- what everybody sees ---- */

/* Ends the call unless there is a published profile. */
static bool found(struct business_call *call, int error) {
    if (error == -ENOENT)
        business_refuse_unknown(call);
    else if (error != 0)
        business_refuse_store(call, error);
    return error == 0;
}

static json_t *page_of(const struct business_server *server, const char *slug) {
    char path[SLUG_MAX + 8], url[600];
    snprintf(path, sizeof(path), "/b/%s", slug);
    return business_url(server, path, url, sizeof(url)) < 0 ? json_string(path) : json_string(url);
}

static void on_get(void *ctx, int error, const struct published *published) {
    struct business_call *call = ctx;
    if (!found(call, error))
        return;
    call->results = 1;
    json_t *result = json_incref(published->profile);
    if (json_object_set_new(result, "slug", json_string(published->slug)) < 0 ||
        json_object_set_new(result, "url", page_of(call->server, published->slug)) < 0) {
        json_decref(result);
        result = NULL;
    }
    business_reply(call, result);
}

void handle_get_business(struct business_call *call) {
    profile_published(call->server, business_text(call, "business"), on_get, call);
}

static void on_fetch(void *ctx, int error, const struct published *published) {
    struct business_call *call = ctx;
    if (!found(call, error))
        return;
    const json_t *address = json_object_get(published->profile, "address");
    const char *city = json_string_value(json_object_get(address, "city")),
               *country = json_string_value(json_object_get(address, "country"));
    SCOPE_FREE char *text = profile_text(published->profile);
    call->results = 1;
    business_reply(
        call, text == NULL
                  ? NULL
                  : json_pack("{s:s s:O s:s s:o s:{s:O s:s s:s}}", "id", published->slug, "title",
                              json_object_get(published->profile, "name"), "text", text, "url",
                              page_of(call->server, published->slug), "metadata", "category",
                              json_object_get(published->profile, "category"), "city",
                              city != NULL ? city : "", "country", country != NULL ? country : ""));
}

void handle_fetch(struct business_call *call) {
    profile_published(call->server, business_text(call, "id"), on_fetch, call);
}

static void on_chat(void *ctx, int error, const struct published *published) {
    struct business_call *call = ctx;
    if (!found(call, error))
        return;
    if (!profile_feature(published->profile, "chat")) {
        business_refuse(call, 409, "chat_off", "This business does not chat here.", NULL);
        return;
    }
    const char *zone = json_string_value(
        json_object_get(json_object_get(published->profile, "hours"), "timezone"));
    SCOPE_FREE char *text = profile_text(published->profile);
    business_reply(call, text == NULL
                             ? NULL
                             : json_pack("{s:s s:O s:s s:s}", "user", published->user, "name",
                                         json_object_get(published->profile, "name"), "context",
                                         text, "timezone", zone != NULL ? zone : "UTC"));
}

void handle_begin_chat(struct business_call *call) {
    profile_published(call->server, business_text(call, "business"), on_chat, call);
}

/* ---- what an owner has ---- */

static void on_own(void *ctx, int error, const struct pg_rows *rows) {
    struct business_call *call = ctx;
    if (error != 0) {
        business_refuse_store(call, error);
    } else if (pg_count(rows) == 0) {
        business_refuse_unknown(call);
    } else if (!pg_bool(rows, 0, 0)) {
        business_refuse(call, 403, "not_owner", "This business belongs to somebody else.", NULL);
    } else {
        json_t *draft = json_loads(pg_text(rows, 0, 2), 0, NULL);
        json_t *result =
            json_pack("{s:s s:I s:o s:b s:o}", "slug", business_text(call, "slug"), "version",
                      (json_int_t)pg_int(rows, 0, 1), "missing", profile_missing(draft), "changed",
                      pg_bool(rows, 0, 4), "draft", draft);
        if (result != NULL && !pg_is_null(rows, 0, 3))
            (void)json_object_set_new(result, "published",
                                      json_loads(pg_text(rows, 0, 3), 0, NULL));
        business_reply(call, result);
    }
}

void handle_get_own_business(struct business_call *call) {
    static const char sql[] = "SELECT user_id = $2, version, draft::text, published::text,"
                              "  draft IS DISTINCT FROM published FROM businesses WHERE slug = $1";
    struct pg_param params[] = {PG_TEXT(business_text(call, "slug")), PG_TEXT(call->user)};
    business_query(call->server, sql, params, COUNT_OF(params), on_own, call);
}

static void on_list(void *ctx, int error, const struct pg_rows *rows) {
    struct business_call *call = ctx;
    if (error != 0) {
        business_refuse_store(call, error);
        return;
    }
    json_t *list = json_array();
    for (unsigned i = 0; i < pg_count(rows); i++)
        (void)json_array_append_new(
            list, json_pack("{s:s s:s s:b s:b s:I}", "slug", pg_text(rows, i, 0), "name",
                            pg_text(rows, i, 1), "published", pg_bool(rows, i, 2), "changed",
                            pg_bool(rows, i, 3), "version", (json_int_t)pg_int(rows, i, 4)));
    call->results = pg_count(rows);
    business_reply(call, json_pack("{s:o}", "businesses", list));
}

void handle_list_own_businesses(struct business_call *call) {
    static const char sql[] = "SELECT slug, coalesce(draft->>'name', ''), published IS NOT NULL,"
                              "  draft IS DISTINCT FROM published, version FROM businesses"
                              " WHERE user_id = $1 ORDER BY slug LIMIT 200";
    struct pg_param params[] = {PG_TEXT(call->user)};
    business_query(call->server, sql, params, COUNT_OF(params), on_list, call);
}
