/* create_event. The id comes from the request and the event's number in it, so a repeat, a lost
 * answer or a second attempt meets the event that is already there instead of making another. */
#include <errno.h>
#include <string.h>
#include <strings.h>

#include "agent/proposal.h"
#include "agent/tools_write.h"
#include "providers/json_get.h"

#define VARIANTS 6u

struct creation {
    const char *title;
    struct event_times times;
    json_t *recurrence; /* NULL: once */
    json_t *invited;    /* addresses; perhaps none */
};

static bool creation_mails(const struct creation *creation) {
    return json_array_size(creation->invited) > 0;
}

static void creation_free(struct creation *creation) {
    json_decref(creation->recurrence);
    json_decref(creation->invited);
}

static bool creation_read(struct turn *turn, struct tool_run *run, struct creation *ret) {
    const char *zone = tool_arg(run, "timezone"), *title = tool_arg(run, "title"), *wrong;
    const json_t *all_day = json_object_get(run->args, "all_day");
    const json_t *lines = json_object_get(run->args, "recurrence");
    ret->title = title;
    wrong = event_times_read(tool_arg(run, "start"), tool_arg(run, "end"),
                             zone != NULL ? zone : turn->zone,
                             all_day == NULL ? -1 : json_is_true(all_day), 3600, &ret->times);
    if (wrong == NULL && json_array_size(lines) > 0)
        wrong = event_recurrence_read(lines, &ret->recurrence);
    if (wrong == NULL)
        wrong = event_recurrence_fit(ret->recurrence, &ret->times);
    if (wrong == NULL && ret->recurrence != NULL && zone == NULL &&
        turn->zone_source == ZONE_UNKNOWN)
        wrong = "A repeating event needs \"timezone\": the owner's is not known.";
    if (wrong == NULL)
        return write_title(turn, run, title, NULL) && guests_read(turn, run, NULL, &ret->invited);
    (void)tool_refuse(run, "bad_arguments", "%s", wrong);
    return false;
}

static json_t *creation_body(const struct turn *turn, const struct creation *creation,
                             const char *id) {
    char mac[EVENT_ID_LEN + 1];
    event_mac_make(turn->keys->user, id, mac);
    json_t *body =
        json_pack("{s:s, s:s, s:o, s:o, s:{s:{s:s}}}", "id", id, "summary", creation->title,
                  "start", event_time_json(&creation->times, false, false), "end",
                  event_time_json(&creation->times, true, false), "extendedProperties", "private",
                  EVENT_PROP_MAC, mac);
    if (body != NULL && creation->recurrence != NULL)
        (void)json_object_set(body, "recurrence", creation->recurrence);
    if (body != NULL && creation_mails(creation))
        (void)json_object_set_new(body, "attendees", guests_json(NULL, creation->invited));
    return body;
}

/* An id that Google says is used, or a write whose answer was lost: what is there now? */
static int create_look(struct turn *turn, struct tool_run *run, const char *id, bool ours,
                       enum created *ret, json_t **ret_event, bool *ret_absent) {
    int status = 0, r = write_look(turn, run, id, ret_event, &status);
    *ret_absent = status == 404 || status == 410;
    if (r < 0)
        return r;
    if (run->is_error)
        *ret = REFUSED;
    else if (*ret_event != NULL)
        *ret = strcmp(json_text(*ret_event, "status"), "cancelled") == 0 ||
                       !event_is_own(turn->keys->user, *ret_event)
                   ? TAKEN
                   : (ours ? CREATED : EXISTED);
    return 0;
}

int create_try(struct turn *turn, struct tool_run *run, const json_t *body, bool mail,
               enum created *ret, json_t **ret_event) {
    const char *id = json_text(body, "id");
    struct google_request request = {.method = "POST",
                                     .path = {"calendars", "primary", "events"},
                                     .params = write_params(mail),
                                     .write = true};
    bool silent = false,
         unknown = false; /* an attempt without any answer; one without a good one */
    request.body = (json_t *)body;
    for (unsigned i = 0; i < WRITE_TRIES; i++) {
        struct google_answer answer = {0};
        bool absent = false;
        int r = google_do(turn->google, &request, &answer, &turn->fault);
        if (r < 0) { /* surely not sent this time; an earlier attempt may still have arrived */
            turn->fault.unknown_writes |= unknown;
            return r;
        }
        unknown = unknown || answer.unknown;
        silent = silent || (answer.unknown && !answer.answered);
        int status = answer.status;
        bool lost = answer.unknown;
        if (!lost && status / 100 == 2) {
            *ret = CREATED;
            *ret_event = json_incref(answer.json);
        } else if (!lost && status != 409) {
            *ret = REFUSED;
            (void)tool_google_refused(run, &answer);
        }
        google_answer_free(&answer);
        if (!lost && status != 409)
            return 0;
        r = create_look(turn, run, id, unknown, ret, ret_event, &absent);
        turn->pump.writing = false;
        if (r < 0) {
            turn->fault.unknown_writes |= unknown;
            return r;
        }
        if (!absent)
            return 0;
        r = i + 1 < WRITE_TRIES ? write_pause(turn, i) : 0;
        if (r < 0) {
            turn->fault.unknown_writes |= silent;
            return r == -EAGAIN ? write_unknown(turn, silent) : r;
        }
    }
    return write_unknown(turn, silent);
}

static int create_done(struct turn *turn, struct tool_run *run, const json_t *event,
                       const struct creation *creation, bool existed) {
    const char *handle = turn_handle(turn, json_text(event, "id"));
    struct event_times times;
    if (!event_times_of(event, creation->times.zone, &times))
        times = creation->times;
    const char *note =
        existed ? "This request had already made this event before it broke off; nothing "
                  "new was made. If another event was meant, call create_event again."
                : event_times_note(&creation->times);
    turn->writes_done++;
    write_record(turn, run->name, handle, "ok", &times);
    return tool_succeed(turn, run,
                        write_result(handle, &times, existed ? "already_there" : "created", note));
}

/* What this request made before it broke off: the same time, else the same title. */
static struct earlier_event *find_earlier(struct turn *turn, const struct creation *creation) {
    for (size_t i = 0; i < turn->nearlier; i++) {
        struct event_times times;
        if (!turn->earlier[i].claimed &&
            event_times_of(turn->earlier[i].event, creation->times.zone, &times) &&
            times.from == creation->times.from && times.to == creation->times.to)
            return &turn->earlier[i];
    }
    for (size_t i = 0; i < turn->nearlier; i++)
        if (!turn->earlier[i].claimed &&
            strcasecmp(json_text(turn->earlier[i].event, "summary"), creation->title) == 0)
            return &turn->earlier[i];
    return NULL;
}

static int create_new(struct turn *turn, struct tool_run *run, const struct creation *creation) {
    for (uint32_t variant = 0; variant < VARIANTS; variant++) {
        char id[EVENT_ID_LEN + 1];
        enum created created = REFUSED;
        json_t *event = NULL;
        event_id_make(turn->keys->user, turn->request, turn->creates, variant, id);
        json_t *body = creation_body(turn, creation, id);
        int r = body == NULL
                    ? fault_set(&turn->fault, -ENOMEM, "internal", true,
                                "This server is out of memory.")
                    : create_try(turn, run, body, creation_mails(creation), &created, &event);
        json_decref(body);
        if (r == 0 && (created == CREATED || created == EXISTED)) {
            turn->creates++;
            r = create_done(turn, run, event, creation, created == EXISTED);
        }
        json_decref(event);
        if (r < 0 || created != TAKEN)
            return r;
    }
    return tool_refuse(run, "google_rejected", "Google did not accept a new event.");
}

/* The event is fixed with its id, so that a confirmation that is repeated meets it. */
static int create_propose(struct turn *turn, struct tool_run *run,
                          const struct creation *creation) {
    uint8_t request[32];
    char hex[65], id[EVENT_ID_LEN + 1];
    proposal_request(request, hex);
    event_id_make(turn->keys->user, request, 0, 0, id);
    json_t *body = creation_body(turn, creation, id);
    struct proposal_draft draft = {.tool = run->id,
                                   .event = "",
                                   .handle = "",
                                   .body = body,
                                   .after = creation->times,
                                   .invited = creation->invited,
                                   .mail = creation_mails(creation),
                                   .request = hex};
    int r = body != NULL ? proposal_add(turn, run, &draft)
                         : fault_set(&turn->fault, -ENOMEM, "internal", true,
                                     "This server is out of memory.");
    json_decref(body);
    return r;
}

static int create_judged(struct turn *turn, struct tool_run *run, const struct creation *creation) {
    if (!write_allowed(turn, run))
        return 0;
    switch (write_judge(turn, run->id, true, creation_mails(creation))) {
    case VERDICT_ALLOW:
        return create_new(turn, run, creation);
    case VERDICT_PROPOSE:
        return create_propose(turn, run, creation);
    case VERDICT_REFUSE:
        break;
    }
    return write_unconfirmable(run);
}

int create_event_run(struct turn *turn, struct tool_run *run) {
    struct creation creation = {0};
    int r = 0;
    if (creation_read(turn, run, &creation)) {
        struct earlier_event *earlier = find_earlier(turn, &creation);
        if (earlier != NULL) {
            earlier->claimed = true;
            r = create_done(turn, run, earlier->event, &creation, true);
        } else {
            r = create_judged(turn, run, &creation);
        }
    }
    creation_free(&creation);
    return r;
}

int turn_find_earlier(struct turn *turn) {
    struct tool_run look = {.id = TOOL_GET_EVENT};
    if (turn->origin == ORIGIN_CUSTOMER) /* makes no events, and fetches none (ORIGIN_TEXT) */
        return 0;
    if (!turn->start->repeated || turn->start->idempotency.len != sizeof(turn->request) ||
        !turn_may_events(turn))
        return 0;
    uint32_t index = 0, variant = 0;
    while (index < TURN_EARLIER && variant < VARIANTS) {
        char id[EVENT_ID_LEN + 1];
        json_t *event = NULL;
        int status = 0;
        event_id_make(turn->keys->user, turn->request, index, variant, id);
        int r = write_look(turn, &look, id, &event, &status);
        if (r < 0)
            return r;
        if (event == NULL) {
            if (variant == 0) /* this one was never made, so no later one was */
                break;
            index++;
            variant = 0;
        } else if (strcmp(json_text(event, "status"), "cancelled") == 0 ||
                   !event_is_own(turn->keys->user, event)) {
            json_decref(event);
            variant++;
        } else {
            turn->earlier[turn->nearlier++] = (struct earlier_event){.event = event};
            index++;
            variant = 0;
        }
    }
    json_decref(look.result);
    turn->creates = index;
    return 0;
}
