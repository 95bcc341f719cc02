/* Google's answers as turns read them: tokens, identity, revocation, free/busy, lists of events and
 * of calendars, one event, the calendar's zone. What a tool makes of an answer is within the span
 * and the sizes it promises; availability holds intervals and nothing else; a failure has words,
 * and Google's text is not in them. The input's first byte says what is asked, then the script. */
#include <errno.h>

#include "agent/calendars.h"
#include "agent/tools.h"
#include "providers/google_internal.h"
#include "script_http.h"

#define CLIENT   "client.example"
#define NONCE    "nonce"
#define TEXT_MAX 4000
#define SPAN     "2026-11-20", "2027-03-01"

static const struct google_settings settings = {.client_id = CLIENT,
                                                .token_url = "http://oauth.example/token",
                                                .revoke_url = "http://oauth.example/revoke",
                                                .calendar_url = "http://calendar.example/v3"};

static void failed(int r, const struct fault *fault) {
    MUST(r < 0 && fault->code != NULL && fault->detail[0] != '\0');
    MUST(utf8_valid(fault->detail, strlen(fault->detail)));
}

static bool visible(const char *text) {
    for (; *text != '\0'; text++)
        if ((unsigned char)*text <= ' ' || *text == 0x7f)
            return false;
    return true;
}

static void identity_holds(const struct google_identity *identity) {
    MUST(identity->subject[0] != '\0' && strlen(identity->subject) < sizeof(identity->subject));
    MUST(strlen(identity->email) < sizeof(identity->email));
    MUST(visible(identity->subject) && visible(identity->email));
}

/* ---- what is not a tool ---- */

static void connecting(struct google *google, bool sign_in) {
    const struct google_code code = {"code", "http://localhost/back", "verifier", NONCE};
    struct google_identity identity;
    struct google_grant grant;
    struct fault fault = {0};
    int r = sign_in ? google_sign_in(google, &code, &identity, &fault)
                    : google_exchange(google, &code, &grant, &fault);
    MUST(script_requests() == 1); /* a code works once */
    if (r < 0) {
        failed(r, &fault);
        return;
    }
    identity_holds(sign_in ? &identity : &grant.identity);
    if (sign_in)
        return;
    MUST(grant.refresh[0] != '\0' && grant.access != NULL);
    MUST(grant.expires_at_ms >= SCRIPT_NOW_MS && grant.expires_at_ms <= wall_ms() + 86400000);
    for (size_t i = 0; i < grant.nscopes; i++)
        for (size_t k = 0; k < i; k++)
            MUST(strcmp(grant.scopes[i], grant.scopes[k]) != 0);
    google_grant_free(&grant);
}

static void token(struct google *google) {
    struct fault fault = {0};
    int64_t expires = 0;
    int r = google_token(google, &fault);
    const char *access = google_fresh_access(google, &expires);
    if (r < 0)
        failed(r, &fault);
    MUST((r == 0) == (access != NULL) &&
         (r < 0 || (*access != '\0' && expires > SCRIPT_NOW_MS - 1)));
    MUST(script_requests() <= 3);
}

static void revoking(struct google *google) {
    struct fault fault = {0};
    bool confirmed = false;
    int r = google_revoke(google, "refresh", &confirmed, &fault);
    if (r < 0)
        failed(r, &fault);
}

static void identity_alone(const struct input *input) {
    struct google_identity identity;
    char *text = strndup((const char *)input->at, input->left);
    MUST(text != NULL);
    if (google_id_token_check(text, CLIENT, NONCE, SCRIPT_NOW_MS / 1000, &identity) == 0)
        identity_holds(&identity);
    free(text);
    /* The same as the claims of a token. */
    char *token = malloc(BASE64URL_SIZE(input->left) + 4);
    MUST(token != NULL);
    strcpy(token, "h.");
    base64url_encode(input->at, input->left, token + 2);
    strcat(token, ".s");
    if (google_id_token_check(token, CLIENT, NONCE, SCRIPT_NOW_MS / 1000, &identity) == 0)
        identity_holds(&identity);
    free(token);
}

/* ---- tools ---- */

static int64_t moment(const json_t *object, const char *key, struct stamp *ret) {
    const char *text = json_string_value(json_object_get(object, key));
    char again[STAMP_TEXT];
    MUST(text != NULL && stamp_parse(text, ret) == 0);
    stamp_format(ret, again);
    MUST(strcmp(text, again) == 0);
    return stamp_utc(ret);
}

static void availability_holds(const struct tool_run *run, json_t *result) {
    static const char *const keys[] = {"start", "end", "timezone", "free", "busy", "more"};
    const char *key;
    json_t *value, *item;
    size_t i, known = 0;
    struct stamp stamp;
    json_object_foreach(result, key, value) for (size_t k = 0; k < COUNT_OF(keys); k++) known +=
        strcmp(key, keys[k]) == 0;
    MUST(known == json_object_size(result));
    const json_t *busy = json_object_get(result, "busy");
    int64_t last = moment(result, "start", &stamp), end = moment(result, "end", &stamp);
    MUST(last == run->from && end == run->to && last < end);
    last--;
    MUST(json_is_true(json_object_get(result, "free")) == (json_array_size(busy) == 0));
    json_array_foreach(busy, i, item) {
        int64_t from = moment(item, "start", &stamp), to = moment(item, "end", &stamp);
        MUST(json_object_size(item) == 2 && last < from && from < to && to <= end);
        last = to;
    }
}

static void event_holds(const json_t *event) {
    static const char *const texts[] = {"title", "place", "description", "call", "calendar"};
    static const char *const handles[] = {"event", "series"};
    struct stamp start, end;
    for (size_t i = 0; i < COUNT_OF(handles); i++) {
        const char *handle = json_string_value(json_object_get(event, handles[i]));
        MUST((handle == NULL && i > 0) ||
             (strncmp(handle, "ev", 2) == 0 && strlen(handle) == HANDLE_SIZE - 1));
    }
    int64_t from = moment(event, "start", &start), to = moment(event, "end", &end);
    MUST(from <= to && start.kind == end.kind);
    MUST((start.kind == STAMP_DATE) == json_is_true(json_object_get(event, "all_day")));
    for (size_t i = 0; i < COUNT_OF(texts); i++)
        MUST(json_string_length(json_object_get(event, texts[i])) <= TEXT_MAX);
}

static void result_holds(const struct tool_run *run) {
    size_t i;
    json_t *event;
    if (run->is_error) {
        MUST(json_string_length(json_object_get(run->result, "error")) > 0);
        MUST(json_string_length(json_object_get(run->result, "detail")) > 0);
    } else if (run->id == TOOL_CHECK_AVAILABILITY) {
        availability_holds(run, run->result);
    } else if (run->id == TOOL_GET_EVENT) {
        event_holds(run->result);
    } else {
        MUST(json_array_size(json_object_get(run->result, "events")) <= 100);
        json_array_foreach(json_object_get(run->result, "events"), i, event) event_holds(event);
    }
}

static void tool(struct turn *turn, enum tool_id id) {
    int (*begin)(struct turn *, struct tool_run *) = availability_begin;
    int (*finish)(struct turn *, struct tool_run *) = availability_finish;
    struct tool_run run = {.id = id, .name = "tool"};
    if (id == TOOL_LIST_EVENTS) {
        begin = list_events_begin;
        finish = list_events_finish;
    } else if (id == TOOL_GET_EVENT) {
        begin = get_event_begin;
        finish = get_event_finish;
    }
    const char *span[] = {SPAN};
    run.args =
        json_pack("{s:s, s:s, s:s, s:[s, s, s]}", "start", span[0], "end", span[1], "event",
                  turn_handle(turn, "event1"), "include", "description", "addresses", "call");
    int r = begin(turn, &run);
    if (r == 0 && run.result == NULL)
        r = finish(turn, &run);
    if (r < 0)
        failed(r, &turn->fault);
    else
        result_holds(&run);
    for (size_t i = 0; i < run.ncalls; i++)
        google_abandon(run.calls[i]);
    json_decref(run.result);
    json_decref(run.args);
}

/* A turn that may one thing, and nothing else; 'k' and 'm' may see which calendars there are. */
static void in_turn(struct google *google, const struct pump *pump, char what) {
    bool busy = what == 'f' || what == 'k', calendars = what == 'k' || what == 'm';
    char *scopes[] = {(char *)(busy ? GOOGLE_SCOPE_FREEBUSY : GOOGLE_SCOPE_EVENTS),
                      (char *)GOOGLE_SCOPE_BASE "calendar.calendarlist.readonly"};
    Cloister__SealedState state = CLOISTER__SEALED_STATE__INIT;
    Cloister__TurnStart start = CLOISTER__TURN_START__INIT;
    struct keys keys = {.has_user = true, .user = {1}};
    struct turn *turn = calloc(1, sizeof(*turn));
    MUST(turn != NULL && google_use_access(google, "access", SCRIPT_NOW_MS + 3600000) == 0);
    state.scopes = scopes;
    state.n_scopes = calendars ? 2 : 1;
    start.state = &state;
    *turn = (struct turn){.start = &start, .pump = *pump, .google = google, .keys = &keys};
    turn->taint = taint_new();
    turn->people = people_new();
    turn->notes = notes_new();
    turn->handles = handles_new(keys.user, turn->notes);
    MUST(turn->taint != NULL && turn->people != NULL && turn->handles != NULL);
    google->pump = &turn->pump;
    strcpy(turn->zone, "Europe/Berlin");
    if (what == 'z') {
        int r = turn_find_zone(turn);
        MUST(r == 0 ? zone_valid(turn->zone) : turn->fault.code != NULL);
    } else {
        tool(turn, what == 'l' || what == 'm' ? TOOL_LIST_EVENTS
                   : what == 'g'              ? TOOL_GET_EVENT
                                              : TOOL_CHECK_AVAILABILITY);
    }
    strbuf_free(&turn->record);
    calendars_free(turn->calendars);
    handles_free(turn->handles);
    notes_free(turn->notes);
    people_free(turn->people);
    taint_free(turn->taint);
    free(turn);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len) {
    struct input input = {data, len};
    struct pump pump;
    if (len < 1 || seal_init() < 0)
        return 0;
    const char what = (char)input_byte(&input);
    if (what == 'i') {
        identity_alone(&input);
        return 0;
    }
    script_begin(&input, 0, &pump);
    struct google *google = google_new(&settings, &pump, "secret");
    MUST(google != NULL);
    google_use_refresh(google, "refresh");
    if (what == 't')
        token(google);
    else if (what == 'r')
        revoking(google);
    else if (what == 'c' || what == 's')
        connecting(google, what == 's');
    else
        in_turn(google, &pump, what);
    google_free(google);
    script_end(&pump);
    return 0;
}
