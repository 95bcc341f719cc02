#include "tests/world/admin.h"

#include <malloc.h>
#include <stdio.h>
#include <string.h>

#include "tests/world/accounts.h"
#include "tests/world/calendars.h"
#include "tests/world/event.h"
#include "tests/world/expand.h"
#include "tests/world/obey.h"
#include "tests/world/request_log.h"

static const char *text(const json_t *object, const char *key) {
    return json_string_value(json_object_get(object, key));
}

static void fail(struct exchange *x, int status, const char *why) {
    answer_json(x, status, json_pack("{s:s}", "error", why));
}

static bool is(const struct exchange *x, const char *method) {
    return strcmp(x->method, method) == 0;
}

/* The body as an object; an empty body is an empty object. NULL after answering 400. */
static json_t *body(struct exchange *x) {
    json_t *json = x->body_len ? json_loadb(x->body, x->body_len, 0, NULL) : json_object();
    if (json_is_object(json))
        return json;
    json_decref(json);
    fail(x, 400, "the body is not a JSON object");
    return NULL;
}

/* ---- accounts and events ---- */

/* Plants one event; the admin may also name another organizer. */
static const json_t *plant(struct world *w, json_t *account, const json_t *event,
                           const char **why) {
    return event_plant(w, account, event, why);
}

static void account_put(struct exchange *x) {
    json_t *in = body(x);
    if (!in)
        return;
    const char *name = text(in, "name"), *zone = text(in, "timezone"), *why = NULL;
    json_t *account = account_get(x->world, name), *event, *ids = json_array();
    size_t i;
    if (!account)
        why = "name: letters, digits and . _ - + only, not starting with a digit";
    else if (zone && !zone_find(zone))
        why = "timezone: no such zone";
    else if (zone)
        json_object_set_new(account, "zone", json_string(zone));
    json_array_foreach(json_object_get(in, "events"), i, event) {
        const json_t *made = why ? NULL : plant(x->world, account, event, &why);
        if (made)
            json_array_append(ids, json_object_get(made, "id"));
    }
    if (why)
        fail(x, 400, why);
    else
        answer_json(x, 200,
                    json_pack("{s:s,s:s,s:s,s:s,s:O}", "name", account_text(account, "name"),
                              "email", account_text(account, "email"), "sub",
                              account_text(account, "sub"), "timezone",
                              account_text(account, "zone"), "events", ids));
    json_decref(ids);
    json_decref(in);
    world_touch(x->world);
}

static void account_list(struct exchange *x) {
    json_t *list = json_array(), *account;
    const char *name;
    json_object_foreach(x->world->accounts, name, account) json_array_append_new(
        list, json_pack("{s:s,s:s,s:s,s:O,s:I}", "name", name, "email",
                        account_text(account, "email"), "timezone", account_text(account, "zone"),
                        "granted", json_object_get(account, "granted"), "events",
                        (json_int_t)json_object_size(json_object_get(account, "events"))));
    answer_json(x, 200, json_pack("{s:o}", "accounts", list));
}

static void planted_get(struct exchange *x, const json_t *account) {
    bool deleted = exchange_query(x, "deleted") != NULL;
    json_t *list = json_array(), *record;
    const char *id;
    json_object_foreach(json_object_get(account, "events"), id, record) {
        json_t *resource = json_object_get(record, "r");
        if (deleted || !event_cancelled(resource))
            json_array_append(list, resource);
    }
    answer_json(x, 200, json_pack("{s:o}", "events", list));
}

static void planted_post(struct exchange *x, json_t *account) {
    json_t *in = body(x);
    const char *why = NULL;
    if (!in)
        return;
    json_t *made = event_plant(x->world, account, in, &why);
    if (made)
        answer_json(x, 200, json_incref(made));
    else
        fail(x, 400, why);
    json_decref(in);
}

static void planted_delete(struct exchange *x, json_t *account, const char *id) {
    json_t *events = json_object_get(account, "events");
    if (!id) {
        json_object_clear(events);
    } else if (json_object_del(events, id) < 0) {
        fail(x, 404, "no such event");
        return;
    }
    world_touch(x->world);
    answer_json(x, 200, json_object());
}

/* The account's secondary calendars: GET lists them with all they hold, POST adds one. */
static void calendars_route(struct exchange *x, json_t *account) {
    if (!is(x, "POST")) {
        json_t *all = json_object_get(account, "calendars");
        answer_json(x, 200, all ? json_incref(all) : json_object());
        return;
    }
    json_t *in = body(x), *event;
    const char *why = NULL;
    size_t i;
    if (!in)
        return;
    json_t *made = calendars_put(x->world, account, in, &why);
    json_array_foreach(json_object_get(in, "events"), i,
                       event)(void)(why ? NULL : plant(x->world, made, event, &why));
    if (why)
        fail(x, 400, why);
    else
        answer_json(x, 200, json_incref(made));
    json_decref(in);
}

static void accounts_route(struct exchange *x, char *part[static 4]) {
    if (!part[1]) {
        if (is(x, "POST"))
            account_put(x);
        else
            account_list(x);
        return;
    }
    json_t *account = account_get(x->world, part[1]);
    if (!account)
        fail(x, 404, "no such account");
    else if (!part[2] && is(x, "DELETE")) {
        (void)token_kill(x->world, account_text(account, "name"), true, true);
        json_object_del(x->world->accounts, part[1]);
        answer_json(x, 200, json_object());
    } else if (!part[2])
        answer_json(x, 200, json_incref(account));
    else if (strcmp(part[2], "sync") == 0) { /* older sync tokens are refused from now on */
        json_object_set_new(account, "sync_floor", json_integer(world_next(x->world)));
        answer_json(x, 200, json_object());
    } else if (strcmp(part[2], "calendars") == 0)
        calendars_route(x, account);
    else if (strcmp(part[2], "events") != 0)
        fail(x, 404, "no such route");
    else if (!(account = calendars_find(account, exchange_query(x, "calendar"))))
        fail(x, 404, "no such calendar");
    else if (is(x, "POST"))
        planted_post(x, account);
    else if (is(x, "DELETE"))
        planted_delete(x, account, part[3]);
    else
        planted_get(x, account);
}

/* ---- faults, log, tokens, clock ---- */

static void faults_route(struct exchange *x) {
    if (is(x, "DELETE")) {
        faults_clear(x->world->faults);
        answer_json(x, 200, json_object());
    } else if (is(x, "POST")) {
        json_t *in = body(x);
        const char *why = NULL;
        int id = in ? faults_add(x->world->faults, in, &why) : -1;
        if (in && id < 0)
            fail(x, 400, why);
        else if (in)
            answer_json(x, 200, json_pack("{s:i}", "id", id));
        json_decref(in);
    } else {
        answer_json(x, 200, json_pack("{s:o}", "faults", faults_list(x->world->faults)));
    }
}

static void requests_route(struct exchange *x) {
    struct world *w = x->world;
    if (is(x, "DELETE")) {
        request_log_clear(w->log);
        answer_json(x, 200, json_object());
        return;
    }
    if (is(x, "POST")) { /* {"bodies": true|false} */
        json_t *in = body(x);
        if (!in)
            return;
        w->opt.log_bodies = json_is_true(json_object_get(in, "bodies"));
        json_decref(in);
        answer_json(x, 200, json_object());
        return;
    }
    const char *since = exchange_query(x, "since");
    uint64_t number = 0;
    if (since && parse_u64(since, 0, UINT64_MAX, &number) < 0) {
        fail(x, 400, "since: a number");
        return;
    }
    answer_json(x, 200,
                json_pack("{s:o}", "requests",
                          request_log_list(w->log, exchange_query(x, "service"), number)));
}

/* The live tokens of an account, for tests that look where one was left behind. */
static json_t *tokens_of(const json_t *records, const char *account) {
    json_t *list = json_array(), *record;
    const char *token;
    json_object_foreach((json_t *)(uintptr_t)records, token, record) {
        if (strcmp(account_text(record, "account"), account) == 0)
            json_array_append_new(list, json_string(token));
    }
    return list;
}

static void tokens_route(struct exchange *x, char *part[static 4]) {
    const json_t *account = account_find(x->world, part[1]);
    if (account && part[1] && !part[2] && is(x, "GET")) {
        const char *name = account_text(account, "name");
        answer_json(x, 200,
                    json_pack("{s:o,s:o}", "access", tokens_of(x->world->access, name), "refresh",
                              tokens_of(x->world->refresh, name)));
        return;
    }
    if (!part[1] || !part[2] || strcmp(part[2], "kill") != 0 || !is(x, "POST")) {
        fail(x, 404, "no such route");
    } else if (!account) {
        fail(x, 404, "no such account");
    } else {
        bool access = exchange_query(x, "access_only") == NULL;
        bool refresh = exchange_query(x, "refresh_only") == NULL;
        /* access_only keeps the refresh tokens, refresh_only the access tokens */
        int killed = token_kill(x->world, account_text(account, "name"), access, refresh);
        answer_json(x, 200, json_pack("{s:i}", "killed", killed));
    }
}

static void clock_route(struct exchange *x) {
    json_t *in = body(x);
    if (!in)
        return;
    const json_t *offset = json_object_get(in, "offset");
    if (is(x, "POST") && json_is_integer(offset))
        x->world->clock_offset_s = json_integer_value(offset);
    json_decref(in);
    answer_json(x, 200,
                json_pack("{s:I,s:I}", "offset", (json_int_t)x->world->clock_offset_s, "now",
                          (json_int_t)world_now_s(x->world)));
}

/* Delays, pacing, token life: {"google_delay_ms"?, "model_delay_ms"?, "model_pace_ms"?,
 * "access_ttl_s"?, "thinking"?} */
static void settings_route(struct exchange *x) {
    struct options *o = &x->world->opt;
    const struct {
        const char *name;
        int *value;
    } numbers[] = {{"google_delay_ms", &o->google_delay_ms},
                   {"model_delay_ms", &o->model_delay_ms},
                   {"model_pace_ms", &o->model_pace_ms},
                   {"access_ttl_s", &o->access_ttl_s}};
    json_t *in = body(x), *out = json_object();
    if (!in) {
        json_decref(out);
        return;
    }
    for (size_t i = 0; i < COUNT_OF(numbers); i++) {
        const json_t *value = json_object_get(in, numbers[i].name);
        if (json_is_integer(value))
            *numbers[i].value = (int)json_integer_value(value);
        json_object_set_new(out, numbers[i].name, json_integer(*numbers[i].value));
    }
    if (json_object_get(in, "thinking"))
        o->thinking = json_is_true(json_object_get(in, "thinking"));
    json_object_set_new(out, "thinking", json_boolean(o->thinking));
    json_decref(in);
    answer_json(x, 200, out);
}

/* The obedient attacker (obey.h). */
static void obey_route(struct exchange *x) {
    json_t *in = is(x, "POST") ? body(x) : NULL;
    if (is(x, "POST") && !in)
        return;
    if (in)
        obey_set(in);
    json_decref(in);
    answer_json(x, 200, obey_settings());
}

static void stats_route(struct exchange *x) {
    struct world *w = x->world;
    json_t *out = json_pack(
        "{s:I,s:I,s:I,s:I}", "accounts", (json_int_t)json_object_size(w->accounts),
        "refresh_tokens", (json_int_t)json_object_size(w->refresh), "access_tokens",
        (json_int_t)json_object_size(w->access), "heap_bytes", (json_int_t)mallinfo2().uordblks);
    json_t *counts = json_object();
    for (enum service s = SERVICE_OTHER; s < SERVICE_ADMIN; s++)
        json_object_set_new(counts, service_name(s),
                            json_integer((json_int_t)request_log_total(w->log, s)));
    json_object_set_new(out, "requests", counts);
    answer_json(x, 200, out);
}

void admin_handle(struct exchange *x) {
    char *part[4] = {NULL};
    SCOPE_FREE char *copy = strdup(x->path);
    char *save = NULL, *s = strtok_r(copy, "/", &save);
    for (size_t i = 0; i < COUNT_OF(part) && s; i++, s = strtok_r(NULL, "/", &save))
        part[i] = evhttp_uridecode(s, 0, NULL);
    const char *first = part[0] ? part[0] : "";
    if (strcmp(first, "accounts") == 0)
        accounts_route(x, part);
    else if (strcmp(first, "faults") == 0)
        faults_route(x);
    else if (strcmp(first, "requests") == 0)
        requests_route(x);
    else if (strcmp(first, "tokens") == 0)
        tokens_route(x, part);
    else if (strcmp(first, "clock") == 0)
        clock_route(x);
    else if (strcmp(first, "settings") == 0)
        settings_route(x);
    else if (strcmp(first, "obey") == 0)
        obey_route(x);
    else if (strcmp(first, "stats") == 0)
        stats_route(x);
    else
        fail(x, 404, "no such route");
    for (size_t i = 0; i < COUNT_OF(part); i++)
        free(part[i]);
}
