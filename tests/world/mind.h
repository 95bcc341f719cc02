/* The mind in the making of one answer. It plans by replay: handlers run from the start each time
 * and call mind_step for every tool they need; a step already taken gives its result, the first one
 * not yet taken becomes part of this answer and ends it. */
#ifndef CLOISTER_WORLD_MIND_H
#define CLOISTER_WORLD_MIND_H

#include <jansson.h>

#include "tests/world/intent.h"
#include "tests/world/results.h"
#include "tests/world/toolbox.h"

#define SAY_N (256 * 1024)

struct mind {
    const json_t *tools, *turns;
    size_t last;         /* index of the turn that asks */
    const char *message; /* what it asks */
    const char *system;
    struct clock_view clock;
    const json_t *done; /* [{"name","input","text","error"}…] of this request so far */
    size_t next;        /* first of `done` not replayed */
    json_t *calls;      /* of this answer */
    char *said;         /* SAY_N bytes */
    size_t said_len;

    /* what this message has spoken of so far */
    bool has_when;
    struct when when; /* for "there" */
    bool refused;     /* the slot asked about is taken */
    bool has_event;
    struct seen_event event;      /* for "it" */
    struct intent before;         /* for "and on Friday?" */
    struct seen_event told;       /* when the event spoken of is, from what the owner has said */
    struct seen_event earlier[8]; /* made by this same request before it broke off */
    size_t earlier_count;
};

struct outcome {
    const char *text;
    char error[512]; /* "" when it went well */
};

/* The outcome of the next step, or false when this answer must first call `tool` (takes `args`). */
bool mind_step(struct mind *m, const json_t *tool, json_t *args, struct outcome *ret);
void mind_say(struct mind *m, const char *format, ...) PRINTF_LIKE(2, 3);

/* mind_find.c: the event an intent means, with its times. 1 found, 0 a step is pending, -1 not
 * found (said). */
int mind_event(struct mind *m, const struct intent *in, struct seen_event *ret);
/* The same, but of an event spoken of before the handle alone will do. */
int mind_handle(struct mind *m, const struct intent *in, struct seen_event *ret);
/* The title, for an answer. */
const char *mind_title(const struct intent *in, const struct seen_event *e);

/* mind_acts.c, mind_ask.c, mind_details.c, mind_memory.c: each act returns false when a step is
 * pending. */
bool act(struct mind *m, struct intent *in);
bool act_free(struct mind *m, struct intent *in);
bool act_find(struct mind *m, struct intent *in);
bool act_list(struct mind *m, struct intent *in);
bool act_when_is(struct mind *m, struct intent *in);
bool act_details(struct mind *m, struct intent *in);
bool act_remember(struct mind *m, struct intent *in);
bool act_forget(struct mind *m, struct intent *in);
bool act_recall(struct mind *m);
/* The span that an event is moved to. False when the words do not say. */
bool mind_moved(struct mind *m, const struct when *w, const struct seen_event *e, int64_t *start,
                int64_t *end);
/* "there" takes what it lacks from the time spoken of before. */
void mind_settle(struct mind *m, struct when *w);
/* Keeps a time for the next "there". */
void mind_keep(struct mind *m, const struct when *w);
void mind_no_tool(struct mind *m, const char *what);
const struct zone *mind_zone(const struct mind *m, const struct when *w);
int64_t local_day(int64_t at, const struct zone *zone);
void day_words(int64_t day, char *out, size_t cap);

/* mind_customer.c: the tools are those of a business's customers; and what they ask. */
bool mind_serves_customers(const struct mind *m);
void mind_customer(struct mind *m);
/* The owner asks for bookings or inquiries, and there is a tool for it. False: about other things.
 */
bool mind_owner(struct mind *m);

/* mind_context.c, mind_record.c, mind_memory.c */
bool handle_char(char c);
/* Next date-time with an offset in `line`; moves past it. */
bool context_moment(const char **line, int64_t *ret);
/* The time the request itself names, or the fallback; the zone likewise. */
void context_clock(struct mind *m, int64_t fallback);
/* Events that the system text lists as already made by this request. */
void context_earlier(struct mind *m);
/* "And on Friday?", "no, five": what was asked or done before, at another time. */
void context_again(const struct mind *m, struct intent *in);
/* The time spoken of in earlier messages of the user, for "there"; and what they asked. */
void context_before(struct mind *m);
/* The handle that the latest record speaks of: of the event written or read there, or of the only
 * one listed. `nth`: of those that the latest listing holds (1, 2, …, -1 the last), 0 when not
 * said. False when there is none. `*ret_written`: it comes from a write. */
bool context_handle(const struct mind *m, int nth, bool *ret_written, struct seen_event *ret);
/* The request says that the owner's zone is not known. */
bool context_zone_unknown(const struct mind *m);
/* Id of the remembered line that shares most words with `text`. */
bool context_memory(const struct mind *m, const char *text, char *out, size_t cap);

/* Joins the remembered lines; false when there are none. */
bool context_memories(const struct mind *m, char *out, size_t cap);

/* Times in words: "Monday 23 November 2026 from 15:00 to 16:00". */
void span_words(int64_t start, int64_t end, bool all_day, const struct zone *zone, char *out,
                size_t cap);
void clock_words(int64_t at, const struct zone *zone, char out[static 8]);

#endif
