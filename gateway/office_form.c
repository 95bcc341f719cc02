/* The edit page's forms, each a part of the profile: what was filled in takes the part's place,
 * what was left empty leaves it. Whether it holds, cloister-business judges: what is no number goes
 * to it as it is, and it names the field. */
#include "gateway/office.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static void put(json_t *object, const char *name, json_t *value) {
    (void)json_object_set_new(object, name, value);
}

static void take_text(json_t *object, const char *name, const json_t *form, const char *field) {
    const char *text = json_text(form, field);
    if (text[0] == '\0')
        (void)json_object_del(object, name);
    else
        put(object, name, json_string(text));
}

static void take_number(json_t *object, const char *name, const json_t *form, const char *field) {
    const char *text = json_text(form, field);
    char *end;
    if (text[0] == '\0') {
        (void)json_object_del(object, name);
        return;
    }
    errno = 0;
    long long whole = strtoll(text, &end, 10);
    if (*end == '\0' && errno == 0) {
        put(object, name, json_integer((json_int_t)whole));
        return;
    }
    double number = strtod(text, &end);
    put(object, name,
        *end == '\0' && number > -1e12 && number < 1e12 ? json_real(number) : json_string(text));
}

static void take_flag(json_t *object, const char *name, const json_t *form, const char *field) {
    put(object, name, json_boolean(strcmp(json_text(form, field), "1") == 0));
}

/* The object at `name`, made when it is missing. */
static json_t *part(json_t *object, const char *name) {
    json_t *found = json_object_get(object, name);
    if (json_is_object(found))
        return found;
    put(object, name, json_object());
    return json_object_get(object, name);
}

static json_t *list(json_t *object, const char *name) {
    json_t *found = json_object_get(object, name);
    if (json_is_array(found))
        return found;
    put(object, name, json_array());
    return json_object_get(object, name);
}

static void drop_empty(json_t *object, const char *name) {
    if (json_object_size(json_object_get(object, name)) == 0)
        (void)json_object_del(object, name);
}

/* Words separated by commas or blanks. */
static json_t *words(const char *text) {
    json_t *found = json_array();
    while (*text != '\0') {
        text += strspn(text, ", \t\r\n");
        size_t len = strcspn(text, ", \t\r\n");
        if (len > 0)
            (void)json_array_append_new(found, json_stringn(text, len));
        text += len;
    }
    return found;
}

static void apply_about(json_t *profile, const json_t *form) {
    static const char *const names[] = {"name", "category", "summary", "description", "image_url"};
    for (size_t i = 0; i < COUNT_OF(names); i++)
        take_text(profile, names[i], form, names[i]);
    put(profile, "languages", words(json_text(form, "languages")));
}

static void apply_place(json_t *profile, const json_t *form) {
    static const char *const names[] = {"street", "postal_code", "city", "region", "country"};
    json_t *address = part(profile, "address"), *location = part(profile, "location"),
           *area = part(profile, "service_area");
    for (size_t i = 0; i < COUNT_OF(names); i++)
        take_text(address, names[i], form, names[i]);
    take_number(location, "latitude", form, "latitude");
    take_number(location, "longitude", form, "longitude");
    take_text(area, "place", form, "area_place");
    take_number(area, "radius_km", form, "area_radius_km");
    take_text(area, "country", form, "area_country");
    drop_empty(profile, "address");
    drop_empty(profile, "location");
    drop_empty(profile, "service_area");
}

static void apply_contact(json_t *profile, const json_t *form) {
    json_t *contacts = part(profile, "contacts");
    take_text(contacts, "phone", form, "phone");
    take_text(contacts, "email", form, "email");
    take_text(contacts, "website", form, "website");
    drop_empty(profile, "contacts");
}

static void apply_features(json_t *profile, const json_t *form) {
    json_t *features = part(profile, "features");
    take_flag(features, "booking", form, "booking");
    take_flag(features, "inquiries", form, "inquiries");
    take_flag(features, "chat", form, "chat");
    take_flag(features, "agent_answers", form, "agent_answers");
}

/* Lines "word: text", "word: yes", "word: no" or "word". */
static void apply_attributes(json_t *profile, const json_t *form) {
    json_t *attributes = json_object();
    SCOPE_FREE char *text = strdup(json_text(form, "attributes"));
    char *save = NULL;
    for (char *line = text == NULL ? NULL : strtok_r(text, "\r\n", &save); line != NULL;
         line = strtok_r(NULL, "\r\n", &save)) {
        char *value = strchr(line, ':');
        if (value != NULL)
            *value++ = '\0';
        line += strspn(line, " \t");
        size_t len = strlen(line);
        while (len > 0 && line[len - 1] == ' ')
            line[--len] = '\0';
        for (char *c = line; *c != '\0'; c++)
            *c = *c == ' ' ? '_' : *c;
        value = value == NULL ? (char *)"yes" : value + strspn(value, " \t");
        if (line[0] != '\0')
            put(attributes, line,
                strcmp(value, "yes") == 0  ? json_true()
                : strcmp(value, "no") == 0 ? json_false()
                                           : json_string(value));
    }
    put(profile, "attributes", attributes);
    drop_empty(profile, "attributes");
}

/* ---- services ---- */

static size_t service_at(const json_t *services, const char *id) {
    size_t index;
    const json_t *service;
    json_array_foreach(services, index, service) {
        if (strcmp(json_text(service, "id"), id) == 0)
            break;
    }
    return index;
}

/* "Cut & colour" to "cut-colour", not yet among the services. */
static void make_id(const json_t *services, const char *name, char out[static 48]) {
    size_t used = 0;
    for (; *name != '\0' && used < 40; name++) {
        char c = (char)(*name >= 'A' && *name <= 'Z' ? *name + 32 : *name);
        bool plain = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
        if (plain)
            out[used++] = c;
        else if (used > 0 && out[used - 1] != '-')
            out[used++] = '-';
    }
    while (used > 0 && out[used - 1] == '-')
        used--;
    out[used] = '\0';
    if (used == 0)
        used = (size_t)snprintf(out, 48, "service");
    for (int n = 2; service_at(services, out) < json_array_size(services) && n < 100; n++)
        (void)snprintf(out + used, 48 - used, "-%d", n);
}

static void apply_service(json_t *profile, const json_t *form) {
    static const char *const numbers[] = {"duration_minutes",     "buffer_before_minutes",
                                          "buffer_after_minutes", "notice_minutes",
                                          "horizon_days",         "step_minutes"};
    json_t *services = list(profile, "services");
    const char *id = json_text(form, "id");
    size_t at = id[0] == '\0' ? json_array_size(services) : service_at(services, id);
    if (at == json_array_size(services)) {
        char made[48];
        make_id(services, json_text(form, "name"), made);
        (void)json_array_append_new(services, json_pack("{s:s}", "id", made));
    }
    json_t *service = json_array_get(services, at);
    take_text(service, "name", form, "name");
    take_text(service, "description", form, "description");
    take_text(service, "mode", form, "mode");
    for (size_t i = 0; i < COUNT_OF(numbers); i++)
        take_number(service, numbers[i], form, numbers[i]);
    json_t *price = part(service, "price");
    take_number(price, "min", form, "price_min");
    take_number(price, "max", form, "price_max");
    take_text(price, "currency", form, "price_currency");
    if (json_object_get(price, "min") == NULL && json_object_get(price, "max") == NULL)
        (void)json_object_del(service, "price");
}

static void drop_service(json_t *profile, const json_t *form) {
    json_t *services = list(profile, "services");
    (void)json_array_remove(services, service_at(services, json_text(form, "id")));
}

/* ---- hours ---- */

/* People write 9, 9:30, 9.30 and 0930; keys for numbers have no colon on some phones. What is no
 * time of day goes on as it is. */
static json_t *clock_of(const char *text) {
    static const char digits[] = "0123456789";
    char clock[8];
    size_t hour = strspn(text, digits);
    const char *minute = text + hour;
    if (hour > 2 && *minute == '\0') {
        hour -= 2;
        minute -= 2;
    } else if (*minute != '\0' && strchr(":.h", *minute) != NULL) {
        minute++;
    }
    bool whole = *minute == '\0';
    if (hour < 1 || hour > 2 || (!whole && (strspn(minute, digits) != 2 || minute[2] != '\0')))
        return json_string(text);
    (void)snprintf(clock, sizeof(clock), "%s%.*s:%.2s", hour == 1 ? "0" : "", (int)hour, text,
                   whole ? "00" : minute);
    return json_string(clock);
}

static void add_interval(json_t *intervals, const json_t *form, const char *prefix, int n,
                         const char *day) {
    char opens[32], closes[32];
    (void)snprintf(opens, sizeof(opens), "%s_opens%d", prefix, n);
    (void)snprintf(closes, sizeof(closes), "%s_closes%d", prefix, n);
    const char *from = json_text(form, opens), *until = json_text(form, closes);
    if (from[0] == '\0' && until[0] == '\0')
        return;
    json_t *interval = json_pack("{s:o, s:o}", "opens", clock_of(from), "closes", clock_of(until));
    if (day != NULL)
        put(interval, "days", json_pack("[s]", day));
    (void)json_array_append_new(intervals, interval);
}

/* The form has two times a day. A day's further ones, which an agent or the API has made, stay. */
static void keep_further(json_t *weekly, const json_t *hours, const char *day) {
    const json_t *old = json_object_get(hours, "weekly"), *entry, *word;
    size_t index, i, seen = 0;
    json_array_foreach(old, index, entry) {
        json_array_foreach(json_object_get(entry, "days"), i, word) {
            const char *text = json_string_value(word);
            if (text == NULL || strcmp(text, day) != 0 || ++seen <= OFFICE_TIMES)
                continue;
            (void)json_array_append_new(weekly, json_pack("{s:s, s:s, s:[s]}", "opens",
                                                          json_text(entry, "opens"), "closes",
                                                          json_text(entry, "closes"), "days", day));
        }
    }
}

static void apply_hours(json_t *profile, const json_t *form) {
    static const char *const days[] = {"mon", "tue", "wed", "thu", "fri", "sat", "sun"};
    json_t *hours = part(profile, "hours"), *weekly = json_array();
    take_text(hours, "timezone", form, "timezone");
    for (size_t i = 0; i < COUNT_OF(days); i++) {
        for (int n = 1; n <= OFFICE_TIMES; n++)
            add_interval(weekly, form, days[i], n, days[i]);
        keep_further(weekly, hours, days[i]);
    }
    put(hours, "weekly", weekly);
}

static size_t exception_at(const json_t *exceptions, const char *date) {
    size_t index;
    const json_t *exception;
    json_array_foreach(exceptions, index, exception) {
        if (strcmp(json_text(exception, "date"), date) >= 0)
            break;
    }
    return index;
}

static bool is_date(const json_t *exceptions, size_t at, const char *date) {
    return strcmp(json_text(json_array_get(exceptions, at), "date"), date) == 0;
}

static void apply_exception(json_t *profile, const json_t *form) {
    json_t *exceptions = list(part(profile, "hours"), "exceptions"), *intervals = json_array();
    const char *date = json_text(form, "date");
    size_t at = exception_at(exceptions, date);
    for (int n = 1; n <= 2; n++)
        add_interval(intervals, form, "day", n, NULL);
    json_t *exception = json_pack("{s:s}", "date", date);
    if (json_array_size(intervals) == 0)
        put(exception, "closed", json_true());
    else
        put(exception, "intervals", json_incref(intervals));
    json_decref(intervals);
    if (is_date(exceptions, at, date))
        (void)json_array_set_new(exceptions, at, exception);
    else
        (void)json_array_insert_new(exceptions, at, exception);
}

static void drop_exception(json_t *profile, const json_t *form) {
    json_t *exceptions = list(part(profile, "hours"), "exceptions");
    size_t at = exception_at(exceptions, json_text(form, "date"));
    if (is_date(exceptions, at, json_text(form, "date")))
        (void)json_array_remove(exceptions, at);
}

bool office_apply(json_t *profile, const char *act, const json_t *form) {
    static const struct {
        const char *act;
        void (*apply)(json_t *profile, const json_t *form);
    } forms[] = {
        {"about", apply_about},           {"place", apply_place},
        {"contact", apply_contact},       {"features", apply_features},
        {"attributes", apply_attributes}, {"service", apply_service},
        {"drop-service", drop_service},   {"hours", apply_hours},
        {"exception", apply_exception},   {"drop-exception", drop_exception},
    };
    for (size_t i = 0; i < COUNT_OF(forms); i++)
        if (strcmp(forms[i].act, act) == 0) {
            forms[i].apply(profile, form);
            return true;
        }
    return false;
}
