#include "gateway/problem.h"

#include <jansson.h>
#include <string.h>

#include "gateway/guard.h"

bool web_address(const char *text) {
    if (text == NULL || (strncmp(text, "https://", 8) != 0 && strncmp(text, "http://", 7) != 0))
        return false;
    for (const char *c = text; *c != '\0'; c++)
        if (*c <= 0x20 || *c >= 0x7f)
            return false;
    return true;
}

static void put_text(json_t *object, const char *key, const char *text) {
    if (text != NULL && text[0] != '\0')
        (void)json_object_set_new(object, key, json_string(text)); /* refuses what is not UTF-8 */
}

static char *dump(json_t *object) {
    char *text = json_dumps(object, JSON_COMPACT);
    json_decref(object);
    return text;
}

char *problem_document(const struct problem *problem) {
    json_t *object = json_object();
    put_text(object, "type", "about:blank");
    put_text(object, "title", status_phrase(problem->status));
    (void)json_object_set_new(object, "status", json_integer((json_int_t)problem->status));
    put_text(object, "code", problem->code);
    put_text(object, "detail", problem->detail);
    if (problem->request_id != NULL)
        (void)json_object_set_new(object, "instance",
                                  json_sprintf("urn:cloister:request:%s", problem->request_id));
    put_text(object, "request", problem->request_id);
    if (problem->retry_after_ms > 0)
        (void)json_object_set_new(object, "retry_after_ms",
                                  json_integer((json_int_t)problem->retry_after_ms));
    if (web_address(problem->action_url))
        put_text(object, "action_url", problem->action_url);
    if (problem->retryable)
        (void)json_object_set_new(object, "retryable", json_true());
    if (problem->unknown_writes)
        (void)json_object_set_new(object, "unknown_writes", json_true());
    put_text(object, "reply", problem->reply);
    return dump(object);
}

char *problem_event(const struct problem *problem) {
    json_t *object = json_object();
    put_text(object, "code", problem->code);
    put_text(object, "detail", problem->detail);
    put_text(object, "request", problem->request_id);
    (void)json_object_set_new(object, "retryable", json_boolean(problem->retryable));
    if (problem->unknown_writes)
        (void)json_object_set_new(object, "unknown_writes", json_true());
    if (problem->retry_after_ms > 0)
        (void)json_object_set_new(object, "retry_after_ms",
                                  json_integer((json_int_t)problem->retry_after_ms));
    if (web_address(problem->action_url))
        put_text(object, "action_url", problem->action_url);
    return dump(object);
}
