/* The forms of a business's page: book a time, ask a question. They carry a random key, so that a
 * form that is sent twice books once. */
#include "gateway/page_front.h"

#include <errno.h>
#include <string.h>

/* One labelled line; `more` is markup of ours: further attributes. */
static void put_field(struct html *html, const struct page_profile *view, const char *prefix,
                      const char *name, const char *label, const char *hint, const char *more) {
    bool wrong = strncmp(view->trouble.field, prefix, strlen(prefix)) == 0 &&
                 strcmp(view->trouble.field + strlen(prefix), name) == 0;
    html_put(html, "<p class=\"field\"><label for=\"%s%s\">%s", prefix, name, label);
    if (hint[0] != '\0')
        html_put(html, " <small>%s</small>", hint);
    html_put(html, "</label>\n<input id=\"%s%s\" name=\"%s\"", prefix, name, name);
    bool sent = view->trouble_inquiry == (strcmp(prefix, "inquire-") == 0); /* this very form */
    html_put(html, " value=\"%s\"", sent ? json_text(view->form, name) : "");
    if (wrong)
        html_put(html, " aria-invalid=\"true\" aria-describedby=\"trouble\"");
    /* Not escaped: constant. */
    if (html->error == 0 && evbuffer_add_printf(html->out, " dir=\"auto\" %s></p>\n", more) < 0)
        html->error = -ENOMEM;
}

static void put_person(struct html *html, const struct page_profile *view, const char *prefix) {
    put_field(html, view, prefix, "name", "Your name", "",
              "autocomplete=\"name\" maxlength=\"120\" required");
    html_put(html, "<div class=\"pair\">\n");
    put_field(html, view, prefix, "email", "E-mail", "",
              "type=\"email\" autocomplete=\"email\" maxlength=\"254\"");
    put_field(html, view, prefix, "phone", "Phone", "",
              "type=\"tel\" autocomplete=\"tel\" maxlength=\"40\"");
    html_put(html, "</div>\n<p class=\"fine\">One of the two is enough.</p>\n");
}

static void put_address(struct html *html, const struct page_profile *view) {
    html_put(html, "<fieldset class=\"fields\"><legend>Where should they come?</legend>\n");
    put_field(html, view, "book-", "street", "Street and number", "",
              "autocomplete=\"street-address\" maxlength=\"200\" required");
    html_put(html, "<div class=\"pair\">\n");
    put_field(html, view, "book-", "postal_code", "Postal code", "",
              "autocomplete=\"postal-code\" maxlength=\"20\"");
    put_field(html, view, "book-", "city", "Town", "",
              "autocomplete=\"address-level2\" maxlength=\"100\" required");
    html_put(html, "</div>\n</fieldset>\n");
}

static void put_hidden(struct html *html, const char *name, const char *value) {
    html_put(html, "<input type=\"hidden\" name=\"%s\" value=\"%s\">\n", name, value);
}

void page_book_form(struct html *html, const struct page_profile *view, const json_t *service) {
    const struct page_calendar *calendar = view->calendar;
    char week[PAGE_TIME_TEXT];
    page_date(&calendar->first, week);
    html_put(html, "<p class=\"facts-line\"><b dir=\"auto\">%s</b> <span>",
             json_text(service, "name"));
    page_duration(html, json_integer_value(json_object_get(service, "duration_minutes")));
    html_put(html, "</span></p>\n");
    page_calendar_zone(html, calendar);
    html_put(html, "<form class=\"form once\" id=\"book\" method=\"post\" action=\"/b/%s/book\">\n",
             view->slug);
    put_hidden(html, "key", view->key_book);
    put_hidden(html, "service", view->service);
    put_hidden(html, "tz", calendar->zone);
    put_hidden(html, "week", week);
    page_next_slots(html, view->next, calendar->zone);
    html_put(html,
             "<fieldset class=\"calendar\" id=\"book-start\"><legend>Choose a time</legend>\n");
    page_calendar(html, calendar);
    html_put(html, "</fieldset>\n<fieldset class=\"fields\"><legend>Your details</legend>\n");
    put_person(html, view, "book-");
    if (strcmp(json_text(service, "mode"), "at_customer") == 0)
        put_address(html, view);
    html_put(html,
             "<p class=\"field\"><label for=\"book-note\">Anything they should know? "
             "<small>optional</small></label>\n<textarea id=\"book-note\" name=\"note\" rows=\"3\" "
             "maxlength=\"1000\" dir=\"auto\">%s</textarea></p>\n</fieldset>\n",
             json_text(view->form, "note"));
    html_put(html,
             "<p class=\"go\"><button class=\"button\">Book this time</button></p>\n"
             "<p class=\"fine\">Your details go to %s and to nobody else.</p>\n</form>\n",
             json_text(view->profile, "name"));
}

void page_inquiry_form(struct html *html, const struct page_profile *view) {
    html_put(html, "<section class=\"panel\" id=\"ask-them\" aria-labelledby=\"inquiry-title\">\n"
                   "<h2 id=\"inquiry-title\">Send a question</h2>\n");
    if (view->trouble_inquiry)
        page_trouble(html, &view->trouble);
    html_put(html, "<form class=\"form once\" method=\"post\" action=\"/b/%s/inquire\">\n",
             view->slug);
    put_hidden(html, "key", view->key_inquire);
    html_put(html,
             "<p class=\"field\"><label for=\"inquire-message\">Your question</label>\n<textarea "
             "id=\"inquire-message\" name=\"message\" rows=\"4\" maxlength=\"2000\" dir=\"auto\" "
             "required>%s</textarea></p>\n",
             view->trouble_inquiry ? json_text(view->form, "message") : "");
    put_person(html, view, "inquire-");
    html_put(html, "<p class=\"go\"><button class=\"button\">Send</button></p>\n</form>\n"
                   "</section>\n");
}
