#include "supervisor/events.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define ALIVE_S   20
#define KEPT      1024
#define RATE_MS   10000
#define WINDOW_MS (EVENTS_RECENT_S * 1000)

enum fault { FAULT_NONE, FAULT_MODEL, FAULT_GOOGLE, FAULT_OTHER };

struct past {
    uint64_t ended; /* clock */
    uint64_t took_ms;
    enum fault fault;
};

struct events {
    struct event *alive; /* ticks while somebody watches */
    struct events_watcher *watchers;
    struct past kept[KEPT];
    uint64_t count; /* of turns, ever */
};

static const char *const words[EVENT_MAX] = {
#define EVENT(NAME, word, manual) word,
#include "supervisor/events.def"
#undef EVENT
};

/* ---- telling ---- */

static json_t *now_json(void) {
    char text[40];
    struct tm t;
    int64_t ms = wall_ms();
    time_t seconds = (time_t)(ms / 1000);
    if (gmtime_r(&seconds, &t) == NULL)
        return json_null();
    size_t n = strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &t);
    (void)snprintf(text + n, sizeof(text) - n, ".%03dZ", (int)(ms % 1000));
    return json_string(text);
}

static void put_text(json_t *json, const char *key, const char *text) {
    if (text != NULL && text[0] != '\0')
        (void)json_object_set_new(json, key, json_string(text));
}

static void put_number(json_t *json, const char *key, uint64_t number) {
    if (number != 0)
        (void)json_object_set_new(json, key, json_integer((json_int_t)number));
}

static json_t *fact_json(enum event_word word, const struct event_fact *fact) {
    json_t *json = json_pack("{s:o, s:s}", "time", now_json(), "event", words[word]);
    if (json == NULL)
        return NULL;
    put_text(json, "code", fact->code);
    put_text(json, "user", fact->user);
    put_text(json, "origin", fact->origin);
    put_text(json, "turn", fact->turn);
    put_number(json, "pid", (uint64_t)fact->pid);
    put_number(json, "took_us", fact->took_us);
    if (word == EVENT_TURN_OVER)
        (void)json_object_set_new(json, "took_ms", json_integer((json_int_t)fact->took_ms));
    put_number(json, "count", fact->count);
    return json;
}

/* What was missed comes first; as long as that has no room, nothing else has. */
static bool told_missed(struct events_watcher *watcher) {
    if (watcher->missed == 0)
        return true;
    struct event_fact fact = {.count = watcher->missed};
    if (watcher->tell(watcher, fact_json(EVENT_MISSED, &fact)) != 0)
        return false;
    watcher->missed = 0;
    return true;
}

static void tell_all(struct events *events, enum event_word word, const struct event_fact *fact) {
    json_t *json = fact_json(word, fact);
    for (struct events_watcher *w = events->watchers; w != NULL; w = w->next)
        if (!told_missed(w) || w->tell(w, json_incref(json)) != 0)
            w->missed++;
    json_decref(json);
}

static void keep(struct events *events, const struct event_fact *fact);

void events_tell(struct events *events, enum event_word word, const struct event_fact *fact) {
    if (events == NULL)
        return;
    if (word == EVENT_TURN_OVER)
        keep(events, fact);
    if (events->watchers != NULL)
        tell_all(events, word, fact);
}

/* ---- watching ---- */

static void on_alive(evutil_socket_t fd, short what, void *arg) {
    (void)fd, (void)what;
    struct event_fact fact = {0};
    tell_all(arg, EVENT_ALIVE, &fact);
}

void events_watch(struct events *events, struct events_watcher *watcher) {
    static const struct timeval every = {.tv_sec = ALIVE_S};
    if (events->watchers == NULL)
        (void)event_add(events->alive, &every);
    watcher->next = events->watchers;
    events->watchers = watcher;
    /* Whoever was cut off knows at once that it hears again. */
    struct event_fact fact = {0};
    if (watcher->tell(watcher, fact_json(EVENT_ALIVE, &fact)) != 0)
        watcher->missed++;
}

void events_unwatch(struct events *events, struct events_watcher *watcher) {
    struct events_watcher **at = &events->watchers;
    while (*at != NULL && *at != watcher)
        at = &(*at)->next;
    if (*at != NULL)
        *at = watcher->next;
    if (events->watchers == NULL)
        (void)event_del(events->alive);
}

void events_room(struct events_watcher *watcher) {
    (void)told_missed(watcher);
}

/* ---- the latest turns ---- */

/* Whose failure an outcome is. The user's own (wrong time zone, not connected, …) is nobody's. */
static enum fault fault_of(const char *code) {
    static const char *const model[] = {"model_unavailable", "model_rate_limited", "model_rejected",
                                        "model_misconfigured"};
    static const char *const google[] = {"google_unavailable", "google_rate_limited",
                                         "google_quota", "google_rejected"};
    static const char *const other[] = {"agent_lost",         "turn_timeout",
                                        "internal",           "keys_unavailable",
                                        "egress_unavailable", "database_unavailable"};
    for (size_t i = 0; i < COUNT_OF(model); i++)
        if (strcmp(code, model[i]) == 0)
            return FAULT_MODEL;
    for (size_t i = 0; i < COUNT_OF(google); i++)
        if (strcmp(code, google[i]) == 0)
            return FAULT_GOOGLE;
    for (size_t i = 0; i < COUNT_OF(other); i++)
        if (strcmp(code, other[i]) == 0)
            return FAULT_OTHER;
    return FAULT_NONE;
}

static void keep(struct events *events, const struct event_fact *fact) {
    events->kept[events->count++ % KEPT] =
        (struct past){clock_ms(), fact->took_ms, fault_of(fact->code)};
}

static int by_value(const void *a, const void *b) {
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

void events_recent(const struct events *events, struct events_recent *ret) {
    uint64_t took[KEPT], now = clock_ms(), oldest = now;
    size_t n = 0, fresh = 0, have = events->count < KEPT ? (size_t)events->count : KEPT;
    *ret = (struct events_recent){0};
    for (size_t i = 0; i < have; i++) {
        const struct past *past = &events->kept[i];
        if (now - past->ended > WINDOW_MS)
            continue;
        took[n++] = past->took_ms;
        ret->model_failed += past->fault == FAULT_MODEL;
        ret->google_failed += past->fault == FAULT_GOOGLE;
        ret->failed += past->fault != FAULT_NONE;
        fresh += now - past->ended <= RATE_MS;
        if (past->ended < oldest)
            oldest = past->ended;
    }
    if (n == 0)
        return;
    qsort(took, n, sizeof(*took), by_value);
    ret->turns = (unsigned)n;
    ret->p50_ms = took[n / 2];
    ret->p99_ms = took[n * 99 / 100];
    /* So many that the ring holds less than ten seconds of them. */
    uint64_t span = n == KEPT && now - oldest < RATE_MS ? now - oldest + 1 : RATE_MS;
    ret->per_second = (double)fresh * 1000.0 / (double)span;
}

/* ---- */

int events_new(struct event_base *base, struct events **ret) {
    struct events *events = calloc(1, sizeof(*events));
    if (events == NULL)
        return -ENOMEM;
    events->alive = event_new(base, -1, EV_PERSIST, on_alive, events);
    if (events->alive == NULL) {
        free(events);
        return -ENOMEM;
    }
    *ret = events;
    return 0;
}

void events_free(struct events *events) {
    if (events == NULL)
        return;
    event_free(events->alive);
    free(events);
}
