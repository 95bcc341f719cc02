/* A profile's defaults, and what it lacks to be published. */
#include <errno.h>
#include <string.h>

#include "business/profile_check.h"

static int put_default(json_t *object, const char *name, json_t *value) {
    if (json_object_get(object, name) != NULL) {
        json_decref(value);
        return 0;
    }
    return json_object_set_new(object, name, value);
}

static int fill_service(json_t *service) {
    return put_default(service, "buffer_before_minutes", json_integer(0)) < 0 ||
                   put_default(service, "buffer_after_minutes", json_integer(0)) < 0 ||
                   put_default(service, "notice_minutes", json_integer(0)) < 0 ||
                   put_default(service, "horizon_days", json_integer(60)) < 0 ||
                   put_default(service, "step_minutes", json_integer(15)) < 0 ||
                   put_default(service, "mode", json_string("at_business")) < 0
               ? -ENOMEM
               : 0;
}

int profile_fill(json_t *profile) {
    static const char *const features[] = {"booking", "inquiries", "chat", "agent_answers"};
    size_t i;
    json_t *service, *hours = json_object_get(profile, "hours");
    if (put_default(profile, "services", json_array()) < 0 ||
        put_default(profile, "languages", json_array()) < 0 ||
        put_default(profile, "attributes", json_object()) < 0 ||
        put_default(profile, "features", json_object()) < 0)
        return -ENOMEM;
    json_t *set = json_object_get(profile, "features");
    for (i = 0; i < COUNT_OF(features); i++)
        if (put_default(set, features[i], json_false()) < 0)
            return -ENOMEM;
    if (hours != NULL && (put_default(hours, "weekly", json_array()) < 0 ||
                          put_default(hours, "exceptions", json_array()) < 0))
        return -ENOMEM;
    json_array_foreach(json_object_get(profile, "services"), i,
                       service) if (fill_service(service) < 0) return -ENOMEM;
    return 0;
}

static bool says(const json_t *object, const char *name) {
    const char *text = json_string_value(json_object_get(object, name));
    return text != NULL && !text_blank(text);
}

static void need(json_t *missing, bool there, const char *sentence) {
    if (!there)
        (void)json_array_append_new(missing, json_string(sentence));
}

static bool has_mode(const json_t *services, const char *mode, bool other) {
    size_t i;
    json_t *service;
    json_array_foreach(services, i, service) {
        const char *given = json_string_value(json_object_get(service, "mode"));
        if ((given != NULL && strcmp(given, mode) == 0) != other)
            return true;
    }
    return false;
}

json_t *profile_missing(const json_t *profile) {
    json_t *missing = json_array();
    const json_t *address = json_object_get(profile, "address"),
                 *area = json_object_get(profile, "service_area"),
                 *services = json_object_get(profile, "services"),
                 *hours = json_object_get(profile, "hours"),
                 *features = json_object_get(profile, "features");
    bool books = json_is_true(json_object_get(features, "booking"));
    bool remote_only = json_array_size(services) > 0 && !has_mode(services, "remote", true);
    if (missing == NULL)
        return NULL;
    need(missing, says(profile, "name"), "name");
    need(missing, says(profile, "category"), "category");
    need(missing, says(profile, "summary") || says(profile, "description"),
         "summary or description");
    need(missing, says(address, "country") || says(area, "country"),
         "address.country or service_area.country");
    need(missing, says(address, "city") || says(area, "place") || remote_only,
         "address.city or service_area.place (unless all services are remote)");
    need(missing, !has_mode(services, "at_business", false) || !books || says(address, "city"),
         "address.city, since services take place at the business");
    need(missing, !books || json_array_size(services) > 0, "services, since booking is on");
    need(missing,
         !books || json_array_size(json_object_get(hours, "weekly")) > 0 ||
             json_array_size(json_object_get(hours, "exceptions")) > 0,
         "hours, since booking is on");
    return missing;
}
