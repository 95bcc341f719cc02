/* A profile in plain words. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "business/listing.h"

static const char *text_of(const json_t *object, const char *name) {
    const char *text = json_string_value(json_object_get(object, name));
    return text != NULL ? text : "";
}

static void add_line(struct text *text, const char *label, const char *value) {
    if (value[0] != '\0')
        text_add(text, "%s: %s\n", label, value);
}

static void add_price(struct text *text, const json_t *price) {
    const json_t *min = json_object_get(price, "min"), *max = json_object_get(price, "max");
    const char *currency = text_of(price, "currency");
    if (min != NULL && max != NULL && json_number_value(min) < json_number_value(max))
        text_add(text, ", %.15g to %.15g %s", json_number_value(min), json_number_value(max),
                 currency);
    else if (min != NULL && max == NULL)
        text_add(text, ", from %.15g %s", json_number_value(min), currency);
    else if (max != NULL)
        text_add(text, ", %s%.15g %s", min == NULL ? "up to " : "", json_number_value(max),
                 currency);
}

static const char *mode_words(const char *mode) {
    if (strcmp(mode, "at_customer") == 0)
        return "at the customer's address";
    return strcmp(mode, "remote") == 0 ? "remotely" : "at the business";
}

static void add_services(struct text *text, const json_t *services) {
    size_t i;
    json_t *service;
    if (json_array_size(services) > 0)
        text_add(text, "Services:\n");
    json_array_foreach(services, i, service) {
        text_add(text, "- %s (id %s): %d minutes", text_of(service, "name"), text_of(service, "id"),
                 (int)json_integer_value(json_object_get(service, "duration_minutes")));
        add_price(text, json_object_get(service, "price"));
        text_add(text, ", %s. %s\n", mode_words(text_of(service, "mode")),
                 text_of(service, "description"));
    }
}

static void add_words(struct text *text, const json_t *words) {
    size_t i;
    json_t *word;
    json_array_foreach(words, i, word)
        text_add(text, "%s%s", i > 0 ? ", " : "", json_string_value(word));
}

static void add_hours(struct text *text, const json_t *hours) {
    size_t i, k;
    json_t *entry, *interval;
    if (hours == NULL)
        return;
    text_add(text, "Opening hours (%s):\n", text_of(hours, "timezone"));
    json_array_foreach(json_object_get(hours, "weekly"), i, entry) {
        text_add(text, "- ");
        add_words(text, json_object_get(entry, "days"));
        text_add(text, ": %s to %s\n", text_of(entry, "opens"), text_of(entry, "closes"));
    }
    json_array_foreach(json_object_get(hours, "exceptions"), i, entry) {
        text_add(text, "- %s:", text_of(entry, "date"));
        if (json_is_true(json_object_get(entry, "closed")))
            text_add(text, " closed");
        json_array_foreach(json_object_get(entry, "intervals"), k, interval)
            text_add(text, " %s to %s", text_of(interval, "opens"), text_of(interval, "closes"));
        text_add(text, "\n");
    }
}

static void add_place(struct text *text, const json_t *profile) {
    static const char *const parts[] = {"street", "postal_code", "city", "region", "country"};
    const json_t *address = json_object_get(profile, "address"),
                 *area = json_object_get(profile, "service_area"),
                 *radius = json_object_get(area, "radius_km");
    bool first = true;
    for (size_t i = 0; i < COUNT_OF(parts); i++) {
        const char *part = text_of(address, parts[i]);
        if (part[0] == '\0')
            continue;
        text_add(text, "%s%s", first ? "Address: " : ", ", part);
        first = false;
    }
    if (!first)
        text_add(text, "\n");
    if (area == NULL)
        return;
    text_add(text, "Serves: %s %s", text_of(area, "place"), text_of(area, "country"));
    if (radius != NULL)
        text_add(text, " within %.15g km", json_number_value(radius));
    text_add(text, "\n");
}

static void add_attributes(struct text *text, const json_t *attributes) {
    const char *word;
    json_t *value;
    json_object_foreach((json_t *)attributes, word, value)
        text_add(text, "%s: %s\n", word,
                 json_is_true(value)    ? "yes"
                 : json_is_false(value) ? "no"
                                        : json_string_value(value));
}

char *profile_text(const json_t *profile) {
    const json_t *contacts = json_object_get(profile, "contacts"),
                 *features = json_object_get(profile, "features");
    struct text text = {0};
    add_line(&text, "Name", text_of(profile, "name"));
    add_line(&text, "Category", text_of(profile, "category"));
    add_line(&text, "Summary", text_of(profile, "summary"));
    if (text_of(profile, "description")[0] != '\0')
        text_add(&text, "%s\n", text_of(profile, "description"));
    add_place(&text, profile);
    add_services(&text, json_object_get(profile, "services"));
    add_hours(&text, json_object_get(profile, "hours"));
    if (json_array_size(json_object_get(profile, "languages")) > 0) {
        text_add(&text, "Languages: ");
        add_words(&text, json_object_get(profile, "languages"));
        text_add(&text, "\n");
    }
    add_line(&text, "Phone", text_of(contacts, "phone"));
    add_line(&text, "Mail", text_of(contacts, "email"));
    add_line(&text, "Website", text_of(contacts, "website"));
    add_attributes(&text, json_object_get(profile, "attributes"));
    text_add(&text, "Can be booked here: %s. Takes inquiries here: %s.\n",
             json_is_true(json_object_get(features, "booking")) ? "yes" : "no",
             json_is_true(json_object_get(features, "inquiries")) ? "yes" : "no");
    return text_take(&text);
}
