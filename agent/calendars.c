#include "agent/calendars.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "providers/json_get.h"

#define PAGES_MAX 4u

bool calendars_allowed(const struct turn *turn) {
    static const char *const scopes[] = {
        GOOGLE_SCOPE_BASE "calendar.readonly", GOOGLE_SCOPE_BASE "calendar.calendarlist.readonly",
        GOOGLE_SCOPE_BASE "calendar.calendarlist", GOOGLE_SCOPE_BASE "calendar"};
    for (size_t i = 0; i < COUNT_OF(scopes); i++)
        if (turn_has_scope(turn, scopes[i]))
            return true;
    return false;
}

static bool flag(const json_t *entry, const char *name) {
    return json_is_true(json_object_get(entry, name));
}

static bool role_writes(const char *role) {
    return strcmp(role, "owner") == 0 || strcmp(role, "writer") == 0 ||
           strcmp(role, "writerWithoutPrivateAccess") == 0;
}

static void add_entry(struct calendars *calendars, const json_t *entry) {
    const char *id = json_text(entry, "id"), *name = json_text(entry, "summaryOverride");
    if (*name == '\0')
        name = json_text(entry, "summary");
    if (flag(entry, "primary")) { /* the first already; an account's name for it is its address */
        calendars->list[0].busy = true;
        return;
    }
    if (!flag(entry, "selected") || flag(entry, "hidden") || flag(entry, "deleted") ||
        !calendar_id_valid(id) || calendars->n == CALENDARS_MAX)
        return;
    struct calendar *calendar = &calendars->list[calendars->n++];
    calendar->busy = role_writes(json_text(entry, "accessRole"));
    strcpy(calendar->id, id);
    (void)snprintf(calendar->name, sizeof(calendar->name), "%s", name);
}

static int fetch_page(struct turn *turn, bool names, const char *page,
                      struct google_answer *answer) {
    const struct google_param params[] = {
        {"maxResults", "250"},
        {"fields", names ? "items(id,primary,selected,hidden,deleted,accessRole,summary,"
                           "summaryOverride),nextPageToken"
                         : "items(id,primary,selected,hidden,deleted,accessRole),nextPageToken"},
        {"pageToken", page},
        {NULL, NULL}};
    struct google_request request = {
        .method = "GET", .path = {"users", "me", "calendarList"}, .params = params};
    return google_do(turn->google, &request, answer, &turn->fault);
}

static int fetch(struct turn *turn, bool names, struct calendars *calendars) {
    SCOPE_FREE char *page = NULL;
    for (unsigned i = 0; i < PAGES_MAX; i++) {
        struct google_answer answer = {0};
        int r = fetch_page(turn, names, page, &answer);
        if (r < 0)
            return r;
        size_t k;
        json_t *entry;
        if (answer.status == 200)
            json_array_foreach(json_object_get(answer.json, "items"), k, entry)
                add_entry(calendars, entry);
        const char *next = answer.status == 200 ? json_text(answer.json, "nextPageToken") : "";
        free(page);
        page = *next != '\0' ? strdup(next) : NULL;
        google_answer_free(&answer);
        if (page == NULL)
            break;
    }
    return 0;
}

int calendars_look(struct turn *turn, bool names, const struct calendars **ret) {
    struct calendars *calendars = turn->calendars;
    if (calendars == NULL || (names && !calendars->named)) {
        calendars_free(take_ptr(turn->calendars));
        calendars = calloc(1, sizeof(*calendars));
        if (calendars == NULL)
            return fault_set(&turn->fault, -ENOMEM, "internal", true,
                             "This server is out of memory.");
        turn->calendars = calendars;
        strcpy(calendars->list[0].id, CALENDAR_MAIN);
        calendars->list[0].busy = true;
        calendars->n = 1;
        calendars->named = names;
        int r = calendars_allowed(turn) ? fetch(turn, names, calendars) : 0;
        if (r < 0)
            return r;
    }
    *ret = calendars;
    return 0;
}

const struct calendar *calendars_find(const struct calendars *calendars, const char *id) {
    for (size_t i = 0; calendars != NULL && i < calendars->n; i++)
        if (strcmp(calendars->list[i].id, id) == 0)
            return &calendars->list[i];
    return NULL;
}

void calendars_free(struct calendars *calendars) {
    if (calendars != NULL)
        explicit_bzero(calendars, sizeof(*calendars));
    free(calendars);
}
