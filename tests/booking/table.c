/* Plays the availability table (availability.json): each case is a question to the pure function of
 * business/availability.h with an answer that was worked out by hand; "why" says how.
 *
 *   booking-table FILE    prints what differs, then "N passed, N failed"; exit status 1 when any
 * did
 *
 * Answers are written "2026-11-23 +01:00: 09:00 10:00; …": the local days that slots start on, each
 * with its offset. What a case leaves out is as in the table's "usual". */
#include <stdio.h>
#include <string.h>

#include "business/availability.h"

static json_t *usual;

static const json_t *field(const json_t *test, const char *name) {
    const json_t *own = json_object_get(test, name);
    return own != NULL ? own : json_object_get(usual, name);
}

static int64_t moment(const json_t *json) {
    struct stamp stamp;
    const char *text = json_string_value(json);
    if (text == NULL || stamp_parse(text, &stamp) != 0 || stamp.kind != STAMP_INSTANT) {
        fprintf(stderr, "not a time: %s\n", text != NULL ? text : "(none)");
        exit(2);
    }
    return stamp_utc(&stamp);
}

static void add(char *out, size_t cap, const char *text) {
    size_t len = strlen(out);
    (void)snprintf(out + len, cap - len, "%s", text);
}

/* As the table has answers. */
static void show(const char *zone, const struct span *slots, size_t n, char *out, size_t cap) {
    char day[64] = "";
    out[0] = '\0';
    for (size_t i = 0; i < n; i++) {
        char text[STAMP_TEXT], head[64], clock[8];
        zone_show(zone, slots[i].start, text); /* 2026-11-23T09:00:00+01:00 */
        (void)snprintf(head, sizeof(head), "%.10s %s:", text, text + 19);
        (void)snprintf(clock, sizeof(clock), " %.5s", text + 11);
        if (strcmp(head, day) != 0) {
            add(out, cap, i > 0 ? "; " : "");
            add(out, cap, head);
            strcpy(day, head);
        }
        add(out, cap, clock);
    }
}

static const char *state_word(enum slot_state state) {
    switch (state) {
    case SLOT_FREE:
        return "free";
    case SLOT_OUTSIDE_HOURS:
        return "outside_hours";
    case SLOT_TOO_SOON:
        return "too_soon";
    case SLOT_BEYOND_HORIZON:
        return "beyond_horizon";
    case SLOT_TAKEN:
        return "taken";
    }
    return "";
}

static bool check_slots(const json_t *test, const struct availability *ask, const char *name) {
    static char got[65536];
    struct span slots[500];
    int64_t next;
    const json_t *limit = field(test, "limit");
    size_t cap = limit != NULL ? (size_t)json_integer_value(limit) : COUNT_OF(slots);
    const char *wanted = json_string_value(json_object_get(test, "slots"));
    ssize_t n = availability_list(ask, moment(field(test, "from")), moment(field(test, "until")),
                                  slots, cap, &next);
    show(hours_zone(ask->hours), slots, n > 0 ? (size_t)n : 0, got, sizeof(got));
    if (n < 0 || strcmp(got, wanted) != 0) {
        printf("FAILED %s\n  wanted %s\n  got    %s\n", name, wanted, got);
        return false;
    }
    const json_t *wanted_next = json_object_get(test, "next");
    if (next != (wanted_next != NULL ? moment(wanted_next) : 0)) {
        printf("FAILED %s: the next page begins elsewhere\n", name);
        return false;
    }
    return true;
}

static bool check_starts(const json_t *test, const struct availability *ask, const char *name) {
    const char *start;
    json_t *wanted;
    bool good = true;
    json_object_foreach(json_object_get(test, "starts"), start, wanted) {
        struct stamp stamp;
        enum slot_state state;
        if (stamp_parse(start, &stamp) != 0 ||
            availability_check(ask, stamp_utc(&stamp), &state) != 0)
            exit(2);
        if (strcmp(state_word(state), json_string_value(wanted)) == 0)
            continue;
        printf("FAILED %s\n  %s: wanted %s, got %s\n", name, start, json_string_value(wanted),
               state_word(state));
        good = false;
    }
    return good;
}

/* `hours` of a case: "wrong" says that it must be refused. */
static bool play(const json_t *test) {
    const char *name = json_string_value(json_object_get(test, "name"));
    struct span busy[64];
    size_t n = 0, i;
    json_t *pair;
    SCOPE_HOURS struct hours *hours = NULL;
    const char *refused = hours_read(field(test, "hours"), &hours);
    if (json_object_get(test, "wrong") != NULL || refused != NULL) {
        bool meant = refused != NULL && json_object_get(test, "wrong") != NULL;
        if (!meant)
            printf("FAILED %s: hours are %s\n", name, refused != NULL ? refused : "accepted");
        return meant;
    }
    struct availability ask = {.hours = hours, .busy = busy, .now = moment(field(test, "now"))};
    if (service_rules_read(field(test, "service"), &ask.rules) != 0)
        exit(2);
    json_array_foreach(field(test, "busy"), i, pair) {
        busy[n].start = moment(json_array_get(pair, 0));
        busy[n++].end = moment(json_array_get(pair, 1));
    }
    ask.n_busy = n;
    bool good = json_object_get(test, "slots") == NULL || check_slots(test, &ask, name);
    return check_starts(test, &ask, name) && good;
}

int main(int argc, char **argv) {
    json_error_t error;
    unsigned passed = 0, failed = 0;
    json_t *table = argc == 2 ? json_load_file(argv[1], JSON_REJECT_DUPLICATES, &error) : NULL;
    size_t i;
    json_t *test;
    if (table == NULL) {
        fprintf(stderr, "booking-table: %s\n", argc == 2 ? error.text : "needs FILE");
        if (argc == 2)
            fprintf(stderr, "line %d\n", error.line);
        return 2;
    }
    usual = json_object_get(table, "usual");
    json_array_foreach(json_object_get(table, "cases"), i, test) {
        if (play(test))
            passed++;
        else
            failed++;
    }
    json_decref(table);
    printf("%u passed, %u failed\n", passed, failed);
    return failed > 0 || passed == 0;
}
