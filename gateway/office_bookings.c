/* /bookings: what customers booked, upcoming and past; cancelled and moved from here. */
#include <stdio.h>
#include <string.h>

#include "gateway/office.h"
#include "gateway/query.h"

#define PAST_DAYS 365

static bool wants_past(const struct call *call) {
    char word[8];
    return query_get(call->query, "when", word, sizeof(word)) == 1 && strcmp(word, "past") == 0;
}

/* ---- the list ---- */

void office_customer(struct html *html, const json_t *entry) {
    const json_t *customer = json_object_get(entry, "customer");
    const char *email = json_text(customer, "email"), *phone = json_text(customer, "phone");
    html_put(html, "<p class=\"facts-line\"><b dir=\"auto\">%s</b>", json_text(customer, "name"));
    if (email[0] != '\0') {
        html_put(html, " <a href=\"mailto:");
        html_query(html, email);
        html_put(html, "\">%s</a>", email);
    }
    if (phone[0] != '\0') {
        html_put(html, " <a href=\"tel:");
        html_query(html, phone);
        html_put(html, "\">%s</a>", phone);
    }
    html_put(html, "</p>\n");
}

/* A part that opens for its form, and is open where that was refused. */
static void put_act(struct html *html, const struct call *call, const char *act, const char *label,
                    const char *reference) {
    const struct office *office = call->state;
    bool refused = strcmp(office_typed(call, reference, "act"), act) == 0;
    html_put(html, "<details%s>\n<summary>%s<i class=\"unseen\"> %s</i></summary>\n",
             refused ? " open" : "", label, reference);
    office_form_begin(html, "/bookings", office->page.csrf, act);
}

static void put_acts(struct html *html, const struct call *call, const json_t *booking) {
    const char *reference = json_text(booking, "reference"),
               *typed = office_typed(call, reference, "start");
    char local[17];
    (void)snprintf(local, sizeof(local), "%.16s",
                   typed[0] != '\0' ? typed : json_text(booking, "start"));
    put_act(html, call, "move", "Move", reference);
    html_put(html,
             "<input type=\"hidden\" name=\"reference\" value=\"%s\">\n<input type=\"hidden\" "
             "name=\"business\" value=\"%s\">\n<p class=\"field\"><label for=\"move-%s\">New time "
             "<small>of the business's clocks</small></label>\n",
             reference, json_text(booking, "business"), reference);
    html_put(html,
             "<input id=\"move-%s\" name=\"start\" type=\"datetime-local\" value=\"%s\" "
             "required></p>\n<p><button class=\"button small\">Move it</button></p>\n</form>\n"
             "</details>\n",
             reference, utf8_valid(local, strlen(local)) ? local : "");
    put_act(html, call, "cancel", "Cancel", reference);
    html_put(html,
             "<input type=\"hidden\" name=\"reference\" value=\"%s\">\n<p class=\"field\"><label "
             "for=\"why-%s\">Why? <small>for the customer; optional</small></label>\n<textarea "
             "id=\"why-%s\" name=\"reason\" rows=\"2\" maxlength=\"500\" "
             "dir=\"auto\">%s</textarea></p>\n",
             reference, reference, reference, office_typed(call, reference, "reason"));
    html_put(html, "<p><button class=\"button small\">Cancel the booking</button></p>\n</form>\n"
                   "</details>\n");
}

static void put_booking(struct html *html, const struct call *call, const json_t *booking,
                        bool past) {
    const char *status = json_text(booking, "status"), *note = json_text(booking, "note"),
               *address = json_text(booking, "address"),
               *service = json_text(booking, "service_name"),
               *trouble = json_text(booking, "trouble");
    bool confirmed = strcmp(status, "confirmed") == 0;
    html_put(html, "<li id=\"%s\">\n<h2>", json_text(booking, "reference"));
    page_span(html, json_text(booking, "start"), json_text(booking, "end"), "");
    html_put(html,
             "</h2>\n<p class=\"facts-line\"><span class=\"badge%s\">%s</span> <span "
             "dir=\"auto\">%s</span> ",
             confirmed ? "" : " off", status,
             service[0] != '\0' ? service : json_text(booking, "service"));
    const char *name = json_text(booking, "business_name");
    html_put(html, "<span dir=\"auto\">%s</span> <code>%s</code></p>\n",
             name[0] != '\0' ? name : json_text(booking, "business"),
             json_text(booking, "reference"));
    office_customer(html, booking);
    if (note[0] != '\0')
        html_put(html, "<p class=\"lines\" dir=\"auto\">%s</p>\n", note);
    if (address[0] != '\0')
        html_put(html, "<p class=\"lines\" dir=\"auto\">%s</p>\n", address);
    if (trouble[0] != '\0')
        html_put(html, "<p class=\"not-stated\">%s</p>\n", trouble);
    if (confirmed && !past)
        put_acts(html, call, booking);
    html_put(html, "</li>\n");
}

static void put_more(struct html *html, const json_t *result, bool past) {
    const char *cursor = json_text(result, "next_cursor");
    if (cursor[0] == '\0')
        return;
    html_put(html, "<p><a class=\"button small plainer\" href=\"/bookings?%scursor=",
             past ? "when=past&" : "");
    html_query(html, cursor);
    html_put(html, "\">More</a></p>\n");
}

static void show(struct call *call) {
    const struct office *office = call->state;
    const json_t *list = json_object_get(office->result, "bookings");
    size_t n = json_array_size(list);
    bool past = wants_past(call);
    struct html html;
    if (html_begin(&html) < 0) {
        call_refuse(call, 503, "full", "The server is out of memory.");
        return;
    }
    page_trouble(&html, &office->trouble);
    html_put(&html, "<h1>%s</h1>\n", past ? "Past bookings" : "Bookings");
    html_put(&html, "<p><a class=\"quiet\" href=\"%s\">%s</a></p>\n",
             past ? "/bookings" : "/bookings?when=past",
             past ? "What is to come" : "What has been");
    if (n == 0)
        html_put(&html, "<p class=\"lead\">%s</p>\n",
                 past ? "There are no past bookings." : "There are no upcoming bookings.");
    html_put(&html, "<ul class=\"rows\">\n");
    for (size_t i = 0; i < n; i++)
        put_booking(&html, call, json_array_get(list, i), past);
    html_put(&html, "</ul>\n");
    put_more(&html, office->result, past);
    office_show(call, "bookings", "Bookings", &html);
}

static void put_instant(json_t *arguments, const char *name, int64_t seconds) {
    struct stamp stamp;
    char text[STAMP_TEXT];
    stamp_of(seconds, 0, &stamp);
    stamp_format(&stamp, text);
    (void)json_object_set_new(arguments, name, json_string(text));
}

static void ask_list(struct call *call) {
    json_t *arguments = json_object();
    char cursor[512];
    int64_t now = wall_ms() / 1000;
    bool past = wants_past(call);
    put_instant(arguments, past ? "until" : "from", now);
    if (past) {
        put_instant(arguments, "from", now - PAST_DAYS * INT64_C(86400));
        (void)json_object_set_new(arguments, "order", json_string("newest"));
    }
    if (query_get(call->query, "cursor", cursor, sizeof(cursor)) == 1)
        (void)json_object_set_new(arguments, "cursor", json_string(cursor));
    office_ask(call, "list_bookings", arguments, show);
}

void handle_bookings_page(struct call *call) {
    if (office_new(call) != NULL)
        office_session(call, ask_list);
}

/* ---- its forms ---- */

static bool on_done(void *ctx, enum upstream_end end, const Cloister__Message *message) {
    struct call *call = ctx;
    const struct office *office = call->state;
    bool moved = strcmp(json_text(call->body, "act"), "move") == 0;
    if (!office_take(call, end, message)) {
        if (office->trouble.title[0] != '\0')
            office_session(call, ask_list);
    } else if (office_untold(call, moved ? "Moved." : "Cancelled.")) {
        office_session(call, ask_list);
    } else {
        office_go(call, moved ? "/bookings?done=moved" : "/bookings?done=cancelled");
    }
    return false;
}

/* The form has the time of the business's clocks; its zone says which moment that is. */
static void move(struct call *call) {
    struct office *office = call->state;
    const json_t *draft = json_object_get(office->result, "draft"),
                 *published = json_object_get(office->result, "published");
    const char *zone =
        json_text_in(json_is_object(published) ? published : draft, "hours", "timezone");
    struct stamp local;
    enum zone_fit fit;
    char start[STAMP_TEXT];
    if (stamp_parse(json_text(call->body, "start"), &local) < 0 || local.kind != STAMP_LOCAL ||
        !zone_valid(zone)) {
        office->trouble =
            (struct page_trouble){"That could not be done", "The new time is none.", ""};
        office_session(call, ask_list);
        return;
    }
    zone_show(zone, zone_resolve(zone, &local, &fit), start);
    business_ask(
        call, "", "reschedule_booking_as_owner",
        json_pack("{s:s, s:s}", "reference", json_text(call->body, "reference"), "start", start),
        on_done);
}

void handle_bookings_form(struct call *call) {
    static const struct field rows[] = {
        {"csrf", FIELD_VISIBLE, false, TOKEN_MAX, NULL},
        {"act", FIELD_VISIBLE, true, 16, NULL},
        {"reference", FIELD_VISIBLE, true, REFERENCE_MAX, NULL},
        {"business", FIELD_VISIBLE, false, SLUG_MAX, NULL},
        {"reason", FIELD_TEXT, false, 2000, NULL},
        {"start", FIELD_VISIBLE, false, 40, NULL},
    };
    if (!call_fields(call, rows, COUNT_OF(rows)) || office_new(call) == NULL)
        return;
    const char *act = json_text(call->body, "act"), *reason = json_text(call->body, "reason");
    json_t *arguments = json_pack("{s:s}", "reference", json_text(call->body, "reference"));
    if (reason[0] != '\0')
        (void)json_object_set_new(arguments, "reason", json_string(reason));
    if (strcmp(act, "cancel") == 0) {
        business_ask(call, "", "cancel_booking_as_owner", arguments, on_done);
        return;
    }
    json_decref(arguments);
    if (strcmp(act, "move") == 0)
        office_ask(call, "get_own_business",
                   json_pack("{s:s}", "slug", json_text(call->body, "business")), move);
    else
        call_refuse(call, 400, "invalid_field", "'act' must be cancel or move.");
}
