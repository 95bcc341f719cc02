/* When a business is open, on the edit page: a week, and the days that are different. */
#include "gateway/office_parts.h"

#include <string.h>

/* The n-th interval of a day, or NULL. */
static const json_t *interval_of(const json_t *weekly, const char *day, int n) {
    size_t index, i;
    const json_t *entry, *word;
    json_array_foreach(weekly, index, entry) {
        json_array_foreach(json_object_get(entry, "days"), i, word) {
            const char *text = json_string_value(word);
            if (text != NULL && strcmp(text, day) == 0 && n-- == 1)
                return entry;
        }
    }
    return NULL;
}

static void put_clock(struct part *part, const char *prefix, const char *which, int n,
                      const char *label, const json_t *interval) {
    html_put(part->html, "<input name=\"%s_%s%d\"", prefix, which, n);
    html_put(part->html,
             " value=\"%s\" inputmode=\"numeric\" maxlength=\"5\" placeholder=\"–\" "
             "aria-label=\"%s %s%s\">\n",
             json_text(interval, which), label, which, n == 2 ? ", second time" : "");
}

void part_hours(struct part *part) {
    static const struct {
        const char *id, *name;
    } days[] = {{"mon", "Monday"}, {"tue", "Tuesday"},  {"wed", "Wednesday"}, {"thu", "Thursday"},
                {"fri", "Friday"}, {"sat", "Saturday"}, {"sun", "Sunday"}};
    const json_t *hours = json_object_get(part->edit->draft, "hours"),
                 *weekly = json_object_get(hours, "weekly");
    part_section(part, "hours", "Hours");
    part_begin(part, "hours");
    html_put(part->html, "<p class=\"field\"><label for=\"hours-timezone\">Time zone</label>\n"
                         "<select id=\"hours-timezone\" name=\"timezone\" required>\n");
    page_zone_options(part->html, json_text(hours, "timezone"), "");
    html_put(part->html,
             "</select></p>\n<p class=\"fine\">Opens and closes, such as 09:00 and 12:30, "
             "then a second time, such as 14:00 and 18:00. Empty days are closed; a time "
             "that closes before it opens goes past midnight.</p>\n<div "
             "class=\"week-edit\">\n");
    for (size_t i = 0; i < COUNT_OF(days); i++) {
        html_put(part->html, "<div class=\"line\"><b>%s</b>\n", days[i].name);
        const json_t *interval;
        for (int n = 1; n <= OFFICE_TIMES; n++) {
            interval = interval_of(weekly, days[i].id, n);
            put_clock(part, days[i].id, "opens", n, days[i].name, interval);
            put_clock(part, days[i].id, "closes", n, days[i].name, interval);
        }
        for (int n = OFFICE_TIMES + 1; (interval = interval_of(weekly, days[i].id, n)) != NULL; n++)
            html_put(part->html, "<small>and %s–%s, which your agent can change</small>\n",
                     json_text(interval, "opens"), json_text(interval, "closes"));
        html_put(part->html, "</div>\n");
    }
    html_put(part->html, "</div>\n");
    part_end(part);
}

void part_exceptions(struct part *part) {
    const json_t *exceptions =
                     json_object_get(json_object_get(part->edit->draft, "hours"), "exceptions"),
                 *exception, *interval;
    size_t index, i;
    html_put(part->html, "<h3>Days that are different</h3>\n");
    json_array_foreach(exceptions, index, exception) {
        const char *date = json_text(exception, "date");
        office_form_begin(part->html, part->path, part->edit->csrf, "drop-exception");
        html_put(part->html,
                 "<input type=\"hidden\" name=\"date\" value=\"%s\">\n"
                 "<p class=\"head-row\"><b>%s</b> <span>",
                 date, date);
        json_array_foreach(json_object_get(exception, "intervals"), i, interval)
            html_put(part->html, "%s%s–%s", i > 0 ? ", " : "", json_text(interval, "opens"),
                     json_text(interval, "closes"));
        html_put(part->html, "%s</span> <button class=\"quiet\">Remove %s</button></p>\n</form>\n",
                 json_array_size(json_object_get(exception, "intervals")) == 0 ? "closed" : "",
                 date);
    }
    part_begin(part, "exception");
    html_put(part->html,
             "<p class=\"field\"><label for=\"exception-date\">Day <small>closed, unless "
             "times are given</small></label>\n<input id=\"exception-date\" name=\"date\" "
             "type=\"date\" required></p>\n<div class=\"week-edit\"><div "
             "class=\"line\"><b>Open</b>\n");
    for (int n = 1; n <= 2; n++) {
        put_clock(part, "day", "opens", n, "That day", NULL);
        put_clock(part, "day", "closes", n, "That day", NULL);
    }
    html_put(part->html,
             "</div></div>\n<p class=\"go\"><button class=\"button small plainer\">Add the "
             "day</button></p>\n</form>\n</section>\n");
}
