/* What the public asks over HTTP: the directory, availability, bookings, inquiries, a business's
 * chat. Each route is one operation of business/api. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/business.h"
#include "gateway/chat.h"
#include "gateway/front.h"
#include "gateway/query.h"

#define CUSTOMER_CONVERSATION_MIN 22 /* characters that nobody guesses */

static bool answer_object(struct call *call, enum upstream_end end,
                          const Cloister__Message *message, unsigned status) {
    json_t *object = business_replied(call, end, message);
    if (object != NULL)
        call_json(call, status, object);
    return false;
}

static bool on_object(void *ctx, enum upstream_end end, const Cloister__Message *message) {
    return answer_object(ctx, end, message, 200);
}

static bool on_created(void *ctx, enum upstream_end end, const Cloister__Message *message) {
    return answer_object(ctx, end, message, 201);
}

static void ask_with(struct call *call, const char *operation, json_t *arguments, const char *key,
                     upstream_answer *answer) {
    const struct front_request request = {
        .operation = operation, .arguments = arguments, .key = key, .client = {"http", "", ""}};
    front_ask(call, &request, answer);
}

static void ask(struct call *call, const char *operation, json_t *arguments) {
    ask_with(call, operation, arguments, NULL, on_object);
}

/* ---- the query string as arguments ---- */

struct word {
    const char *in_query, *argument;
    bool number;
};

/* What is no number is passed on as it is: the table refuses it by name. */
static json_t *as_number(const char *text) {
    char *end = NULL;
    errno = 0;
    double value = strtod(text, &end);
    bool plain = text[0] != '\0' && strspn(text, "+-.0123456789eE") == strlen(text);
    if (!plain || *end != '\0' || errno != 0)
        return json_string(text);
    return strpbrk(text, ".eE") == NULL && value > -1e15 && value < 1e15
               ? json_integer((json_int_t)value)
               : json_real(value);
}

static bool refuse_query(struct call *call, const char *name) {
    char detail[160];
    (void)snprintf(detail, sizeof(detail),
                   "%s: must come once, as percent-encoded UTF-8 of at most %d bytes.", name,
                   QUERY_VALUE - 1);
    call_refuse(call, 400, "invalid_argument", detail);
    return false;
}

/* Moves what the query says into `arguments`. False: answered. */
static bool take_query(struct call *call, json_t *arguments, const struct word *words, size_t n) {
    char value[QUERY_VALUE];
    for (size_t i = 0; i < n; i++) {
        int r = query_get(call->query, words[i].in_query, value, sizeof(value));
        if (r < 0)
            return refuse_query(call, words[i].in_query);
        if (r > 0 && value[0] != '\0' &&
            json_object_set_new(arguments, words[i].argument,
                                words[i].number ? as_number(value) : json_string(value)) < 0)
            return refuse_query(call, words[i].in_query);
    }
    return true;
}

/* attribute=name:value, as often as wanted; without a value it has to be true. */
static bool take_attributes(struct call *call, json_t *arguments) {
    json_t *attributes = json_object();
    for (const char *at = call->query == NULL ? "" : call->query; *at != '\0';) {
        size_t len = strcspn(at, "&");
        if (strncmp(at, "attribute=", 10) == 0) {
            SCOPE_FREE char *one = strndup(at, len);
            char value[QUERY_VALUE];
            if (one == NULL || query_get(one, "attribute", value, sizeof(value)) < 0) {
                json_decref(attributes);
                return refuse_query(call, "attribute");
            }
            char *colon = strchr(value, ':');
            if (colon != NULL)
                *colon = '\0';
            const char *says = colon == NULL ? "true" : colon + 1;
            bool word = strcmp(says, "true") == 0 || strcmp(says, "false") == 0;
            if (json_object_set_new(attributes, value,
                                    word ? json_boolean(says[0] == 't') : json_string(says)) < 0) {
                json_decref(attributes);
                return refuse_query(call, "attribute");
            }
        }
        at += len + (at[len] == '&');
    }
    if (json_object_size(attributes) > 0)
        (void)json_object_set(arguments, "attributes", attributes);
    json_decref(attributes);
    return true;
}

/* ---- the directory ---- */

void handle_front_search(struct call *call) {
    static const struct word words[] = {
        {"q", "query", false},
        {"category", "category", false},
        {"place", "place", false},
        {"country", "country", false},
        {"lat", "latitude", true},
        {"lon", "longitude", true},
        {"radius_km", "radius_km", true},
        {"mode", "mode", false},
        {"language", "language", false},
        {"open_at", "open_at", false},
        {"limit", "limit", true},
        {"cursor", "cursor", false},
    };
    json_t *arguments = json_object();
    if (take_query(call, arguments, words, COUNT_OF(words)) && take_attributes(call, arguments))
        ask(call, "search_businesses", arguments);
    else
        json_decref(arguments);
}

void handle_front_business(struct call *call) {
    ask(call, "get_business", json_pack("{s:s}", "business", call->param[0]));
}

void handle_front_availability(struct call *call) {
    static const struct word words[] = {
        {"service", "service", false},   {"from", "from", false},  {"until", "until", false},
        {"timezone", "timezone", false}, {"limit", "limit", true},
    };
    json_t *arguments = json_pack("{s:s}", "business", call->param[0]);
    if (arguments == NULL || take_query(call, arguments, words, COUNT_OF(words)))
        ask(call, "check_availability", arguments); /* NULL: says that memory is short */
    else
        json_decref(arguments);
}

/* ---- bookings and inquiries ---- */

/* The key of what creates. NULL: answered. */
static const char *needed_key(struct call *call) {
    if (call->idempotency_key != NULL && idempotency_key_valid(call->idempotency_key))
        return call->idempotency_key;
    call_refuse(
        call, 400, "invalid_argument",
        "Idempotency-Key: this request creates something and needs a key of 1 to 128 visible "
        "ASCII characters, the same when it is repeated.");
    return NULL;
}

static void create(struct call *call, const char *operation) {
    const char *key = needed_key(call);
    if (key == NULL)
        return;
    json_t *body = call->body;
    call->body = NULL;
    ask_with(call, operation, body, key, on_created);
}

void handle_front_book(struct call *call) {
    create(call, "create_booking");
}

void handle_front_inquire(struct call *call) {
    create(call, "send_inquiry");
}

/* {reference} of the path and the secret of the header or the link, over what the body says. */
static json_t *with_secret(struct call *call) {
    char secret[200];
    json_t *arguments = call->body != NULL ? json_incref(call->body) : json_object();
    const char *shown = call->booking;
    if (shown == NULL && query_get(call->query, "secret", secret, sizeof(secret)) == 1)
        shown = secret;
    (void)json_object_set_new(arguments, "reference", json_string(call->param[0]));
    if (shown != NULL)
        (void)json_object_set_new(arguments, "secret", json_string(shown));
    explicit_bzero(secret, sizeof(secret));
    return arguments;
}

void handle_front_booking(struct call *call) {
    ask(call, "get_booking", with_secret(call));
}

void handle_front_cancel(struct call *call) {
    ask(call, "cancel_booking", with_secret(call));
}

void handle_front_reschedule(struct call *call) {
    ask(call, "reschedule_booking", with_secret(call));
}

void handle_front_inquiry(struct call *call) {
    ask(call, "get_inquiry", with_secret(call));
}

static bool on_calendar(void *ctx, enum upstream_end end, const Cloister__Message *message) {
    struct call *call = ctx;
    static const struct call_header more[] = {
        {"Content-Disposition", "attachment; filename=\"booking.ics\""}};
    json_t *object = business_replied(call, end, message);
    if (object == NULL)
        return false;
    const char *text = field_text(object, "ics");
    call_answer(call, 200, "text/calendar; charset=utf-8", text, strlen(text), more, 1);
    json_decref(object);
    return false;
}

void handle_front_calendar(struct call *call) {
    ask_with(call, "booking_calendar_file", with_secret(call), NULL, on_calendar);
}

/* ---- a customer's chat ---- */

void handle_front_chat(struct call *call) {
    static const struct field rows[] = {
        {"message", FIELD_TEXT, true, MESSAGE_TEXT_MAX, NULL},
        {"conversation", FIELD_VISIBLE, false, CONVERSATION_MAX, NULL},
        {"timezone", FIELD_TIMEZONE, false, TIMEZONE_MAX, NULL},
    };
    struct field_fault fault;
    if (fields_known(call->body, rows, COUNT_OF(rows), &fault) < 0) {
        call_refuse(call, 400, fault.code, fault.detail);
        return;
    }
    if (!call_fields(call, rows, COUNT_OF(rows)))
        return;
    const char *conversation = field_text(call->body, "conversation");
    if (!slug_fits(call->param[0])) {
        call_refuse(call, 404, "unknown_business", "There is no business of this name.");
        return;
    }
    if (conversation[0] != '\0' && strlen(conversation) < CUSTOMER_CONVERSATION_MIN) {
        call_refuse(call, 400, "invalid_argument",
                    "conversation: must have at least 22 characters that nobody can guess; left "
                    "out, one is made.");
        return;
    }
    Cloister__ChatRequest request = CLOISTER__CHAT_REQUEST__INIT;
    request.business = call->param[0];
    request.conversation = (char *)(uintptr_t)conversation;
    request.message = (char *)(uintptr_t)field_text(call->body, "message");
    request.timezone = (char *)(uintptr_t)field_text(call->body, "timezone");
    chat_ask_business(call, &request);
    json_decref(call->body);
    call->body = NULL;
}
