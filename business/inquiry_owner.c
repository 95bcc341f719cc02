/* list_inquiries, answer_inquiry, close_inquiry: the owner's side. */
#include <stdio.h>
#include <string.h>

#include "business/inquiry.h"
#include "business/page.h"
#include "business/told.h"
#include "ipc/log.h"
#include "ipc/timezone.h"

#define LIMIT 25

struct list {
    struct business_call *call;
    size_t limit;
};

static json_t *stamp_json(int64_t ms) {
    char text[STAMP_TEXT];
    zone_show("UTC", ms / 1000, text);
    return json_string(text);
}

static json_t *inquiry_json(const struct inquiry *inquiry) {
    const json_t *name = json_object_get(inquiry->details, "business_name"),
                 *customer = json_object_get(inquiry->details, "customer");
    json_t *item = json_pack(
        "{s:s, s:s, s:s, s:O*, s:O*, s:s, s:o}", "reference", inquiry->reference, "status",
        inquiry->status, "business", inquiry->business, "business_name", name, "customer", customer,
        "message", inquiry->message, "created_at", stamp_json(inquiry->created_ms));
    if (*inquiry->answer != '\0') {
        (void)json_object_set_new(item, "answer", json_string(inquiry->answer));
        (void)json_object_set_new(item, "answered_by", json_string(inquiry->answered_by));
        (void)json_object_set_new(item, "answered_at", stamp_json(inquiry->answered_ms));
    }
    if (*inquiry->fanout != '\0')
        (void)json_object_set_new(item, "fanout", json_string(inquiry->fanout));
    return item;
}

static void on_rows(void *ctx, int error, const struct pg_rows *rows) {
    struct list list = *(struct list *)ctx;
    size_t bytes = 0, n = 0;
    free(ctx);
    if (error != 0) {
        business_refuse_store(list.call, error);
        return;
    }
    json_t *items = json_array(), *result = json_pack("{s:O}", "inquiries", items);
    for (unsigned i = 0; i < pg_count(rows); i++) {
        SCOPE_INQUIRY struct inquiry *inquiry = inquiry_read(rows, i);
        json_t *item = inquiry != NULL ? inquiry_json(inquiry) : NULL;
        if (item == NULL) { /* the others are shown, and the pages after it are found */
            log_error("inquiry %s cannot be read", pg_text(rows, i, 0));
        } else {
            bytes += json_dumpb(item, NULL, 0, JSON_COMPACT);
            (void)json_array_append_new(items, item);
            n++;
        }
        if (i + 1 < pg_count(rows) && (i + 1 == list.limit || bytes > PAGE_BYTES)) {
            page_write(result, pg_int(rows, i, 11), pg_text(rows, i, 0));
            break;
        }
    }
    json_decref(items);
    list.call->results = (int64_t)n;
    business_reply(list.call, result);
}

void handle_list_inquiries(struct business_call *call) {
    static const char sql[] =
        "SELECT " INQUIRY_COLUMNS ", (extract(epoch FROM created_at) * 1000000)::bigint "
        "FROM inquiries WHERE owner = $1 AND ($2 = '' OR business = $2) AND "
        "($3 = '' OR status = $3) AND ($4 = '' OR (created_at, reference) < "
        "(to_timestamp(0) + $5::bigint * interval '1 microsecond', $4)) "
        "ORDER BY created_at DESC, reference DESC LIMIT $6::bigint";
    char at_text[24], limit_text[24];
    struct page page;
    if (!page_read(call, 1000000, &page))
        return;
    struct list *list = malloc(sizeof(*list));
    if (list == NULL)
        fatal("out of memory");
    *list = (struct list){call, (size_t)business_number(call, "limit", LIMIT)};
    (void)snprintf(at_text, sizeof(at_text), "%lld", (long long)page.at);
    (void)snprintf(limit_text, sizeof(limit_text), "%zu", list->limit + 1);
    struct pg_param params[] = {PG_TEXT(call->user),
                                PG_TEXT(business_text(call, "business")),
                                PG_TEXT(business_text(call, "status")),
                                PG_TEXT(page.key),
                                PG_TEXT(at_text),
                                PG_TEXT(limit_text)};
    business_query(call->server, sql, params, COUNT_OF(params), on_rows, list);
}

static json_t *state_json(const struct business_call *call, const char *status) {
    return json_pack("{s:s, s:s}", "reference", business_text(call, "reference"), "status", status);
}

static void reply_state(struct business_call *call, int error, bool changed, const char *status) {
    if (error != 0)
        business_refuse_store(call, error);
    else if (!changed)
        business_refuse(call, 404, "unknown_inquiry", "You have no such inquiry.", NULL);
    else
        business_reply(call, state_json(call, status));
}

/* It is answered; the same answer again finds it so, when this cannot be said. */
static void on_told(void *ctx, int error, struct inquiry *found) {
    struct business_call *call = ctx;
    SCOPE_INQUIRY struct inquiry *inquiry = found;
    if (inquiry == NULL)
        reply_state(call, error, false, "");
    else
        business_reply(call, told_put(call->server, state_json(call, "answered"),
                                      json_object_get(inquiry->details, "customer")));
}

static void on_answered(void *ctx, int error, bool changed) {
    struct business_call *call = ctx;
    if (error == 0 && changed)
        inquiry_load(call->server, business_text(call, "reference"), on_told, call);
    else
        reply_state(call, error, changed, "answered");
}

void handle_answer_inquiry(struct business_call *call) {
    const char *text = business_text(call, "text");
    if (text_blank(text))
        business_refuse_argument(call, "text: must not be blank");
    else
        inquiry_answer(call->server, call->user, business_text(call, "reference"), "owner", text,
                       on_answered, call);
}

static void on_closed(void *ctx, int error, bool changed) {
    reply_state(ctx, error, changed, "closed");
}

void handle_close_inquiry(struct business_call *call) {
    static const char sql[] = "WITH b AS (UPDATE inquiries SET status = 'closed' WHERE "
                              "reference = $1 AND owner = $2 RETURNING 1) SELECT count(*) FROM b";
    struct change *change = change_new(call->server, sql, on_closed, call);
    change_text(change, business_text(call, "reference"));
    change_text(change, call->user);
    change_run(change);
}
