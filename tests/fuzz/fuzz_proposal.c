/* What the owner is shown of a change, and the word that answers it. A line each: the owner's
 * message, an address; the rest is an event as Google sends it. Whatever they are: the words stay
 * on one line and in their quotes, the data is an object, and a plain word is a short one. */
#include <strings.h>

#include "agent/proposal.h"
#include "agent/tools_write.h"
#include "agent/yes.h"
#include "fuzz.h"
#include "providers/json_get.h"

#define ZONE      "Europe/Berlin"
#define PLAIN_MAX 96u

static size_t count(const char *text, const char *what) {
    size_t n = 0;
    for (; (text = strstr(text, what)) != NULL; text++)
        n++;
    return n;
}

static void show(const struct proposal_draft *draft) {
    char *summary = proposal_summary(draft, ZONE);
    json_t *arguments = proposal_arguments(draft, ZONE);
    MUST(summary != NULL && json_is_object(arguments));
    MUST(utf8_valid(summary, strlen(summary)));
    MUST(strpbrk(summary, "\n\r\t\x1b") == NULL);
    MUST(count(summary, "“") == count(summary, "”"));
    MUST(json_is_object(json_object_get(arguments, "changes")));
    char *text = json_dumps(arguments, JSON_COMPACT);
    MUST(text != NULL);
    free(text);
    json_decref(arguments);
    free(summary);
}

static void propose(const json_t *event, const char *title, const char *address) {
    struct proposal_draft draft = {.tool = TOOL_DELETE_EVENT,
                                   .event = "id",
                                   .handle = "ev0123456789",
                                   .old = event,
                                   .mail = event_has_attendees(event)};
    if (!event_times_of(event, ZONE, &draft.before))
        return;
    draft.after = draft.before;
    show(&draft);
    json_t *invited = json_pack("[s?]", address), *guests = guests_json(event, invited);
    json_t *body = json_pack("{s:s, s:o}", "summary", title, "attendees", guests);
    MUST(body != NULL && json_array_size(guests) > 0);
    draft.tool = TOOL_UPDATE_EVENT;
    draft.body = body;
    draft.invited = invited;
    draft.after.from += 3600;
    show(&draft);
    draft.tool = TOOL_CREATE_EVENT;
    draft.old = NULL;
    show(&draft);
    json_decref(body);
    json_decref(invited);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len) {
    struct input input = {data, len};
    char *message = input_until(&input, '\n'), *address = input_until(&input, '\n');
    if (yes_read(message, false) != PLAIN_NEITHER) {
        MUST(strlen(message) <= PLAIN_MAX);
        MUST(strpbrk(message, "?\"<>") == NULL || message[strcspn(message, "?\"<>")] != '?');
    }
    (void)yes_read(message, true);
    if (*address != '\0' && guests_named(message, address))
        MUST(strcasestr(message, address) != NULL);
    json_t *event = json_loadb((const char *)input.at, input.left, 0, NULL);
    if (json_is_object(event) && utf8_valid(message, strlen(message)) &&
        utf8_valid(address, strlen(address)) && *address != '\0')
        propose(event, message, address);
    json_decref(event);
    free(message);
    free(address);
    return 0;
}
