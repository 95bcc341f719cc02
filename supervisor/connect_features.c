#include "supervisor/connect_features.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "supervisor/words.h"

#define SCOPE "https://www.googleapis.com/auth/"

static const struct feature {
    const char *name;
    const char *scopes[4]; /* any of these will do; the first is asked for */
} features[] = {
    {"availability",
     {SCOPE "calendar.freebusy", SCOPE "calendar.events.freebusy", SCOPE "calendar.readonly",
      SCOPE "calendar"}},
    {"events", {SCOPE "calendar.events", SCOPE "calendar"}},
    {"calendars",
     {SCOPE "calendar.calendarlist.readonly", SCOPE "calendar.calendarlist",
      SCOPE "calendar.readonly", SCOPE "calendar"}},
};
static_assert(COUNT_OF(features) == FEATURES_COUNT, "one row per feature");

static const struct feature *find(const char *name) {
    for (size_t i = 0; i < COUNT_OF(features); i++)
        if (strcmp(features[i].name, name) == 0)
            return &features[i];
    return NULL;
}

bool feature_known(const char *name) {
    return find(name) != NULL;
}

const char *feature_name(size_t index) {
    return index < COUNT_OF(features) ? features[index].name : NULL;
}

bool feature_stands_alone(const char *name) {
    return strcmp(name, "calendars") != 0;
}

bool feature_granted(const char *name, char *const *scopes, size_t n) {
    const struct feature *feature = find(name);
    for (size_t i = 0; feature != NULL && i < COUNT_OF(feature->scopes); i++)
        if (feature->scopes[i] != NULL && words_has(scopes, n, feature->scopes[i]))
            return true;
    return false;
}

int features_scope(char *const *names, size_t n, char *out, size_t cap) {
    size_t used = (size_t)snprintf(out, cap, "openid email");
    for (size_t i = 0; i < COUNT_OF(features) && used < cap; i++)
        if (words_has(names, n, features[i].name))
            used += (size_t)snprintf(out + used, cap - used, " %s", features[i].scopes[0]);
    return used < cap ? 0 : -ENOSPC;
}
