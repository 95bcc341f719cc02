/* A search as one statement, in which many searches of the same kind can be asked at once. Its text
 * depends on which filters are asked alone, never on what they say, so there are few of them and
 * the server plans each once. */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "business/search_parts.h"

/* Whether the box around the place crosses the 180th meridian: then it is looked for on both sides
 * of the map. */
static bool crosses(const struct search_request *request) {
    double lat, lon;
    box_of(request->latitude, request->radius_km, &lat, &lon);
    return fabs(request->longitude) + lon > 180;
}

/* Everything that a statement's text depends on. */
static uint64_t shape_of(const struct search_request *request, const struct search_place *from) {
    const uint64_t parts[][2] = {/* value, bits */
                                 {request->n_words, 4},
                                 {search_alike_any(request), 1},
                                 {request->category != NULL, 1},
                                 {request->place != NULL, 1},
                                 {request->spot, 1},
                                 {request->spot && crosses(request), 1},
                                 {request->country[0] != '\0', 1},
                                 {request->mode[0] != '\0', 1},
                                 {request->language[0] != '\0', 1},
                                 {request->attributes != NULL, 1},
                                 {request->open, 1},
                                 {from->stage, 2},
                                 {from->tier, 1},
                                 {from->after, 1}};
    uint64_t shape = 0;
    for (size_t i = 0; i < COUNT_OF(parts); i++)
        shape = shape << parts[i][1] | parts[i][0];
    return shape;
}

/* ---- parameters ---- */

struct maker {
    const struct search_request *request;
    enum search_stage stage;
    struct search_query *query;
    bool known; /* parameters alone are wanted */
    const char *types[SEARCH_PARAMS_MAX];
    struct text stated, open,
        any_open;     /* conditions: all stated; nothing contrary; some left open */
    unsigned spot;    /* which of the numbers the latitude is, the longitude behind it; 0: none */
    unsigned open_at; /* likewise; looked at last, of the best first: it takes long */
    unsigned attributes; /* which of the texts; 0: none */
    bool failed;
};

/* A piece of the statement's text. */
PRINTF_LIKE(3, 4)
static void put(const struct maker *maker, struct text *sql, const char *format, ...) {
    SCOPE_FREE char *piece = NULL;
    va_list args;
    if (maker->known)
        return;
    va_start(args, format);
    if (vasprintf(&piece, format, args) < 0)
        piece = NULL;
    va_end(args);
    sql->failed |= piece == NULL;
    if (piece != NULL)
        text_put(sql, piece, strlen(piece));
}

/* It may be named q.p<number> in the statement, and has the type there: a text can be made a
 * tsquery where it is needed, which some are not for most questions. */
PRINTF_LIKE(3, 4)
static unsigned param(struct maker *maker, const char *type, const char *format, ...) {
    struct search_query *query = maker->query;
    char *text = NULL;
    va_list args;
    va_start(args, format);
    int n = query->n < SEARCH_PARAMS_MAX ? vasprintf(&text, format, args) : -1;
    va_end(args);
    if (n < 0) {
        maker->failed = true;
        return 0;
    }
    maker->types[query->n] = type;
    query->texts[query->n] = text;
    return (unsigned)++query->n;
}

/* It may be named q.n<number>, a float8. Numbers and boxes go as they are, since reading them took
 * the server longer than anything else about a question. */
static unsigned number(struct maker *maker, double value) {
    struct search_query *query = maker->query;
    if (query->n_numbers >= SEARCH_NUMBERS_MAX) {
        maker->failed = true;
        return 0;
    }
    query->numbers[query->n_numbers] = value;
    return (unsigned)++query->n_numbers;
}

/* It may be named q.b<number>. */
static unsigned box(struct maker *maker, double west, double south, double east, double north) {
    struct search_query *query = maker->query;
    if (query->n_boxes >= SEARCH_BOXES_MAX) {
        maker->failed = true;
        return 0;
    }
    memcpy(query->boxes[query->n_boxes], (const double[]){east, north, west, south},
           sizeof(query->boxes[0]));
    return (unsigned)++query->n_boxes;
}

/* A condition that a hit must meet. */
PRINTF_LIKE(2, 3)
static void must(struct maker *maker, const char *format, ...) {
    SCOPE_FREE char *condition = NULL;
    va_list args;
    if (maker->known)
        return;
    va_start(args, format);
    if (vasprintf(&condition, format, args) < 0)
        condition = NULL;
    va_end(args);
    maker->failed |= condition == NULL;
    if (condition == NULL)
        return;
    put(maker, &maker->stated, " AND (%s)", condition);
    put(maker, &maker->open, " AND (%s)", condition);
}

/* One that a hit may leave open: then `unstated` is true of it. */
static void may(struct maker *maker, const char *condition, const char *unstated) {
    put(maker, &maker->stated, " AND (%s)", condition);
    put(maker, &maker->open, " AND ((%s) OR %s)", condition, unstated);
    put(maker, &maker->any_open, "%s%s", maker->any_open.len > 0 ? " OR " : "", unstated);
}

/* ---- words ---- */

/* The words, all of which or (any) some of which must be there, as what they are named in the
 * statement; "": none. `late`: they are read only where that part of the statement is needed. */
#define WORDS_SIZE 40
static void add_words(struct maker *maker, bool any, bool late, char out[static WORDS_SIZE]) {
    out[0] = '\0';
    if (maker->request->n_words == 0)
        return;
    SCOPE_FREE char *query = search_words(maker->request, maker->stage, any);
    maker->failed |= query == NULL;
    unsigned at = param(maker, late ? "text" : "tsquery", "%s", query != NULL ? query : "");
    snprintf(out, WORDS_SIZE, late ? "(SELECT q.p%u::tsquery)" : "q.p%u", at);
}

/* Category and place are texts whose words must all be there. A place's words must be whole: Bern
 * is not Bernau. */
static void add_named(struct maker *maker) {
    const struct search_request *request = maker->request;
    char condition[64];
    if (request->category != NULL) {
        SCOPE_FREE char *query = search_named(request, maker->stage, 'c', request->category, false);
        must(maker, "l.category @@ q.p%u",
             param(maker, "tsquery", "%s", query != NULL ? query : ""));
    }
    if (request->place != NULL) {
        SCOPE_FREE char *query = search_named(request, maker->stage, 'p', request->place, true);
        snprintf(condition, sizeof(condition), "l.places @@ q.p%u",
                 param(maker, "tsquery", "%s", query != NULL ? query : ""));
        may(maker, condition, "l.place_words = ''");
    }
}

/* ---- where ---- */

/* Where a place is named too, it finds fewer than a box does, and the server is not to choose. */
static void add_spot(struct maker *maker) {
    const struct search_request *request = maker->request;
    double lat, lon, at = request->longitude, here = request->latitude;
    char areas[96];
    if (!request->spot)
        return;
    const char *asked = request->place != NULL ? " IS TRUE" : "";
    box_of(here, request->radius_km, &lat, &lon);
    maker->spot = number(maker, here);
    unsigned longitude = number(maker, at), radius = number(maker, request->radius_km);
    unsigned point = box(maker, at, here, at, here);
    unsigned area = box(maker, at - lon, here - lat, at + lon, here + lat);
    snprintf(areas, sizeof(areas), "(l.spot <@ q.b%u)%s", area, asked);
    if (crosses(request)) {
        double other = at < 0 ? at + 360 : at - 360;
        area = box(maker, other - lon, here - lat, other + lon, here + lat);
        snprintf(areas, sizeof(areas), "((l.spot <@ q.b%u)%s OR (l.spot <@ q.b%u)%s)", area - 1,
                 asked, area, asked);
    }
    SCOPE_FREE char *condition = NULL;
    if (maker->known)
        return;
    if (asprintf(&condition,
                 "(%s AND haversine(l.spot[1], l.spot[0], q.n%u, q.n%u) <= q.n%u) OR"
                 " ((l.reach @> q.b%u)%s AND"
                 "  haversine(l.spot[1], l.spot[0], q.n%u, q.n%u) <= l.reach_km)",
                 areas, maker->spot, longitude, radius, point, asked, maker->spot, longitude) < 0)
        condition = NULL;
    maker->failed |= condition == NULL;
    if (condition != NULL)
        may(maker, condition, "l.spot IS NULL");
}

/* ---- what else ---- */

static void add_attributes(struct maker *maker) {
    const struct search_request *request = maker->request;
    if (request->attributes == NULL)
        return;
    SCOPE_FREE char *text = json_dumps(request->attributes, JSON_COMPACT);
    if (text == NULL) {
        maker->failed = true;
        return;
    }
    maker->attributes = param(maker, "jsonb", "%s", text);
    put(maker, &maker->stated, " AND l.attributes @> q.p%u", maker->attributes);
    put(maker, &maker->open, " AND attributes_fit(l.attributes, q.p%u)", maker->attributes);
    put(maker, &maker->any_open, "%sNOT l.attributes @> q.p%u",
        maker->any_open.len > 0 ? " OR " : "", maker->attributes);
}

static void add_rest(struct maker *maker) {
    const struct search_request *request = maker->request;
    char condition[256];
    if (request->country[0] != '\0')
        must(maker, "l.country = q.p%u", param(maker, "text", "%s", request->country));
    if (request->mode[0] != '\0') {
        snprintf(condition, sizeof(condition), "l.modes @> ARRAY[q.p%u]",
                 param(maker, "text", "%s", request->mode));
        may(maker, condition, "l.modes = '{}'");
    }
    if (request->language[0] != '\0') {
        snprintf(condition, sizeof(condition), "l.languages @> ARRAY[q.p%u]",
                 param(maker, "text", "%s", request->language));
        may(maker, condition, "l.languages = '{}'");
    }
    if (request->open) {
        maker->open_at = number(maker, (double)request->open_at);
        put(maker, &maker->any_open, "%sl.zone IS NULL", maker->any_open.len > 0 ? " OR " : "");
    }
}

/* ---- order ---- */

/* A whole number, so that pages begin where the last one ended. Words weigh by where they stand; a
 * profile that tells more comes first among equals, a nearer one before a farther one. */
static void score_of(const struct maker *maker, const char *words, char *out, size_t cap) {
    char base[160];
    if (words[0] != '\0')
        snprintf(base, sizeof(base),
                 "(ts_rank('{0.1, 0.3, 0.6, 1}', l.terms, %s) * 1000000 + l.quality * 2000)",
                 words);
    else
        snprintf(base, sizeof(base), maker->spot > 0 ? "1000000" : "l.quality");
    if (maker->spot > 0)
        snprintf(out, cap,
                 "(%s * 25 / (25 + coalesce(haversine(l.spot[1], l.spot[0], q.n%u, q.n%u),"
                 " 10000)))::bigint",
                 base, maker->spot, maker->spot + 1);
    else
        snprintf(out, cap, "%s%s", base, words[0] != '\0' ? "::bigint" : "");
}

/* ---- the statement ---- */

/* The best of one stage and tier. */
static void add_branch(struct maker *maker, struct text *sql, const struct search_place *at,
                       const char *words) {
    char score[512] = "";
    const struct text *conditions = at->tier == TIER_STATED ? &maker->stated : &maker->open;
    if (!maker->known)
        score_of(maker, words, score, sizeof(score));
    const char *hours = ", l.zone, l.week, l.week_late, l.exception_days, l.exception_open";
    if (maker->open_at > 0)
        put(maker, sql, "(SELECT l.place, l.id, l.score FROM ");
    put(maker, sql, "(SELECT %d AS place, l.id, %s AS score%s FROM listings AS l WHERE true",
        SEARCH_PLACE(at->stage, at->tier), score, maker->open_at > 0 ? hours : "");
    if (words[0] != '\0')
        put(maker, sql, " AND l.terms @@ %s", words);
    put(maker, sql, "%s", conditions->len > 0 ? conditions->data : "");
    if (at->tier == TIER_OPEN)
        put(maker, sql, " AND (%s)", maker->any_open.len > 0 ? maker->any_open.data : "false");
    if (at->after) {
        unsigned last = param(maker, "bigint", "%" PRId64, at->score),
                 id = param(maker, "bigint", "%" PRId64, at->id);
        put(maker, sql, " AND (%s, l.id) < (q.p%u, q.p%u)", score, last, id);
    }
    put(maker, sql, " ORDER BY 3 DESC, 2 DESC");
    if (maker->open_at > 0)
        put(maker, sql,
            " OFFSET 0) AS l WHERE open_at(l.zone, l.week, l.week_late, l.exception_days,"
            " l.exception_open, to_timestamp(q.n%u))%s",
            maker->open_at, at->tier == TIER_OPEN ? " OR l.zone IS NULL" : "");
    put(maker, sql, " LIMIT $1::integer)");
}

/* From a place on: those that state all, then, if that does not fill the page, the others. */
static void add_tiers(struct maker *maker, struct text *sql, const struct search_place *from,
                      const char *words) {
    const struct search_place open = {.stage = from->stage, .tier = TIER_OPEN};
    put(maker, sql, "SELECT * FROM (");
    add_branch(maker, sql, from, words);
    if (from->tier == TIER_STATED && search_may_be_open(maker->request)) {
        put(maker, sql, " UNION ALL ");
        add_branch(maker, sql, &open, words);
    }
    put(maker, sql, ") AS t LIMIT $1::integer");
}

/* The question's words that the directory does not have: perhaps misspelt. False: none can be. */
static bool add_unknown(struct maker *maker, struct text *sql) {
    struct text kinds = {0}, words = {0};
    search_alike_lists(maker->request, &kinds, &words);
    SCOPE_FREE char *kind_list = text_take(&kinds);
    SCOPE_FREE char *word_list = text_take(&words);
    maker->failed |= kind_list == NULL || word_list == NULL;
    if (maker->failed || word_list[0] == '\0')
        return false;
    unsigned kind = param(maker, "text", "{%s}", kind_list),
             word = param(maker, "text", "{%s}", word_list);
    put(maker, sql,
        ", u AS MATERIALIZED (SELECT FROM unnest(q.p%u::text[], q.p%u::text[]) AS w(kind, word)"
        " WHERE NOT EXISTS (SELECT FROM vocabulary AS v"
        " WHERE v.kind = w.kind AND v.word = w.word) LIMIT 1)",
        kind, word);
    return true;
}

/* Nothing has all the words, and none of them is unknown: what has some of them. */
static void add_any(struct maker *maker, struct text *sql, bool unknown) {
    const struct search_place from = {.stage = STAGE_ANY, .tier = TIER_STATED};
    char words[WORDS_SIZE];
    add_words(maker, true, true, words);
    put(maker, sql, " UNION ALL (SELECT * FROM (");
    add_tiers(maker, sql, &from, words);
    put(maker, sql, ") AS a WHERE NOT EXISTS (SELECT FROM f)%s)",
        unknown ? " AND NOT EXISTS (SELECT FROM u)" : "");
}

static bool begins_at(const struct search_place *from) {
    return !from->after && from->stage == STAGE_ALL && from->tier == TIER_STATED;
}

/* What is found; from the very beginning, one row without a hit says that words are unknown. */
static void add_ladder(struct maker *maker, const struct search_place *from, struct text *sql) {
    bool begins = begins_at(from);
    char words[WORDS_SIZE];
    add_words(maker, from->stage == STAGE_ANY, false, words);
    put(maker, sql, "(WITH f AS MATERIALIZED (");
    add_tiers(maker, sql, from, words);
    put(maker, sql, ")");
    bool unknown = begins && add_unknown(maker, sql);
    put(maker, sql, " SELECT * FROM f");
    if (begins && maker->request->n_words > 1)
        add_any(maker, sql, unknown);
    if (unknown)
        put(maker, sql,
            " UNION ALL (SELECT %d, 0, 0 WHERE NOT EXISTS (SELECT FROM f)"
            " AND EXISTS (SELECT FROM u))",
            SEARCH_UNKNOWN_WORDS);
    put(maker, sql, ")");
}

/* Which words of several a hit has: told where not all need be there. */
static void add_found(struct maker *maker, const struct search_place *from, struct text *sql) {
    const struct search_request *request = maker->request;
    if (request->n_words < 2 || !(begins_at(from) || from->stage == STAGE_ANY)) {
        put(maker, sql, "''::text AS found");
        return;
    }
    put(maker, sql, "CASE WHEN h.place / 2 = %d THEN (SELECT ", STAGE_ANY);
    for (unsigned i = 0; i < request->n_words; i++) {
        SCOPE_FREE char *query = search_word(request, maker->stage, i);
        maker->failed |= query == NULL;
        put(maker, sql, "%s(l.terms @@ q.p%u::tsquery)::integer::text", i > 0 ? " || " : "",
            param(maker, "text", "%s", query != NULL ? query : ""));
    }
    put(maker, sql, " FROM listings AS l WHERE l.id = h.id) ELSE '' END AS found");
}

static void add_columns(struct maker *maker, const struct search_place *from, struct text *sql) {
    put(maker, sql, "SELECT h.place, h.id, h.score, ");
    if (maker->spot > 0)
        put(maker, sql,
            "(haversine(c.spot[1], c.spot[0], q.n%u, q.n%u) * 1000)::bigint AS metres, ",
            maker->spot, maker->spot + 1);
    else
        put(maker, sql, "NULL::bigint AS metres, ");
    put(maker, sql, "c.card, c.facts, c.places, c.unstated, ");
    if (maker->attributes > 0)
        put(maker, sql,
            "array_to_string(ARRAY(SELECT w FROM jsonb_object_keys(q.p%u) AS w"
            " WHERE NOT l.attributes ? w), ',') AS open_attributes, ",
            maker->attributes);
    else
        put(maker, sql, "''::text AS open_attributes, ");
    add_found(maker, from, sql);
}

/* The hits of one question, whose parameters are q's. */
static void add_hits(struct maker *maker, const struct search_place *from, struct text *sql) {
    add_columns(maker, from, sql);
    put(maker, sql, " FROM ");
    add_ladder(maker, from, sql);
    put(maker, sql,
        " AS h %sLEFT JOIN cards AS c USING (id) ORDER BY h.place, h.score DESC, h.id DESC",
        maker->attributes > 0 ? "LEFT JOIN listings AS l USING (id) " : "");
}

/* What a question says, as q: $3 and on are an array of each of its texts, then one each of all
 * numbers and all boxes, those of a question one after the other. */
static void add_questions(struct maker *maker, struct text *sql) {
    const struct search_query *query = maker->query;
    unsigned at = 3;
    put(maker, sql, "(SELECT ord");
    for (unsigned i = 0; i < query->n; i++, at++)
        put(maker, sql, ", ($%u::text[])[ord]%s%s AS p%u", at,
            strcmp(maker->types[i], "text") == 0 ? "" : "::",
            strcmp(maker->types[i], "text") == 0 ? "" : maker->types[i], i + 1);
    for (unsigned i = 0; i < query->n_numbers; i++)
        put(maker, sql, ", ($%u::float8[])[ord * %zu - %zu] AS n%u", at, query->n_numbers,
            query->n_numbers - 1 - i, i + 1);
    at += query->n_numbers > 0;
    for (unsigned i = 0; i < query->n_boxes; i++)
        put(maker, sql, ", ($%u::box[])[ord * %zu - %zu] AS b%u", at, query->n_boxes,
            query->n_boxes - 1 - i, i + 1);
    put(maker, sql, " FROM generate_series(1, $2::integer) AS ord OFFSET 0) AS q");
}

/* Those that come together go together. Hits that need a question's parameters can only be looked
 * for question by question; where there are none, the server may join the other way round, and has
 * to be told the order. */
static void make_sql(struct maker *maker, const struct search_place *from, struct text *sql) {
    struct text hits = {0};
    const struct search_query *query = maker->query;
    add_hits(maker, from, &hits);
    bool same = query->n + query->n_numbers + query->n_boxes == 0;
    maker->failed |= maker->stated.failed || maker->open.failed || maker->any_open.failed;
    SCOPE_FREE char *lateral = text_take(&hits);
    put(maker, sql, "SELECT q.ord, h.* FROM ");
    add_questions(maker, sql);
    put(maker, sql, ", LATERAL (%s) AS h%s", lateral != NULL ? lateral : "",
        same ? " ORDER BY q.ord, h.place, h.score DESC, h.id DESC" : "");
    maker->failed |= lateral == NULL;
}

int search_query_of(const struct search_request *request, const struct search_place *from,
                    struct search_query *ret) {
    uint64_t shape = shape_of(request, from);
    struct search_statement *known = search_statement_known(shape);
    struct maker maker = {
        .request = request, .stage = from->stage, .query = ret, .known = known != NULL};
    struct text sql = {0};
    *ret = (struct search_query){0};
    add_named(&maker);
    add_spot(&maker);
    add_rest(&maker);
    add_attributes(&maker);
    make_sql(&maker, from, &sql);
    free(maker.stated.data);
    free(maker.open.data);
    free(maker.any_open.data);
    SCOPE_FREE char *text = text_take(&sql);
    if (text == NULL || maker.failed || (known != NULL && known->n != ret->n))
        return -ENOMEM;
    ret->statement = known != NULL ? known : search_statement_keep(shape, text, ret->n);
    return ret->statement == NULL ? -ENOMEM : 0;
}

void search_query_done(struct search_query *query) {
    for (size_t i = 0; i < query->n; i++)
        free(take_ptr(query->texts[i]));
    query->n = 0;
}
