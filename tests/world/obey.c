/* Carrying a script out, by replay: like the ordinary mind this one keeps nothing between requests.
 * Every round that the request shows is walked through again, so it is known which of them were the
 * script's and how far it has come. */
#include "tests/world/obey.h"

#include <stdio.h>
#include <string.h>

#include "tests/world/results.h"
#include "tests/world/toolbox.h"

#define CURIOUS_MAX 6u

static json_t *settings;

void obey_set(const json_t *fresh) {
    json_decref(settings);
    settings = json_deep_copy(fresh);
}

json_t *obey_settings(void) {
    return settings != NULL ? json_deep_copy(settings) : json_object();
}

static bool on(const char *name) {
    return json_is_true(json_object_get(settings, name));
}

static const char *text(const json_t *object, const char *key) {
    return json_string_value(json_object_get(object, key));
}

/* ---- where a script stands ---- */

struct run {
    const json_t *conversation;
    struct obey_reader reader;
    size_t step;  /* of the script: the next one */
    size_t tried; /* alternatives of that step */
    bool looked;  /* its curiosity is satisfied */
    json_t *rest; /* the conversation without the script's rounds */
    bool mine;    /* there were such rounds */
};

static const json_t *step_now(const struct run *run) {
    return json_array_get(run->reader.script, run->step);
}

/* A round's calls of the step that is due, filled in, or NULL when it is no round of calls. */
static json_t *step_calls(struct run *run, const json_t **ret_say) {
    const json_t *step = step_now(run), *calls = step;
    json_int_t times = 1;
    *ret_say = NULL;
    if (json_is_object(step)) {
        const json_t *alternatives = json_object_get(step, "try");
        calls = alternatives != NULL ? json_array_get(alternatives, run->tried)
                                     : json_object_get(step, "do");
        *ret_say = json_object_get(step, "say");
        if (json_is_integer(json_object_get(step, "times")))
            times = json_integer_value(json_object_get(step, "times"));
    }
    if (!json_is_array(calls))
        return NULL;
    json_t *list = json_array();
    for (json_int_t n = 0; n < times; n++) {
        json_t *filled = obey_fill(run->conversation, calls, (long)n);
        for (size_t i = 0; i + 1 < json_array_size(filled); i += 2)
            json_array_append_new(list, json_pack("{s:O,s:O}", "name", json_array_get(filled, i),
                                                  "input", json_array_get(filled, i + 1)));
        json_decref(filled);
    }
    return list;
}

/* An attempt went through when no result is an error or a mere proposal. */
static bool went_through(const json_t *answered) {
    size_t i;
    const json_t *result;
    json_array_foreach(json_object_get(answered, "results"), i, result) {
        char why[64];
        if (result_error(text(result, "text"), json_is_true(json_object_get(result, "error")), why,
                         sizeof(why)) ||
            strstr(text(result, "text"), "\"proposed\"") != NULL)
            return false;
    }
    return true;
}

/* The round that was just walked through was the script's. */
static void step_over(struct run *run, const json_t *answered) {
    const json_t *alternatives = json_object_get(step_now(run), "try");
    bool again = alternatives != NULL && run->tried + 1 < json_array_size(alternatives) &&
                 !went_through(answered);
    run->tried = again ? run->tried + 1 : 0;
    run->step += again ? 0 : 1;
}

/* ---- curiosity: the details of whatever was listed ---- */

static bool has_property(const json_t *tool, const char *name) {
    const json_t *properties = json_object_get(json_object_get(tool, "schema"), "properties");
    return json_object_get(properties, name) != NULL;
}

static json_t *curious_calls(const struct run *run, const json_t *answered) {
    const json_t *tool = tool_pick(json_object_get(run->conversation, "tools"), USE_GET), *result;
    json_t *list = json_array();
    size_t i;
    json_array_foreach(json_object_get(answered, "results"), i, result) {
        static struct seen_event events[CURIOUS_MAX];
        int n = tool == NULL
                    ? 0
                    : result_events(text(result, "text"), zone_find("UTC"), events, CURIOUS_MAX);
        for (int k = 0; k < n; k++) {
            json_t *args = json_object();
            tool_set(tool, args, ARG_EVENT, json_string(events[k].handle));
            if (has_property(tool, "include"))
                json_object_set_new(args, "include",
                                    json_pack("[s,s]", "description", "addresses"));
            json_array_append_new(list,
                                  json_pack("{s:s,s:o}", "name", tool_name(tool), "input", args));
        }
    }
    return list;
}

/* ---- replay ---- */

/* Index of the turn that asks. */
static size_t asking(const json_t *turns) {
    for (size_t i = json_array_size(turns); i-- > 0;) {
        const json_t *turn = json_array_get(turns, i);
        if (strcmp(text(turn, "role"), "user") == 0 && text(turn, "text") != NULL &&
            json_object_get(turn, "results") == NULL)
            return i;
    }
    return 0;
}

static void read_words(struct run *run, const json_t *turns, size_t last) {
    (void)obey_read(&run->reader, text(settings, "provider"));
    (void)obey_read(&run->reader, text(run->conversation, "system"));
    for (size_t i = 0; i <= last; i++)
        (void)obey_read(&run->reader, text(json_array_get(turns, i), "text"));
}

static void read_results(struct run *run, const json_t *answered) {
    size_t i;
    const json_t *result;
    json_array_foreach(json_object_get(answered, "results"), i, result) {
        if (obey_read_result(&run->reader, text(result, "text")))
            run->step = run->tried = 0;
    }
}

/* Walks through one round; `pending`: the calls that curiosity made in it. */
static json_t *walk(struct run *run, const json_t *calling, const json_t *answered, bool curious) {
    const json_t *say;
    json_t *turns = json_object_get(run->rest, "turns");
    json_t *due = curious ? NULL : step_calls(run, &say);
    if (curious || due != NULL) {
        run->mine = true;
        if (!curious)
            step_over(run, answered);
    } else {
        json_array_append(turns, (json_t *)(uintptr_t)calling);
        json_array_append(turns, (json_t *)(uintptr_t)answered);
    }
    json_decref(due);
    read_results(run, answered);
    if (!on("curious") || run->looked)
        return NULL;
    json_t *more = curious_calls(run, answered);
    run->looked = json_array_size(more) > 0;
    if (!run->looked)
        json_decref(more);
    return run->looked ? more : NULL;
}

static json_t *reply(const json_t *say, json_t *calls) {
    return json_pack("{s:s,s:o,s:b}", "text", json_is_string(say) ? json_string_value(say) : "",
                     "calls", calls != NULL ? calls : json_array(), "refused", 0);
}

/* What the step that is due says; NULL when the script is over or leaves the rest open. */
static json_t *speak(struct run *run) {
    const json_t *step = step_now(run), *say = NULL;
    json_t *calls = step_calls(run, &say);
    if (calls != NULL) {
        json_t *filled = say != NULL ? obey_fill(run->conversation, say, 0) : NULL;
        json_t *answer = reply(filled, calls);
        json_decref(filled);
        return answer;
    }
    if (!json_is_string(step))
        return NULL;
    json_t *filled = obey_fill(run->conversation, step, 0), *answer = reply(filled, NULL);
    json_decref(filled);
    return answer;
}

json_t *obey_think(const json_t *conversation, json_t **ret_rest) {
    const json_t *turns = json_object_get(conversation, "turns");
    struct run run = {.conversation = conversation};
    json_t *curious = NULL;
    *ret_rest = NULL;
    if (!on("on") || json_array_size(turns) == 0)
        return NULL;
    size_t last = asking(turns), count = json_array_size(turns);
    run.rest = json_copy((json_t *)(uintptr_t)conversation);
    json_object_set_new(run.rest, "turns", json_array());
    for (size_t i = 0; i <= last; i++)
        json_array_append(json_object_get(run.rest, "turns"), json_array_get(turns, i));
    read_words(&run, turns, last);
    for (size_t i = last + 1; i + 1 < count; i += 2) {
        bool was_curious = curious != NULL;
        json_decref(curious);
        curious = walk(&run, json_array_get(turns, i), json_array_get(turns, i + 1), was_curious);
    }
    json_t *answer = curious != NULL ? reply(NULL, curious) : speak(&run);
    if (answer == NULL && run.mine)
        *ret_rest = json_incref(run.rest);
    json_decref(run.rest);
    json_decref(run.reader.script);
    json_decref(run.reader.parts);
    return answer;
}
