#include "business/search.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "business/call.h"
#include "business/search_parts.h"
#include "ipc/log.h"

struct search {
    struct business_server *server;
    struct search_request request;
    struct search_place from;
    bool first_page, asked_alike;
    struct text hits;
    size_t n;
    search_done *done;
    void *ctx;
};

static void step(struct search *search);

static void finish(struct search *search, int error, const char *why) {
    SCOPE_FREE char *result = error == 0 ? text_take(&search->hits) : NULL;
    free(search->hits.data);
    if (error == 0 && result == NULL)
        error = -EAGAIN;
    search->done(search->ctx, error, why, result, search->n);
    search_request_done(&search->request);
    free(search);
}

static void finish_hits(struct search *search, const struct search_place *last) {
    char cursor[CURSOR_SIZE];
    uint64_t seen = search->from.seen + (uint64_t)search->n;
    text_add(&search->hits, "]");
    if (last == NULL) {
        text_add(&search->hits, ",\"total\":%" PRIu64, seen);
    } else { /* counting them all would take longer than finding the best */
        text_add(&search->hits, ",\"total_is_at_least\":%" PRIu64, seen + 1);
        search->hits.failed |=
            search_cursor_write(search->server, &search->request, last, cursor) < 0;
        text_add(&search->hits, ",\"next_cursor\":\"%s\"", cursor);
    }
    text_add(&search->hits, "}");
    finish(search, 0, "");
}

static void go_to(struct search *search, enum search_stage stage) {
    search->from = (struct search_place){.stage = stage};
    step(search);
}

/* Nothing has all the words, or what they may have been meant as: then those that have some. */
static void some_words(struct search *search) {
    if (search->from.stage == STAGE_ANY || search->request.n_words < 2)
        finish_hits(search, NULL);
    else
        go_to(search, STAGE_ANY);
}

static void on_alike(void *ctx, int error, const struct pg_rows *rows) {
    struct search *search = ctx;
    if (error == 0)
        search_alike_take(&search->request, rows);
    if (error != 0)
        finish(search, -EAGAIN, "");
    else if (!search->first_page)
        step(search);
    else if (search->request.n_alike > 0)
        go_to(search, STAGE_ALIKE);
    else
        some_words(search);
}

/* Asks what misspelt words may mean; false: there is nothing to ask, or it was asked. */
static bool ask_alike(struct search *search) {
    SCOPE_FREE char *words = search->asked_alike ? NULL : search_alike_ask(&search->request);
    if (words == NULL)
        return false;
    search->asked_alike = true;
    struct pg_param params[] = {PG_TEXT(words)};
    business_query(search->server, search_alike_sql, params, COUNT_OF(params), on_alike, search);
    return true;
}

static void place_of(const struct pg_rows *rows, unsigned row, struct search_place *ret) {
    unsigned at = (unsigned)pg_int(rows, row, COLUMN_PLACE);
    *ret = (struct search_place){.stage = (enum search_stage)(at / TIER_COUNT),
                                 .tier = (enum search_tier)(at % TIER_COUNT),
                                 .score = pg_int(rows, row, COLUMN_SCORE),
                                 .id = pg_int(rows, row, COLUMN_ID)};
}

/* Those that state all come first, then those that leave something open; when there is none,
 * misspelt words are tried, and at last those that have some of the words. */
static void on_rows(void *ctx, int error, const struct pg_rows *rows, unsigned first, unsigned n) {
    struct search *search = ctx;
    struct search_place last;
    if (error != 0) {
        finish(search, -EAGAIN, "");
        return;
    }
    if (n == 1 && pg_int(rows, first, COLUMN_PLACE) == SEARCH_UNKNOWN_WORDS) {
        if (!ask_alike(search))
            some_words(search);
        return;
    }
    if (n == 0 && search->first_page && search->from.stage == STAGE_ALIKE) {
        some_words(search);
        return;
    }
    search->n = n < search->request.limit ? n : search->request.limit;
    for (unsigned i = 0; i < search->n; i++) {
        text_put(&search->hits, ",", i > 0);
        search_hit(search->server, &search->request, rows, first + i, &search->hits);
    }
    if (n > search->n) {
        place_of(rows, first + (unsigned)search->n - 1, &last);
        last.seen = search->from.seen + (uint32_t)search->n;
    }
    finish_hits(search, n > search->n ? &last : NULL);
}

static void on_no_memory(void *ctx, int error, const struct pg_rows *rows) {
    (void)error;
    (void)rows;
    finish(ctx, -EAGAIN, "");
}

static void step(struct search *search) {
    struct search_query query;
    if (search_query_of(&search->request, &search->from, &query) < 0)
        pg_refuse(search->server->pg, on_no_memory, search);
    else
        search_batch_ask(search->server, &query, search->request.limit + 1, on_rows, search);
    search_query_done(&query);
}

void search_run(struct business_server *server, const json_t *arguments, unsigned limit,
                search_done *done, void *ctx) {
    struct search *search = calloc(1, sizeof(*search));
    char why[256] = "";
    if (search == NULL)
        fatal("out of memory");
    search->server = server;
    search->done = done;
    search->ctx = ctx;
    text_add(&search->hits, "{\"businesses\":[");
    const char *cursor = json_string_value(json_object_get(arguments, "cursor"));
    search->first_page = cursor == NULL || cursor[0] == '\0';
    int r = search_request_of(arguments, limit, &search->request, why, sizeof(why));
    if (r == 0 && !search->first_page) {
        r = search_cursor_read(server, &search->request, cursor, &search->from);
        snprintf(why, sizeof(why), "cursor: is none of this search");
    }
    if (r < 0)
        finish(search, r == -EINVAL ? -EINVAL : -EAGAIN, why);
    else if (search->from.stage == STAGE_ALL || !ask_alike(search))
        step(search);
}
