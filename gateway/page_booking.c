/* How a booking or an inquiry is, for who has its secret: see, move, cancel. */
#include "gateway/page_front.h"

#include <string.h>

static const struct {
    const char *status, *title, *text;
} states[] = {
    {"confirmed", "Your booking is confirmed", ""},
    {"holding", "Your booking is being made", "Load this page again in a moment."},
    {"moving", "Your booking is being moved", "Load this page again in a moment."},
    {"cancelling", "Your booking is being cancelled", "Load this page again in a moment."},
    {"undoing", "Your booking could not be made", "The time is being given back."},
    {"failed", "Your booking could not be made", "Nothing was booked. Choose another time."},
    {"cancelled", "This booking is cancelled", ""},
};

static void put_state(struct html *html, const struct page_booking *view) {
    const char *status = json_text(view->booking, "status");
    const char *title = "Your booking", *text = "";
    for (size_t i = 0; i < COUNT_OF(states); i++)
        if (strcmp(states[i].status, status) == 0) {
            title = states[i].title;
            text = states[i].text;
        }
    html_put(html, "<h1>%s</h1>\n", title);
    if (text[0] != '\0')
        html_put(html, "<p class=\"lead\">%s</p>\n", text);
    if (view->notice[0] != '\0')
        html_put(html, "<p class=\"notice\" role=\"status\">%s</p>\n", view->notice);
    page_trouble(html, &view->trouble);
    if (view->fresh)
        html_put(html, "<p class=\"notice\" role=\"status\">Keep the address of this page: with it "
                       "you can see, move and cancel your booking. Whoever has it can, too.</p>\n");
}

static void put_facts(struct html *html, const struct page_booking *view) {
    const json_t *booking = view->booking;
    const char *slug = json_text(booking, "business"), *name = json_text(booking, "business_name"),
               *service = json_text(booking, "service_name");
    html_put(
        html,
        "<dl class=\"card\">\n<dt>Business</dt><dd><a href=\"/b/%s\" dir=\"auto\">%s</a></dd>\n",
        slug, name[0] != '\0' ? name : slug);
    html_put(html, "<dt>Service</dt><dd dir=\"auto\">%s</dd>\n",
             service[0] != '\0' ? service : json_text(booking, "service"));
    html_put(html, "<dt>When</dt><dd%s>",
             strcmp(json_text(booking, "status"), "cancelled") == 0 ? " class=\"struck\"" : "");
    page_span(html, json_text(booking, "start"), json_text(booking, "end"), view->zone);
    html_put(html, "</dd>\n<dt>Reference</dt><dd><code>%s</code></dd>\n</dl>\n", view->reference);
}

static void put_begin(struct html *html, const struct page_booking *view, const char *act) {
    html_put(html, "<form class=\"form once\" method=\"post\" action=\"/bookings/%s?secret=",
             view->reference);
    html_query(html, view->secret);
    html_put(html, "\">\n<input type=\"hidden\" name=\"act\" value=\"%s\">\n", act);
}

static void put_link(struct html *html, const struct page_booking *view, const char *act,
                     const char *class, const char *text) {
    html_put(html, "<a class=\"%s\" href=\"/bookings/%s?", class, view->reference);
    if (act[0] != '\0')
        html_put(html, "act=%s&amp;", act);
    html_put(html, "secret=");
    html_query(html, view->secret);
    html_put(html, "\">%s</a>\n", text);
}

static void put_cancel(struct html *html, const struct page_booking *view) {
    html_put(html,
             "<section class=\"panel\" aria-labelledby=\"cancel-title\">\n"
             "<h2 id=\"cancel-title\">Cancel this booking?</h2>\n"
             "<p>The time is given back and the business is told. This cannot be undone.</p>\n");
    put_begin(html, view, "cancel");
    html_put(html,
             "<p class=\"field\"><label for=\"reason\">Why? <small>optional</small></label>\n"
             "<textarea id=\"reason\" name=\"reason\" rows=\"2\" maxlength=\"500\" "
             "dir=\"auto\">%s</textarea></p>\n"
             "<p class=\"go\"><button class=\"button\">Yes, cancel it</button>\n",
             view->reason);
    put_link(html, view, "", "quiet", "Keep it");
    html_put(html, "</p>\n</form>\n</section>\n");
}

static void put_move(struct html *html, const struct page_booking *view) {
    html_put(html, "<section id=\"when\" aria-labelledby=\"when-title\">\n"
                   "<h2 id=\"when-title\">Choose another time</h2>\n"
                   "<p class=\"fine\">Your old time is given up only when the new one is "
                   "certain.</p>\n");
    if (view->calendar == NULL) {
        html_put(html, "<p class=\"notice\">Free times cannot be shown just now. Try again in a "
                       "moment.</p>\n</section>\n");
        return;
    }
    char week[PAGE_TIME_TEXT];
    page_date(&view->calendar->first, week);
    page_calendar_zone(html, view->calendar);
    put_begin(html, view, "move");
    html_put(html,
             "<input type=\"hidden\" name=\"tz\" value=\"%s\">\n<input type=\"hidden\" "
             "name=\"week\" value=\"%s\">\n",
             view->calendar->zone, week);
    page_next_slots(html, view->next, view->calendar->zone);
    html_put(html, "<fieldset class=\"calendar\"><legend>Choose a time</legend>\n");
    page_calendar(html, view->calendar);
    html_put(html, "</fieldset>\n<p class=\"go\"><button class=\"button\">Move it here</button>\n");
    put_link(html, view, "", "quiet", "Leave it as it is");
    html_put(html, "</p>\n</form>\n</section>\n");
}

static void put_choices(struct html *html, const struct page_booking *view) {
    bool can_cancel = json_is_true(json_object_get(view->booking, "can_cancel")),
         can_move = json_is_true(json_object_get(view->booking, "can_reschedule"));
    html_put(html, "<p class=\"go\">\n");
    if (strcmp(json_text(view->booking, "status"), "confirmed") == 0) {
        html_put(html, "<a class=\"button plainer\" href=\"/v1/bookings/%s/calendar.ics?secret=",
                 view->reference);
        html_query(html, view->secret);
        html_put(html, "\" download=\"booking.ics\">Add to my calendar</a>\n");
    }
    if (can_move)
        put_link(html, view, "move", "button plainer", "Move it");
    if (can_cancel)
        put_link(html, view, "cancel", "quiet", "Cancel it");
    html_put(html, "</p>\n");
}

void page_booking(struct html *html, const struct page_booking *view) {
    put_state(html, view);
    put_facts(html, view);
    if (view->act == BOOKING_CANCEL && json_is_true(json_object_get(view->booking, "can_cancel")))
        put_cancel(html, view);
    else if (view->act == BOOKING_MOVE &&
             json_is_true(json_object_get(view->booking, "can_reschedule")))
        put_move(html, view);
    else
        put_choices(html, view);
}

void page_inquiry(struct html *html, const struct page_inquiry *view) {
    const char *status = json_text(view->inquiry, "status"),
               *answer = json_text(view->inquiry, "answer"),
               *message = json_text(view->inquiry, "message"),
               *slug = json_text(view->inquiry, "business");
    bool answered = answer[0] != '\0';
    html_put(html, "<h1>%s</h1>\n",
             answered                        ? "Your question was answered"
             : strcmp(status, "closed") == 0 ? "Your question was closed"
                                             : "Your question was sent");
    if (view->fresh || (!answered && strcmp(status, "open") == 0))
        html_put(html, "<p class=\"notice\" role=\"status\">Keep the address of this page: the "
                       "answer will stand here.</p>\n");
    html_put(html, "<dl class=\"card\">\n");
    if (message[0] != '\0')
        html_put(html, "<dt>You asked</dt><dd class=\"lines\" dir=\"auto\">%s</dd>\n", message);
    if (answered)
        html_put(html, "<dt>They say</dt><dd class=\"lines\" dir=\"auto\">%s</dd>\n", answer);
    html_put(html, "<dt>Reference</dt><dd><code>%s</code></dd>\n</dl>\n", view->reference);
    if (slug[0] != '\0')
        html_put(html, "<p><a class=\"quiet\" href=\"/b/%s\">To the business</a></p>\n", slug);
}
