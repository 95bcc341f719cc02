/* What one word of an answer becomes. For answer.c; pure. */
#ifndef CLOISTER_AGENT_ANSWER_WORD_H
#define CLOISTER_AGENT_ANSWER_WORD_H

#include "agent/people.h"
#include "memory/taint.h"
#include "providers/strbuf.h"

struct answer_rules {
    struct taint *taint;
    const struct people *people;
    char **allowed; /* addresses in their plain form */
    size_t nallowed;
    bool mails;    /* e-mail addresses stay, whoever's they are: code writes */
    bool in_image; /* without GUARD_IMAGES: an image is being written, its address stays */
};

/* Adds to `out` what becomes of the word. True when it ends inside an address. */
bool answer_word(struct answer_rules *rules, const char *word, size_t len, struct strbuf *out);

#endif
