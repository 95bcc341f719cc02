/* The directory: what is looked for, and who was found and why. */
#include "gateway/page_front.h"

#include <string.h>

static void put_text_field(struct html *html, const json_t *query, const char *name,
                           const char *label, int max) {
    html_put(html,
             "<p class=\"field\"><label for=\"find-%s\">%s</label>\n<input id=\"find-%s\" "
             "name=\"%s\" value=\"%s\" maxlength=\"%d\" dir=\"auto\"></p>\n",
             name, label, name, name, json_text(query, name), max);
}

static void put_search(struct html *html, const json_t *query) {
    const char *mode = json_text(query, "mode");
    bool more = json_text(query, "category")[0] != '\0' || json_text(query, "country")[0] != '\0' ||
                mode[0] != '\0' || json_text(query, "language")[0] != '\0';
    html_put(html, "<form class=\"find\" method=\"get\" action=\"/b\" role=\"search\">\n");
    put_text_field(html, query, "q", "What are you looking for?", 200);
    put_text_field(html, query, "place", "Where?", 120);
    html_put(html,
             "<button class=\"button\">Search</button>\n<details%s>\n<summary>More to choose "
             "by</summary>\n<div class=\"grid\">\n",
             more ? " open" : "");
    put_text_field(html, query, "category", "Kind of business", 60);
    put_text_field(html, query, "country", "Country (two letters)", 2);
    put_text_field(html, query, "language", "Language (such as en)", 35);
    html_put(html, "<p class=\"field\"><label for=\"find-mode\">Where it takes place</label>\n"
                   "<select id=\"find-mode\" name=\"mode\">\n");
    html_option(html, "", "anywhere", mode[0] == '\0');
    html_option(html, "at_business", "at the business", strcmp(mode, "at_business") == 0);
    html_option(html, "at_customer", "at my place", strcmp(mode, "at_customer") == 0);
    html_option(html, "remote", "by phone or video", strcmp(mode, "remote") == 0);
    html_put(html, "</select></p>\n</div>\n</details>\n</form>\n");
}

static void put_sentences(struct html *html, const json_t *list, const char *class,
                          const char *before) {
    size_t index;
    const json_t *sentence;
    if (json_array_size(list) == 0)
        return;
    html_put(html, "<p class=\"%s\">%s", class, before);
    json_array_foreach(list, index, sentence)
        html_put(html, "%s%s", index == 0 ? "" : " ", json_string_value(sentence));
    html_put(html, "</p>\n");
}

static void put_offers(struct html *html, const json_t *services) {
    size_t n = json_array_size(services);
    if (n == 0)
        return;
    html_put(html, "<ul class=\"chips\">\n");
    for (size_t i = 0; i < n && i < 4; i++) {
        const json_t *service = json_array_get(services, i);
        html_put(html, "<li dir=\"auto\">%s", json_text(service, "name"));
        if (json_is_object(json_object_get(service, "price"))) {
            html_put(html, " <span>");
            page_price(html, json_object_get(service, "price"));
            html_put(html, "</span>");
        }
        html_put(html, "</li>\n");
    }
    if (n > 4)
        html_put(html, "<li>and %d more</li>\n", (int)(n - 4));
    html_put(html, "</ul>\n");
}

static void put_hit(struct html *html, const json_t *hit) {
    const char *name = json_text(hit, "name"), *city = json_text(hit, "city"),
               *category = json_text(hit, "category");
    const json_t *distance = json_object_get(hit, "distance_km");
    html_put(html, "<li class=\"hit\">\n");
    page_tile(html, name);
    html_put(html, "<div>\n<h3 dir=\"auto\"><a href=\"/b/");
    html_query(html, json_text(hit, "slug"));
    html_put(html, "\">%s</a></h3>\n<p class=\"facts-line\">", name);
    if (category[0] != '\0')
        html_put(html, "<span>%s</span> ", category);
    if (city[0] != '\0')
        html_put(html, "<span>%s %s</span> ", city, json_text(hit, "country"));
    if (json_is_number(distance))
        html_put(html, "<span>%d km away</span>", (int)(json_number_value(distance) + 0.5));
    html_put(html, "</p>\n");
    if (json_text(hit, "summary")[0] != '\0')
        html_put(html, "<p dir=\"auto\">%s</p>\n", json_text(hit, "summary"));
    put_offers(html, json_object_get(hit, "services"));
    put_sentences(html, json_object_get(hit, "why"), "why", "");
    put_sentences(html, json_object_get(hit, "not_stated"), "not-stated", "Not stated: ");
    html_put(html, "</div>\n</li>\n");
}

static void put_next(struct html *html, const struct page_directory *view) {
    static const char *const names[] = {"q", "place", "category", "country", "mode", "language"};
    const char *cursor = json_text(view->result, "next_cursor");
    if (cursor[0] == '\0')
        return;
    html_put(html, "<p><a class=\"button plainer\" href=\"/b?cursor=");
    html_query(html, cursor);
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        const char *value = json_text(view->query, names[i]);
        if (value[0] == '\0')
            continue;
        html_put(html, "&amp;%s=", names[i]);
        html_query(html, value);
    }
    html_put(html, "\">More</a></p>\n");
}

static void put_results(struct html *html, const struct page_directory *view) {
    const json_t *hits = json_object_get(view->result, "businesses"),
                 *total = json_object_get(view->result, "total"), *hit;
    size_t index, n = json_array_size(hits);
    html_put(html, "<section aria-labelledby=\"found\">\n<h2 id=\"found\">");
    if (n == 0)
        html_put(html, "No business was found");
    else if (json_is_integer(total))
        html_put(html, json_integer_value(total) == 1 ? "%d business" : "%d businesses",
                 (int)json_integer_value(total));
    else
        html_put(html, "Businesses");
    html_put(html, "</h2>\n");
    if (n == 0)
        html_put(html, "<p>Try fewer words, or leave the place out.</p>\n");
    html_put(html, "<ul class=\"hits\">\n");
    json_array_foreach(hits, index, hit) put_hit(html, hit);
    html_put(html, "</ul>\n");
    put_next(html, view);
    html_put(html, "</section>\n");
}

void page_directory(struct html *html, const struct page_directory *view) {
    html_put(html, "<h1>Find a business, book a time</h1>\n");
    page_trouble(html, &view->trouble);
    put_search(html, view->query);
    if (view->result != NULL)
        put_results(html, view);
}
