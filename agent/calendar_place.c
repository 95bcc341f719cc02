/* Which event of which calendar. */
#include <stdio.h>
#include <string.h>

#include "agent/calendar.h"

/* Which characters a calendar's id has is Google's affair; it must fit into a reference. */
bool calendar_id_valid(const char *id) {
    size_t len = strlen(id);
    for (size_t i = 0; i < len; i++)
        if (id[i] <= ' ' || id[i] == '/' || id[i] == 0x7f)
            return false;
    return len > 0 && len < CALENDAR_ID_SIZE && strcmp(id, ".") != 0 && strcmp(id, "..") != 0;
}

bool event_place_of(const char *reference, struct event_place *ret) {
    const char *slash = strchr(reference, '/');
    size_t len = slash != NULL ? (size_t)(slash - reference) : strlen(reference);
    const char *calendar = slash != NULL ? slash + 1 : CALENDAR_MAIN;
    if (len >= sizeof(ret->id) || !calendar_id_valid(calendar))
        return false;
    memcpy(ret->id, reference, len);
    ret->id[len] = '\0';
    strcpy(ret->calendar, calendar);
    return event_id_valid(ret->id);
}

char *event_reference(const char *calendar, const char *id) {
    char *reference = NULL;
    if (strcmp(calendar, CALENDAR_MAIN) == 0)
        return strdup(id);
    return asprintf(&reference, "%s/%s", id, calendar) < 0 ? NULL : reference;
}

bool event_reference_valid(const char *reference) {
    struct event_place place;
    return event_place_of(reference, &place);
}
