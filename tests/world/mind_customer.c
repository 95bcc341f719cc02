/* What a customer of a business asks, where the tools are a front cell's: free times, bookings,
 * questions; and what its owner asks of those. Says what tools answered, and nothing more. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "tests/world/mind.h"

#define WORD_N 160

static const json_t *tool_named(const struct mind *m, const char *name) {
    const json_t *tool;
    size_t i;
    json_array_foreach(m->tools, i, tool) if (strcmp(tool_name(tool), name) == 0) return tool;
    return NULL;
}

bool mind_serves_customers(const struct mind *m) {
    return tool_named(m, "create_booking") != NULL;
}

static const char *text(const json_t *object, const char *key) {
    const char *value = json_string_value(json_object_get(object, key));
    return value != NULL ? value : "";
}

static bool says(const struct mind *m, const char *words) {
    SCOPE_FREE char *copy = strdup(words);
    char *save = NULL;
    for (char *word = strtok_r(copy, " ", &save); word != NULL; word = strtok_r(NULL, " ", &save))
        if (strcasestr(m->message, word) != NULL)
            return true;
    return false;
}

/* The next run of `signs` behind one of the leads ("a|b"), or of any length at its first place. */
static bool word_after(const char *said, const char *leads, const char *signs, char out[WORD_N]) {
    SCOPE_FREE char *copy = strdup(leads);
    char *save = NULL;
    for (char *lead = strtok_r(copy, "|", &save); lead != NULL; lead = strtok_r(NULL, "|", &save)) {
        const char *at = strcasestr(said, lead);
        if (at == NULL)
            continue;
        at += strlen(lead);
        at += strspn(at, " :'\"");
        size_t len = strspn(at, signs);
        if (len == 0 || len >= WORD_N)
            continue;
        (void)snprintf(out, WORD_N, "%.*s", (int)len, at);
        return true;
    }
    return false;
}

#define NAME_SIGNS   "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-"
#define SECRET_SIGNS NAME_SIGNS "0123456789_"
#define MAIL_SIGNS   SECRET_SIGNS ".+@"

static bool find_mail(const char *said, char out[WORD_N]) {
    const char *at = strchr(said, '@');
    if (at == NULL)
        return false;
    const char *from = at;
    while (from > said && strchr(MAIL_SIGNS, from[-1]) != NULL)
        from--;
    size_t len = (size_t)(at - from) + strspn(at, MAIL_SIGNS);
    while (len > 0 && from[len - 1] == '.')
        len--;
    (void)snprintf(out, WORD_N, "%.*s", (int)len, from);
    return len > 3;
}

/* This and everything that the customer said before. */
static bool in_any(const struct mind *m, bool (*find)(const char *said, char out[WORD_N]),
                   char out[WORD_N]) {
    if (find(m->message, out))
        return true;
    for (size_t i = m->last; i-- > 0;) {
        const json_t *turn = json_array_get(m->turns, i);
        if (strcmp(text(turn, "role"), "user") == 0 && find(text(turn, "text"), out))
            return true;
    }
    return false;
}

static bool find_name(const char *said, char out[WORD_N]) {
    return word_after(said, "my name is |I'm |I am |for me, |this is ", NAME_SIGNS, out);
}

static bool find_phone(const char *said, char out[WORD_N]) {
    const char *at = strchr(said, '+');
    size_t len = at == NULL ? 0 : 1 + strspn(at + 1, "0123456789 ");
    while (len > 1 && at[len - 1] == ' ')
        len--;
    if (len < 6)
        return false;
    (void)snprintf(out, WORD_N, "%.*s", (int)len, at);
    return true;
}

/* Who asks. False: something is missing, and was asked for. */
static bool who(struct mind *m, json_t *args) {
    char name[WORD_N], mail[WORD_N], phone[WORD_N];
    bool named = in_any(m, find_name, name), mailed = in_any(m, find_mail, mail);
    bool phoned = in_any(m, find_phone, phone);
    if (!named || (!mailed && !phoned)) {
        mind_say(m, "Please tell me your name and an e-mail address or a phone number.");
        return false;
    }
    json_object_set_new(args, "name", json_string(name));
    if (mailed)
        json_object_set_new(args, "email", json_string(mail));
    if (phoned)
        json_object_set_new(args, "phone", json_string(phone));
    return true;
}

/* ---- what tools say ---- */

/* 1: *ret is its object, for json_decref; 0: it is still to be called; -1: refused, and said. */
static int ask(struct mind *m, const char *name, json_t *args, json_t **ret) {
    struct outcome outcome;
    if (!mind_step(m, tool_named(m, name), args, &outcome))
        return 0;
    *ret = json_loads(outcome.text, 0, NULL);
    if (outcome.error[0] == '\0' && json_is_object(*ret))
        return 1;
    const json_t *next = json_object_get(*ret, "next_slots"), *slot;
    size_t i;
    mind_say(m, "That was not possible (%s): %s", text(*ret, "error"), text(*ret, "detail"));
    if (json_array_size(next) > 0)
        mind_say(m, "The next free times:");
    json_array_foreach(next, i, slot) mind_say(m, "%s", text(slot, "start"));
    json_decref(*ret);
    return -1;
}

/* The service that the message speaks of, else the first. False: pending, or none. */
static bool service_of(struct mind *m, char out[WORD_N]) {
    json_t *business = NULL;
    const json_t *service, *best = NULL;
    size_t i;
    int r = ask(m, "get_business", json_object(), &business);
    if (r <= 0)
        return false;
    json_array_foreach(json_object_get(business, "services"), i, service) {
        if (best == NULL || strcasestr(m->message, text(service, "name")) != NULL ||
            strcasestr(m->message, text(service, "id")) != NULL)
            best = service;
    }
    (void)snprintf(out, WORD_N, "%s", text(best, "id"));
    if (best == NULL)
        mind_say(m, "%s offers nothing that can be booked.", text(business, "name"));
    json_decref(business);
    return best != NULL;
}

/* ---- acts ---- */

static void set_time(json_t *args, const char *name, int64_t at, const struct zone *zone) {
    char stamp[STAMP_N];
    rfc3339_format(at, zone, stamp);
    json_object_set_new(args, name, json_string(stamp));
}

static void free_times(struct mind *m, const struct intent *in) {
    char service[WORD_N];
    int64_t start, end;
    json_t *args, *found = NULL, *slot;
    size_t i;
    if (!service_of(m, service))
        return;
    args = json_pack("{s:s}", "service", service);
    if (when_any(&in->when)) {
        when_span(&in->when, &m->clock, 60, &start, &end);
        set_time(args, "from", start, m->clock.zone);
        set_time(args, "until", end, m->clock.zone);
    }
    if (ask(m, "free_times", args, &found) <= 0)
        return;
    const json_t *slots = json_object_get(found, "slots");
    mind_say(m, json_array_size(slots) > 0 ? "Free:" : "Nothing is free then.");
    json_array_foreach(slots, i, slot) if (i < 8) mind_say(m, "%s", text(slot, "start"));
    json_decref(found);
}

static void book(struct mind *m, const struct intent *in) {
    char service[WORD_N];
    int64_t start, end;
    json_t *args = json_object(), *booked = NULL;
    if (!in->when.has_time) {
        json_decref(args);
        free_times(m, in);
        return;
    }
    if (!who(m, args) || !service_of(m, service)) {
        json_decref(args);
        return;
    }
    when_span(&in->when, &m->clock, 60, &start, &end);
    json_object_set_new(args, "service", json_string(service));
    set_time(args, "start", start, m->clock.zone);
    if (ask(m, "create_booking", args, &booked) <= 0)
        return;
    mind_say(m, "Booked for %s. Reference %s, secret %s. To change it: %s To cancel it: %s",
             text(booked, "start"), text(booked, "reference"), text(booked, "secret"),
             text(booked, "manage_url"), text(booked, "cancel_url"));
    json_decref(booked);
}

/* "K7Q2 (secret s3cret)", as an earlier record has it. */
static bool recorded(const struct mind *m, json_t *args) {
    char reference[WORD_N], secret[WORD_N];
    for (size_t i = m->last; i-- > 0;) {
        const char *said = text(json_array_get(m->turns, i), "text");
        const char *at = strstr(said, "create_booking ");
        if (at == NULL || !word_after(at, "create_booking ", SECRET_SIGNS, reference) ||
            !word_after(at, "(secret ", SECRET_SIGNS, secret))
            continue;
        json_object_set_new(args, "reference", json_string(reference));
        json_object_set_new(args, "secret", json_string(secret));
        return true;
    }
    return false;
}

static bool which(struct mind *m, json_t *args) {
    char reference[WORD_N], secret[WORD_N];
    if (word_after(m->message, "reference |booking ", SECRET_SIGNS, reference) &&
        word_after(m->message, "secret ", SECRET_SIGNS, secret)) {
        json_object_set_new(args, "reference", json_string(reference));
        json_object_set_new(args, "secret", json_string(secret));
        return true;
    }
    if (recorded(m, args))
        return true;
    mind_say(m, "Please tell me the booking's reference and its secret.");
    return false;
}

static void change(struct mind *m, const struct intent *in, const char *tool) {
    json_t *args = json_object(), *done = NULL;
    int64_t start, end;
    bool moves = strcmp(tool, "reschedule_booking") == 0;
    if (!which(m, args)) {
        json_decref(args);
        return;
    }
    if (moves) {
        when_span(&in->when, &m->clock, 60, &start, &end);
        set_time(args, "start", start, m->clock.zone);
    }
    if (ask(m, tool, args, &done) <= 0)
        return;
    mind_say(m, "Booking %s: %s, %s.", text(done, "reference"), text(done, "status"),
             text(done, "start"));
    json_decref(done);
}

static void inquire(struct mind *m) {
    json_t *args = json_object(), *sent = NULL;
    json_object_set_new(args, "message", json_string(m->message));
    if (!who(m, args)) {
        json_decref(args);
        return;
    }
    if (ask(m, "send_inquiry", args, &sent) <= 0)
        return;
    mind_say(m, "I have sent your question on. Reference %s, secret %s.", text(sent, "reference"),
             text(sent, "secret"));
    json_decref(sent);
}

static void tell(struct mind *m) {
    json_t *business = NULL, *service;
    size_t i;
    if (ask(m, "get_business", json_object(), &business) <= 0)
        return;
    mind_say(m, "%s: %s", text(business, "name"), text(business, "summary"));
    json_array_foreach(json_object_get(business, "services"), i, service)
        mind_say(m, "%s.", text(service, "name"));
    json_decref(business);
}

void mind_customer(struct mind *m) {
    static struct intents intents; /* large; single-threaded */
    intents_read(m->message, &m->clock, &intents);
    struct intent none = {0}, *in = &none;
    for (size_t i = 0; i < intents.count; i++)
        if (when_any(&intents.list[i].when) && !when_any(&in->when))
            in = &intents.list[i];
    if (says(m, "cancel"))
        change(m, in, "cancel_booking");
    else if (says(m, "reschedule move"))
        change(m, in, "reschedule_booking");
    else if (says(m, "status"))
        change(m, in, "get_booking");
    else if (says(m, "question owner"))
        inquire(m);
    else if (says(m, "book reserve appointment"))
        book(m, in);
    else if (says(m, "free available times slot"))
        free_times(m, in);
    else
        tell(m);
}

/* ---- the owner's side ---- */

static void list(struct mind *m, const char *tool, const char *member) {
    json_t *found = NULL, *entry;
    size_t i;
    if (ask(m, tool, json_object(), &found) <= 0)
        return;
    const json_t *entries = json_object_get(found, member);
    if (json_array_size(entries) == 0)
        mind_say(m, "There are no %s.", member);
    json_array_foreach(entries, i, entry) {
        const json_t *customer = json_object_get(entry, "customer");
        mind_say(m, "%s: %s %s %s %s.", text(entry, "reference"), text(entry, "status"),
                 text(entry, "start"), text(customer, "name"), text(entry, "message"));
    }
    json_decref(found);
}

bool mind_owner(struct mind *m) {
    bool bookings = says(m, "bookings booked"), inquiries = says(m, "inquiries inquiry");
    if (tool_named(m, "list_bookings") == NULL || (!bookings && !inquiries))
        return false;
    if (bookings)
        list(m, "list_bookings", "bookings");
    else
        list(m, "list_inquiries", "inquiries");
    return true;
}
