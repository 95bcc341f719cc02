/* What a business states of itself, in the margin of its page: hours, place, contacts. */
#include "gateway/page_front.h"

#include <stdio.h>
#include <string.h>

#include "gateway/problem.h"

static const char *const day_ids[] = {"mon", "tue", "wed", "thu", "fri", "sat", "sun"};
static const char *const day_names[] = {"Monday", "Tuesday",  "Wednesday", "Thursday",
                                        "Friday", "Saturday", "Sunday"};

static bool has_day(const json_t *days, const char *id) {
    size_t index;
    const json_t *day;
    json_array_foreach(days, index, day) {
        const char *text = json_string_value(day);
        if (text != NULL && strcmp(text, id) == 0)
            return true;
    }
    return false;
}

static void put_interval(struct html *html, const json_t *interval, bool first) {
    html_put(html, "%s%s–%s", first ? "" : ", ", json_text(interval, "opens"),
             json_text(interval, "closes"));
}

static void put_weekday(struct html *html, const json_t *weekly, size_t day) {
    size_t index, n = 0;
    const json_t *entry;
    html_put(html, "<tr><th scope=\"row\">%s</th><td>", day_names[day]);
    json_array_foreach(weekly, index, entry) {
        if (has_day(json_object_get(entry, "days"), day_ids[day]))
            put_interval(html, entry, n++ == 0);
    }
    html_put(html, n == 0 ? "closed</td></tr>\n" : "</td></tr>\n");
}

/* Those that are still to come. */
static void put_exceptions(struct html *html, const json_t *exceptions) {
    size_t index, i, n = 0;
    const json_t *exception, *interval;
    struct stamp day;
    char text[PAGE_TIME_TEXT];
    json_array_foreach(exceptions, index, exception) {
        if (stamp_parse(json_text(exception, "date"), &day) < 0 ||
            stamp_seconds(&day) < wall_ms() / 1000 - 86400)
            continue;
        page_day(&day, text);
        html_put(html, n++ == 0 ? "<h3>Other days</h3>\n<ul class=\"plain-list\">\n" : "");
        html_put(html, "<li><time datetime=\"%s\">%s</time>: ", json_text(exception, "date"), text);
        json_array_foreach(json_object_get(exception, "intervals"), i, interval)
            put_interval(html, interval, i == 0);
        html_put(html, i == 0 ? "closed</li>\n" : "</li>\n");
    }
    html_put(html, n > 0 ? "</ul>\n" : "");
}

static void put_hours(struct html *html, const json_t *hours) {
    const json_t *weekly = json_object_get(hours, "weekly");
    if (json_array_size(weekly) == 0 && json_array_size(json_object_get(hours, "exceptions")) == 0)
        return;
    html_put(html, "<section>\n<h2>Hours</h2>\n<table class=\"hours\">\n");
    for (size_t day = 0; day < COUNT_OF(day_ids); day++)
        put_weekday(html, weekly, day);
    html_put(html, "</table>\n");
    put_exceptions(html, json_object_get(hours, "exceptions"));
    html_put(html, "<p class=\"fine\">Times of %s</p>\n</section>\n", json_text(hours, "timezone"));
}

static void put_line(struct html *html, const char *text) {
    if (text[0] != '\0')
        html_put(html, "<span dir=\"auto\">%s</span><br>\n", text);
}

static void put_place(struct html *html, const json_t *profile) {
    const json_t *address = json_object_get(profile, "address"),
                 *area = json_object_get(profile, "service_area");
    const char *place = json_text(area, "place");
    const json_t *radius = json_object_get(area, "radius_km");
    if (json_object_size(address) == 0 && place[0] == '\0' && !json_is_number(radius))
        return;
    html_put(html, "<section>\n<h2>Where</h2>\n<address>\n");
    put_line(html, json_text(address, "street"));
    html_put(html, "<span dir=\"auto\">%s %s</span><br>\n", json_text(address, "postal_code"),
             json_text(address, "city"));
    put_line(html, json_text(address, "region"));
    put_line(html, json_text(address, "country"));
    html_put(html, "</address>\n");
    if (place[0] != '\0' || json_is_number(radius)) {
        html_put(html, "<p>Comes to you%s%s", place[0] != '\0' ? " in " : "", place);
        char km[32];
        (void)snprintf(km, sizeof(km), "%.15g", json_number_value(radius));
        if (json_is_number(radius))
            html_put(html, "%s up to %s km around", place[0] != '\0' ? " and" : "", km);
        html_put(html, ".</p>\n");
    }
    html_put(html, "</section>\n");
}

/* Only what is an address on the web leads there; it is told nothing of this page. */
static void put_contacts(struct html *html, const json_t *contacts) {
    const char *phone = json_text(contacts, "phone"), *email = json_text(contacts, "email"),
               *website = json_text(contacts, "website");
    if (phone[0] == '\0' && email[0] == '\0' && website[0] == '\0')
        return;
    html_put(html, "<section>\n<h2>Contact</h2>\n<ul class=\"plain-list\">\n");
    if (phone[0] != '\0') {
        html_put(html, "<li><a href=\"tel:");
        html_query(html, phone);
        html_put(html, "\">%s</a></li>\n", phone);
    }
    if (email[0] != '\0') {
        html_put(html, "<li><a href=\"mailto:");
        html_query(html, email);
        html_put(html, "\">%s</a></li>\n", email);
    }
    if (web_address(website))
        html_put(html, "<li><a href=\"%s\" rel=\"noopener noreferrer nofollow ugc\">%s</a></li>\n",
                 website, website);
    html_put(html, "</ul>\n</section>\n");
}

/* "de-CH" is German, too. */
static const char *language_name(const char *tag) {
    static const struct {
        const char *tag, *name;
    } names[] = {
#define LANGUAGE(tag, name) {#tag, name},
#include "gateway/page_languages.def"
#undef LANGUAGE
    };
    size_t len = strcspn(tag, "-");
    for (size_t i = 0; i < COUNT_OF(names); i++)
        if (strlen(names[i].tag) == len && strncmp(names[i].tag, tag, len) == 0)
            return names[i].name;
    return tag;
}

static void put_words(struct html *html, const json_t *profile) {
    const json_t *languages = json_object_get(profile, "languages"),
                 *attributes = json_object_get(profile, "attributes"), *value;
    const char *name;
    size_t index = 0;
    if (json_array_size(languages) == 0 && json_object_size(attributes) == 0)
        return;
    html_put(html, "<section>\n<h2>Good to know</h2>\n<ul class=\"chips\">\n");
    json_array_foreach(languages, index, value)
        html_put(html, "<li>Speaks %s</li>\n",
                 json_is_string(value) ? language_name(json_string_value(value)) : "");
    json_object_foreach((json_t *)(uintptr_t)attributes, name, value) {
        SCOPE_FREE char *words = strdup(name);
        for (char *c = words; c != NULL && *c != '\0'; c++)
            *c = *c == '_' ? ' ' : *c;
        if (json_is_true(value))
            html_put(html, "<li>%s</li>\n", words);
        else if (json_is_string(value))
            html_put(html, "<li>%s: %s</li>\n", words, json_string_value(value));
        else if (json_is_false(value))
            html_put(html, "<li>no %s</li>\n", words);
    }
    html_put(html, "</ul>\n</section>\n");
}

void page_facts(struct html *html, const json_t *profile) {
    put_hours(html, json_object_get(profile, "hours"));
    put_place(html, profile);
    put_contacts(html, json_object_get(profile, "contacts"));
    put_words(html, profile);
}
