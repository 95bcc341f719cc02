/* Free times as a form's choice: a week of days, each with its times. */
#include "gateway/page_front.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define DAYS 7

/* Clocks may be put back within a day: then a time comes twice, and each says which it is. */
static bool comes_twice(const json_t *slots, size_t index, const char *zone,
                        const struct page_time *time) {
    struct page_time other;
    for (size_t step = 0; step < 2; step++) { /* the slots before, then those after */
        for (size_t i = index;;) {
            if (step == 0 ? i == 0 : i + 1 >= json_array_size(slots))
                break;
            i = step == 0 ? i - 1 : i + 1;
            if (!page_time_read(json_text(json_array_get(slots, i), "start"), zone, &other) ||
                !page_same_day(&other.local, &time->local))
                break;
            if (other.local.hour == time->local.hour && other.local.minute == time->local.minute)
                return true;
        }
    }
    return false;
}

static void put_slot(struct html *html, const struct page_calendar *view, const char *start,
                     const struct page_time *time, bool twice) {
    char clock[PAGE_TIME_TEXT], day[PAGE_TIME_TEXT], offset[PAGE_TIME_TEXT];
    page_clock(&time->local, clock);
    page_day(&time->local, day);
    page_offset(time->offset, offset);
    html_put(html, "<label class=\"slot\"><input type=\"radio\" name=\"start\" value=\"%s\"",
             start);
    html_put(html, strcmp(start, view->picked) == 0 ? " checked required>" : " required>");
    html_put(html, "<span><time datetime=\"%s\">%s</time>", start, clock);
    if (twice)
        html_put(html, " <small>%s</small>", offset);
    html_put(html, "<i class=\"unseen\"> on %s</i></span></label>\n", day);
}

/* The slots of one day; how many there were. */
static size_t put_day(struct html *html, const struct page_calendar *view,
                      const struct stamp *day) {
    size_t n = 0;
    struct page_time time;
    for (size_t i = 0; i < json_array_size(view->slots); i++) {
        const char *start = json_text(json_array_get(view->slots, i), "start");
        if (!page_time_read(start, view->zone, &time) || !page_same_day(&time.local, day))
            continue;
        if (n++ == 0)
            html_put(html, "<div class=\"times\">\n");
        put_slot(html, view, start, &time, comes_twice(view->slots, i, view->zone, &time));
    }
    if (n > 0)
        html_put(html, "</div>\n");
    return n;
}

static size_t put_week(struct html *html, const struct page_calendar *view) {
    size_t n = 0;
    struct stamp day = view->first;
    html_put(html, "<div class=\"week\">\n");
    for (int i = 0; i < DAYS; i++) {
        struct html one;
        if (html_begin(&one) < 0) {
            html->error = -ENOMEM;
            return 0;
        }
        size_t slots = put_day(&one, view, &day);
        char weekday[4];
        (void)snprintf(weekday, sizeof(weekday), "%.3s", stamp_weekday(&day));
        html_put(html, "<section class=\"day%s\"><h3><span>%s</span>", slots == 0 ? " none" : "",
                 weekday);
        html_put(html, " <b>%d</b> <span>%s</span></h3>\n", day.day, page_month(day.month));
        if (one.error == 0 && html->error == 0)
            (void)evbuffer_add_buffer(html->out, one.out);
        else
            html->error = -ENOMEM;
        if (slots == 0)
            html_put(html, "<p class=\"fine\"><span aria-hidden=\"true\">–</span><i "
                           "class=\"unseen\">nothing free</i></p>\n");
        html_put(html, "</section>\n");
        html_done(&one);
        n += slots;
        stamp_add_days(&day, 1);
    }
    html_put(html, "</div>\n");
    return n;
}

/* "?service=…&tz=…&week=…" after `path`: the same page on another day. */
static void put_address(struct html *html, const struct page_calendar *view,
                        const struct stamp *day) {
    char date[PAGE_TIME_TEXT];
    page_date(day, date);
    html_put(html, "%s?week=%s", view->path, date);
    if (view->service[0] != '\0') {
        html_put(html, "&amp;service=");
        html_query(html, view->service);
    }
    if (view->zone_chosen) {
        html_put(html, "&amp;tz=");
        html_query(html, view->zone);
    }
    if (view->secret[0] != '\0') {
        html_put(html, "&amp;act=move&amp;secret=");
        html_query(html, view->secret);
    }
    html_put(html, "#when");
}

static void put_weeks(struct html *html, const struct page_calendar *view) {
    struct stamp last = view->first, before = view->first, after = view->first;
    stamp_add_days(&last, DAYS - 1);
    stamp_add_days(&before, -DAYS);
    stamp_add_days(&after, DAYS);
    html_put(html, "<nav class=\"weeks\" id=\"weeks\" aria-label=\"Weeks\">\n");
    if (stamp_seconds(&view->today) < stamp_seconds(&view->first)) {
        html_put(html, "<a class=\"quiet\" rel=\"prev\" href=\"");
        put_address(html, view,
                    stamp_seconds(&before) < stamp_seconds(&view->today) ? &view->today : &before);
        html_put(html, "\">← Earlier</a>\n");
    } else {
        html_put(html, "<span></span>\n");
    }
    html_put(html, "<b>%d %s", view->first.day, page_month(view->first.month));
    html_put(html, " – %d %s</b>\n", last.day, page_month(last.month));
    html_put(html, "<a class=\"quiet\" rel=\"next\" href=\"");
    put_address(html, view, &after);
    html_put(html, "\">Later →</a>\n</nav>\n");
}

void page_calendar_zone(struct html *html, const struct page_calendar *view) {
    char date[PAGE_TIME_TEXT];
    page_date(&view->first, date);
    html_put(html, "<form class=\"zone-form\" id=\"zone\" method=\"get\" action=\"%s#when\" ",
             view->path);
    html_put(html, "data-chosen=\"%d\">\n<input type=\"hidden\" name=\"week\" value=\"%s\">\n",
             view->zone_chosen, date);
    if (view->service[0] != '\0')
        html_put(html, "<input type=\"hidden\" name=\"service\" value=\"%s\">\n", view->service);
    if (view->secret[0] != '\0')
        html_put(html,
                 "<input type=\"hidden\" name=\"act\" value=\"move\">\n"
                 "<input type=\"hidden\" name=\"secret\" value=\"%s\">\n",
                 view->secret);
    html_put(html,
             "<label for=\"tz\">Times are shown for</label>\n<select id=\"tz\" name=\"tz\">\n");
    page_zone_options(html, view->zone, view->home);
    html_put(html, "</select>\n<button class=\"button small plainer\">Change</button>\n</form>\n");
}

/* The time that was chosen can be sent again, although nobody knows the others just now. */
static void put_picked(struct html *html, const struct page_calendar *view) {
    struct page_time time;
    html_put(html, "<p class=\"notice\">Free times cannot be shown just now.</p>\n");
    if (!page_time_read(view->picked, view->zone, &time))
        return;
    html_put(html, "<div class=\"times\">\n");
    put_slot(html, view, view->picked, &time, true);
    html_put(html, "</div>\n");
}

void page_calendar(struct html *html, const struct page_calendar *view) {
    html_put(html, "<p id=\"told\" class=\"unseen\" role=\"status\"></p>\n"); /* for scripts */
    put_weeks(html, view);
    html_put(html, "<div id=\"slots\">\n");
    if (view->slots == NULL)
        put_picked(html, view);
    else if (put_week(html, view) == 0)
        html_put(html, "<p class=\"notice\">No time is free in these seven days. Look at a later "
                       "week.</p>\n");
    if (view->more)
        html_put(html, "<p class=\"fine\">There are more times than are shown here.</p>\n");
    html_put(html, "</div>\n");
}

void page_next_slots(struct html *html, const json_t *next, const char *zone) {
    size_t index;
    const json_t *slot;
    if (json_array_size(next) == 0)
        return;
    html_put(html, "<fieldset class=\"next\"><legend>These are free instead</legend>\n");
    json_array_foreach(next, index, slot) {
        const char *start = json_text(slot, "start");
        struct page_time time;
        if (!page_time_read(start, zone, &time))
            continue;
        html_put(html,
                 "<label class=\"slot\"><input type=\"radio\" name=\"start\" value=\"%s\" "
                 "required><span>",
                 start);
        page_span(html, start, json_text(slot, "end"), zone);
        html_put(html, "</span></label>\n");
    }
    html_put(html, "</fieldset>\n");
}
