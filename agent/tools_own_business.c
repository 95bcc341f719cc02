/* The owner's tools for their own businesses. What customers wrote comes in as somebody else's
 * words: cleaned, taken down, and after it nothing is changed without the owner's word. */
#include <errno.h>
#include <string.h>

#include "agent/tools_business.h"
#include "providers/json_get.h"

#define TEXT_MOST 4000u

static json_t *strings_of(const struct tool_run *run) {
    json_t *arguments = json_object();
    const char *key;
    json_t *value;
    json_object_foreach(run->args, key, value) if (json_string_length(value) > 0)(void)
        json_object_set(arguments, key, value);
    return arguments;
}

static json_t *slug_of(const struct tool_run *run) {
    const char *slug = tool_arg(run, "business");
    return json_pack("{s:s}", "slug", slug != NULL ? slug : "");
}

int get_own_business_run(struct turn *turn, struct tool_run *run) {
    const char *slug = tool_arg(run, "business");
    json_t *result = NULL;
    bool all = slug == NULL || *slug == '\0';
    int r = business_ask(turn, run, all ? "list_own_businesses" : "get_own_business",
                         all ? json_object() : slug_of(run), false, &result);
    if (r < 0 || result == NULL)
        return r;
    if (all && json_array_size(json_object_get(result, "businesses")) == 0)
        (void)json_object_set_new(
            result, "note",
            json_string("The owner has no business yet; edit_business begins one."));
    return tool_succeed(turn, run, result);
}

/* ---- the draft ---- */

/* As RFC 7396 has it. */
static void merge(json_t *into, json_t *patch) {
    const char *key;
    json_t *value;
    json_object_foreach(patch, key, value) {
        if (json_is_null(value)) {
            (void)json_object_del(into, key);
            continue;
        }
        if (!json_is_object(value)) {
            (void)json_object_set_new(into, key, json_deep_copy(value));
            continue;
        }
        /* Into nothing as well: what is null in it is not to be there. */
        if (!json_is_object(json_object_get(into, key)))
            (void)json_object_set_new(into, key, json_object());
        merge(json_object_get(into, key), value);
    }
}

/* The draft that there is, for json_decref; a new one where there is none. NULL: the run has its
 * result, or *ret_error says why not. */
static json_t *draft_of(struct turn *turn, struct tool_run *run, json_int_t *ret_version,
                        int *ret_error) {
    json_t *result = NULL, *draft;
    *ret_version = 0;
    *ret_error = business_ask(turn, run, "get_own_business", slug_of(run), false, &result);
    if (*ret_error < 0)
        return NULL;
    if (result == NULL && strcmp(json_text(run->result, "error"), "unknown_business") == 0) {
        json_decref(run->result);
        run->result = NULL;
        run->is_error = false;
        return json_object();
    }
    draft = json_deep_copy(json_object_get(result, "draft"));
    *ret_version = json_integer_value(json_object_get(result, "version"));
    json_decref(result);
    return draft;
}

int edit_business_run(struct turn *turn, struct tool_run *run) {
    json_int_t version = 0;
    json_t *result = NULL;
    int r = 0;
    json_t *draft = draft_of(turn, run, &version, &r);
    if (draft == NULL)
        return r;
    merge(draft, json_object_get(run->args, "profile"));
    json_t *arguments = slug_of(run);
    (void)json_object_set_new(arguments, "profile", draft);
    if (version > 0)
        (void)json_object_set_new(arguments, "version", json_integer(version));
    r = business_ask(turn, run, "put_business", arguments, false, &result);
    if (r < 0 || result == NULL)
        return r;
    turn->writes_done++;
    turn_record(turn, run->name, json_text(result, "slug"), "draft written");
    /* That customers see an earlier version reads like "this is published". */
    (void)json_object_del(result, "published");
    (void)json_object_set_new(result, "note",
                              json_string("Written as a draft. Customers see it once the owner has "
                                          "published it on the page of the business."));
    return tool_succeed(turn, run, result);
}

/* ---- what customers did ---- */

static bool is_customers(const char *key) {
    static const char *const keys[] = {"name",    "customer_name", "email",  "phone", "note",
                                       "address", "message",       "reason", "answer"};
    for (size_t i = 0; i < COUNT_OF(keys); i++)
        if (strcmp(keys[i], key) == 0)
            return true;
    return false;
}

/* Takes every text of a customer's in. -ENOMEM. */
static int take_in(struct turn *turn, json_t *value, const char *about) {
    const char *key;
    json_t *member;
    size_t i;
    int r = 0;
    if (json_is_object(value) && *json_text(value, "reference") != '\0')
        about = json_text(value, "reference");
    json_array_foreach(value, i, member) r = r == 0 ? take_in(turn, member, about) : r;
    json_object_foreach(value, key, member) {
        if (r < 0)
            return r;
        if (!json_is_string(member) || !is_customers(key)) {
            r = take_in(turn, member, about);
            continue;
        }
        char *text = turn_takes(turn, TAINT_CUSTOMER, about, SHOWN_CONTEXT,
                                json_string_value(member), TEXT_MOST);
        if (text == NULL || json_string_set(member, text) < 0)
            r = -ENOMEM;
        string_wipe(text);
    }
    return r;
}

static int list_run(struct turn *turn, struct tool_run *run, const char *operation) {
    json_t *result = NULL, *arguments = strings_of(run);
    (void)json_object_set_new(arguments, "limit", json_integer(50));
    int r = business_ask(turn, run, operation, arguments, false, &result);
    if (r < 0 || result == NULL)
        return r;
    if (take_in(turn, result, "a customer") < 0) {
        json_decref(result);
        return fault_set(&turn->fault, -ENOMEM, "internal", true, "This server is out of memory.");
    }
    turn_record(turn, run->name, NULL, "ok");
    return tool_succeed(turn, run, result);
}

int list_bookings_run(struct turn *turn, struct tool_run *run) {
    return list_run(turn, run, "list_bookings");
}

int list_inquiries_run(struct turn *turn, struct tool_run *run) {
    return list_run(turn, run, "list_inquiries");
}
