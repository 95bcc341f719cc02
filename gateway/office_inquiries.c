/* /inquiries: what customers asked; answered and closed from here. */
#include <string.h>

#include "gateway/office.h"
#include "gateway/query.h"

static void put_answer_form(struct html *html, const struct call *call, const char *reference) {
    const struct office *office = call->state;
    office_form_begin(html, "/inquiries", office->page.csrf, "answer");
    html_put(html,
             "<input type=\"hidden\" name=\"reference\" value=\"%s\">\n<p class=\"field\"><label "
             "for=\"answer-%s\">Your answer</label>\n<textarea id=\"answer-%s\" name=\"text\" "
             "rows=\"3\" maxlength=\"4000\" dir=\"auto\" required>%s</textarea></p>\n",
             reference, reference, reference, office_typed(call, reference, "text"));
    html_put(html, "<p class=\"go\"><button class=\"button small\">Answer</button> <button "
                   "class=\"quiet\" name=\"close\" value=\"1\" formnovalidate>Close without an "
                   "answer</button></p>\n</form>\n");
}

static void put_inquiry(struct html *html, const struct call *call, const json_t *inquiry) {
    const char *status = json_text(inquiry, "status"), *answer = json_text(inquiry, "answer"),
               *reference = json_text(inquiry, "reference");
    bool open = strcmp(status, "open") == 0;
    html_put(html,
             "<li id=\"%s\">\n<p class=\"facts-line\"><span class=\"badge%s\">%s</span> "
             "<span>%s</span> ",
             reference, open ? " off" : "", status, json_text(inquiry, "business"));
    page_day_of(html, json_text(inquiry, "created_at"), "");
    html_put(html, " <code>%s</code></p>\n", reference);
    office_customer(html, inquiry);
    html_put(html, "<p class=\"lines\" dir=\"auto\">%s</p>\n", json_text(inquiry, "message"));
    if (answer[0] != '\0')
        html_put(html, "<p class=\"fine\">Answer</p>\n<p class=\"lines\" dir=\"auto\">%s</p>\n",
                 answer);
    if (open)
        put_answer_form(html, call, reference);
    html_put(html, "</li>\n");
}

static void show(struct call *call) {
    const struct office *office = call->state;
    const json_t *list = json_object_get(office->result, "inquiries"), *inquiry;
    const char *cursor = json_text(office->result, "next_cursor");
    size_t index;
    struct html html;
    if (html_begin(&html) < 0) {
        call_refuse(call, 503, "full", "The server is out of memory.");
        return;
    }
    page_trouble(&html, &office->trouble);
    html_put(&html, "<h1>Questions</h1>\n");
    if (json_array_size(list) == 0)
        html_put(&html, "<p class=\"lead\">Nobody has asked anything.</p>\n");
    html_put(&html, "<ul class=\"rows\">\n");
    json_array_foreach(list, index, inquiry) put_inquiry(&html, call, inquiry);
    html_put(&html, "</ul>\n");
    if (cursor[0] != '\0') {
        html_put(&html, "<p><a class=\"button small plainer\" href=\"/inquiries?cursor=");
        html_query(&html, cursor);
        html_put(&html, "\">More</a></p>\n");
    }
    office_show(call, "inquiries", "Questions", &html);
}

static void ask_list(struct call *call) {
    json_t *arguments = json_object();
    char cursor[512];
    if (query_get(call->query, "cursor", cursor, sizeof(cursor)) == 1)
        (void)json_object_set_new(arguments, "cursor", json_string(cursor));
    office_ask(call, "list_inquiries", arguments, show);
}

void handle_inquiries_page(struct call *call) {
    if (office_new(call) != NULL)
        office_session(call, ask_list);
}

static bool on_done(void *ctx, enum upstream_end end, const Cloister__Message *message) {
    struct call *call = ctx;
    const struct office *office = call->state;
    bool closed = json_text(call->body, "close")[0] != '\0';
    if (!office_take(call, end, message)) {
        if (office->trouble.title[0] != '\0')
            office_session(call, ask_list);
    } else if (!closed && office_untold(call, "Answered.")) {
        office_session(call, ask_list);
    } else {
        office_go(call, closed ? "/inquiries?done=closed" : "/inquiries?done=answered");
    }
    return false;
}

void handle_inquiries_form(struct call *call) {
    static const struct field rows[] = {
        {"csrf", FIELD_VISIBLE, false, TOKEN_MAX, NULL},
        {"reference", FIELD_VISIBLE, true, REFERENCE_MAX, NULL},
        {"text", FIELD_TEXT, false, 16000, NULL},
    };
    bool close;
    if (!call_fields(call, rows, COUNT_OF(rows)) || !call_box(call, "close", &close) ||
        office_new(call) == NULL)
        return;
    json_t *arguments = json_pack("{s:s}", "reference", json_text(call->body, "reference"));
    if (!close)
        (void)json_object_set_new(arguments, "text", json_string(json_text(call->body, "text")));
    business_ask(call, "", close ? "close_inquiry" : "answer_inquiry", arguments, on_done);
}
