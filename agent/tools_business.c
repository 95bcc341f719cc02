/* A customer's tools. What they may do is cloister-business's to say: a booking is shown, moved and
 * cancelled for whoever has its secret. */
#include "agent/tools_business.h"

#include <errno.h>
#include <string.h>

#include "business/api/operations.h"
#include "providers/json_get.h"

#define MAC_LEN 16
#define KEY_LEN (sizeof(IDEMPOTENCY_DERIVED) - 1 + (size_t)MAC_LEN * 2)

/* The same for a repeat of this request, another one for its next write. */
static void next_key(struct turn *turn, char out[static KEY_LEN + 1]) {
    uint8_t mac[MAC_LEN], index[4];
    for (unsigned i = 0; i < sizeof(index); i++)
        index[i] = (uint8_t)(turn->creates >> (8 * i));
    turn->creates++;
    key_mac(turn->request, index, sizeof(index), mac, sizeof(mac));
    hex_encode(mac, sizeof(mac), stpcpy(out, IDEMPOTENCY_DERIVED));
}

/* A refusal is a result that the model can act on: its code, its words, and what came beside it. */
static int refused(struct turn *turn, struct tool_run *run,
                   const Cloister__BusinessResult *result) {
    json_t *beside = json_loads(result->result, JSON_REJECT_DUPLICATES, NULL);
    (void)turn;
    (void)tool_refuse(run, result->code[0] != '\0' ? result->code : "unavailable", "%s",
                      result->detail);
    if (json_is_object(beside))
        (void)json_object_update_missing(run->result, beside);
    json_decref(beside);
    return 0;
}

int business_ask(struct turn *turn, struct tool_run *run, const char *operation, json_t *arguments,
                 bool once, json_t **ret) {
    char key[KEY_LEN + 1] = "";
    const Cloister__BusinessResult *result = NULL;
    Cloister__BusinessCall call = CLOISTER__BUSINESS_CALL__INIT;
    char *text = arguments != NULL ? json_dumps(arguments, JSON_COMPACT) : NULL;
    json_decref(arguments);
    *ret = NULL;
    if (text == NULL)
        return fault_set(&turn->fault, -ENOMEM, "internal", true, "This server is out of memory.");
    if (once)
        next_key(turn, key);
    call.operation = (char *)(uintptr_t)operation;
    call.arguments = text;
    call.idempotency_key = key;
    int r = channel_business(&turn->channel, &call, &result, &turn->fault);
    string_wipe(text);
    if (r < 0)
        return r;
    if (result->status >= 400)
        return refused(turn, run, result);
    *ret = json_loads(result->result, JSON_REJECT_DUPLICATES, NULL);
    if (!json_is_object(*ret)) {
        json_decref(*ret);
        *ret = NULL;
        return tool_refuse(run, "unavailable", "The business's records could not be read.");
    }
    return 0;
}

/* The tool's own arguments, all of them strings, under the operation's names. */
static json_t *arguments_of(const struct turn *turn, const struct tool_run *run) {
    json_t *arguments = json_object();
    const char *key;
    json_t *value;
    json_object_foreach(run->args, key, value) if (json_string_length(value) > 0)(void)
        json_object_set(arguments, key, value);
    if (turn->start->business[0] != '\0')
        (void)json_object_set_new(arguments, "business", json_string(turn->start->business));
    return arguments;
}

/* name, email and phone, taken out of the arguments: "customer". */
static void move_customer(json_t *arguments) {
    static const char *const members[] = {"name", "email", "phone"};
    json_t *customer = json_object();
    for (size_t i = 0; i < COUNT_OF(members); i++) {
        json_t *value = json_object_get(arguments, members[i]);
        if (value == NULL)
            continue;
        (void)json_object_set(customer, members[i], value);
        (void)json_object_del(arguments, members[i]);
    }
    (void)json_object_set_new(arguments, "customer", customer);
}

/* What names a booking has no business in it. */
static json_t *which_of(const struct turn *turn, const struct tool_run *run) {
    json_t *arguments = arguments_of(turn, run);
    (void)json_object_del(arguments, "business");
    return arguments;
}

static void allow_links(struct turn *turn, const json_t *result) {
    static const char *const links[] = {"manage_url", "cancel_url", "ics_url", "url"};
    for (size_t i = 0; i < COUNT_OF(links); i++)
        turn_allow(turn, json_text(result, links[i]));
}

/* What can be seen and changed with nothing but its link. */
static void keep_page(struct turn *turn, const json_t *result) {
    const char *reference = json_text(result, "reference"), *page = json_text(result, "manage_url");
    if (*page == '\0')
        page = json_text(result, "url");
    if (*reference != '\0' && *page != '\0')
        strbuf_addf(&turn->pages, "%s %s\n", reference, page);
}

/* What a later turn of this conversation needs to go on with it. */
static void record(struct turn *turn, const struct tool_run *run, const json_t *result,
                   const char *outcome) {
    SCOPE_FREE char *names = NULL;
    const char *reference = json_text(result, "reference"), *secret = json_text(result, "secret");
    if (*secret == '\0')
        secret = run->args != NULL ? json_text(run->args, "secret") : "";
    if (asprintf(&names, "%s%s%s%s%s", reference, *secret != '\0' ? " (secret " : "", secret,
                 *secret != '\0' ? ") " : " ", json_text(result, "start")) < 0)
        names = NULL;
    turn_record(turn, run->name, names, outcome);
}

/* Ends the run with what the operation gave; takes `result`. */
static int settle(struct turn *turn, struct tool_run *run, json_t *result, bool writes) {
    if (result == NULL)
        return 0;
    allow_links(turn, result);
    if (writes) {
        turn->writes_done++;
        keep_page(turn, result);
        record(turn, run, result, "ok");
    }
    return tool_succeed(turn, run, result);
}

static int ask_and_settle(struct turn *turn, struct tool_run *run, const char *operation,
                          json_t *arguments, bool writes, bool once) {
    json_t *result = NULL;
    int r = business_ask(turn, run, operation, arguments, once, &result);
    return r < 0 ? r : settle(turn, run, result, writes);
}

int free_times_run(struct turn *turn, struct tool_run *run) {
    json_t *arguments = arguments_of(turn, run);
    (void)json_object_set_new(arguments, "limit", json_integer(24));
    turn_shows(turn, SHOWN_BUSY);
    return ask_and_settle(turn, run, "check_availability", arguments, false, false);
}

int get_business_run(struct turn *turn, struct tool_run *run) {
    json_t *result = NULL;
    int r = business_ask(turn, run, "get_business", arguments_of(turn, run), false, &result);
    char *text = result != NULL ? json_dumps(result, JSON_COMPACT) : NULL;
    if (text != NULL) /* published by the owner: its addresses may be named */
        turn_allow(turn, text);
    free(text);
    return r < 0 ? r : settle(turn, run, result, false);
}

int create_booking_run(struct turn *turn, struct tool_run *run) {
    json_t *arguments = arguments_of(turn, run);
    move_customer(arguments);
    return ask_and_settle(turn, run, "create_booking", arguments, true, true);
}

int get_booking_run(struct turn *turn, struct tool_run *run) {
    return ask_and_settle(turn, run, "get_booking", which_of(turn, run), false, false);
}

int reschedule_booking_run(struct turn *turn, struct tool_run *run) {
    return ask_and_settle(turn, run, "reschedule_booking", which_of(turn, run), true, false);
}

int cancel_booking_run(struct turn *turn, struct tool_run *run) {
    return ask_and_settle(turn, run, "cancel_booking", which_of(turn, run), true, false);
}

int send_inquiry_run(struct turn *turn, struct tool_run *run) {
    json_t *arguments = arguments_of(turn, run);
    move_customer(arguments);
    return ask_and_settle(turn, run, "send_inquiry", arguments, true, true);
}
