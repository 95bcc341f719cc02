/* Where owners are told of what happens to their businesses, and of what. What is chosen here is
 * put into the outbox's rows by words_to (migrations/0013_mended.sql). */
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "business/call.h"
#include "business/profiles.h"
#include "business/reach.h"

#define KEY_LEN 32 /* of a webhook's signatures */

/* "" and the rest of a row, or of none: everything is told, to nobody. */
#define SHOWN                                                                                      \
    "jsonb_build_object('slug', $1::text, 'emails', to_jsonb(coalesce(n.emails, '{}')), "          \
    "'kinds', to_jsonb(coalesce(n.kinds, " ALL_KINDS                                               \
    ")), 'webhook_url', coalesce(n.webhook_url, ''), "                                             \
    "'webhook_secret', n.webhook_key)::text"
#define ALL_KINDS                                                                                  \
    "ARRAY['booking_confirmed', 'booking_moved', 'booking_cancelled', 'inquiry_new', "             \
    "'calendar_trouble']"

static int add_host(const char *word, void *ctx) {
    return json_array_append_new(ctx, json_string(word)) < 0 ? -1 : 0;
}

static void on_row(void *ctx, int error, const struct pg_rows *rows) {
    struct business_call *call = ctx;
    if (error != 0) {
        business_refuse_store(call, error);
        return;
    }
    if (pg_count(rows) == 0) {
        business_refuse_not_own(call);
        return;
    }
    json_t *result = json_loads(pg_text(rows, 0, 0), 0, NULL), *hosts = json_array();
    if (*json_string_value(json_object_get(result, "webhook_url")) == '\0')
        (void)json_object_del(result, "webhook_secret");
    (void)config_list(call->server->config, CONFIG_notify_owner_webhook_hosts, add_host, hosts);
    (void)json_object_set_new(result, "webhook_hosts", hosts);
    business_reply(call, result);
}

void handle_get_notifications(struct business_call *call) {
    static const char sql[] =
        "SELECT " SHOWN " FROM businesses AS b LEFT JOIN notifications AS n ON n.business = b.id"
        " WHERE b.slug = $1 AND b.user_id = $2";
    struct pg_param params[] = {PG_TEXT(business_text(call, "slug")), PG_TEXT(call->user)};
    business_query(call->server, sql, params, COUNT_OF(params), on_row, call);
}

/* ---- choosing ---- */

/* True when it is refused. */
static bool refused(struct business_call *call) {
    const char *webhook = business_text(call, "webhook_url");
    struct url url;
    size_t i;
    json_t *email;
    json_array_foreach(json_object_get(call->arguments, "emails"), i, email) {
        if (notify_address_valid(json_string_value(email)))
            continue;
        business_refuse_argument(call, "emails[%zu]: must be a plain e-mail address", i);
        return true;
    }
    if (*webhook == '\0')
        return false;
    if (hook_url_parse(webhook, &url) < 0)
        business_refuse_argument(call, "webhook_url: must be an https address");
    else if (!hook_url_listed(call->server->config, &url))
        business_refuse_argument(call, "webhook_url: this service sends nothing to that host; "
                                       "webhook_hosts of get_notifications has those it does");
    else
        return false;
    return true;
}

/* Random: whoever else is told by a webhook has another one. As Standard Webhooks writes keys. */
static void make_key(char out[static 64]) {
    uint8_t key[KEY_LEN];
    randombytes_buf(key, sizeof(key));
    memcpy(out, "whsec_", 7);
    (void)sodium_bin2base64(out + 6, 64 - 6, key, sizeof(key), sodium_base64_VARIANT_ORIGINAL);
    sodium_memzero(key, sizeof(key));
}

static void put(struct business_call *call, const char *emails, const char *kinds,
                const char *webhook, const char *key) {
    static const char sql[] =
        "WITH mine AS (SELECT id FROM businesses WHERE slug = $1 AND user_id = $2),"
        " given AS (SELECT (SELECT array_agg(DISTINCT e) FROM jsonb_array_elements_text($3::jsonb)"
        "   AS e) AS emails, (SELECT array_agg(DISTINCT k) FROM"
        "   jsonb_array_elements_text($4::jsonb) AS k) AS kinds),"
        " n AS (INSERT INTO notifications AS n (business, emails, kinds, webhook_url, webhook_key)"
        "  SELECT id, coalesce(emails, '{}'),"
        "   CASE WHEN $4::jsonb IS NULL THEN " ALL_KINDS " ELSE coalesce(kinds, '{}') END,"
        "   coalesce($5::text, ''), $6 FROM mine, given"
        "  ON CONFLICT (business) DO UPDATE SET changed_at = now(),"
        "   emails = CASE WHEN $3::jsonb IS NULL THEN n.emails ELSE excluded.emails END,"
        "   kinds = CASE WHEN $4::jsonb IS NULL THEN n.kinds ELSE excluded.kinds END,"
        "   webhook_url = coalesce($5::text, n.webhook_url),"
        "   webhook_key = CASE WHEN $7::boolean OR $5::text <> n.webhook_url"
        "    THEN excluded.webhook_key ELSE n.webhook_key END"
        "  RETURNING n.emails, n.kinds, n.webhook_url, n.webhook_key)"
        " SELECT " SHOWN " FROM n";
    bool fresh = json_is_true(json_object_get(call->arguments, "new_webhook_secret"));
    struct pg_param params[] = {PG_TEXT(business_text(call, "slug")),
                                PG_TEXT(call->user),
                                emails != NULL ? PG_TEXT(emails) : PG_NULL,
                                kinds != NULL ? PG_TEXT(kinds) : PG_NULL,
                                webhook != NULL ? PG_TEXT(webhook) : PG_NULL,
                                PG_TEXT(key),
                                PG_TEXT(fresh ? "true" : "false")};
    business_query(call->server, sql, params, COUNT_OF(params), on_row, call);
}

/* What is not given stays as it is. */
void handle_set_notifications(struct business_call *call) {
    char key[64];
    if (refused(call))
        return;
    SCOPE_FREE char *emails = json_dumps(json_object_get(call->arguments, "emails"), JSON_COMPACT);
    SCOPE_FREE char *kinds = json_dumps(json_object_get(call->arguments, "kinds"), JSON_COMPACT);
    make_key(key);
    put(call, emails, kinds, json_string_value(json_object_get(call->arguments, "webhook_url")),
        key);
    sodium_memzero(key, sizeof(key));
}
