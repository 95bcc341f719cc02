/* A business's page: who they are, what they do, when; and the forms to book and to ask. */
#include "gateway/page_front.h"

#include <stdio.h>
#include <string.h>

#include "gateway/problem.h"

void page_tile(struct html *html, const char *name) {
    char letter[5] = "";
    for (size_t i = 0;
         i < 4 && name[i] != '\0' && (i == 0 || ((unsigned char)name[i] & 0xc0) == 0x80); i++)
        letter[i] = name[i];
    unsigned hue = 0; /* one of a few quiet colours, the same for the same name */
    for (const char *c = name; *c != '\0'; c++)
        hue = hue * 31 + (unsigned char)*c;
    html_put(html, "<span class=\"tile t%d\" aria-hidden=\"true\">%s</span>\n", (int)(hue % 5),
             letter);
}

bool page_feature(const json_t *profile, const char *word) {
    return json_is_true(json_object_get(json_object_get(profile, "features"), word));
}

const json_t *page_service(const json_t *profile, const char *id) {
    size_t index;
    const json_t *service;
    json_array_foreach(json_object_get(profile, "services"), index, service) {
        if (strcmp(json_text(service, "id"), id) == 0)
            return service;
    }
    return NULL;
}

void page_duration(struct html *html, json_int_t minutes) {
    int hours = (int)(minutes / 60), rest = (int)(minutes % 60);
    if (hours == 0)
        html_put(html, "%d minutes", rest);
    else if (rest == 0)
        html_put(html, "%d h", hours);
    else
        html_put(html, "%d h %d min", hours, rest);
}

static void put_amount(struct html *html, double amount) {
    char text[40];
    (void)snprintf(text, sizeof(text), "%.3f", amount); /* a dinar has a thousand parts */
    size_t len = strlen(text);
    if (text[len - 1] == '0')
        text[--len] = '\0';
    if (len > 3 && strcmp(text + len - 3, ".00") == 0)
        text[len - 3] = '\0';
    html_put(html, "%s", text);
}

void page_price(struct html *html, const json_t *price) {
    const json_t *min = json_object_get(price, "min"), *max = json_object_get(price, "max");
    if (!json_is_number(min) && !json_is_number(max))
        return;
    if (json_is_number(min) && !json_is_number(max))
        html_put(html, "from ");
    if (!json_is_number(min))
        html_put(html, "up to ");
    if (json_is_number(min))
        put_amount(html, json_number_value(min));
    if (json_is_number(max) &&
        (!json_is_number(min) || json_number_value(min) < json_number_value(max))) {
        html_put(html, json_is_number(min) ? "–" : "");
        put_amount(html, json_number_value(max));
    }
    html_put(html, " %s", json_text(price, "currency"));
}

static const char *mode_words(const char *mode) {
    return strcmp(mode, "at_customer") == 0 ? "at your place"
           : strcmp(mode, "remote") == 0    ? "by phone or video"
                                            : "";
}

static void put_service(struct html *html, const struct page_profile *view, const json_t *service) {
    const char *id = json_text(service, "id");
    bool chosen = strcmp(id, view->service) == 0;
    const char *where = mode_words(json_text(service, "mode"));
    html_put(html, "<li class=\"service%s\">\n<h3 dir=\"auto\">%s</h3>\n", chosen ? " chosen" : "",
             json_text(service, "name"));
    html_put(html, "<p class=\"facts-line\"><span>");
    page_duration(html, json_integer_value(json_object_get(service, "duration_minutes")));
    html_put(html, "</span>");
    const json_t *price = json_object_get(service, "price");
    if (json_is_object(price)) {
        html_put(html, " <span>");
        page_price(html, price);
        html_put(html, "</span>");
    }
    if (where[0] != '\0')
        html_put(html, " <span>%s</span>", where);
    html_put(html, "</p>\n");
    html_paragraphs(html, json_text(service, "description"));
    if (page_feature(view->profile, "booking") && !view->preview) {
        html_put(html,
                 "<a class=\"button small%s\" href=\"/b/%s?service=", chosen ? "" : " plainer",
                 view->slug);
        html_query(html, id);
        if (view->calendar != NULL && view->calendar->zone_chosen) {
            html_put(html, "&amp;tz=");
            html_query(html, view->calendar->zone);
        }
        html_put(html, "#when\"%s>%s", chosen ? " aria-current=\"true\"" : "",
                 chosen ? "Chosen" : "Choose");
        html_put(html, "<i class=\"unseen\"> %s</i></a>\n", json_text(service, "name"));
    }
    html_put(html, "</li>\n");
}

static void put_services(struct html *html, const struct page_profile *view) {
    const json_t *services = json_object_get(view->profile, "services");
    size_t index;
    const json_t *service;
    if (json_array_size(services) == 0)
        return;
    html_put(html, "<section aria-labelledby=\"services\">\n<h2 id=\"services\">Services</h2>\n"
                   "<ul class=\"services\">\n");
    json_array_foreach(services, index, service) put_service(html, view, service);
    html_put(html, "</ul>\n</section>\n");
}

static void put_head(struct html *html, const json_t *profile) {
    const char *name = json_text(profile, "name"), *summary = json_text(profile, "summary");
    const char *category = json_text(profile, "category"),
               *city = json_text_in(profile, "address", "city");
    html_put(html, "<header class=\"who-head\">\n");
    page_tile(html, name);
    html_put(html, "<div>\n<h1 dir=\"auto\">%s</h1>\n<p class=\"facts-line\">", name);
    if (category[0] != '\0')
        html_put(html, "<span>%s</span> ", category);
    if (city[0] != '\0')
        html_put(html, "<span>%s</span>", city);
    html_put(html, "</p>\n</div>\n</header>\n");
    if (summary[0] != '\0')
        html_put(html, "<p class=\"lead\" dir=\"auto\">%s</p>\n", summary);
    html_put(html, "<div class=\"about\">\n");
    html_paragraphs(html, json_text(profile, "description"));
    html_put(html, "</div>\n");
}

void page_trouble(struct html *html, const struct page_trouble *trouble) {
    if (trouble->title[0] == '\0')
        return;
    html_put(html,
             "<div class=\"trouble-box\" id=\"trouble\" role=\"alert\" tabindex=\"-1\" autofocus>\n"
             "<h2>%s</h2>\n<p>%s",
             trouble->title, trouble->text);
    if (trouble->field[0] != '\0')
        html_put(html, " <a href=\"#%s\">Go to it</a>", trouble->field);
    html_put(html, "</p>\n</div>\n");
}

static void put_chat(struct html *html, const struct page_profile *view) {
    if (!page_feature(view->profile, "chat") || view->preview)
        return;
    html_put(
        html,
        "<section class=\"panel\" aria-labelledby=\"chat-title\">\n"
        "<h2 id=\"chat-title\">Ask their assistant</h2>\n"
        "<p class=\"fine\">An assistant of %s answers. It knows what stands on this page and "
        "when they are free, and can book for you.</p>\n"
        "<noscript><p class=\"notice\">The chat needs JavaScript. Everything else on this "
        "page works without.</p></noscript>\n"
        "<div id=\"talk\" class=\"talk\" data-business=\"%s\" aria-live=\"polite\"></div>\n"
        "<form id=\"chat-form\" class=\"ask-form\" hidden>\n<label for=\"chat-message\">Your "
        "message</label>\n<textarea id=\"chat-message\" rows=\"2\" maxlength=\"4000\" dir=\"auto\" "
        "required></textarea>\n<button class=\"button small\">Send</button>\n</form>\n"
        "</section>\n<script type=\"module\" src=\"/assets/front_chat.js\"></script>\n",
        json_text(view->profile, "name"), view->slug);
}

/* What went wrong is said where it is put right. */
static bool trouble_at_booking(const struct page_profile *view) {
    return !view->trouble_inquiry && view->calendar != NULL &&
           page_service(view->profile, view->service) != NULL;
}

static void put_booking(struct html *html, const struct page_profile *view) {
    const json_t *service = page_service(view->profile, view->service);
    if (!page_feature(view->profile, "booking") || view->preview ||
        json_array_size(json_object_get(view->profile, "services")) == 0)
        return;
    html_put(html, "<section id=\"when\" aria-labelledby=\"when-title\">\n"
                   "<h2 id=\"when-title\">Book a time</h2>\n");
    if (trouble_at_booking(view))
        page_trouble(html, &view->trouble);
    if (service == NULL || view->calendar == NULL)
        html_put(html, "<p class=\"fine\">%s</p>\n",
                 view->service[0] != '\0' && service != NULL
                     ? "Free times cannot be shown just now. Try again in a moment."
                     : "Choose a service to see when it is free.");
    else
        page_book_form(html, view, service);
    html_put(html, "</section>\n");
}

void page_profile(struct html *html, const struct page_profile *view) {
    if (view->preview)
        html_put(html, "<p class=\"notice\" role=\"status\">This is how customers will see it. "
                       "Nothing can be booked or sent here.</p>\n");
    if (!view->trouble_inquiry && !trouble_at_booking(view))
        page_trouble(html, &view->trouble);
    put_head(html, view->profile);
    html_put(html, "<div class=\"two\">\n<div class=\"first\">\n");
    put_services(html, view);
    put_booking(html, view);
    html_put(html, "</div>\n<aside aria-label=\"About\">\n");
    page_facts(html, view->profile);
    html_put(html, "</aside>\n</div>\n");
    put_chat(html, view);
    if (page_feature(view->profile, "inquiries") && !view->preview)
        page_inquiry_form(html, view);
}
