/* Steps, special words for budget tests, and the frame around the acts. */
#include "tests/world/mind.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "tests/world/model.h"
#include "tests/world/obey.h"

static const char *text(const json_t *object, const char *key) {
    return json_string_value(json_object_get(object, key));
}

bool mind_step(struct mind *m, const json_t *tool, json_t *args, struct outcome *ret) {
    const json_t *past = json_array_get(m->done, m->next);
    if (!past) {
        json_array_append_new(m->calls,
                              json_pack("{s:s,s:o}", "name", tool_name(tool), "input", args));
        return false;
    }
    json_decref(args);
    m->next++;
    *ret = (struct outcome){.text = text(past, "text")};
    (void)result_error(ret->text, json_is_true(json_object_get(past, "error")), ret->error,
                       sizeof(ret->error));
    return true;
}

void mind_say(struct mind *m, const char *format, ...) {
    if (m->said_len > 0 && m->said_len + 2 < SAY_N)
        m->said[m->said_len++] = ' ';
    va_list ap;
    va_start(ap, format);
    int n = vsnprintf(m->said + m->said_len, SAY_N - m->said_len, format, ap);
    va_end(ap);
    size_t room = SAY_N - m->said_len - 1;
    m->said_len += n < 0 ? 0 : (size_t)n < room ? (size_t)n : room;
}

/* ---- the request ---- */

/* The turn that asks: the user's last words that are not answers to calls. */
static bool find_message(struct mind *m) {
    for (size_t i = json_array_size(m->turns); i-- > 0;) {
        const json_t *turn = json_array_get(m->turns, i);
        const char *said = text(turn, "text");
        if (!said || strcmp(text(turn, "role"), "user") != 0 || json_object_get(turn, "results"))
            continue;
        const json_t *blocks = json_object_get(turn, "blocks");
        size_t n = json_array_size(blocks);
        m->last = i;
        m->message = n > 0 ? json_string_value(json_array_get(blocks, n - 1)) : said;
        return true;
    }
    return false;
}

/* Calls made since the message, with their results. New array. */
static json_t *collect_done(const struct mind *m) {
    json_t *done = json_array();
    const json_t *calls = NULL, *call, *result;
    for (size_t t = m->last + 1; t < json_array_size(m->turns); t++) {
        const json_t *turn = json_array_get(m->turns, t);
        size_t i, k;
        if (json_object_get(turn, "calls"))
            calls = json_object_get(turn, "calls");
        if (!json_object_get(turn, "results"))
            continue;
        json_array_foreach(calls, i, call) {
            json_array_foreach(json_object_get(turn, "results"), k,
                               result) if (strcmp(text(result, "id"), text(call, "id")) == 0)
                json_array_append_new(done, json_pack("{s:O,s:O,s:O,s:O}", "name",
                                                      json_object_get(call, "name"), "input",
                                                      json_object_get(call, "input"), "text",
                                                      json_object_get(result, "text"), "error",
                                                      json_object_get(result, "error")));
        }
    }
    return done;
}

/* ---- words for tests of budgets ---- */

static const json_t *reading_tool(const struct mind *m) {
    const json_t *tool = tool_pick(m->tools, USE_AVAILABILITY);
    return tool ? tool : tool_pick(m->tools, USE_LIST);
}

static json_t *some_span(const struct mind *m, const json_t *tool, int64_t hours) {
    json_t *args = json_object();
    int64_t start = m->clock.now / 3600 * 3600 + hours * 3600;
    tool_set_span(tool, args, start, start + 3600, m->clock.zone, false);
    return args;
}

static void call(struct mind *m, const char *name, json_t *args) {
    json_array_append_new(m->calls, json_pack("{s:s,s:o}", "name", name, "input", args));
}

static void long_answer(struct mind *m, const char *at) {
    unsigned long words = strtoul(at, NULL, 10);
    for (unsigned long i = 1; i <= (words ? words : 100) && m->said_len < SAY_N - 32; i++)
        mind_say(m, "word%lu", i);
}

/* True when the message holds one of the special phrases, which then decide the answer. */
static bool special(struct mind *m) {
    const json_t *tool = reading_tool(m),
                 *last = json_array_get(m->done, json_array_size(m->done) - 1);
    const char *at = strcasestr(m->message, "long answer");
    bool loop = strcasestr(m->message, "loop forever") != NULL,
         two = strcasestr(m->message, "two at once") != NULL;
    bool unknown = strcasestr(m->message, "unknown tool") != NULL;
    bool bad = strcasestr(m->message, "bad arguments") != NULL;
    if (at) {
        long_answer(m, at + strlen("long answer"));
    } else if (!loop && !two && !unknown && !bad) {
        return false;
    } else if (!tool && !unknown) {
        mind_say(m, "There is no tool to call.");
    } else if (loop) {
        call(m, tool_name(tool), some_span(m, tool, (int64_t)json_array_size(m->done)));
    } else if (last) {
        mind_say(m, "The tool answered: %s", text(last, "text"));
        if (two && json_array_size(m->done) > 1)
            mind_say(m, "The first one answered: %s", text(json_array_get(m->done, 0), "text"));
    } else if (two) {
        call(m, tool_name(tool), some_span(m, tool, 1));
        call(m, tool_name(tool), some_span(m, tool, 25));
    } else if (unknown) {
        call(m, "no_such_tool", json_pack("{s:s}", "why", "the test asks for it"));
    } else {
        call(m, tool_name(tool), json_pack("{s:i,s:b}", "start", 42, "no_such_argument", 1));
    }
    return true;
}

/* ---- thinking ---- */

static void think(struct mind *m) {
    static struct intents intents; /* large; single-threaded */
    context_before(m);
    intents_read(m->message, &m->clock, &intents);
    size_t chats = 0;
    bool pending = false;
    for (size_t i = 0; i < intents.count; i++) {
        struct intent *in = &intents.list[i];
        if (in->kind == INTENT_CHAT && ++chats < intents.count)
            continue; /* small talk beside a request */
        /* Independent questions are asked in one go; anything else waits for what came before. */
        bool question = in->kind == INTENT_FREE || in->kind == INTENT_LIST;
        if (pending && (!question || in->when.there))
            return;
        if (!act(m, in))
            pending = true;
        if (pending && !question)
            return;
    }
    if (intents.count == 0)
        mind_say(m, "What can I do for you?");
}

static json_t *ordinary(const json_t *conversation, int64_t now) {
    struct mind m = {.tools = json_object_get(conversation, "tools"),
                     .turns = json_object_get(conversation, "turns"),
                     .system = text(conversation, "system"),
                     .calls = json_array()};
    SCOPE_FREE char *said = calloc(1, SAY_N);
    m.said = said;
    if (!said)
        abort();
    json_t *done = NULL;
    if (find_message(&m)) {
        context_clock(&m, now);
        context_earlier(&m);
        m.done = done = collect_done(&m);
        if (special(&m))
            ; /* said */
        else if (mind_serves_customers(&m))
            mind_customer(&m);
        else if (!mind_owner(&m))
            think(&m);
    } else {
        mind_say(&m, "What can I do for you?");
    }
    json_decref(done);
    bool calling = json_array_size(m.calls) > 0;
    return json_pack("{s:s,s:o,s:b}", "text", calling ? "" : said, "calls", m.calls, "refused",
                     (int)(m.message && strcasestr(m.message, "decline to answer")));
}

json_t *mind_think(const json_t *conversation, int64_t now) {
    json_t *rest, *reply = obey_think(conversation, &rest);
    if (reply == NULL)
        reply = ordinary(rest != NULL ? rest : conversation, now);
    json_decref(rest);
    return reply;
}
