#include "business/inquiry.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "ipc/log.h"

void inquiry_free(struct inquiry *inquiry) {
    if (inquiry == NULL)
        return;
    free(inquiry->message);
    free(inquiry->answer);
    json_decref(inquiry->details);
    free(inquiry);
}

#define COPY(field, column) (void)snprintf(field, sizeof(field), "%s", pg_text(rows, row, column))

struct inquiry *inquiry_read(const struct pg_rows *rows, unsigned row) {
    struct inquiry *inquiry = calloc(1, sizeof(*inquiry));
    if (inquiry == NULL)
        return NULL;
    COPY(inquiry->reference, 0);
    COPY(inquiry->owner, 1);
    COPY(inquiry->business, 2);
    COPY(inquiry->status, 3);
    COPY(inquiry->answered_by, 4);
    COPY(inquiry->fanout, 5);
    inquiry->message = strdup(pg_text(rows, row, 6));
    inquiry->answer = strdup(pg_text(rows, row, 7));
    inquiry->details = json_loads(pg_text(rows, row, 8), 0, NULL);
    inquiry->created_ms = pg_int(rows, row, 9);
    inquiry->answered_ms = pg_int(rows, row, 10);
    if (inquiry->message != NULL && inquiry->answer != NULL && inquiry->details != NULL)
        return inquiry;
    inquiry_free(inquiry);
    return NULL;
}

struct load {
    inquiry_loaded *done;
    void *ctx;
};

static void on_row(void *ctx, int error, const struct pg_rows *rows) {
    struct load load = *(struct load *)ctx;
    struct inquiry *inquiry = NULL;
    free(ctx);
    if (error == 0 && pg_count(rows) == 1) {
        inquiry = inquiry_read(rows, 0);
        error = inquiry == NULL ? -ENOMEM : 0;
    }
    load.done(load.ctx, error, inquiry);
}

void inquiry_load(struct business_server *server, const char *reference, inquiry_loaded *done,
                  void *ctx) {
    static const char sql[] = "SELECT " INQUIRY_COLUMNS " FROM inquiries WHERE reference = $1";
    struct pg_param params[] = {PG_TEXT(reference)};
    struct load *load = malloc(sizeof(*load));
    if (load == NULL)
        fatal("out of memory");
    *load = (struct load){done, ctx};
    business_query(server, sql, params, COUNT_OF(params), on_row, load);
}

void inquiry_put_door(const struct business_server *server, const char *reference, json_t *result) {
    char secret[SECRET_LEN + 1], link[LINK_SIZE];
    secret_make(server, SECRET_INQUIRY, reference, secret);
    link_make(server, "/inquiries/", reference, "", SECRET_INQUIRY, link);
    (void)json_object_set_new(result, "secret", json_string(secret));
    if (*link != '\0')
        (void)json_object_set_new(result, "url", json_string(link));
    explicit_bzero(secret, sizeof(secret));
    explicit_bzero(link, sizeof(link));
}

/* ---- answering ---- */

struct answer {
    struct business_server *server;
    char owner[ID_LEN + 1], reference[REFERENCE_LEN + 1], by[8];
    char *text;
    change_done *done;
    void *ctx;
};

static void on_answered(void *ctx, int error, bool changed) {
    struct answer answer = *(struct answer *)ctx;
    free(answer.text);
    free(ctx);
    answer.done(answer.ctx, error, changed);
}

static char *word_to_customer(const struct business_server *server, const struct inquiry *inquiry,
                              const struct answer *answer) {
    char link[LINK_SIZE];
    const json_t *email = json_object_get(json_object_get(inquiry->details, "customer"), "email");
    link_make(server, "/inquiries/", inquiry->reference, "", SECRET_INQUIRY, link);
    json_t *links = json_pack("{s:s}", "link", link);
    json_t *word =
        json_pack("{s:O, s:s, s:s, s:s, s:O*}", "business_name",
                  json_object_get(inquiry->details, "business_name"), "message", inquiry->message,
                  "answer", answer->text, "answered_by", answer->by, "to", email);
    char *json = outbox_put_sealed(server, inquiry->reference, word, links)
                     ? json_dumps(word, JSON_COMPACT)
                     : NULL;
    json_decref(word);
    json_decref(links);
    explicit_bzero(link, sizeof(link));
    return json;
}

static bool is_answered(const struct answer *answer, const struct inquiry *inquiry) {
    return inquiry != NULL && strcmp(inquiry->owner, answer->owner) == 0 &&
           strcmp(inquiry->status, "answered") == 0 &&
           strcmp(inquiry->answered_by, answer->by) == 0 &&
           strcmp(inquiry->answer, answer->text) == 0;
}

static void on_looked(void *ctx, int error, struct inquiry *found) {
    SCOPE_INQUIRY struct inquiry *inquiry = found;
    on_answered(ctx, error, is_answered(ctx, inquiry));
}

/* Not open any more: what was sent before may have been carried out, and only its answer lost. */
static void on_written(void *ctx, int error, bool changed) {
    struct answer *answer = ctx;
    if (error == 0 && !changed)
        inquiry_load(answer->server, answer->reference, on_looked, answer);
    else
        on_answered(answer, error, changed);
}

/* The same answer again tells nobody again. */
static void on_inquiry(void *ctx, int error, struct inquiry *found) {
    static const char sql[] =
        "WITH b AS (UPDATE inquiries SET status = 'answered', answer = $2, answered_by = $5, "
        "answered_at = now() WHERE reference = $1 AND "
        "(status = 'open' OR ($5 = 'owner' AND answer IS DISTINCT FROM $2)) "
        "RETURNING reference, business, owner), " CHANGE_TELLS("inquiry_answered");
    struct answer *answer = ctx;
    SCOPE_INQUIRY struct inquiry *inquiry = found;
    bool known = inquiry != NULL && strcmp(inquiry->owner, answer->owner) == 0;
    if (!known) {
        on_answered(answer, error, false);
        return;
    }
    if (strcmp(answer->by, "owner") == 0 && is_answered(answer, inquiry)) {
        on_answered(answer, 0, true);
        return;
    }
    struct change *change = change_new(answer->server, sql, on_written, answer);
    change_text(change, inquiry->reference);
    change_text(change, answer->text);
    change_text(change, NULL); /* the owner is not told */
    change_word(change, word_to_customer(answer->server, inquiry, answer));
    change_text(change, answer->by);
    change_run(change);
}

void inquiry_answer(struct business_server *server, const char *owner, const char *reference,
                    const char *by, const char *text, change_done *done, void *ctx) {
    struct answer *answer = calloc(1, sizeof(*answer));
    if (answer == NULL || (answer->text = strdup(text)) == NULL)
        fatal("out of memory");
    answer->server = server;
    answer->done = done;
    answer->ctx = ctx;
    (void)snprintf(answer->owner, sizeof(answer->owner), "%s", owner);
    (void)snprintf(answer->reference, sizeof(answer->reference), "%s", reference);
    (void)snprintf(answer->by, sizeof(answer->by), "%s", by);
    inquiry_load(server, reference, on_inquiry, answer);
}
