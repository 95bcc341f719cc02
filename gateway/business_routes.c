/* The owners' businesses, bookings and inquiries as HTTP: each route is one operation, its path,
 * query and body the operation's arguments. What they may hold, cloister-business judges. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "gateway/business.h"
#include "gateway/query.h"

#define PARAMETER_MAX 256

/* The owner, from ?user= or the session; the answer is given when it is nobody. */
static const char *owner_of(struct call *call, char out[static USER_MAX + 1]) {
    bool session = call->session[0] != '\0';
    int r = query_get(call->query, "user", out, USER_MAX + 1);
    if (r == 0 && session)
        return "me";
    if (r == 1 && name_valid(out, USER_MAX))
        return call_user_is_me(call, out) ? out : NULL;
    call_refuse(call, 400, "invalid_field",
                "Say whose business it is: ?user= with 1 to 128 bytes of UTF-8 without control "
                "characters, percent-encoded.");
    return NULL;
}

static bool on_object(void *ctx, enum upstream_end end, const Cloister__Message *message) {
    struct call *call = ctx;
    json_t *object = business_replied(call, end, message);
    if (object != NULL)
        call_json(call, 200, object);
    return false;
}

/* ---- /v1/businesses/{slug} ---- */

static void of_business(struct call *call, const char *operation, json_t *arguments) {
    char owner[USER_MAX + 1];
    const char *user = owner_of(call, owner);
    if (user != NULL && !slug_fits(call->param[0])) {
        user = NULL;
        call_refuse(call, 400, "invalid_field",
                    "The name of a business has 1 to 64 lower case letters, digits and hyphens.");
    }
    if (user == NULL || arguments == NULL ||
        json_object_set_new(arguments, "slug", json_string(call->param[0])) < 0) {
        json_decref(arguments);
        arguments = NULL;
    }
    if (user != NULL)
        business_ask(call, user, operation, arguments, on_object);
}

void handle_business_put(struct call *call) {
    of_business(call, "put_business", json_incref(call->body));
}

void handle_business_get(struct call *call) {
    of_business(call, "get_own_business", json_object());
}

void handle_business_delete(struct call *call) {
    of_business(call, "delete_business", json_object());
}

void handle_business_publish(struct call *call) {
    of_business(call, "publish_business",
                call->body != NULL ? json_incref(call->body) : json_object());
}

void handle_business_unpublish(struct call *call) {
    of_business(call, "unpublish_business", json_object());
}

void handle_notifications_get(struct call *call) {
    of_business(call, "get_notifications", json_object());
}

void handle_notifications_put(struct call *call) {
    of_business(call, "set_notifications", json_incref(call->body));
}

/* ---- /v1/users/{user}/… ---- */

void handle_businesses_list(struct call *call) {
    const char *user = call_user(call);
    if (user != NULL)
        business_ask(call, user, "list_own_businesses", json_object(), on_object);
}

/* The query's parameters of these names, as texts. NULL: answered, or no memory. */
static json_t *parameters(struct call *call, const char *const *names) {
    char value[PARAMETER_MAX];
    json_t *arguments = json_object();
    for (; *names != NULL; names++) {
        int r = query_get(call->query, *names, value, sizeof(value));
        if (r == 1 && value[0] != '\0')
            r = json_object_set_new(arguments, *names, json_string(value)) < 0 ? -EINVAL : 1;
        if (r >= 0)
            continue;
        char detail[128];
        (void)snprintf(detail, sizeof(detail),
                       "'%s' may come once, with at most %d bytes of UTF-8.", *names,
                       PARAMETER_MAX - 1);
        json_decref(arguments);
        call_refuse(call, 400, "invalid_field", detail);
        return NULL;
    }
    return arguments;
}

static void list(struct call *call, const char *operation, const char *const *names) {
    const char *user = call_user(call);
    json_t *arguments = user == NULL ? NULL : parameters(call, names);
    if (arguments != NULL)
        business_ask(call, user, operation, arguments, on_object);
}

void handle_bookings_list(struct call *call) {
    static const char *const names[] = {"business", "from",   "until", "status",
                                        "order",    "cursor", NULL};
    list(call, "list_bookings", names);
}

void handle_inquiries_list(struct call *call) {
    static const char *const names[] = {"business", "status", "cursor", NULL};
    list(call, "list_inquiries", names);
}

/* One booking or inquiry of the owner's, with what the body says. */
static void of_reference(struct call *call, const char *operation) {
    const char *user = call_user(call);
    if (user == NULL)
        return;
    if (!reference_fits(call->param[1])) {
        call_refuse(call, 400, "invalid_field",
                    "The reference must be one that a list returned: letters, digits, '-', '_'.");
        return;
    }
    json_t *arguments = call->body != NULL ? json_incref(call->body) : json_object();
    (void)json_object_set_new(arguments, "reference", json_string(call->param[1]));
    business_ask(call, user, operation, arguments, on_object);
}

void handle_booking_cancel_owner(struct call *call) {
    of_reference(call, "cancel_booking_as_owner");
}

void handle_booking_reschedule_owner(struct call *call) {
    of_reference(call, "reschedule_booking_as_owner");
}

void handle_inquiry_answer(struct call *call) {
    of_reference(call, "answer_inquiry");
}

void handle_inquiry_close(struct call *call) {
    of_reference(call, "close_inquiry");
}
