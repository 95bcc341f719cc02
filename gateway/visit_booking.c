/* /bookings/{reference} and /inquiries/{reference}, for who has the secret: seen, moved, cancelled.
 */
#include <stdio.h>
#include <string.h>

#include "gateway/query.h"
#include "gateway/visit.h"

static bool is_set(const struct call *call, const char *name) {
    char word[4];
    return query_get(call->query, name, word, sizeof(word)) == 1 && strcmp(word, "1") == 0;
}

static const char *notice_of(const struct call *call) {
    char word[16];
    if (query_get(call->query, "done", word, sizeof(word)) != 1)
        return "";
    return strcmp(word, "moved") == 0       ? "Your booking was moved."
           : strcmp(word, "cancelled") == 0 ? "Your booking was cancelled. The time is given back."
                                            : "";
}

static enum page_booking_act act_of(const struct call *call) {
    char word[16];
    const char *act = json_text(call->body, "act");
    if (act[0] == '\0' && query_get(call->query, "act", word, sizeof(word)) == 1)
        act = word;
    return strcmp(act, "cancel") == 0 ? BOOKING_CANCEL
           : strcmp(act, "move") == 0 ? BOOKING_MOVE
                                      : BOOKING_SHOW;
}

/* The reference and the secret, which look like some; otherwise there is no such thing. */
static bool begin(struct call *call, const char *code) {
    struct visit *visit;
    char secret[SECRET_MAX + 1];
    bool fits = reference_fits(call->param[0]) &&
                query_get(call->query, "secret", secret, sizeof(secret)) == 1 && token_fits(secret);
    if (!fits)
        call_refuse(call, 404, code,
                    "There is nothing here, or its link is not complete. Open it as you got it.");
    if (!fits || (visit = visit_new(call)) == NULL)
        return false;
    (void)snprintf(visit->reference, sizeof(visit->reference), "%.32s", call->param[0]);
    (void)snprintf(visit->secret, sizeof(visit->secret), "%s", secret);
    (void)snprintf(visit->path, sizeof(visit->path), "/bookings/%s", visit->reference);
    explicit_bzero(secret, sizeof(secret));
    visit_wishes(call);
    return true;
}

static json_t *which(const struct visit *visit) {
    return json_pack("{s:s, s:s}", "reference", visit->reference, "secret", visit->secret);
}

/* What is asked for by a reference and a secret: the object, or NULL after answering. Of a wrong
 * shape they are as unknown as any other. */
static json_t *found(struct call *call, enum upstream_end end, const Cloister__Message *message,
                     const char *code) {
    struct problem problem;
    call->ask = 0;
    json_t *object = business_result(end, message, &problem, NULL);
    if (object != NULL)
        return object;
    if (problem.status == 400)
        problem = (struct problem){.status = 404, .code = code, .detail = ""};
    call_fail(call, &problem);
    return NULL;
}

/* ---- a booking ---- */

static void show_booking(struct call *call) {
    const struct visit *visit = call->state;
    const char *home = json_text(visit->booking, "timezone");
    const struct page_booking view = {.booking = visit->booking,
                                      .reference = visit->reference,
                                      .secret = visit->secret,
                                      .act = act_of(call),
                                      .fresh = is_set(call, "new"),
                                      .zone = visit->zone_chosen ? visit->zone
                                              : zone_valid(home) ? home
                                                                 : "",
                                      .notice = notice_of(call),
                                      .calendar = visit->slots != NULL ? &visit->calendar : NULL,
                                      .next = visit->next,
                                      .reason = json_text(call->body, "reason"),
                                      .trouble = visit->trouble};
    struct html html;
    if (html_begin(&html) < 0) {
        call_refuse(call, 503, "full", "The server is out of memory.");
        return;
    }
    page_booking(&html, &view);
    visit_show(call, "Your booking · Cloister", "", "slip", &html);
}

static bool on_booking(void *ctx, enum upstream_end end, const Cloister__Message *message) {
    struct call *call = ctx;
    struct visit *visit = call->state;
    json_t *object = found(call, end, message, "unknown_booking");
    if (object == NULL)
        return false;
    json_decref(visit->booking);
    visit->booking = object;
    (void)snprintf(visit->service, sizeof(visit->service), "%s", json_text(object, "service"));
    if (act_of(call) == BOOKING_MOVE && json_is_true(json_object_get(object, "can_reschedule")))
        visit_slots(call, json_text(object, "business"), json_text(object, "timezone"),
                    show_booking);
    else
        show_booking(call);
    return false;
}

static void ask_booking(struct call *call) {
    visit_ask(call, "get_booking", which(call->state), NULL, on_booking);
}

void handle_visit_booking(struct call *call) {
    if (begin(call, "unknown_booking"))
        ask_booking(call);
}

static bool on_changed(void *ctx, enum upstream_end end, const Cloister__Message *message) {
    struct call *call = ctx;
    const struct visit *visit = call->state;
    struct problem problem;
    char path[300];
    call->ask = 0;
    json_t *object = business_result(end, message, &problem, NULL);
    if (object == NULL) {
        if (visit_trouble(call, end, message, ""))
            ask_booking(call);
        return false;
    }
    (void)snprintf(path, sizeof(path), "/bookings/%s?secret=%s&done=%s%s%s", visit->reference,
                   visit->secret, act_of(call) == BOOKING_MOVE ? "moved" : "cancelled",
                   visit->zone_chosen ? "&tz=" : "", visit->zone_chosen ? visit->zone : "");
    call_redirect(call, 303, path, NULL, 0);
    explicit_bzero(path, sizeof(path));
    json_decref(object);
    return false;
}

void handle_visit_booking_form(struct call *call) {
    if (!begin(call, "unknown_booking"))
        return;
    struct visit *visit = call->state;
    const char *start = json_text(call->body, "start"), *reason = json_text(call->body, "reason");
    json_t *arguments = which(visit);
    switch (act_of(call)) {
    case BOOKING_CANCEL:
        if (reason[0] != '\0')
            (void)json_object_set_new(arguments, "reason", json_string(reason));
        visit_ask(call, "cancel_booking", arguments, NULL, on_changed);
        return;
    case BOOKING_MOVE:
        if (start[0] != '\0') {
            (void)json_object_set_new(arguments, "start", json_string(start));
            visit_ask(call, "reschedule_booking", arguments, NULL, on_changed);
            return;
        }
        visit_say(visit, 422, "Something is missing", "Choose a time.", "");
        break;
    case BOOKING_SHOW:
        break;
    }
    json_decref(arguments);
    ask_booking(call);
}

/* ---- an inquiry ---- */

static bool on_inquiry(void *ctx, enum upstream_end end, const Cloister__Message *message) {
    struct call *call = ctx;
    const struct visit *visit = call->state;
    struct html html;
    json_t *object = found(call, end, message, "unknown_inquiry");
    if (object == NULL)
        return false;
    const struct page_inquiry view = {
        .inquiry = object, .reference = visit->reference, .fresh = is_set(call, "new")};
    if (html_begin(&html) < 0) {
        call_refuse(call, 503, "full", "The server is out of memory.");
    } else {
        page_inquiry(&html, &view);
        visit_show(call, "Your question · Cloister", "", "slip", &html);
    }
    json_decref(object);
    return false;
}

void handle_visit_inquiry(struct call *call) {
    if (begin(call, "unknown_inquiry"))
        visit_ask(call, "get_inquiry", which(call->state), NULL, on_inquiry);
}
