#include "business/oplog.h"

#include <endian.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "business/api/operations.h"
#include "business/cache.h"
#include "business/fingerprint.h"
#include "business/limits.h"
#include "business/noted.h"
#include "business/oplog_rows.h"
#include "ipc/log.h"
#include "ipc/metrics.h"

#define QUEUE_MAX    20000
#define BATCH_MAX    500
#define WRITE_MS     200
#define TRIES_MAX    10 /* of one batch, while the database is away */
#define ARGUMENT_MAX 2048
#define PURGE_EVERY  1500 /* writing rounds */
#define DAY_MS       INT64_C(86400000)
#define TOOK_MAX_US  UINT64_C(3600000000) /* no call takes an hour */
#define RESULTS_MAX  1000000u
#define STATUS_MAX   599u

struct oplog {
    struct business_server *server;
    struct fingerprints *fingerprints;
    struct event *timer;
    struct noted_list *noted;
    struct oplog_rows waiting, writing; /* writing: none, or a batch on its way */
    bool flying; /* `writing` is sent and not answered: never twice at once */
    unsigned tries, rounds;
    uint64_t dropped;
};

/* ---- who it says it is ---- */

static void clean(const char *from, char *out, size_t cap) {
    size_t n = 0;
    for (; from[n] != '\0' && n + 1 < cap; n++)
        out[n] = from[n] >= 0x20 && from[n] < 0x7f ? from[n] : '?';
    out[n] = '\0';
}

static bool channel_known(const char *channel) {
    static const char *const known[] = {"mcp", "http", "page", "chat", "agent"};
    for (size_t i = 0; i < COUNT_OF(known); i++)
        if (strcmp(channel, known[i]) == 0)
            return true;
    return false;
}

void oplog_client(struct oplog *oplog, const Cloister__Client *from, struct business_client *ret) {
    *ret = (struct business_client){0};
    if (from == NULL)
        return;
    snprintf(ret->channel, sizeof(ret->channel), "%s",
             channel_known(from->channel) ? from->channel : "other");
    clean(from->name, ret->name, sizeof(ret->name));
    clean(from->version, ret->version, sizeof(ret->version));
    fingerprint_of(oplog->fingerprints, from->address, ret->fingerprint);
}

void oplog_day(struct oplog *oplog) {
    fingerprints_start(oplog->fingerprints);
}

/* ---- rows ---- */

/* Texts become "given". */
static void blank(json_t *value) {
    const char *name;
    json_t *member;
    void *next;
    size_t i;
    json_object_foreach_safe(value, next, name, member) {
        if (json_is_string(member))
            (void)json_object_set_new(value, name, json_string("given"));
        else
            blank(member);
    }
    json_array_foreach(value, i, member) {
        if (json_is_string(member))
            (void)json_array_set_new(value, i, json_string("given"));
        else
            blank(member);
    }
}

/* What their schema lets through. A slug or a zone that turned out to be none may be a name that
 * somebody wrote into the wrong field: of what was refused, but for a conflict, no text is kept.
 * It is bounded by the schema; what is larger all the same says so. To be freed. */
static char *redacted_text(const struct operation *operation, const json_t *arguments,
                           unsigned status) {
    json_t *kept = operation == NULL ? NULL : schema_redact(operation->arguments, arguments);
    if (kept == NULL)
        return strdup("{}");
    if (status >= 400 && status != 409)
        blank(kept);
    char room[ARGUMENT_MAX];
    size_t len = json_dumpb(kept, room, sizeof(room), JSON_COMPACT);
    json_decref(kept);
    return len == 0             ? NULL
           : len > sizeof(room) ? strdup("{\"too_large\":true}")
                                : strndup(room, len);
}

static void enqueue(struct oplog *oplog, const struct oplog_row *row) {
    if (row->arguments == NULL || oplog->waiting.count >= QUEUE_MAX ||
        oplog_rows_add(&oplog->waiting, row) < 0) {
        oplog->dropped++;
        metrics_add(oplog->server->metrics, METRIC_BUSINESS_LOG_DROPPED, 0, 0, 1);
    }
    if (oplog->waiting.count >= BATCH_MAX)
        (void)oplog_flush(oplog);
}

static const char *origin_word(enum business_origin origin) {
    switch (origin) {
    case FROM_PUBLIC:
        return "customer";
    case FROM_OWNER:
        return "owner";
    case FROM_CLOISTERD:
        break;
    }
    return "cloisterd";
}

/* What operators see. */
static void count(const struct business_server *server, const char *operation, unsigned status,
                  uint64_t took_us) {
    unsigned which = 0;
    unsigned end = status < 400    ? CALL_END_DONE
                   : status == 429 ? CALL_END_LIMITED
                   : status < 500  ? CALL_END_REFUSED
                                   : CALL_END_UNAVAILABLE;
    const struct operation *at;
    while ((at = operation_at(which)) != NULL && strcmp(at->name, operation) != 0)
        which++;
    metrics_add(server->metrics, METRIC_BUSINESS_CALLS, which, end, 1);
    metrics_observe(server->metrics, METRIC_BUSINESS_SECONDS, 0, took_us);
}

void oplog_add(const struct business_call *call, unsigned status, const char *code, bool cached) {
    struct oplog *oplog = call->server->oplog;
    uint64_t took_us = clock_us() - call->started_us;
    if (oplog == NULL)
        return;
    count(call->server, call->name, status, took_us);
    if (cached)
        metrics_add(call->server->metrics, METRIC_BUSINESS_KEPT, 0, 0, 1);
    SCOPE_FREE char *arguments = redacted_text(call->operation, call->arguments, status);
    const struct oplog_row row = {
        .at_ms = wall_ms(),
        .request = call->id,
        .operation = call->name,
        .origin = origin_word(call->origin),
        .channel = call->client.channel,
        .client = call->client.name,
        .client_version = call->client.version,
        .fingerprint = call->client.fingerprint,
        .by_agent = call->by_agent,
        .cached = cached,
        .arguments = arguments,
        .took_us = took_us,
        .results = call->results,
        .status = status,
        .code = code,
        .fanout = call->fanout,
    };
    enqueue(oplog, &row);
}

/* The numbers of a gateway that may not be itself any more: one row that the database does not take
 * would cost all rows that are written with it. */
static int64_t noted_at(const Cloister__BusinessNote *note) {
    int64_t now = wall_ms();
    return note->at_ms > now - DAY_MS && note->at_ms < now + DAY_MS ? note->at_ms : now;
}

static uint64_t most(uint64_t number, uint64_t max) {
    return number < max ? number : max;
}

/* Most of what a gateway answers by itself has been asked before. */
static const struct noted *noted_of(struct oplog *oplog, const Cloister__BusinessNote *note) {
    struct noted_key key;
    bool refused = note->status >= 400 && note->status != 409;
    noted_key(oplog->noted, note->operation, note->arguments, refused, &key);
    const struct noted *noted = noted_get(oplog->noted, &key);
    if (noted != NULL)
        return noted;
    json_t *arguments = json_loads(note->arguments, 0, NULL);
    const char *slug = json_string_value(json_object_get(arguments, "business"));
    noted = noted_put(oplog->noted, &key,
                      redacted_text(operation_find(note->operation), arguments, note->status),
                      slug != NULL && strlen(slug) <= SLUG_MAX ? slug : "");
    json_decref(arguments);
    return noted;
}

void oplog_note(struct business_server *server, const Cloister__BusinessNote *note) {
    struct oplog *oplog = server->oplog;
    const struct operation *operation = operation_find(note->operation);
    const struct noted *noted = noted_of(oplog, note);
    struct business_client client;
    char id[ID_LEN + 1], code[65];
    const unsigned status = (unsigned)most(note->status, STATUS_MAX);
    const uint64_t took_us = most(note->took_us, TOOK_MAX_US);
    oplog_client(oplog, note->client, &client);
    clean(note->code, code, sizeof(code));
    if (status < 400) /* what was refused there cost nothing */
        limits_count(server->limits, &client, noted != NULL ? noted->slug : "");
    count(server, operation != NULL ? operation->name : "", status, took_us);
    oplog_id(id);
    const struct oplog_row row = {
        .at_ms = noted_at(note),
        .request = id,
        .operation = operation != NULL ? operation->name : "unknown",
        .origin = origin_word(FROM_PUBLIC),
        .channel = client.channel,
        .client = client.name,
        .client_version = client.version,
        .fingerprint = client.fingerprint,
        .cached = true,
        .arguments = noted != NULL ? noted->arguments : NULL,
        .took_us = took_us,
        .results = (int64_t)most(note->results, RESULTS_MAX),
        .status = status,
        .code = code,
        .fanout = "",
    };
    enqueue(oplog, &row);
}

/* The time, a number for those of the same millisecond, and chance. */
void oplog_id(char out[static ID_LEN + 1]) {
    static uint16_t number;
    uint64_t begin = htobe64((uint64_t)wall_ms() << 16 | number++);
    char hex[2 * sizeof(begin) + 1];
    id_random_named(out);
    hex_encode((const uint8_t *)&begin, sizeof(begin), hex);
    memcpy(out, hex, 2 * sizeof(begin));
}

/* ---- writing ---- */

/* A batch whose answer was lost comes again, and is there: all of it or nothing is written. */
static void on_written(void *ctx, int error, const struct pg_rows *rows) {
    struct oplog *oplog = ctx;
    (void)rows;
    oplog->flying = false;
    if (error == -EAGAIN && ++oplog->tries < TRIES_MAX)
        return; /* again with the next round */
    if (error != 0 && error != -EEXIST)
        log_warn("%zu rows of the operational log could not be written (%d)", oplog->writing.count,
                 -error);
    oplog_rows_clear(&oplog->writing);
    oplog->tries = 0;
    if (oplog->waiting.count >= BATCH_MAX)
        (void)oplog_flush(oplog);
}

/* One at a time: while the table is locked or slow, the log has one connection of the pool. */
static void write_batch(struct oplog *oplog) {
    static const char sql[] = "COPY calls (" OPLOG_COLUMNS ") FROM STDIN";
    oplog->flying = true;
    business_copy(oplog->server, sql, oplog->writing.text, oplog->writing.len, on_written, oplog);
}

bool oplog_flush(struct oplog *oplog) {
    if (oplog->writing.count == 0 && oplog->waiting.count > 0) {
        oplog->writing = oplog->waiting;
        oplog->waiting = (struct oplog_rows){0};
        write_batch(oplog);
    }
    return oplog->writing.count == 0;
}

static void on_purged(void *ctx, int error, const struct pg_rows *rows) {
    (void)ctx;
    (void)rows;
    if (error != 0 && error != -EAGAIN)
        log_warn("old rows of the operational log could not be dropped");
}

/* [business] log_days; 0: for ever. */
static void purge(struct oplog *oplog) {
    static const char sql[] = "DELETE FROM calls WHERE ctid IN (SELECT ctid FROM calls"
                              " WHERE at < now() - $1::bigint * interval '1 day' LIMIT 20000)";
    char days[24];
    uint64_t kept = config_u64(oplog->server->config, CONFIG_business_log_days);
    if (kept == 0)
        return;
    snprintf(days, sizeof(days), "%" PRIu64, kept < 36500 ? kept : 36500);
    struct pg_param params[] = {PG_TEXT(days)};
    business_query(oplog->server, sql, params, COUNT_OF(params), on_purged, oplog);
}

static void look(const struct oplog *oplog) {
    struct metrics *metrics = oplog->server->metrics;
    metrics_set(metrics, METRIC_BUSINESS_DATABASE_UP, 0, business_ready(oplog->server));
    metrics_set(metrics, METRIC_BUSINESS_KEPT_BYTES, 0, cache_bytes(oplog->server->cache));
    metrics_set(metrics, METRIC_BUSINESS_LOG_WAITING, 0,
                oplog->waiting.count + oplog->writing.count);
}

static void on_timer(evutil_socket_t fd, short what, void *ctx) {
    struct oplog *oplog = ctx;
    (void)fd;
    (void)what;
    look(oplog);
    if (!business_ready(oplog->server))
        return;
    if (oplog->rounds++ % PURGE_EVERY == 0)
        purge(oplog);
    if (oplog->dropped > 0)
        log_warn("%" PRIu64 " rows of the operational log were dropped", oplog->dropped);
    oplog->dropped = 0;
    if (oplog->writing.count > 0 && !oplog->flying)
        write_batch(oplog);
    else
        (void)oplog_flush(oplog);
}

int oplog_new(struct business_server *server, struct oplog **ret) {
    struct oplog *oplog = calloc(1, sizeof(*oplog));
    const struct timeval every = {0, WRITE_MS * 1000};
    if (oplog == NULL)
        return -ENOMEM;
    oplog->server = server;
    oplog->timer = event_new(server->base, -1, EV_PERSIST, on_timer, oplog);
    if (oplog->timer == NULL || event_add(oplog->timer, &every) < 0 ||
        noted_new(&oplog->noted) < 0 || fingerprints_new(server, &oplog->fingerprints) < 0) {
        oplog_free(oplog);
        return -ENOMEM;
    }
    *ret = oplog;
    return 0;
}

void oplog_free(struct oplog *oplog) {
    if (oplog == NULL)
        return;
    if (oplog->timer != NULL)
        event_free(oplog->timer);
    fingerprints_free(oplog->fingerprints);
    noted_free(oplog->noted);
    oplog_rows_clear(&oplog->waiting);
    oplog_rows_clear(&oplog->writing);
    free(oplog);
}
