#include "fake_world.h"

#include <stdio.h>
#include <string.h>

#include "providers/json_get.h"

#define CALENDAR "https://cal.test/v3"

static void give(struct fake_reply *reply, int status, json_t *json) {
    reply->status = status;
    reply->body = json != NULL ? json_dumps(json, JSON_COMPACT) : strdup("");
    json_decref(json);
}

static void refuse(struct fake_reply *reply, int status, const char *reason) {
    give(reply, status,
         json_pack("{s:{s:i, s:[{s:s}]}}", "error", "code", status, "errors", "reason", reason));
}

static void touch(struct fake *fake, json_t *event) {
    char etag[32];
    (void)snprintf(etag, sizeof(etag), "\"%u\"", ++fake->etags);
    (void)json_object_set_new(event, "etag", json_string(etag));
}

static void serve_model(struct fake *fake, const char *body, struct fake_reply *reply) {
    size_t n = fake->model_calls++;
    ck_assert_uint_lt(n, FAKE_MODEL_CALLS);
    fake->asked[n] = json_loads(body, 0, NULL);
    ck_assert_msg(fake->model[n] != NULL, "model call %zu has no script", n);
    reply->status = 200;
    reply->body = strdup(fake->model[n]);
}

static void serve_token(struct fake *fake, struct fake_reply *reply) {
    fake->refreshes++;
    reply->status = fake->token_status != 0 ? fake->token_status : 200;
    if (fake->token_answer != NULL) {
        reply->body = strdup(fake->token_answer);
        return;
    }
    give(reply, 200, json_pack("{s:s, s:i}", "access_token", "AT-new", "expires_in", 3600));
}

static void insert(struct fake *fake, const char *body, struct fake_reply *reply) {
    json_t *event = json_loads(body, 0, NULL);
    const char *id = json_text(event, "id");
    fake->posts++;
    if (json_object_get(fake->events, id) != NULL) {
        refuse(reply, 409, "duplicate");
    } else {
        touch(fake, event);
        (void)json_object_set_new(event, "status", json_string("confirmed"));
        (void)json_object_set(fake->events, id, event);
        give(reply, 200, json_deep_copy(event));
    }
    json_decref(event);
}

static void merge(json_t *into, json_t *patch) {
    const char *key;
    json_t *value;
    json_object_foreach(patch, key, value) {
        json_t *old = json_object_get(into, key);
        if (json_is_null(value))
            (void)json_object_del(into, key);
        else if (json_is_object(value) && json_is_object(old))
            merge(old, value);
        else
            (void)json_object_set_new(into, key, json_deep_copy(value));
    }
}

static void note_write(struct fake *fake, const char *method, const char *id, const char *query) {
    size_t len = strlen(fake->written);
    (void)snprintf(fake->written + len, sizeof(fake->written) - len, "%s %s%s%s ", method, id,
                   *query != '\0' ? "?" : "", query);
}

static bool moved(struct fake *fake, const json_t *event, struct fake_reply *reply) {
    if (*fake->if_match == '\0' || strcmp(fake->if_match, json_text(event, "etag")) == 0)
        return false;
    refuse(reply, 412, "conditionNotMet");
    return true;
}

static void one_event(struct fake *fake, const char *method, const char *id, const char *body,
                      struct fake_reply *reply) {
    json_t *event = json_object_get(fake->events, id);
    bool gone = event == NULL || strcmp(json_text(event, "status"), "cancelled") == 0;
    if (strcmp(method, "GET") == 0) {
        fake->gets++;
        if (event == NULL)
            refuse(reply, 404, "notFound");
        else
            give(reply, 200, json_deep_copy(event));
    } else if (strcmp(method, "PATCH") == 0) {
        fake->patches++;
        if (gone) {
            refuse(reply, 404, "notFound");
            return;
        }
        if (moved(fake, event, reply))
            return;
        json_t *patch = json_loads(body, 0, NULL);
        merge(event, patch);
        json_decref(patch);
        touch(fake, event);
        give(reply, 200, json_deep_copy(event));
    } else {
        fake->deletes++;
        if (gone) {
            refuse(reply, event == NULL ? 404 : 410, "deleted");
            return;
        }
        if (moved(fake, event, reply))
            return;
        (void)json_object_set_new(event, "status", json_string("cancelled"));
        give(reply, 204, NULL);
    }
}

static void list(struct fake *fake, struct fake_reply *reply) {
    const char *id;
    json_t *event, *items = json_array();
    fake->lists++;
    json_object_foreach(fake->events, id, event)(void)
        json_array_append_new(items, json_deep_copy(event));
    give(reply, 200, json_pack("{s:s, s:o}", "timeZone", fake->calendar_zone, "items", items));
}

static void serve_calendar(struct fake *fake, const char *method, const char *path,
                           const char *body, struct fake_reply *reply) {
    static const char events[] = "/calendars/primary/events";
    if (strcmp(path, "/freeBusy") == 0) {
        fake->freebusies++;
        json_t *busy = json_loads(fake->busy, 0, NULL);
        give(reply, 200, json_pack("{s:{s:o}}", "calendars", "primary", busy));
        return;
    }
    ck_assert_msg(strncmp(path, events, sizeof(events) - 1) == 0, "%s", path);
    char plain[1200];
    const char *query = strchr(path, '?');
    (void)snprintf(plain, sizeof(plain), "%.*s", (int)strcspn(path, "?"), path);
    path = plain + sizeof(events) - 1;
    query = query != NULL ? query + 1 : "";
    if (strcmp(method, "GET") != 0)
        note_write(fake, method, *path == '/' ? path + 1 : "new", query);
    if (*path == '/')
        one_event(fake, method, path + 1, body, reply);
    else if (strcmp(method, "POST") == 0)
        insert(fake, body, reply);
    else
        list(fake, reply);
}

static void serve_world(struct fake *fake, const char *method, const char *url, const char *body,
                        struct fake_reply *reply) {
    if (strncmp(url, "https://model.test", 18) == 0)
        serve_model(fake, body, reply);
    else if (strcmp(url, "https://token.test/token") == 0)
        serve_token(fake, reply);
    else if (strcmp(url, "https://token.test/revoke") == 0)
        give(reply, 200, json_object());
    else
        serve_calendar(fake, method, url + strlen(CALENDAR), body, reply);
}

void fake_serve(struct fake *fake, const char *method, const char *url, const char *body,
                struct fake_reply *reply) {
    bool after = false;
    struct fake_reply fault = {0};
    if (fake->fault != NULL && fake->fault(fake, method, url, &fault, &after)) {
        if (after) {
            serve_world(fake, method, url, body, reply);
            free(reply->body);
        }
        *reply = fault;
        if (reply->body == NULL)
            reply->body = strdup("");
        return;
    }
    serve_world(fake, method, url, body, reply);
}
