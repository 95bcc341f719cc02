/* From clauses to intents: which verb or question a clause holds, and what it is about. */
#include "tests/world/intent_parts.h"
#include "tests/world/tongues.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

static const char *const create_verbs =
    "put add schedule book create make set plan block enter arrange "
    "insert reserve organise organize remind save";
static const char *const other_verbs =
    "move reschedule shift push postpone change cancel delete remove "
    "drop rename retitle invite remember forget call list show find "
    "bring extend correct";
static const char *const question_verbs =
    "am are is do does what what's when when's which who who's "
    "whom how where where's check tell have";

static bool is_command(const struct word *w) {
    return !w->quoted && (word_in(w, create_verbs) || word_in(w, other_verbs));
}

/* ---- clauses ---- */

/* "…, then put X there", "… and cancel Y": does a new clause begin at word `i`? */
static bool clause_starts(const struct words *words, size_t first, size_t i) {
    static const char *const skip = "and then also please just afterwards if so";
    const struct word *w = &words->list[i], *before = &words->list[i - 1];
    if (word_in(&words->list[first], "remember remind"))
        return false;
    size_t k = i;
    while (k < words->count && k < i + 4 && word_in(&words->list[k], skip))
        k++;
    if (k >= words->count || words->list[k].quoted)
        return false;
    bool only_no = true; /* "no, put it there" is one */
    for (size_t n = first; n < i; n++)
        only_no = only_no && word_in(&words->list[n], "no nope sorry oh wait actually well");
    bool joined = (before->comma || k > i) && !only_no;
    if (!joined || (i > first && word_in(before, skip) && !before->comma))
        return false;
    if (is_command(&words->list[k]) && k + 1 < words->count && !words->list[k].ends)
        return true;
    bool question = word_in(&words->list[k], "am are what when do") && k + 1 < words->count &&
                    word_in(&words->list[k + 1], "i do am is we i'm");
    return question && word_in(w, "and then also");
}

static size_t clause_end(const struct words *words, size_t from) {
    size_t i = from;
    while (i < words->count) {
        if (i > from && clause_starts(words, from, i))
            return i;
        if (words->list[i++].ends)
            return i;
    }
    return i;
}

/* ---- commands ---- */

/* "tea at ten and coffee at eleven": ends the clause at the "and" between two times. */
static void part_shared(struct clause *c, size_t verb) {
    for (size_t i = verb + 2; c->from + i + 1 < c->to; i++) {
        struct words copy = *c->words;
        struct when first, second;
        if (!word_is(clause_word(c, i), "and"))
            continue;
        when_read(&copy, c->from + verb + 1, c->from + i, c->clock, &first);
        when_read(&copy, c->from + i + 1, c->to, c->clock, &second);
        if (first.has_time && second.has_time && !copy.list[c->from + i + 1].used) {
            c->to = c->from + i;
            c->shared_verb = true;
            return;
        }
    }
}

/* "…, if I am": what was asked before decides anyway. */
static void drop_condition(struct clause *c, size_t verb) {
    int at = clause_find(c, verb, "if");
    if (at > 0 &&
        word_in(clause_word(c, (size_t)at + 1), "i i'm so possible free that it available"))
        clause_use(c, (size_t)at, c->to - c->from - (size_t)at);
}

static void create(struct clause *c, size_t verb, struct intent *in) {
    in->kind = INTENT_CREATE;
    part_shared(c, verb);
    drop_condition(c, verb);
    clause_use(c, 0, verb + 1);
    clause_take_emails(c, in);
    clause_drop_calendar(c);
    int called = clause_find(c, verb, "called named titled entitled");
    clause_time(c, verb + 1, clause_length(c), &in->when);
    if (clause_quoted(c, verb, in->title))
        return;
    if (called >= 0)
        clause_join(c, (size_t)called + 1, clause_length(c), in->title);
    else
        clause_join(c, verb + 1, clause_length(c), in->title);
    title_tidy(in->title);
    if (strncasecmp(in->title, "event ", 6) == 0 || strncasecmp(in->title, "entry ", 6) == 0)
        memmove(in->title, in->title + 6, strlen(in->title + 6) + 1);
    title_tidy(in->title);
    in->it = in->title[0] && title_pronoun(in->title) && strcasecmp(in->title, "meeting") != 0 &&
             strcasecmp(in->title, "appointment") != 0;
}

/* "the second one", "the whole standup series": which of several, or all of it. */
static void target_kind(struct clause *c, size_t from, size_t to, struct intent *in) {
    static const char *const order[] = {"first", "second", "third", "fourth", "fifth"};
    for (size_t i = from; i < to; i++) {
        const struct word *w = clause_word(c, i), *next = clause_word(c, i + 1);
        if (w->quoted)
            continue;
        bool one = i + 1 < to && word_in(next, "one event meeting appointment entry");
        for (size_t k = 0; k < COUNT_OF(order) && one; k++)
            if (word_is(w, order[k]))
                in->nth = (int)k + 1;
        if (one && word_is(w, "last"))
            in->nth = -1;
        if (word_is(w, "series") || (word_in(w, "whole entire") && !word_is(next, "day"))) {
            in->whole = true;
            clause_use(c, i, 1);
        }
    }
}

void intent_target(struct clause *c, size_t from, size_t to, struct intent *in) {
    target_kind(c, from, to, in);
    clause_time(c, from, to, &in->old);
    int called = clause_find(c, from, "called named titled");
    if (called >= 0 && (size_t)called < to)
        from = (size_t)called + 1;
    if (!clause_quoted(&(struct clause){c->words, c->from + from, c->from + to, c->clock, false}, 0,
                       in->title)) {
        clause_join(c, from, to, in->title);
        title_tidy(in->title);
    }
    in->it = in->nth != 0 || title_pronoun(in->title);
}

/* "move X to 4pm": the last "to" (or "by", "until") before a time parts the event from its new
 * time. */
static void move(struct clause *c, size_t verb, struct intent *in) {
    in->kind = INTENT_MOVE;
    clause_use(c, 0, verb + 1);
    clause_drop_calendar(c);
    size_t n = clause_length(c), split = n;
    for (size_t i = n; i-- > verb + 1;) {
        if (!word_in(clause_word(c, i), "to by until till for back forward on at") ||
            clause_word(c, i)->quoted)
            continue;
        struct words copy = *c->words;
        struct when probe;
        when_read(&copy, c->from + i, c->to, c->clock, &probe);
        if (!when_any(&probe))
            continue;
        split = i;
        if (word_in(clause_word(c, i), "to by"))
            break;
    }
    clause_time(c, split, n, &in->when);
    if (split == n) /* "postpone it an hour" */
        clause_time(c, verb + 1, n, &in->when);
    intent_target(c, verb + 1, split, in);
    if (word_is(clause_word(c, verb), "extend")) {
        in->when.extend = in->when.shift;
        in->when.shift = 0;
    }
    if (word_in(clause_word(c, verb), "push postpone") && in->when.length && !in->when.has_time &&
        !in->when.shift) {
        in->when.shift = in->when.length;
        in->when.length = 0;
    }
}

static void rename_to(struct clause *c, size_t verb, size_t to, struct intent *in) {
    in->kind = INTENT_RENAME;
    size_t from = verb + 1;
    for (int of; (of = clause_find(c, from, "of")) > 0 && (size_t)of < to &&
                 word_in(clause_word(c, (size_t)of - 1), "title name");)
        from = (size_t)of + 1;
    clause_use(c, 0, from);
    struct clause after = {c->words, c->from + to + 1, c->to, c->clock, false};
    if (!clause_quoted(&after, 0, in->to)) {
        clause_join(c, to + 1, clause_length(c), in->to);
    }
    intent_target(c, from, to, in);
}

static void invite(struct clause *c, size_t verb, struct intent *in) {
    in->kind = INTENT_INVITE;
    clause_use(c, 0, verb + 1);
    clause_take_emails(c, in);
    intent_target(c, verb + 1, clause_length(c), in);
}

static void remember(struct clause *c, size_t verb, struct intent *in, bool forget) {
    in->kind = forget ? INTENT_FORGET : INTENT_REMEMBER;
    size_t from = verb + 1;
    while (word_in(clause_word(c, from), "that this about :"))
        from++;
    const struct word *first = clause_word(c, from), *last = clause_word(c, clause_length(c) - 1);
    if (c->from + from >= c->to)
        return;
    const char *end = last->start + last->len;
    snprintf(in->title, TITLE_N, "%.*s",
             (int)(end - first->start < TITLE_N - 1 ? end - first->start : TITLE_N - 1),
             first->start);
    char *old = strcasestr(in->title, " instead of ");
    if (!forget && old) { /* "I like afternoons instead of mornings" */
        snprintf(in->instead, TITLE_N, "%s", old + strlen(" instead of "));
        *old = '\0';
    }
}

static bool command(struct clause *c, size_t verb, struct intent *in) {
    const struct word *w = clause_word(c, verb);
    int to = clause_find(c, verb, "to");
    if (word_in(w, "remember forget correct")) {
        remember(c, verb, in, word_is(w, "forget"));
    } else if (word_is(w, "remind")) {
        create(c, verb + (word_is(clause_word(c, verb + 1), "me") ? 1 : 0), in);
    } else if (word_in(w, "cancel delete remove drop") ||
               (word_is(w, "call") && word_is(clause_word(c, verb + 1), "off"))) {
        in->kind = INTENT_CANCEL;
        size_t from = verb + 1 + word_is(w, "call");
        clause_use(c, 0, from);
        clause_drop_calendar(c);
        intent_target(c, from, clause_length(c), in);
    } else if (word_in(w, "rename retitle") && to > 0) {
        rename_to(c, verb, (size_t)to, in);
    } else if (word_is(w, "change") && to > 0 && clause_find(c, verb, "title name") > 0) {
        rename_to(c, verb, (size_t)to, in);
    } else if (word_is(w, "call")) {
        in->kind = INTENT_RENAME;
        in->it = true;
        clause_use(c, 0, verb + 2);
        if (!clause_quoted(c, verb, in->to))
            clause_join(c, verb + 2, clause_length(c), in->to);
    } else if (word_in(w, "move reschedule shift push postpone change bring extend") ||
               (word_is(w, "make") && word_in(clause_word(c, verb + 1), "it that"))) {
        move(c, verb, in);
    } else if (word_is(w, "invite")) {
        invite(c, verb, in);
    } else if (word_is(w, "add") && clause_word(c, verb + 1)->len &&
               memchr(clause_word(c, verb + 1)->start, '@', clause_word(c, verb + 1)->len)) {
        invite(c, verb, in);
    } else if (word_in(w, create_verbs)) {
        create(c, verb, in);
    } else {
        return false;
    }
    return true;
}

/* ---- a clause ---- */

static size_t skip_filler(const struct clause *c) {
    static const char *const filler =
        "please can could would will you i we want need to like i'd just also and then now ok okay "
        "hey "
        "hi hello so yes sure kindly let let's lets us do great thanks if possible my well oh "
        "assistant cloister me go ahead good afterwards in case not actually no nope sorry wait";
    size_t i = 0;
    while (c->from + i < c->to && word_in(clause_word(c, i), filler) && !clause_word(c, i)->quoted)
        i++;
    return i;
}

/* "And on Friday?", "what about four?" */
static bool again(struct clause *c, struct intent *in) {
    size_t i = 0;
    bool led = false;
    if (word_is(clause_word(c, 0), "and") || word_is(clause_word(c, 0), "or"))
        i = 1, led = true;
    if (word_in(clause_word(c, i), "what how") && word_is(clause_word(c, i + 1), "about"))
        i += 2, led = true;
    struct words copy = *c->words;
    struct when probe;
    while (
        word_in(clause_word(c, i), "no nope not sorry wait actually rather oh i i'd meant mean")) {
        in->correct = in->correct || word_in(clause_word(c, i), "no nope not sorry meant mean");
        i++;
    }
    led = led || in->correct;
    clause_use(c, 0, i);
    /* "about four", "no, five": the number needs its lead */
    when_read(&copy, c->from + (i ? i - 1 : 0), c->to, c->clock, &probe);
    if (!when_any(&probe) && !(in->correct && probe.length))
        return false;
    char rest[TITLE_N];
    words_join(&copy, c->from + i, c->to, rest, sizeof(rest));
    title_tidy(rest);
    if (rest[0] && !led)
        return false;
    in->when = probe;
    in->kind = INTENT_AGAIN;
    return rest[0] == '\0' || led;
}

static void one_clause(struct clause *c, struct intent *in) {
    *in = (struct intent){.kind = INTENT_CHAT};
    size_t verb = skip_filler(c);
    const struct word *w = clause_word(c, verb);
    bool asking = word_in(clause_word(c, 0), question_verbs) || word_in(w, question_verbs);
    if (is_command(w) && !(word_in(w, "list show find") || (word_in(w, "check") && asking)) &&
        command(c, verb, in)) {
        bool no = clause_find(c, 0, "no nope sorry") == 0;
        if (no && in->kind == INTENT_CREATE && in->it) /* "no, put it on Friday" */
            in->kind = INTENT_MOVE;
        return;
    }
    bool about = clause_find(c, 0, "about") == 1 && word_in(clause_word(c, 0), "what how");
    if (about && again(c, in))
        return;
    if (intent_question(c, in) || again(c, in))
        return;
    /* "I'd love to put lunch there": a command further in. */
    for (size_t i = verb; c->from + i < c->to && !asking; i++)
        if (is_command(clause_word(c, i)) &&
            !word_in(clause_word(c, i), "list show find call make set plan save") &&
            command(c, i, in))
            return;
    in->kind = INTENT_CHAT;
}

void intents_read(const char *message, const struct clock_view *clock, struct intents *ret) {
    static struct words words; /* large; single-threaded */
    static char english[64 * 1024];
    tongue_english(message, english, sizeof(english));
    words_split(english, &words);
    ret->count = 0;
    bool shared = false;
    size_t end = 0;
    for (size_t from = 0; from < words.count && ret->count < INTENTS_MAX;) {
        struct clause c = {&words, from, shared ? end : clause_end(&words, from), clock, false};
        struct intent *in = &ret->list[ret->count++];
        end = c.to;
        if (shared) { /* the "and" stands for the verb */
            *in = (struct intent){0};
            create(&c, 0, in);
        } else {
            one_clause(&c, in);
        }
        shared = c.shared_verb;
        from = c.to;
    }
}
