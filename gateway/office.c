#include "gateway/office.h"

#include <stdio.h>
#include <string.h>

#include "gateway/pages.h"

static void on_gone(struct call *call) {
    struct office *office = call->state;
    call->state = NULL;
    call->cancel = NULL;
    json_decref(office->result);
    json_decref(office->profile);
    explicit_bzero(office, sizeof(*office));
    free(office);
}

struct office *office_new(struct call *call) {
    struct office *office = calloc(1, sizeof(*office));
    if (office == NULL) {
        call_refuse(call, 503, "full", "The server is out of memory.");
        return NULL;
    }
    office->trouble = (struct page_trouble){"", "", ""};
    call->state = office;
    call->cancel = on_gone;
    return office;
}

static bool on_session(void *ctx, enum upstream_end end, const Cloister__Message *message) {
    struct call *call = ctx;
    struct office *office = call->state;
    if (web_session_over(end, message))
        web_sign_in(call);
    else if (web_session_replied(call, end, message, &office->page))
        office->next(call);
    return false;
}

void office_session(struct call *call, void (*next)(struct call *call)) {
    struct office *office = call->state;
    office->next = next;
    web_session_ask(call, on_session);
}

/* Before a calendar is connected cloisterd knows no user: there is nothing yet, and that is fine.
 */
static bool to_connect(struct call *call, enum upstream_end end, const Cloister__Message *message) {
    if (!web_unknown_user(end, message))
        return false;
    call->ask = 0;
    call_redirect(call, 303, "/connect", NULL, 0);
    return true;
}

static bool on_asked(void *ctx, enum upstream_end end, const Cloister__Message *message) {
    struct call *call = ctx;
    struct office *office = call->state;
    if (web_session_over(end, message)) {
        web_sign_in(call);
        return false;
    }
    if (to_connect(call, end, message))
        return false;
    json_t *object = business_replied(call, end, message);
    if (object == NULL)
        return false;
    json_decref(office->result);
    office->result = object;
    office->next(call);
    return false;
}

void office_ask(struct call *call, const char *operation, json_t *arguments,
                void (*next)(struct call *call)) {
    struct office *office = call->state;
    office->next = next;
    business_ask(call, "", operation, arguments, on_asked);
}

bool office_take(struct call *call, enum upstream_end end, const Cloister__Message *message) {
    struct office *office = call->state;
    struct problem problem;
    call->ask = 0;
    if (web_session_over(end, message)) {
        web_sign_in(call);
        return false;
    }
    if (to_connect(call, end, message))
        return false;
    json_t *object = business_result(end, message, &problem, NULL);
    if (object != NULL) {
        json_decref(office->result);
        office->result = object;
        return true;
    }
    if (problem.status == 403 || problem.status >= 500) {
        call_fail(call, &problem);
        return false;
    }
    bool draft = strcmp(problem.code, "draft_incomplete") == 0;
    const char *detail =
        draft ? "It is not complete yet; below stands what is missing." : problem.detail;
    (void)snprintf(office->title, sizeof(office->title), "That could not be done");
    (void)snprintf(office->text, sizeof(office->text), "%s",
                   utf8_valid(detail, strlen(detail)) ? detail : "");
    office->trouble = (struct page_trouble){office->title, office->text, ""};
    return false;
}

const char *office_notice(const struct call *call) {
    static const struct page_notice notices[] = {
        {"saved", "Saved. Customers see it once you publish."},
        {"published", "Published. This is what customers see now."},
        {"unpublished", "Unpublished. Customers do not find it any more; bookings stay."},
        {"deleted", "Deleted."},
        {"unsure", "Nothing was deleted. To delete it, tick the box beside the button."},
        {"cancelled", "Cancelled. The customer is told."},
        {"moved", "Moved. The customer is told."},
        {"answered", "Answered. The customer is told."},
        {"closed", "Closed."},
        {"told", "Saved. That is where you are told from now on."},
    };
    return page_notice_of(call, notices, COUNT_OF(notices));
}

bool office_untold(struct call *call, const char *done) {
    struct office *office = call->state;
    const json_t *customer = json_object_get(office->result, "customer");
    const char *email = json_text(customer, "email"), *phone = json_text(customer, "phone");
    if (!json_is_false(json_object_get(office->result, "told")))
        return false;
    if (email[0] != '\0')
        (void)snprintf(office->untold, sizeof(office->untold),
                       "%s Nothing is sent from here, so the customer is not told: write to %s.",
                       done, email);
    else if (phone[0] != '\0')
        (void)snprintf(office->untold, sizeof(office->untold),
                       "%s The customer left no e-mail address and is not told: call %s.", done,
                       phone);
    else
        (void)snprintf(office->untold, sizeof(office->untold),
                       "%s The customer left no e-mail address and is not told: they see it when "
                       "they look.",
                       done);
    return true;
}

const char *office_typed(const struct call *call, const char *reference, const char *name) {
    const struct office *office = call->state;
    bool its = strcmp(json_text(call->body, "reference"), reference) == 0;
    return its && office->trouble.title[0] != '\0' ? json_text(call->body, name) : "";
}

static const char *here(const char *tab, const char *one) {
    return strcmp(tab, one) == 0 ? "page" : "false";
}

void office_show(struct call *call, const char *tab, const char *title, struct html *main) {
    const struct office *office = call->state;
    const char *text = html_text(main);
    if (text == NULL) {
        call_refuse(call, 500, "internal", "The page could not be written.");
    } else {
        bool failed = office->trouble.title[0] != '\0';
        const struct place places[] = {
            {"title", title},
            {"csrf", office->page.csrf},
            {"account", office->page.account},
            {"notice", failed || office->noticed   ? ""
                       : office->untold[0] != '\0' ? office->untold
                                                   : office_notice(call)},
            {"main", text, true},
            {"tab_businesses", here(tab, "businesses")},
            {"tab_bookings", here(tab, "bookings")},
            {"tab_inquiries", here(tab, "inquiries")},
        };
        const struct call_header more[] = {{"Set-Cookie", office->page.cookie}};
        page_show(call, failed ? 422 : 200, PAGE_OFFICE, places, COUNT_OF(places), more,
                  office->page.replaced ? 1 : 0);
    }
    html_done(main);
}

void office_go(struct call *call, const char *path) {
    call_redirect(call, 303, path, NULL, 0);
}

void office_form_begin(struct html *html, const char *path, const char *csrf, const char *act) {
    html_put(html,
             "<form class=\"form once\" method=\"post\" action=\"%s\">\n"
             "<input type=\"hidden\" name=\"csrf\" value=\"%s\">\n"
             "<input type=\"hidden\" name=\"act\" value=\"%s\">\n",
             path, csrf, act);
}
