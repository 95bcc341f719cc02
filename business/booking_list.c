/* list_bookings: an owner's bookings by start, from yesterday on when nothing else is asked for. */
#include <stdio.h>
#include <string.h>

#include "business/booking.h"
#include "business/page.h"
#include "ipc/log.h"

#define LIMIT 25

struct list {
    struct business_call *call;
    size_t limit;
    bool newest; /* first */
};

/* A cursor says which way it goes: gone the other way it would show the same bookings again. */
#define NEWEST_MARK "-"

static void list_page_write(const struct list *list, json_t *result, int64_t at,
                            const char *reference) {
    char key[REFERENCE_LEN + 2];
    (void)snprintf(key, sizeof(key), "%s%s", list->newest ? NEWEST_MARK : "", reference);
    page_write(result, at, key);
}

/* False: the call was refused. */
static bool list_page_read(struct business_call *call, bool newest, struct page *ret) {
    if (!page_read(call, 1, ret))
        return false;
    if (ret->given && (*ret->key == *NEWEST_MARK) != newest) {
        business_refuse_argument(call, "cursor: is of the other order");
        return false;
    }
    if (ret->given && newest)
        memmove(ret->key, ret->key + 1, strlen(ret->key));
    return true;
}

static void on_rows(void *ctx, int error, const struct pg_rows *rows) {
    struct list list = *(struct list *)ctx;
    int64_t now = wall_ms() / 1000;
    size_t bytes = 0, n = 0;
    free(ctx);
    if (error != 0) {
        business_refuse_store(list.call, error);
        return;
    }
    json_t *items = json_array(), *result = json_pack("{s:O}", "bookings", items);
    for (unsigned i = 0; i < pg_count(rows); i++) {
        SCOPE_BOOKING struct booking *booking = booking_read(rows, i);
        json_t *item = booking != NULL ? booking_owner_json(booking, now) : NULL;
        if (item == NULL) { /* the others are shown, and the pages after it are found */
            log_error("booking %s cannot be read", pg_text(rows, i, 0));
        } else {
            (void)json_array_append_new(items, item);
            bytes += json_dumpb(item, NULL, 0, JSON_COMPACT);
            n++;
        }
        if (i + 1 < pg_count(rows) && (i + 1 == list.limit || bytes > PAGE_BYTES)) {
            list_page_write(&list, result, pg_int(rows, i, 6), pg_text(rows, i, 0));
            break;
        }
    }
    json_decref(items);
    list.call->results = (int64_t)n;
    business_reply(list.call, result);
}

#define LISTS(behind, way)                                                                         \
    "SELECT " BOOKING_COLUMNS " FROM bookings WHERE owner = $1 AND "                               \
    "status NOT IN ('holding', 'undoing') AND ($2 = '' OR business = $2) AND "                     \
    "starts_at >= to_timestamp($3::bigint) AND starts_at < to_timestamp($4::bigint) AND "          \
    "($5 = '' OR CASE WHEN step = 'move' THEN 'moving' ELSE status END = $5) AND "                 \
    "($6 = '' OR (starts_at, reference) " behind " (to_timestamp($7::bigint), $6)) "               \
    "ORDER BY starts_at " way ", reference " way " LIMIT $8::bigint"

void handle_list_bookings(struct business_call *call) {
    static const char oldest_first[] = LISTS(">", "ASC"), newest_first[] = LISTS("<", "DESC");
    const bool newest = strcmp(business_text(call, "order"), "newest") == 0;
    char from_text[24], until_text[24], at_text[24], limit_text[24];
    int64_t from, until;
    struct page page;
    if (!call_instant(call, "from", wall_ms() / 1000 - 86400, &from) ||
        !call_instant(call, "until", INT64_C(253370764800), &until) ||
        !list_page_read(call, newest, &page))
        return;
    struct list *list = malloc(sizeof(*list));
    if (list == NULL)
        fatal("out of memory");
    *list = (struct list){call, (size_t)business_number(call, "limit", LIMIT), newest};
    (void)snprintf(from_text, sizeof(from_text), "%lld", (long long)from);
    (void)snprintf(until_text, sizeof(until_text), "%lld", (long long)until);
    (void)snprintf(at_text, sizeof(at_text), "%lld", (long long)page.at);
    (void)snprintf(limit_text, sizeof(limit_text), "%zu", list->limit + 1);
    struct pg_param params[] = {PG_TEXT(call->user),
                                PG_TEXT(business_text(call, "business")),
                                PG_TEXT(from_text),
                                PG_TEXT(until_text),
                                PG_TEXT(business_text(call, "status")),
                                PG_TEXT(page.key),
                                PG_TEXT(at_text),
                                PG_TEXT(limit_text)};
    business_query(call->server, newest ? newest_first : oldest_first, params, COUNT_OF(params),
                   on_rows, list);
}
