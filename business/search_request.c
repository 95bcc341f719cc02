/* What was asked of a search, folded as listings are. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "business/search_parts.h"
#include "ipc/timezone_stamp.h"

#define LIMIT_DEFAULT  10
#define LIMIT_MAX      50
#define RADIUS_DEFAULT 50.0 /* km, where coordinates come without one */

static const char *text_of(const json_t *object, const char *name) {
    const char *text = json_string_value(json_object_get(object, name));
    return text != NULL ? text : "";
}

/* A text filter, folded; blank ones were not asked. */
static int take_text(const json_t *arguments, const char *name, char **ret_folded,
                     char **ret_said) {
    const char *said = text_of(arguments, name);
    char *folded = fold_text(said);
    if (folded == NULL)
        return -ENOMEM;
    if (folded[0] == '\0') {
        free(folded);
        return 0;
    }
    *ret_folded = folded;
    *ret_said = strdup(said);
    return *ret_said == NULL ? -ENOMEM : 0;
}

static int take_words(const json_t *arguments, struct search_request *request) {
    SCOPE_FREE char *folded = fold_text(text_of(arguments, "query"));
    if (folded == NULL)
        return -ENOMEM;
    request->n_words = fold_sought(folded, request->words);
    return 0;
}

static int take_spot(const json_t *arguments, struct search_request *request, char *why,
                     size_t why_len) {
    const json_t *latitude = json_object_get(arguments, "latitude"),
                 *longitude = json_object_get(arguments, "longitude"),
                 *radius = json_object_get(arguments, "radius_km");
    if ((latitude == NULL) != (longitude == NULL) || (radius != NULL && latitude == NULL)) {
        snprintf(why, why_len, "%s: is missing; latitude and longitude belong together",
                 latitude == NULL ? "latitude" : "longitude");
        return -EINVAL;
    }
    request->spot = latitude != NULL;
    request->latitude = json_number_value(latitude);
    request->longitude = json_number_value(longitude);
    request->radius_km = radius != NULL ? json_number_value(radius) : RADIUS_DEFAULT;
    return 0;
}

static int take_attributes(const json_t *arguments, struct search_request *request) {
    const json_t *given = json_object_get(arguments, "attributes");
    const char *word;
    json_t *value;
    if (json_object_size(given) == 0)
        return 0;
    request->attributes = json_object();
    json_object_foreach((json_t *)given, word, value) {
        SCOPE_FREE char *folded =
            json_is_string(value) ? fold_text(json_string_value(value)) : NULL;
        if (json_object_set_new(request->attributes, word,
                                folded != NULL ? json_string(folded) : json_incref(value)) < 0)
            return -ENOMEM;
    }
    return 0;
}

static int take_open(const json_t *arguments, struct search_request *request, char *why,
                     size_t why_len) {
    const char *text = text_of(arguments, "open_at");
    struct stamp stamp;
    if (text[0] == '\0')
        return 0;
    if (stamp_parse(text, &stamp) < 0 || stamp.kind != STAMP_INSTANT) {
        snprintf(why, why_len, "open_at: must be a time such as 2026-11-24T10:00:00+01:00");
        return -EINVAL;
    }
    request->open = true;
    request->open_at = stamp_utc(&stamp);
    return 0;
}

static void take_language(const json_t *arguments, struct search_request *request) {
    const char *given = text_of(arguments, "language");
    for (size_t n = 0; given[n] != '\0' && given[n] != '-' && n + 1 < sizeof(request->language);
         n++)
        request->language[n] =
            (char)(given[n] >= 'A' && given[n] <= 'Z' ? given[n] + 32 : given[n]);
}

int search_digest(const struct business_server *server, const struct search_request *request,
                  uint8_t out[static BUSINESS_MAC_LEN]) {
    json_t *asked = json_copy(request->arguments);
    (void)json_object_del(asked, "cursor");
    (void)json_object_del(asked, "limit");
    SCOPE_FREE char *text = asked == NULL ? NULL : json_dumps(asked, JSON_COMPACT | JSON_SORT_KEYS);
    json_decref(asked);
    if (text == NULL)
        return -ENOMEM;
    business_mac(server, "search", text, strlen(text), out);
    return 0;
}

int search_request_of(const json_t *arguments, unsigned limit, struct search_request *ret,
                      char *why, size_t why_len) {
    json_int_t asked = json_integer_value(json_object_get(arguments, "limit"));
    *ret = (struct search_request){.arguments = json_incref((json_t *)(uintptr_t)arguments)};
    if (limit == 0)
        limit = asked > 0 && asked <= LIMIT_MAX ? (unsigned)asked : LIMIT_DEFAULT;
    ret->limit = limit;
    snprintf(ret->country, sizeof(ret->country), "%s", text_of(arguments, "country"));
    snprintf(ret->mode, sizeof(ret->mode), "%s", text_of(arguments, "mode"));
    take_language(arguments, ret);
    int r = take_words(arguments, ret);
    if (r == 0)
        r = take_text(arguments, "category", &ret->category, &ret->category_said);
    if (r == 0)
        r = take_text(arguments, "place", &ret->place, &ret->place_said);
    if (r == 0)
        r = take_attributes(arguments, ret);
    if (r == 0)
        r = take_spot(arguments, ret, why, why_len);
    return r < 0 ? r : take_open(arguments, ret, why, why_len);
}

void search_request_done(struct search_request *request) {
    free(take_ptr(request->category));
    free(take_ptr(request->category_said));
    free(take_ptr(request->place));
    free(take_ptr(request->place_said));
    free(take_ptr(request->alike));
    json_decref(take_ptr(request->attributes));
    json_decref(take_ptr(request->arguments));
}

bool search_may_be_open(const struct search_request *request) {
    return request->place != NULL || request->spot || request->mode[0] != '\0' ||
           request->language[0] != '\0' || request->attributes != NULL || request->open;
}
