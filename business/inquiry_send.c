/* An inquiry on its way: kept, the owner told, the business's agent asked. When the agent has no
 * answer, in time or at all, the inquiry stays open and the owner answers. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "business/cells.h"
#include "business/inquiry.h"
#include "business/limits.h"
#include "business/listing.h"
#include "business/profiles.h"
#include "ipc/log.h"
#include "ipc/timezone.h"

#define AGENT_LEAST_MS 1000u

struct send {
    struct business_server *server;
    struct inquiry inquiry; /* message, answer and details are owned */
    char *name, *profile;   /* profile: in words, for the agent; NULL: it is not asked */
    char zone[ZONE_MAX];
    struct used_key key;
    uint64_t deadline_ms;
    inquiry_kept *kept;
    inquiry_done *done;
    void *ctx;
};

static void send_end(struct send *send, enum inquiry_outcome outcome, uint64_t retry_after_ms,
                     int error) {
    bool made = outcome == INQUIRY_ANSWERED || outcome == INQUIRY_RECORDED;
    struct inquiry_end end = {.outcome = outcome,
                              .reference = made ? send->inquiry.reference : "",
                              .business_name = send->name != NULL ? send->name : "",
                              .answer = send->inquiry.answer != NULL ? send->inquiry.answer : "",
                              .retry_after_ms = retry_after_ms,
                              .error = error};
    send->done(send->ctx, &end);
    free(send->inquiry.message);
    free(send->inquiry.answer);
    json_decref(send->inquiry.details);
    free(send->name);
    free(send->profile);
    free(send);
}

/* ---- the agent ---- */

static void on_answered(void *ctx, int error, bool changed) {
    struct send *send = ctx;
    if (error != 0 || !changed) { /* nobody can look it up: it is not given either */
        free(take_ptr(send->inquiry.answer));
        send_end(send, INQUIRY_RECORDED, 0, 0);
    } else {
        send_end(send, INQUIRY_ANSWERED, 0, 0);
    }
}

/* At most so many bytes, whole characters. */
static char *cut(const char *text, size_t most) {
    size_t len = strlen(text);
    if (len > most)
        for (len = most; len > 0 && ((unsigned char)text[len] & 0xC0u) == 0x80u;)
            len--;
    char *copy = strndup(text, len);
    if (copy == NULL)
        fatal("out of memory");
    return copy;
}

static void on_agent(void *ctx, const Cloister__CellResult *result) {
    struct send *send = ctx;
    if (*result->code != '\0' || text_blank(result->text)) {
        send_end(send, INQUIRY_RECORDED, 0, 0);
        return;
    }
    send->inquiry.answer = cut(result->text, ANSWER_MAX);
    inquiry_answer(send->server, send->inquiry.owner, send->inquiry.reference, "agent",
                   send->inquiry.answer, on_answered, send);
}

static void ask_agent(struct send *send) {
    char conversation[CONVERSATION_LEN + 1];
    uint64_t now = clock_ms();
    if (send->profile == NULL || now + AGENT_LEAST_MS > send->deadline_ms) {
        send_end(send, INQUIRY_RECORDED, 0, 0);
        return;
    }
    conversation_make(send->server, send->inquiry.reference, conversation);
    Cloister__ContextText profile = CLOISTER__CONTEXT_TEXT__INIT;
    profile.source = CLOISTER__TEXT_SOURCE__SOURCE_RECORD;
    profile.about = "profile";
    profile.text = send->profile;
    Cloister__ContextText *context[] = {&profile};
    Cloister__CellAnswer answer = CLOISTER__CELL_ANSWER__INIT;
    answer.business = send->inquiry.business;
    answer.conversation = conversation;
    answer.message = send->inquiry.message;
    answer.timezone = send->zone;
    answer.n_context = 1;
    answer.context = context;
    (void)cells_answer(send->server->cells, send->inquiry.owner, &answer, send->deadline_ms - now,
                       on_agent, send);
}

/* ---- the row ---- */

static void row_is_there(struct send *send) {
    if (send->kept != NULL)
        send->kept(send->ctx, send->inquiry.reference);
    ask_agent(send);
}

static const char *customer_text(const struct send *send, const char *name) {
    const char *text = json_string_value(
        json_object_get(json_object_get(send->inquiry.details, "customer"), name));
    return text != NULL ? text : "";
}

/* Another call has made it, and took what may be asked in an hour for it. */
static void end_repeat(struct send *send) {
    brakes_give(send->server, "inquiry", send->inquiry.business, customer_text(send, "email"),
                customer_text(send, "phone"));
    send_end(send, INQUIRY_KEY, 0, 0);
}

static void on_own(void *ctx, int error, struct inquiry *inquiry) {
    struct send *send = ctx;
    bool ours = inquiry != NULL;
    inquiry_free(inquiry);
    if (ours) /* an earlier try arrived, its answer was lost */
        row_is_there(send);
    else if (error == 0)
        end_repeat(send);
    else
        send_end(send, INQUIRY_FAILED, 0, error);
}

static void on_kept(void *ctx, int error, bool changed) {
    struct send *send = ctx;
    if (error == 0 && changed)
        row_is_there(send);
    else if (error == -EEXIST)
        inquiry_load(send->server, send->inquiry.reference, on_own, send);
    else
        send_end(send, INQUIRY_FAILED, 0, error != 0 ? error : -EIO);
}

static char *word_to_owner(const struct send *send) {
    char page[LINK_SIZE]; /* of all of them: the owner signs in */
    (void)snprintf(page, sizeof(page), "%s/inquiries",
                   config_str(send->server->config, CONFIG_gateway_public_url));
    json_t *word = json_pack(
        "{s:s, s:s, s:s, s:s, s:s, s:s}", "business_name", send->name, "message",
        send->inquiry.message, "customer_name", customer_text(send, "name"), "customer_email",
        customer_text(send, "email"), "customer_phone", customer_text(send, "phone"), "link", page);
    char *json = json_dumps(word, JSON_COMPACT);
    json_decref(word);
    return json;
}

static void keep(struct send *send) {
#define KEEP                                                                                       \
    "WITH b AS (INSERT INTO inquiries (reference, owner, business, status, message, details, "     \
    "fanout) VALUES ($1, $2, $5, 'open', $6, $7::jsonb, $8) RETURNING reference, business, "       \
    "owner), "
    static const char plain[] = KEEP CHANGE_TELLS("inquiry_new");
    static const char keyed[] =
        KEEP "k AS (INSERT INTO used_keys (key, arguments, inquiry) SELECT $9, $10, reference "
             "FROM b RETURNING 1), " CHANGE_TELLS("inquiry_new");
    const struct inquiry *inquiry = &send->inquiry;
    struct change *change =
        change_new(send->server, send->key.given ? keyed : plain, on_kept, send);
    change_text(change, inquiry->reference);
    change_text(change, inquiry->owner);
    change_word(change, word_to_owner(send));
    change_text(change, NULL); /* the customer knows */
    change_text(change, inquiry->business);
    change_text(change, inquiry->message);
    change_taken(change, json_dumps(inquiry->details, JSON_COMPACT));
    change_text(change, inquiry->fanout);
    change->key = send->key;
    change->with_key = send->key.given;
    change_run(change);
}

static void take_profile(struct send *send, const struct published *published) {
    const json_t *hours = json_object_get(published->profile, "hours"),
                 *zone = json_object_get(hours, "timezone"),
                 *name = json_object_get(published->profile, "name");
    (void)snprintf(send->inquiry.owner, sizeof(send->inquiry.owner), "%s", published->user);
    (void)snprintf(send->zone, sizeof(send->zone), "%s",
                   json_is_string(zone) ? json_string_value(zone) : "UTC");
    send->name = strdup(json_is_string(name) ? json_string_value(name) : "");
    if (profile_feature(published->profile, "agent_answers"))
        send->profile = profile_text(published->profile);
    if (send->name == NULL ||
        json_object_set_new(send->inquiry.details, "business_name", json_string(send->name)) != 0)
        fatal("out of memory");
}

static void on_published(void *ctx, int error, const struct published *published) {
    struct send *send = ctx;
    if (published == NULL) {
        send_end(send, error == -ENOENT ? INQUIRY_UNKNOWN : INQUIRY_FAILED, 0, error);
        return;
    }
    take_profile(send, published);
    if (!profile_feature(published->profile, "inquiries")) {
        send_end(send, INQUIRY_OFF, 0, 0);
        return;
    }
    uint64_t wait_ms = brakes_take(send->server, "inquiry", send->inquiry.business,
                                   customer_text(send, "email"), customer_text(send, "phone"));
    if (wait_ms > 0)
        send_end(send, INQUIRY_LIMITED, wait_ms, 0);
    else
        keep(send);
}

void inquiry_send(struct business_server *server, const struct inquiry_words *words,
                  inquiry_done *done, void *ctx) {
    struct send *send = calloc(1, sizeof(*send));
    if (send == NULL)
        fatal("out of memory");
    *send = (struct send){.server = server,
                          .key = *words->key,
                          .deadline_ms = words->deadline_ms,
                          .kept = words->kept,
                          .done = done,
                          .ctx = ctx};
    struct inquiry *inquiry = &send->inquiry;
    reference_make('Q', inquiry->reference);
    (void)snprintf(inquiry->business, sizeof(inquiry->business), "%s", words->business);
    (void)snprintf(inquiry->fanout, sizeof(inquiry->fanout), "%s", words->fanout);
    inquiry->message = strdup(words->message);
    inquiry->details =
        json_pack("{s:O*, s:s}", "customer", words->customer, "channel", words->channel);
    if (inquiry->message == NULL || inquiry->details == NULL)
        fatal("out of memory");
    profile_published(server, words->business, on_published, send);
}
