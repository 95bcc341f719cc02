#include "gateway/page_time.h"

#include <stdio.h>
#include <string.h>

static const char *const months[] = {"January",   "February", "March",    "April",
                                     "May",       "June",     "July",     "August",
                                     "September", "October",  "November", "December"};

static const char *month_name(int month) {
    return month >= 1 && month <= 12 ? months[month - 1] : "";
}

void page_time_of(int64_t utc, const char *zone, struct page_time *ret) {
    ret->utc = utc;
    ret->offset = zone_offset(zone, utc);
    stamp_of(utc + ret->offset, 0, &ret->local);
}

bool page_time_read(const char *text, const char *zone, struct page_time *ret) {
    struct stamp stamp;
    if (stamp_parse(text, &stamp) < 0 || stamp.kind != STAMP_INSTANT)
        return false;
    if (zone[0] != '\0')
        page_time_of(stamp_utc(&stamp), zone, ret);
    else
        *ret = (struct page_time){stamp_utc(&stamp), stamp.offset, stamp};
    return true;
}

bool page_same_day(const struct stamp *a, const struct stamp *b) {
    return a->day == b->day && a->month == b->month && a->year == b->year;
}

void page_day(const struct stamp *day, char out[static PAGE_TIME_TEXT]) {
    (void)snprintf(out, PAGE_TIME_TEXT, "%s, %d %s %d", stamp_weekday(day), day->day,
                   month_name(day->month), day->year);
}

void page_date(const struct stamp *day, char out[static PAGE_TIME_TEXT]) {
    (void)snprintf(out, PAGE_TIME_TEXT, "%04d-%02d-%02d", day->year, day->month, day->day);
}

void page_clock(const struct stamp *time, char out[static PAGE_TIME_TEXT]) {
    (void)snprintf(out, PAGE_TIME_TEXT, "%02d:%02d", time->hour, time->minute);
}

void page_offset(int offset, char out[static PAGE_TIME_TEXT]) {
    int minutes = (offset < 0 ? -offset : offset) / 60;
    if (minutes == 0)
        (void)snprintf(out, PAGE_TIME_TEXT, "GMT");
    else if (minutes % 60 == 0)
        (void)snprintf(out, PAGE_TIME_TEXT, "GMT%c%d", offset < 0 ? '-' : '+', minutes / 60);
    else
        (void)snprintf(out, PAGE_TIME_TEXT, "GMT%c%d:%02d", offset < 0 ? '-' : '+', minutes / 60,
                       minutes % 60);
}

const char *page_month(int month) {
    static char out[4];
    (void)snprintf(out, sizeof(out), "%.3s", month_name(month));
    return out;
}

void page_span(struct html *html, const char *start, const char *end, const char *zone) {
    struct page_time from, until;
    char day[PAGE_TIME_TEXT], clock[PAGE_TIME_TEXT], to[PAGE_TIME_TEXT], other[PAGE_TIME_TEXT];
    if (!page_time_read(start, zone, &from))
        return;
    page_day(&from.local, day);
    page_clock(&from.local, clock);
    html_put(html, "<span class=\"span\"><time datetime=\"%s\">%s, <b>%s</b></time>", start, day,
             clock);
    if (page_time_read(end, zone, &until)) {
        page_clock(&until.local, to);
        page_day(&until.local, other);
        if (page_same_day(&from.local, &until.local))
            html_put(html, "–<time datetime=\"%s\"><b>%s</b></time>", end, to);
        else
            html_put(html, " – <time datetime=\"%s\">%s, <b>%s</b></time>", end, other, to);
    }
    page_offset(from.offset, clock);
    html_put(html, "</span> <span class=\"zone\">%s%s%s</span>", zone, zone[0] == '\0' ? "" : ", ",
             clock);
}

void page_day_of(struct html *html, const char *instant, const char *zone) {
    struct page_time time;
    if (page_time_read(instant, zone, &time))
        html_put(html, "<time datetime=\"%s\">%d %s %d</time>", instant, time.local.day,
                 month_name(time.local.month), time.local.year);
}

struct stamp page_day_read(const char *text, const struct stamp *fallback) {
    struct stamp day;
    if (stamp_parse(text, &day) == 0 && day.kind == STAMP_DATE)
        return day;
    day = *fallback;
    day.kind = STAMP_DATE;
    day.hour = day.minute = day.second = day.offset = 0;
    return day;
}

void page_midnight(const struct stamp *day, const char *zone, char out[static STAMP_TEXT]) {
    struct stamp date = *day, instant;
    date.kind = STAMP_DATE;
    stamp_of(zone_moment(zone, &date), 0, &instant);
    stamp_format(&instant, out);
}

void page_zone_options(struct html *html, const char *chosen, const char *also) {
    static const char *const zones[] = {
#define ZONE(name) name,
#include "gateway/page_zones.def"
#undef ZONE
    };
    if (chosen[0] == '\0')
        html_option(html, "", "Choose one", true);
    bool known = chosen[0] == '\0', also_known = also[0] == '\0' || strcmp(also, chosen) == 0;
    for (size_t i = 0; i < COUNT_OF(zones); i++) {
        known = known || strcmp(zones[i], chosen) == 0;
        also_known = also_known || strcmp(zones[i], also) == 0;
    }
    if (!known)
        html_option(html, chosen, chosen, true);
    if (!also_known)
        html_option(html, also, also, false);
    for (size_t i = 0; i < COUNT_OF(zones); i++)
        html_option(html, zones[i], zones[i], strcmp(zones[i], chosen) == 0);
}
