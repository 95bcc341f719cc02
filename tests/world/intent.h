/* What a message asks for: a list of intents in the order of its clauses. */
#ifndef CLOISTER_WORLD_INTENT_H
#define CLOISTER_WORLD_INTENT_H

#include "tests/world/when.h"

enum intent_kind {
    INTENT_CHAT,
    INTENT_FREE,    /* am I free …? */
    INTENT_FIND,    /* when am I free …, find me an hour … */
    INTENT_LIST,    /* what do I have …? */
    INTENT_WHEN_IS, /* when is X? */
    INTENT_CREATE,
    INTENT_MOVE,
    INTENT_CANCEL,
    INTENT_RENAME,
    INTENT_INVITE,
    INTENT_REMEMBER,
    INTENT_FORGET,
    INTENT_RECALL, /* what do you remember? */
    INTENT_WHO,    /* who is in X? */
    INTENT_TELL,   /* what is X about, where is it? */
    INTENT_AGAIN,  /* "and on Friday?": the intent before, at another time */
};

#define TITLE_N  256
#define EMAILS_N 8

struct intent {
    enum intent_kind kind;
    struct when when;      /* the time spoken of; for a move the new one */
    struct when old;       /* move, cancel, rename: the time by which the event is known */
    char title[TITLE_N];   /* new event, event meant, or text to remember */
    char to[TITLE_N];      /* new title */
    char instead[TITLE_N]; /* remember: what it takes the place of */
    bool it;               /* the event spoken of before */
    int nth;               /* of those listed before: 1, 2, …; -1 the last; 0 not said */
    bool whole;            /* the whole series */
    bool correct;          /* "no, five": mends what was done before */
    bool addresses;        /* who: by address */
    char email[EMAILS_N][96];
    size_t emails;
};

#define INTENTS_MAX 12
struct intents {
    struct intent list[INTENTS_MAX];
    size_t count;
};

void intents_read(const char *message, const struct clock_view *clock, struct intents *ret);

#endif
