/* A proposed change in words: what its owner is shown, and what a frontend can lay out itself. Made
 * by code from what would be sent, never by the model. */
#include <stdio.h>
#include <string.h>
#include <unistr.h>

#include "agent/proposal.h"
#include "providers/json_get.h"

#define TITLE_SHOWN 80u /* bytes of a title that is only there to be recognised */
#define TITLE_DATA  400u
#define GUESTS_SHOWN                                                                               \
    10u /* of those who are on the event already; so many bytes of them at most                    \
         */
#define GUESTS_BYTES 400u
#define GUESTS_DATA  1200u
#define ARROW        " → "
#define TIME_WORDS   120

/* Two strokes that may be read as the end of a quotation. */
static bool like_quotes(ucs4_t c) {
    static const ucs4_t marks[] = {'"',    0x2ba,  0x2ee,  0x2033, 0x2036, 0x275d,
                                   0x275e, 0x301d, 0x301e, 0x301f, 0xff02};
    for (size_t i = 0; i < COUNT_OF(marks); i++)
        if (marks[i] == c)
            return true;
    return c >= 0x201c && c <= 0x201f;
}

/* Somebody else may have written it: it stays on one line and cannot close quotes around it. */
static void clean(struct strbuf *out, const char *text, size_t len) {
    for (size_t at = 0, n; at < len; at += n) {
        ucs4_t c = '?';
        int bytes = u8_mbtoucr(&c, (const uint8_t *)text + at, len - at);
        n = bytes > 0 ? (size_t)bytes : 1;
        if (c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0x2028 || c == 0x2029)
            strbuf_puts(out, " "); /* breaks of lines among them */
        else if (bytes <= 0 || like_quotes(c) || c == '`')
            strbuf_puts(out, bytes <= 0 ? "?" : "'");
        else if ((c == '|' || c == '~') && out->len > 0 && out->data[out->len - 1] == (char)c)
            strbuf_addf(out, " %c", (int)c); /* "||" begins what some programs hide */
        else
            strbuf_add(out, text + at, n);
    }
}

static void quote(struct strbuf *out, const char *title, size_t most) {
    size_t len = utf8_cut(title, strlen(title), most);
    if (*title == '\0') {
        strbuf_puts(out, "(no title)");
        return;
    }
    strbuf_puts(out, "“");
    clean(out, title, len);
    strbuf_puts(out, title[len] != '\0' ? "…”" : "”");
}

static void day(const struct stamp *stamp, char *out, size_t cap) {
    (void)snprintf(out, cap, "%.3s %04d-%02d-%02d", stamp_weekday(stamp), stamp->year, stamp->month,
                   stamp->day);
}

void proposal_time_words(const struct event_times *times, const char *zone, char *out, size_t cap) {
    struct stamp start = times->start, end = times->end;
    char from[24], to[24];
    if (times->all_day) {
        stamp_add_days(&end, -1); /* its end is exclusive */
    } else {
        stamp_of(times->from, zone_offset(zone, times->from), &start);
        stamp_of(times->to, zone_offset(zone, times->to), &end);
    }
    day(&start, from, sizeof(from));
    day(&end, to, sizeof(to));
    bool same = strcmp(from, to) == 0;
    if (times->all_day)
        (void)snprintf(out, cap, "%s%s%s, all day", from, same ? "" : " to ", same ? "" : to);
    else
        (void)snprintf(out, cap, "%s, %02d:%02d–%s%s%02d:%02d", from, start.hour, start.minute,
                       same ? "" : to, same ? "" : ", ", end.hour, end.minute);
}

/* ---- what changes ---- */

static bool moves(const struct proposal_draft *draft) {
    return draft->old == NULL || draft->before.from != draft->after.from ||
           draft->before.to != draft->after.to || draft->before.all_day != draft->after.all_day;
}

/* The zone by whose clocks an event goes on when it repeats; a new one's only when it does. */
static bool zone_changes(const struct proposal_draft *draft, const char *zone) {
    if (draft->body == NULL || draft->after.all_day)
        return false;
    if (draft->old == NULL)
        return json_array_size(json_object_get(draft->body, "recurrence")) > 0 &&
               strcmp(draft->after.zone, zone) != 0;
    return !draft->before.all_day && strcmp(draft->before.zone, draft->after.zone) != 0;
}

/* The new title; NULL when it stays. */
static const char *new_title(const struct proposal_draft *draft) {
    const char *title = json_string_value(json_object_get(draft->body, "summary"));
    bool stays = title == NULL ||
                 (draft->old != NULL && strcmp(title, json_text(draft->old, "summary")) == 0);
    return stays ? NULL : title;
}

static const json_t *new_rules(const struct proposal_draft *draft) {
    return json_object_get(draft->body, "recurrence");
}

static void add_rules(struct strbuf *out, const json_t *rules) {
    size_t i;
    json_t *line;
    if (json_array_size(rules) == 0)
        strbuf_puts(out, "once");
    json_array_foreach(rules, i, line) {
        strbuf_puts(out, i > 0 ? " " : "");
        clean(out, json_string_value(line), json_string_length(line));
    }
}

/* Addresses of those who are on the event already, but for the owner. Returns how many there are.
 */
static size_t add_guests(struct strbuf *out, const json_t *event) {
    size_t i, n = 0, shown = 0;
    json_t *person;
    json_array_foreach(json_object_get(event, "attendees"), i, person) {
        if (json_is_true(json_object_get(person, "self")))
            continue;
        const char *email = json_text(person, "email");
        if (shown == n && n < GUESTS_SHOWN && (n == 0 || out->len + strlen(email) < GUESTS_BYTES)) {
            strbuf_puts(out, n > 0 ? ", " : "");
            clean(out, email, utf8_cut(email, strlen(email), 254));
            shown++;
        }
        n++;
    }
    if (n > shown)
        strbuf_addf(out, " and %zu more", n - shown);
    return n;
}

/* ---- the summary ---- */

static void begin_part(struct strbuf *out, bool *first) {
    strbuf_puts(out, *first ? ": " : "; ");
    *first = false;
}

static void change_words(struct strbuf *out, const struct proposal_draft *draft, const char *zone) {
    char before[TIME_WORDS], after[TIME_WORDS];
    const char *title = new_title(draft);
    bool first = true;
    proposal_time_words(&draft->before, zone, before, sizeof(before));
    proposal_time_words(&draft->after, zone, after, sizeof(after));
    if (!moves(draft))
        strbuf_addf(out, " (%s)", before);
    if (moves(draft)) {
        begin_part(out, &first);
        strbuf_addf(out, "%s" ARROW "%s", before, after);
    }
    if (title != NULL) {
        begin_part(out, &first);
        strbuf_puts(out, "title" ARROW);
        quote(out, title, strlen(title));
    }
    if (new_rules(draft) != NULL) {
        begin_part(out, &first);
        strbuf_puts(out, "repeats ");
        add_rules(out, json_object_get(draft->old, "recurrence"));
        strbuf_puts(out, ARROW);
        add_rules(out, new_rules(draft));
    }
    strbuf_puts(out, ".");
}

/* Times are shown as the owner's clocks have them; who thinks of another zone is told. */
static void zone_words(struct strbuf *out, const struct proposal_draft *draft, const char *zone) {
    const struct event_times *times = draft->old != NULL ? &draft->before : &draft->after;
    bool elsewhere = (!times->all_day && strcmp(times->zone, zone) != 0) ||
                     (!draft->after.all_day && strcmp(draft->after.zone, zone) != 0);
    if (!elsewhere)
        return;
    strbuf_addf(out, " Times are in %s", zone);
    if (zone_changes(draft, zone) && draft->old != NULL)
        strbuf_addf(out, "; it was kept in %s, and will be in %s", draft->before.zone,
                    draft->after.zone);
    else if (zone_changes(draft, zone))
        strbuf_addf(out, "; it is kept in %s", draft->after.zone);
    strbuf_puts(out, ".");
}

static void invitation_words(struct strbuf *out, const struct proposal_draft *draft) {
    size_t i;
    json_t *address;
    json_array_foreach(draft->invited, i, address) {
        strbuf_puts(out, i > 0 ? ", " : " Invites ");
        clean(out, json_string_value(address), json_string_length(address));
    }
    if (json_array_size(draft->invited) > 0)
        strbuf_puts(out, ".");
    if (!draft->mail)
        return;
    SCOPE_STRBUF struct strbuf guests = {0};
    if (add_guests(&guests, draft->old) > 0)
        strbuf_addf(out, " Guests: %s.", strbuf_str(&guests));
    strbuf_puts(out, " Google will mail the guests.");
}

char *proposal_summary(const struct proposal_draft *draft, const char *zone) {
    struct strbuf out = {0};
    char when[TIME_WORDS];
    bool series = json_array_size(json_object_get(draft->old, "recurrence")) > 0;
    const char *old_title = json_text(draft->old, "summary");
    if (draft->old == NULL) {
        const char *title = json_text(draft->body, "summary");
        proposal_time_words(&draft->after, zone, when, sizeof(when));
        strbuf_puts(&out, "Create ");
        quote(&out, title, strlen(title));
        strbuf_addf(&out, ": %s", when);
        if (json_array_size(new_rules(draft)) > 0) {
            strbuf_puts(&out, "; repeats ");
            add_rules(&out, new_rules(draft));
        }
        strbuf_puts(&out, ".");
    } else {
        strbuf_puts(&out, draft->body == NULL ? "Delete " : "Change ");
        strbuf_puts(&out, series ? "the whole series " : "");
        quote(&out, old_title, TITLE_SHOWN);
        proposal_time_words(&draft->before, zone, when, sizeof(when));
        if (draft->body == NULL)
            strbuf_addf(&out, ": %s.", when);
        else
            change_words(&out, draft, zone);
    }
    zone_words(&out, draft, zone);
    invitation_words(&out, draft);
    return strbuf_take(&out);
}

/* ---- the same as data ---- */

static json_t *time_text(const struct event_times *times, bool end, const char *zone) {
    char text[STAMP_TEXT];
    if (times->all_day)
        stamp_format(end ? &times->end : &times->start, text);
    else
        zone_show(zone, end ? times->to : times->from, text);
    return json_string(text);
}

static json_t *or_null(const json_t *value) {
    return value != NULL ? json_deep_copy(value) : json_null();
}

static void put_change(json_t *changes, const char *field, json_t *before, json_t *after) {
    (void)json_object_set_new(changes, field, json_pack("{s:o, s:o}", "old", before, "new", after));
}

/* All who are invited; of those who are there already, as many as have room. */
static json_t *guest_list(const json_t *event, const json_t *invited, size_t *ret_more) {
    size_t i, bytes = 0;
    json_t *item, *list = json_array();
    *ret_more = 0;
    json_array_foreach(json_object_get(event, "attendees"), i, item) {
        const char *email = json_text(item, "email");
        if (json_is_true(json_object_get(item, "self")))
            continue;
        bytes += strlen(email) + 3;
        if (bytes > GUESTS_DATA)
            ++*ret_more;
        else
            (void)json_array_append_new(list, json_string(email));
    }
    json_array_foreach(invited, i, item)(void)
        json_array_append_new(list, json_string(json_string_value(item))); /* ours to filter */
    return list;
}

/* As much as recognises it: whoever wrote it must not keep its owner from deleting it. */
static json_t *old_title(const json_t *event) {
    const char *title = json_text(event, "summary");
    size_t len = utf8_cut(title, strlen(title), TITLE_DATA);
    SCOPE_STRBUF struct strbuf text = {0};
    strbuf_add(&text, title, len);
    strbuf_puts(&text, title[len] != '\0' ? "…" : "");
    return json_string(strbuf_str(&text));
}

json_t *proposal_arguments(const struct proposal_draft *draft, const char *zone) {
    bool gone = draft->body == NULL, made = draft->old == NULL;
    const char *title = new_title(draft);
    size_t more = 0;
    json_t *changes = json_object();
    if (gone || title != NULL)
        put_change(changes, "title", made ? json_null() : old_title(draft->old),
                   gone ? json_null() : json_string(title));
    for (int end = 0; end < 2 && (gone || moves(draft)); end++)
        put_change(changes, end ? "end" : "start",
                   made ? json_null() : time_text(&draft->before, end, zone),
                   gone ? json_null() : time_text(&draft->after, end, zone));
    if (zone_changes(draft, zone))
        put_change(changes, "zone", made ? json_null() : json_string(draft->before.zone),
                   json_string(draft->after.zone));
    if (new_rules(draft) != NULL)
        put_change(changes, "recurrence", or_null(json_object_get(draft->old, "recurrence")),
                   or_null(new_rules(draft)));
    if (json_array_size(draft->invited) > 0)
        put_change(changes, "guests", guest_list(draft->old, NULL, &more),
                   guest_list(draft->old, draft->invited, &more));
    json_t *guests = guest_list(draft->old, draft->invited, &more);
    json_t *json = json_pack("{s:s, s:s, s:s, s:o, s:o, s:b}", "tool",
                             policy_tool_word(draft->tool), "event", draft->handle, "timezone",
                             zone, "changes", changes, "guests", guests, "mail", (int)draft->mail);
    if (json != NULL && more > 0)
        (void)json_object_set_new(json, "more_guests", json_integer((json_int_t)more));
    return json;
}
