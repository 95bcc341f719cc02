#include "gateway/visit.h"

#include <stdio.h>
#include <string.h>

#include "gateway/pages.h"
#include "gateway/query.h"

#define WEEK_DAYS   7
#define SLOTS_LIMIT 200
#define ASKED_MAX   4 /* pages of free times for one week */

static void on_gone(struct call *call) {
    struct visit *visit = call->state;
    call->state = NULL;
    call->cancel = NULL;
    json_decref(visit->query);
    json_decref(visit->profile);
    json_decref(visit->booking);
    json_decref(visit->slots);
    json_decref(visit->next);
    explicit_bzero(visit, sizeof(*visit));
    free(visit);
}

struct visit *visit_new(struct call *call) {
    struct visit *visit = calloc(1, sizeof(*visit));
    if (visit == NULL) {
        call_refuse(call, 503, "full", "The server is out of memory.");
        return NULL;
    }
    visit->trouble = (struct page_trouble){"", "", ""};
    visit->status = 200;
    id_random(visit->key_book);
    id_random(visit->key_inquire);
    call->state = visit;
    call->cancel = on_gone;
    return visit;
}

void visit_ask(struct call *call, const char *operation, json_t *arguments, const char *key,
               upstream_answer *answer) {
    const struct front_request request = {
        .operation = operation, .arguments = arguments, .key = key, .client = {"page", "", ""}};
    front_ask(call, &request, answer);
}

/* ---- refusals ---- */

void visit_say(struct visit *visit, unsigned status, const char *title, const char *text,
               const char *field) {
    visit->status = status;
    (void)snprintf(visit->title, sizeof(visit->title), "%s", title);
    (void)snprintf(visit->text, sizeof(visit->text), "%s",
                   utf8_valid(text, strlen(text)) ? text : "");
    (void)snprintf(visit->field, sizeof(visit->field), "%s", field);
    visit->trouble = (struct page_trouble){visit->title, visit->text, visit->field};
}

static const struct {
    const char *code, *title, *text; /* "" text: the refusal's own */
} words[] = {
    {"slot_taken", "That time was just taken", "Choose one of the times below."},
    {"outside_hours", "That time cannot be booked", "Choose one of the times below."},
    {"too_late", "It is too late for that", ""},
    {"cannot_confirm_now", "It cannot be confirmed just now",
     "The business's calendar cannot be read at the moment. Nothing was booked: try again "
     "shortly."},
    {"key_reused", "This form was used already",
     "It was sent before with other details. Look through it once more and send it again."},
    {"not_bookable", "Times cannot be booked here", ""},
    {"inquiries_off", "Questions are not taken here", ""},
    {"invalid_argument", "Something is not right yet", ""},
    {"limited", "One moment, please", ""},
    {"rate_limited", "One moment, please", ""},
    {"booking_over", "That booking is over", ""},
    /* The booking's page is shown below all the same: its link may see and cancel. */
    {"unknown_booking", "This link is good for cancelling alone",
     "To move the booking, open the page that you came to when you booked."},
    {"unknown_service", "That service is not there any more", "Choose another one."},
    {"business_unavailable", "Just a moment",
     "No answer came in time. Send it again: what was begun is not done twice."},
};

/* The form's field that a detail names: "customer.email: …" is prefix + "email". */
static void field_of(const char *detail, const char *prefix, char out[static VISIT_WORD]) {
    static const struct {
        const char *path, *id;
    } fields[] = {
        {"customer.name", "name"}, {"customer.email", "email"}, {"customer.phone", "phone"},
        {"customer", "email"},     {"address", "street"},       {"message", "message"},
        {"note", "note"},          {"start", "start"}};
    out[0] = '\0';
    for (size_t i = 0; i < COUNT_OF(fields); i++)
        if (strncmp(detail, fields[i].path, strlen(fields[i].path)) == 0) {
            (void)snprintf(out, VISIT_WORD, "%s%s", prefix, fields[i].id);
            return;
        }
}

bool visit_trouble(struct call *call, enum upstream_end end, const Cloister__Message *message,
                   const char *prefix) {
    struct visit *visit = call->state;
    struct problem problem;
    json_t *beside = NULL;
    char field[VISIT_WORD] = "";
    call->ask = 0;
    json_t *object = business_result(end, message, &problem, &beside);
    json_decref(object); /* there is none */
    json_decref(visit->next);
    visit->next = json_incref(json_object_get(beside, "next_slots"));
    json_decref(beside);
    visit->uncertain = problem.status == 429 || (problem.status >= 500 && visit->next == NULL &&
                                                 strcmp(problem.code, "cannot_confirm_now") != 0);
    for (size_t i = 0; i < COUNT_OF(words); i++) {
        if (strcmp(words[i].code, problem.code) != 0)
            continue;
        if (strcmp(problem.code, "invalid_argument") == 0)
            field_of(problem.detail, prefix, field);
        bool offers = json_array_size(visit->next) > 0 || words[i].text[0] == '\0';
        visit_say(visit, problem.status, words[i].title,
                  offers && words[i].text[0] == '\0' ? problem.detail : words[i].text, field);
        return true;
    }
    call_fail(call, &problem);
    return false;
}

/* ---- free times ---- */

static void wish(struct call *call, const char *name, char *out, size_t cap) {
    const char *sent = json_text(call->body, name);
    if (sent[0] != '\0')
        (void)snprintf(out, cap, "%s", strlen(sent) < cap ? sent : "");
    else if (query_get(call->query, name, out, cap) != 1)
        out[0] = '\0';
}

void visit_wishes(struct call *call) {
    struct visit *visit = call->state;
    wish(call, "service", visit->service, sizeof(visit->service));
    wish(call, "week", visit->week, sizeof(visit->week));
    wish(call, "tz", visit->zone, sizeof(visit->zone));
    if (!slug_fits(visit->service))
        visit->service[0] = '\0';
    visit->zone_chosen = zone_valid(visit->zone);
    if (!visit->zone_chosen)
        visit->zone[0] = '\0';
}

static void ask_slots(struct call *call, const char *from);

static bool on_slots(void *ctx, enum upstream_end end, const Cloister__Message *message) {
    struct call *call = ctx;
    struct visit *visit = call->state;
    struct problem problem;
    size_t index;
    json_t *slot;
    call->ask = 0;
    json_t *object = business_result(end, message, &problem, NULL);
    if (object != NULL) {
        if (visit->slots == NULL)
            visit->slots = json_array();
        json_array_foreach(json_object_get(object, "slots"), index, slot)(void)
            json_array_append(visit->slots, slot);
    }
    visit->calendar.slots = visit->slots;
    const char *from = json_text(object, "next_from");
    visit->calendar.more = from[0] != '\0';
    if (from[0] != '\0' && ++visit->asked < ASKED_MAX)
        ask_slots(call, from);
    else
        visit->next_step(call);
    json_decref(object);
    return false;
}

static void ask_slots(struct call *call, const char *from) {
    const struct visit *visit = call->state;
    struct stamp after = visit->calendar.first;
    char until[STAMP_TEXT];
    stamp_add_days(&after, WEEK_DAYS);
    page_midnight(&after, visit->zone, until);
    visit_ask(call, "check_availability",
              json_pack("{s:s, s:s, s:s, s:s, s:s, s:i}", "business", visit->slug, "service",
                        visit->service, "from", from, "until", until, "timezone", visit->zone,
                        "limit", SLOTS_LIMIT),
              NULL, on_slots);
}

/* From the first day's midnight, or from now where that has been. */
static void first_moment(const struct visit *visit, char out[static STAMP_TEXT]) {
    struct stamp midnight, now;
    page_midnight(&visit->calendar.first, visit->zone, out);
    stamp_of(wall_ms() / 1000, 0, &now);
    if (stamp_parse(out, &midnight) < 0 || stamp_utc(&midnight) < stamp_utc(&now))
        stamp_format(&now, out);
}

void visit_slots(struct call *call, const char *business, const char *home,
                 void (*next)(struct call *call)) {
    struct visit *visit = call->state;
    struct page_time now;
    char from[STAMP_TEXT];
    visit->next_step = next;
    (void)snprintf(visit->slug, sizeof(visit->slug), "%s", business);
    (void)snprintf(visit->home, sizeof(visit->home), "%s", zone_valid(home) ? home : "UTC");
    if (!visit->zone_chosen)
        (void)snprintf(visit->zone, sizeof(visit->zone), "%s", visit->home);
    page_time_of(wall_ms() / 1000, visit->zone, &now);
    struct stamp today = page_day_read("", &now.local);
    struct stamp first = page_day_read(visit->week, &today);
    if (stamp_seconds(&first) < stamp_seconds(&today))
        first = today;
    visit->calendar = (struct page_calendar){.zone = visit->zone,
                                             .zone_chosen = visit->zone_chosen,
                                             .home = visit->home,
                                             .first = first,
                                             .today = today,
                                             .picked = json_text(call->body, "start"),
                                             .path = visit->path,
                                             .service = visit->service,
                                             .secret = visit->secret};
    first_moment(visit, from);
    ask_slots(call, from);
}

/* ---- the page ---- */

void visit_show(struct call *call, const char *title, const char *description, const char *kind,
                struct html *main) {
    const struct visit *visit = call->state;
    const char *text = html_text(main);
    if (text == NULL) {
        call_refuse(call, 500, "internal", "The page could not be written.");
    } else {
        const struct place places[] = {
            {"title", title},
            {"description", description},
            {"robots", strcmp(kind, "slip") == 0 ? "noindex" : "index"},
            {"kind", kind},
            {"main", text, true},
        };
        page_show(call, visit->status, PAGE_FRONT, places, COUNT_OF(places), NULL, 0);
    }
    html_done(main);
}
