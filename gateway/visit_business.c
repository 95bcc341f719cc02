/* GET /b, the directory; GET /b/{slug}, a business; and the forms there: a time is booked, a
 * question is sent. */
#include <stdio.h>
#include <string.h>

#include "gateway/query.h"
#include "gateway/visit.h"

static bool begin(struct call *call, struct html *html) {
    if (html_begin(html) == 0)
        return true;
    call_refuse(call, 503, "full", "The server is out of memory.");
    return false;
}

/* ---- the directory ---- */

static const struct {
    const char *in_query, *argument;
} filters[] = {{"q", "query"},         {"place", "place"}, {"category", "category"},
               {"country", "country"}, {"mode", "mode"},   {"language", "language"},
               {"cursor", "cursor"}};

/* What was asked for, as it was asked. NULL: answered; a filter that nobody can read is not left
 * out of the search. */
static json_t *asked_for(struct call *call) {
    json_t *query = json_object();
    char value[QUERY_VALUE], detail[160];
    for (size_t i = 0; i < COUNT_OF(filters); i++) {
        const char *name = filters[i].in_query;
        int r = query_get(call->query, name, value, sizeof(value));
        if (r == 1 && value[0] != '\0')
            r = json_object_set_new(query, name, json_string(value));
        if (r >= 0)
            continue;
        (void)snprintf(detail, sizeof(detail),
                       "%s: must come once, as percent-encoded UTF-8 of at most %d bytes.", name,
                       QUERY_VALUE - 1);
        json_decref(query);
        call_refuse(call, 400, "invalid_argument", detail);
        return NULL;
    }
    return query;
}

static void show_directory(struct call *call, const json_t *result) {
    const struct visit *visit = call->state;
    const struct page_directory view = {
        .query = visit->query, .result = result, .trouble = visit->trouble};
    struct html html;
    if (!begin(call, &html))
        return;
    page_directory(&html, &view);
    visit_show(call, "Find a business, book a time · Cloister",
               "Businesses that can be asked and booked here.", "", &html);
}

static bool on_found(void *ctx, enum upstream_end end, const Cloister__Message *message) {
    struct call *call = ctx;
    struct problem problem;
    call->ask = 0;
    json_t *object = business_result(end, message, &problem, NULL);
    if (object != NULL || visit_trouble(call, end, message, "find-"))
        show_directory(call, object);
    json_decref(object);
    return false;
}

void handle_visit_directory(struct call *call) {
    struct visit *visit = visit_new(call);
    if (visit == NULL)
        return;
    if ((visit->query = asked_for(call)) == NULL)
        return;
    json_t *arguments = json_object();
    for (size_t i = 0; i < COUNT_OF(filters); i++) {
        json_t *value = json_object_get(visit->query, filters[i].in_query);
        if (value != NULL)
            (void)json_object_set(arguments, filters[i].argument, value);
    }
    const char *country = json_text(arguments, "country");
    if (strlen(country) == 2) { /* people write "de" */
        const char upper[] = {(char)(country[0] & ~0x20), (char)(country[1] & ~0x20), '\0'};
        (void)json_object_set_new(arguments, "country", json_string(upper));
    }
    visit_ask(call, "search_businesses", arguments, NULL, on_found);
}

void handle_visit_home(struct call *call) {
    call_redirect(call, 303, "/b", NULL, 0);
}

/* ---- a business ---- */

static void show_business(struct call *call) {
    const struct visit *visit = call->state;
    /* Without the free times a form that was sent is shown all the same: it can be sent again. */
    bool again = call->body != NULL && !visit->trouble_inquiry && visit->calendar.zone != NULL;
    const struct page_profile view = {.profile = visit->profile,
                                      .slug = call->param[0],
                                      .service = visit->service,
                                      .calendar =
                                          visit->slots != NULL || again ? &visit->calendar : NULL,
                                      .next = visit->next,
                                      .form = call->body,
                                      .key_book = visit->key_book,
                                      .key_inquire = visit->key_inquire,
                                      .trouble = visit->trouble,
                                      .trouble_inquiry = visit->trouble_inquiry};
    const char *name = json_text(visit->profile, "name");
    char title[600];
    struct html html;
    (void)snprintf(title, sizeof(title), "%s%.480s · Cloister",
                   visit->trouble.title[0] != '\0' ? "Not yet: " : "", name);
    if (!begin(call, &html))
        return;
    page_profile(&html, &view);
    visit_show(call, utf8_valid(title, strlen(title)) ? title : "Cloister",
               json_text(visit->profile, "summary"), "", &html);
}

static void take_times(struct call *call) {
    struct visit *visit = call->state;
    const json_t *services = json_object_get(visit->profile, "services");
    if (visit->service[0] == '\0' && json_array_size(services) == 1)
        (void)snprintf(visit->service, sizeof(visit->service), "%s",
                       json_text(json_array_get(services, 0), "id"));
    if (page_feature(visit->profile, "booking") &&
        page_service(visit->profile, visit->service) != NULL)
        visit_slots(call, call->param[0], json_text_in(visit->profile, "hours", "timezone"),
                    show_business);
    else
        show_business(call);
}

static bool on_business(void *ctx, enum upstream_end end, const Cloister__Message *message) {
    struct call *call = ctx;
    struct visit *visit = call->state;
    json_t *object = business_replied(call, end, message);
    if (object == NULL)
        return false;
    visit->profile = object;
    take_times(call);
    return false;
}

static void ask_business(struct call *call) {
    visit_ask(call, "get_business", json_pack("{s:s}", "business", call->param[0]), NULL,
              on_business);
}

/* The slug fits, and there is a visit. */
static bool visit_begin(struct call *call) {
    struct visit *visit;
    if (!slug_fits(call->param[0])) {
        call_refuse(call, 404, "unknown_business", "There is no such business here.");
        return false;
    }
    if ((visit = visit_new(call)) == NULL)
        return false;
    (void)snprintf(visit->path, sizeof(visit->path), "/b/%.64s", call->param[0]);
    visit_wishes(call);
    return true;
}

void handle_visit_business(struct call *call) {
    if (visit_begin(call))
        ask_business(call);
}

/* ---- its forms ---- */

static json_t *customer_of(const struct call *call) {
    static const char *const names[] = {"name", "email", "phone"};
    json_t *customer = json_object();
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        const char *value = json_text(call->body, names[i]);
        if (value[0] != '\0')
            (void)json_object_set_new(customer, names[i], json_string(value));
    }
    return customer;
}

/* What every browser sees to that knows the attribute `required`, and which no browser does. */
static bool person_fits(struct call *call, const char *prefix) {
    struct visit *visit = call->state;
    char field[VISIT_WORD];
    bool name = json_text(call->body, "name")[0] != '\0';
    if (name &&
        (json_text(call->body, "email")[0] != '\0' || json_text(call->body, "phone")[0] != '\0'))
        return true;
    (void)snprintf(field, sizeof(field), "%s%s", prefix, name ? "email" : "name");
    visit_say(visit, 422, "Something is missing",
              name ? "Give an e-mail address or a phone number, so that they can reach you."
                   : "Say who you are.",
              field);
    return false;
}

/* Nothing was done under the form's key, so that the next try is one of its own; where that is not
 * certain the key stays. */
static void keep_key(struct call *call, char key[static ID_LEN + 1]) {
    const struct visit *visit = call->state;
    const char *sent = json_text(call->body, "key");
    if (visit->uncertain && strlen(sent) == ID_LEN)
        (void)snprintf(key, ID_LEN + 1, "%s", sent);
}

/* A form has made something, whose page comes next; or it says why not. */
static bool on_made(struct call *call, enum upstream_end end, const Cloister__Message *message,
                    const char *where, const char *prefix, char key[static ID_LEN + 1]) {
    struct problem problem;
    char path[300];
    call->ask = 0;
    json_t *object = business_result(end, message, &problem, NULL);
    if (object == NULL) {
        if (visit_trouble(call, end, message, prefix)) {
            keep_key(call, key);
            ask_business(call);
        }
        return false;
    }
    const char *reference = json_text(object, "reference"), *secret = json_text(object, "secret");
    if (!reference_fits(reference) || !token_fits(secret)) {
        call_refuse(call, 500, "internal", "An unexpected answer came from inside.");
    } else {
        (void)snprintf(path, sizeof(path), "/%s/%s?secret=%s&new=1", where, reference, secret);
        call_redirect(call, 303, path, NULL, 0);
        explicit_bzero(path, sizeof(path));
    }
    json_decref(object);
    return false;
}

static bool on_booked(void *ctx, enum upstream_end end, const Cloister__Message *message) {
    struct call *call = ctx;
    struct visit *visit = call->state;
    return on_made(call, end, message, "bookings", "book-", visit->key_book);
}

static json_t *booking_of(const struct call *call) {
    json_t *arguments = json_pack("{s:s, s:s, s:s, s:o}", "business", call->param[0], "service",
                                  json_text(call->body, "service"), "start",
                                  json_text(call->body, "start"), "customer", customer_of(call));
    const struct visit *visit = call->state;
    const char *note = json_text(call->body, "note"), *street = json_text(call->body, "street");
    SCOPE_FREE char *address = NULL;
    if (note[0] != '\0')
        (void)json_object_set_new(arguments, "note", json_string(note));
    if (street[0] != '\0' &&
        asprintf(&address, "%s\n%s %s", street, json_text(call->body, "postal_code"),
                 json_text(call->body, "city")) < 0)
        address = NULL;
    if (address != NULL)
        (void)json_object_set_new(arguments, "address", json_string(address));
    else if (street[0] != '\0') {
        json_decref(arguments); /* without memory nothing is booked, rather than without address */
        return NULL;
    }
    if (visit->zone_chosen)
        (void)json_object_set_new(arguments, "timezone", json_string(visit->zone));
    return arguments;
}

void handle_visit_book(struct call *call) {
    static const struct field rows[] = {{"key", FIELD_VISIBLE, true, 64, NULL},
                                        {"service", FIELD_VISIBLE, true, SLUG_MAX, NULL}};
    if (!call_fields(call, rows, COUNT_OF(rows)) || !visit_begin(call))
        return;
    struct visit *visit = call->state;
    bool person = person_fits(call, "book-");
    if (json_text(call->body, "start")[0] == '\0') {
        visit_say(visit, 422, "Something is missing", "Choose a time.", "book-start");
        person = false;
    }
    if (person)
        visit_ask(call, "create_booking", booking_of(call), json_text(call->body, "key"),
                  on_booked);
    else
        ask_business(call);
}

static bool on_sent(void *ctx, enum upstream_end end, const Cloister__Message *message) {
    struct call *call = ctx;
    struct visit *visit = call->state;
    return on_made(call, end, message, "inquiries", "inquire-", visit->key_inquire);
}

void handle_visit_inquire(struct call *call) {
    static const struct field rows[] = {{"key", FIELD_VISIBLE, true, 64, NULL}};
    if (!call_fields(call, rows, COUNT_OF(rows)) || !visit_begin(call))
        return;
    struct visit *visit = call->state;
    visit->trouble_inquiry = true;
    bool fits = person_fits(call, "inquire-");
    if (text_blank(json_text(call->body, "message"))) {
        visit_say(visit, 422, "Something is missing", "Write your question.", "inquire-message");
        fits = false;
    }
    if (fits)
        visit_ask(call, "send_inquiry",
                  json_pack("{s:s, s:s, s:o}", "business", call->param[0], "message",
                            json_text(call->body, "message"), "customer", customer_of(call)),
                  json_text(call->body, "key"), on_sent);
    else
        ask_business(call);
}
