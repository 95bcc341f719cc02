#include "business/listing.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "business/fold.h"

#define KM_PER_DEGREE 111.19492664455873
#define CARD_SERVICES 12

static bool text_grow(struct text *text, size_t more) {
    if (text->data != NULL && text->len + more + 1 <= text->cap)
        return true;
    size_t cap = (text->len + more + 1) * 2;
    char *data = realloc(text->data, cap);
    if (data == NULL) {
        text->failed = true;
        return false;
    }
    text->data = data;
    text->cap = cap;
    return true;
}

void text_put(struct text *text, const char *data, size_t len) {
    if (!text_grow(text, len))
        return;
    memcpy(text->data + text->len, data, len);
    text->len += len;
    text->data[text->len] = '\0';
}

void text_add(struct text *text, const char *format, ...) {
    for (size_t room = 120;;) {
        va_list args;
        if (!text_grow(text, room))
            return;
        va_start(args, format);
        int n = vsnprintf(text->data + text->len, room + 1, format, args);
        va_end(args);
        if (n < 0) {
            text->data[text->len] = '\0';
            text->failed = true;
            return;
        }
        if ((size_t)n <= room) {
            text->len += (size_t)n;
            return;
        }
        room = (size_t)n;
    }
}

void text_json(struct text *text, const char *data) {
    text_put(text, "\"", 1);
    for (;;) {
        size_t plain = 0;
        while ((unsigned char)data[plain] >= 0x20 && data[plain] != '"' && data[plain] != '\\')
            plain++;
        text_put(text, data, plain);
        data += plain;
        if (*data == '\0')
            break;
        char sign[8] = {'\\', *data};
        bool alone = *data == '"' || *data == '\\';
        if (!alone)
            (void)snprintf(sign, sizeof(sign), "\\u%04x", (unsigned)(unsigned char)*data);
        text_put(text, sign, alone ? 2 : 6);
        data++;
    }
    text_put(text, "\"", 1);
}

char *text_take(struct text *text) {
    if (text->data == NULL && !text->failed)
        text_add(text, "%s", "");
    char *data = take_ptr(text->data);
    if (!text->failed)
        return data;
    free(data);
    return NULL;
}

void box_of(double latitude, double km, double *ret_lat, double *ret_lon) {
    double lat = km / KM_PER_DEGREE, edge = fabs(latitude) + lat;
    *ret_lat = lat;
    /* Near a pole every meridian is near. */
    *ret_lon = edge >= 89.9 ? 360 : lat / cos(edge * M_PI / 180);
    if (*ret_lon > 360)
        *ret_lon = 360;
}

static const char *text_of(const json_t *object, const char *name) {
    const char *text = json_string_value(json_object_get(object, name));
    return text != NULL ? text : "";
}

/* Words that are looked for. */
static int put_sought(json_t *listing, const char *name, const char *text) {
    SCOPE_FREE char *folded = fold_text(text);
    SCOPE_FREE char *spread = folded == NULL ? NULL : fold_spread(folded);
    return spread == NULL ? -ENOMEM : json_object_set_new(listing, name, json_string(spread));
}

static int put_text(json_t *listing, const char *name, struct text *text) {
    SCOPE_FREE char *whole = text_take(text);
    return whole == NULL ? -ENOMEM : put_sought(listing, name, whole);
}

/* Who asks for a place says the whole of its name, so its words stay whole; what is sought of them
 * stands beside the summary, which weighs as much. */
static int put_place(json_t *listing, struct text *text, const char *summary) {
    SCOPE_FREE char *place = text_take(text);
    SCOPE_FREE char *folded = place == NULL ? NULL : fold_text(place);
    SCOPE_FREE char *spread = folded == NULL ? NULL : fold_spread(folded);
    if (spread == NULL || json_object_set_new(listing, "place", json_string(folded)) < 0)
        return -ENOMEM;
    struct text both = {0};
    text_add(&both, "%s%s", summary, spread + strlen(folded));
    return put_text(listing, "summary", &both);
}

/* Words by where they stand: names of services weigh more than what is said about them. */
static int put_words(json_t *listing, const json_t *profile) {
    struct text services = {0}, rest = {0}, place = {0};
    const json_t *address = json_object_get(profile, "address"),
                 *area = json_object_get(profile, "service_area");
    size_t i;
    json_t *service, *value;
    const char *word;
    json_array_foreach(json_object_get(profile, "services"), i, service) {
        text_add(&services, "%s ", text_of(service, "name"));
        text_add(&rest, "%s ", text_of(service, "description"));
    }
    text_add(&rest, "%s ", text_of(profile, "description"));
    json_object_foreach(json_object_get(profile, "attributes"), word, value) {
        if (!json_is_false(value))
            text_add(&rest, "%s %s ", word, json_is_string(value) ? json_string_value(value) : "");
    }
    text_add(&place, "%s %s %s %s", text_of(address, "city"), text_of(address, "region"),
             text_of(address, "postal_code"), text_of(area, "place"));
    int r = put_text(listing, "services", &services);
    int r2 = put_text(listing, "text", &rest);
    int r3 = put_place(listing, &place, text_of(profile, "summary"));
    return r < 0 || r2 < 0 || r3 < 0 || put_sought(listing, "name", text_of(profile, "name")) < 0 ||
                   put_sought(listing, "category", text_of(profile, "category")) < 0
               ? -ENOMEM
               : 0;
}

static int put_spot(json_t *listing, const json_t *profile) {
    const json_t *location = json_object_get(profile, "location");
    const json_t *radius = json_object_get(json_object_get(profile, "service_area"), "radius_km");
    double lat, lon, latitude = json_number_value(json_object_get(location, "latitude"));
    if (location == NULL)
        return 0;
    if (json_object_set(listing, "lat", json_object_get(location, "latitude")) < 0 ||
        json_object_set(listing, "lon", json_object_get(location, "longitude")) < 0)
        return -ENOMEM;
    if (radius == NULL || json_number_value(radius) <= 0)
        return 0;
    box_of(latitude, json_number_value(radius), &lat, &lon);
    /* What crosses the 180th meridian is looked for all around: the radius is asked as well. */
    if (fabs(json_number_value(json_object_get(location, "longitude"))) + lon >= 180)
        lon = 540;
    return json_object_update_new(listing,
                                  json_pack("{s:f s:f s:f}", "reach_km", json_number_value(radius),
                                            "reach_lat", lat, "reach_lon", lon));
}

/* The modes of its services, each once. */
static json_t *modes_of(const json_t *profile) {
    json_t *modes = json_array(), *service, *mode;
    size_t i, k;
    json_array_foreach(json_object_get(profile, "services"), i, service) {
        bool known = false;
        json_array_foreach(modes, k, mode) known |=
            strcmp(json_string_value(mode), text_of(service, "mode")) == 0;
        if (!known)
            (void)json_array_append(modes, json_object_get(service, "mode"));
    }
    return modes;
}

/* Languages are compared by their first part, in small letters: "de" finds de-CH. */
static json_t *languages_of(const json_t *profile) {
    json_t *languages = json_array(), *language;
    size_t i;
    json_array_foreach(json_object_get(profile, "languages"), i, language) {
        char tag[9] = "";
        const char *given = json_string_value(language);
        for (size_t n = 0; given[n] != '\0' && given[n] != '-' && n + 1 < sizeof(tag); n++)
            tag[n] = (char)(given[n] >= 'A' && given[n] <= 'Z' ? given[n] + 32 : given[n]);
        (void)json_array_append_new(languages, json_string(tag));
    }
    return languages;
}

/* Texts among them are compared folded. */
static json_t *attributes_of(const json_t *profile) {
    json_t *attributes = json_object(), *value;
    const char *word;
    json_object_foreach(json_object_get(profile, "attributes"), word, value) {
        SCOPE_FREE char *folded =
            json_is_string(value) ? fold_text(json_string_value(value)) : NULL;
        (void)json_object_set_new(attributes, word,
                                  folded != NULL ? json_string(folded) : json_incref(value));
    }
    return attributes;
}

/* What a hit shows of it. */
static json_t *card_of(const char *slug, const json_t *profile) {
    const json_t *address = json_object_get(profile, "address"),
                 *area = json_object_get(profile, "service_area");
    const char *city = text_of(address, "city"), *country = text_of(address, "country");
    json_t *services = json_array(), *service;
    size_t i;
    json_array_foreach(json_object_get(profile, "services"), i, service) {
        json_t *shown = i < CARD_SERVICES ? json_object() : NULL;
        if (shown == NULL)
            break;
        (void)json_object_set(shown, "id", json_object_get(service, "id"));
        (void)json_object_set(shown, "name", json_object_get(service, "name"));
        (void)json_object_set(shown, "duration_minutes",
                              json_object_get(service, "duration_minutes"));
        if (json_object_get(service, "price") != NULL)
            (void)json_object_set(shown, "price", json_object_get(service, "price"));
        (void)json_array_append_new(services, shown);
    }
    return json_pack("{s:s s:s s:s s:s s:s s:s s:O s:o s:O}", "slug", slug, "name",
                     text_of(profile, "name"), "category", text_of(profile, "category"), "summary",
                     text_of(profile, "summary"), "city",
                     city[0] != '\0' ? city : text_of(area, "place"), "country",
                     country[0] != '\0' ? country : text_of(area, "country"), "languages",
                     json_object_get(profile, "languages"), "services", services, "features",
                     json_object_get(profile, "features"));
}

static void add_line(struct text *text, const char *line) {
    size_t len = strcspn(line, "\n"); /* there is none: names are lines */
    text_put(text, line, len);
    text_put(text, "\n", 1);
}

static void add_folded(struct text *text, const char *line) {
    SCOPE_FREE char *folded = fold_text(line);
    text->failed |= folded == NULL;
    add_line(text, folded != NULL ? folded : "");
}

char *listing_facts(const json_t *card) {
    struct text text = {0};
    size_t i;
    json_t *service;
    add_line(&text, text_of(card, "category"));
    add_line(&text, text_of(card, "city"));
    add_folded(&text, text_of(card, "name"));
    add_folded(&text, text_of(card, "category"));
    add_folded(&text, text_of(card, "city"));
    add_folded(&text, text_of(card, "summary"));
    add_line(&text, text_of(card, "slug"));
    json_array_foreach(json_object_get(card, "services"), i, service) {
        add_line(&text, text_of(service, "name"));
        add_folded(&text, text_of(service, "name"));
    }
    return text_take(&text);
}

/* As texts: the database has only to keep them. */
static int put_card(json_t *listing, const char *slug, const json_t *profile) {
    json_t *card = card_of(slug, profile);
    SCOPE_FREE char *text = card == NULL ? NULL : json_dumps(card, JSON_COMPACT);
    SCOPE_FREE char *facts = card == NULL ? NULL : listing_facts(card);
    json_decref(card);
    return text == NULL || facts == NULL
               ? -ENOMEM
               : json_object_update_new(listing,
                                        json_pack("{s:s s:s}", "card", text, "facts", facts));
}

/* How much a profile tells, where nothing else says which comes first. */
static int quality_of(const json_t *profile) {
    const json_t *features = json_object_get(profile, "features");
    size_t services = json_array_size(json_object_get(profile, "services"));
    return (json_object_get(profile, "image_url") != NULL ? 2 : 0) +
           (strlen(text_of(profile, "description")) >= 200 ? 2 : 0) +
           (text_of(profile, "summary")[0] != '\0' ? 1 : 0) + (int)(services < 5 ? services : 5) +
           (json_is_true(json_object_get(features, "booking")) ? 4 : 0) +
           (json_is_true(json_object_get(features, "inquiries")) ? 1 : 0) +
           (json_object_get(profile, "hours") != NULL ? 2 : 0) +
           (json_object_get(profile, "location") != NULL ? 1 : 0) +
           (json_object_size(json_object_get(profile, "contacts")) > 0 ? 1 : 0);
}

json_t *listing_of(const char *slug, const json_t *profile) {
    const char *country = text_of(json_object_get(profile, "address"), "country");
    if (country[0] == '\0')
        country = text_of(json_object_get(profile, "service_area"), "country");
    json_t *listing = json_pack("{s:i s:s s:o s:o s:o}", "quality", quality_of(profile), "country",
                                country, "modes", modes_of(profile), "languages",
                                languages_of(profile), "attributes", attributes_of(profile));
    if (listing == NULL)
        return NULL;
    if (put_card(listing, slug, profile) == 0 && put_words(listing, profile) == 0 &&
        put_spot(listing, profile) == 0 && listing_hours(profile, listing) == 0)
        return listing;
    json_decref(listing);
    return NULL;
}
