/* ask_businesses: one question to up to ten businesses at once. What is answered by the deadline is
 * given back, what is not is marked as late and kept all the same. One id names the whole in rows
 * and logs. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "business/inquiry.h"
#include "business/search.h"
#include "ipc/log.h"

#define ASKED_MAX   10
#define FOUND_MAX   30u /* of a search; those that take no inquiries are left out */
#define DEADLINE_MS 15000
#define MARGIN_MS   1000u

struct asked {
    struct fanout *fanout;
    char business[SLUG_MAX + 1], reference[REFERENCE_LEN + 1];
    char *name, *answer;
    const char *status;
};

struct fanout {
    struct business_server *server;
    struct business_call *call; /* NULL: it was answered */
    char id[ID_LEN + 1];
    struct asked asked[ASKED_MAX];
    size_t n, ended, answered;
    uint64_t deadline_ms;
    struct event *timer;
};

static void fanout_free(struct fanout *fanout) {
    for (size_t i = 0; i < fanout->n; i++) {
        free(fanout->asked[i].name);
        free(fanout->asked[i].answer);
    }
    event_free(fanout->timer);
    free(fanout);
}

static json_t *asked_json(const struct asked *asked) {
    json_t *item = json_pack("{s:s, s:s}", "business", asked->business, "status", asked->status);
    if (asked->name != NULL && *asked->name != '\0')
        (void)json_object_set_new(item, "name", json_string(asked->name));
    if (asked->answer != NULL && *asked->answer != '\0')
        (void)json_object_set_new(item, "answer", json_string(asked->answer));
    if (*asked->reference != '\0') {
        (void)json_object_set_new(item, "reference", json_string(asked->reference));
        inquiry_put_door(asked->fanout->server, asked->reference, item);
    }
    return item;
}

static void fanout_reply(struct fanout *fanout) {
    struct business_call *call = take_ptr(fanout->call);
    json_t *answers = json_array();
    for (size_t i = 0; i < fanout->n; i++)
        (void)json_array_append_new(answers, asked_json(&fanout->asked[i]));
    call->results = (int64_t)fanout->n;
    business_reply(call, json_pack("{s:s, s:o, s:I, s:I}", "fanout", fanout->id, "answers", answers,
                                   "asked", (json_int_t)fanout->n, "answered",
                                   (json_int_t)fanout->answered));
}

static const char *status_of(enum inquiry_outcome outcome) {
    switch (outcome) {
    case INQUIRY_ANSWERED:
        return "answered";
    case INQUIRY_RECORDED:
        return "recorded";
    case INQUIRY_UNKNOWN:
    case INQUIRY_OFF:
    case INQUIRY_LIMITED:
    case INQUIRY_KEY:
    case INQUIRY_FAILED:
        break;
    }
    return "failed";
}

static void tell_progress(const struct fanout *fanout) {
    char words[64];
    (void)snprintf(words, sizeof(words), "%zu of %zu businesses are done.", fanout->ended,
                   fanout->n);
    business_progress(fanout->call, (unsigned)fanout->ended, (unsigned)fanout->n, words);
}

/* Before the answer, which may come too late for the reply: then it is found by this. */
static void on_kept(void *ctx, const char *reference) {
    struct asked *asked = ctx;
    (void)snprintf(asked->reference, sizeof(asked->reference), "%s", reference);
}

static void on_sent(void *ctx, const struct inquiry_end *end) {
    struct asked *asked = ctx;
    struct fanout *fanout = asked->fanout;
    fanout->ended++;
    if (fanout->call != NULL) {
        asked->status = status_of(end->outcome);
        asked->name = strdup(end->business_name);
        asked->answer = strdup(end->answer);
        fanout->answered += end->outcome == INQUIRY_ANSWERED;
        tell_progress(fanout);
        if (fanout->ended == fanout->n)
            fanout_reply(fanout);
    }
    if (fanout->ended == fanout->n)
        fanout_free(fanout);
}

static void on_deadline(evutil_socket_t fd, short what, void *ctx) {
    struct fanout *fanout = ctx;
    (void)fd;
    (void)what;
    if (fanout->call != NULL)
        fanout_reply(fanout);
}

static void fanout_begin(struct fanout *fanout) {
    const struct business_call *call = fanout->call;
    static const struct used_key no_key;
    uint64_t now = clock_ms(), left = fanout->deadline_ms > now ? fanout->deadline_ms - now : 0;
    struct timeval wait = {(time_t)(left / 1000), (suseconds_t)(left % 1000 * 1000)};
    if (fanout->n == 0) {
        fanout_reply(fanout);
        fanout_free(fanout);
        return;
    }
    (void)evtimer_add(fanout->timer, &wait);
    struct inquiry_words words = {.message = business_text(call, "message"),
                                  .channel = call->client.channel,
                                  .fanout = fanout->id,
                                  .customer = json_object_get(call->arguments, "customer"),
                                  .key = &no_key,
                                  .kept = on_kept,
                                  /* A late answer is still worth keeping. */
                                  .deadline_ms = fanout->deadline_ms + DEADLINE_MS};
    for (size_t i = 0; i < fanout->n; i++) {
        words.business = fanout->asked[i].business;
        inquiry_send(fanout->server, &words, on_sent, &fanout->asked[i]);
    }
}

/* Each once, ten at most. */
static void fanout_add(struct fanout *fanout, const char *slug) {
    for (size_t i = 0; i < fanout->n; i++)
        if (strcmp(fanout->asked[i].business, slug) == 0)
            return;
    if (fanout->n == ASKED_MAX || slug == NULL)
        return;
    struct asked *asked = &fanout->asked[fanout->n++];
    asked->fanout = fanout;
    asked->status = "late";
    (void)snprintf(asked->business, sizeof(asked->business), "%s", slug);
}

static void on_search(void *ctx, int error, const char *why, const char *result, size_t n) {
    struct fanout *fanout = ctx;
    const json_t *hit;
    size_t i;
    (void)n;
    if (error != 0) {
        if (error == -EINVAL)
            business_refuse_argument(fanout->call, "%s", why);
        else
            business_refuse_store(fanout->call, error);
        fanout_free(fanout);
        return;
    }
    json_t *found = json_loads(result, 0, NULL);
    json_array_foreach(json_object_get(found, "businesses"), i, hit) {
        if (json_is_true(json_object_get(json_object_get(hit, "features"), "inquiries")))
            fanout_add(fanout, json_string_value(json_object_get(hit, "slug")));
    }
    json_decref(found);
    fanout_begin(fanout);
}

/* Whether anything says whom to ask. Blank filters say nothing, and whoever says nothing does not
 * mean those whose profiles are the fullest. */
static bool says_whom(const json_t *arguments) {
    static const char *const texts[] = {"query", "category", "place",  "country",
                                        "mode",  "language", "open_at"};
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        const char *text = json_string_value(json_object_get(arguments, texts[i]));
        if (text != NULL && !text_blank(text))
            return true;
    }
    return json_object_get(arguments, "businesses") != NULL ||
           json_object_get(arguments, "latitude") != NULL ||
           json_object_size(json_object_get(arguments, "attributes")) > 0;
}

void handle_ask_businesses(struct business_call *call) {
    const json_t *slugs = json_object_get(call->arguments, "businesses"), *slug;
    size_t i;
    if (!says_whom(call->arguments)) {
        business_refuse_argument(call, "businesses: say whom to ask, by their slugs or by a filter "
                                       "such as query, category or place");
        return;
    }
    struct fanout *fanout = calloc(1, sizeof(*fanout));
    if (fanout == NULL)
        fatal("out of memory");
    uint64_t until = clock_ms() + (uint64_t)business_number(call, "deadline_ms", DEADLINE_MS),
             latest = call->deadline_ms - MARGIN_MS;
    *fanout = (struct fanout){.server = call->server,
                              .call = call,
                              .deadline_ms = until < latest ? until : latest,
                              .timer = evtimer_new(call->server->base, on_deadline, fanout)};
    if (fanout->timer == NULL)
        fatal("out of memory");
    id_random(fanout->id);
    memcpy(call->fanout, fanout->id, sizeof(call->fanout));
    if (slugs == NULL) {
        search_run(call->server, call->arguments, FOUND_MAX, on_search, fanout);
        return;
    }
    json_array_foreach(slugs, i, slug) fanout_add(fanout, json_string_value(slug));
    fanout_begin(fanout);
}
