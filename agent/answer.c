#include "agent/answer.h"

#include <errno.h>
#include <string.h>
#include <unistr.h>

#include "agent/address.h"
#include "agent/answer_word.h"
#include "agent/guards.h"
#include "memory/visible.h"

#define ALLOWED_MAX 256u

/* Words on their way. */
struct flow {
    struct answer_rules *rules;
    struct strbuf held, ready;
    size_t looked;   /* held bytes that are known to be no blank */
    bool swallowing; /* the rest of an address that was too long */
};

struct answer {
    struct answer_rules rules;
    char *allowed[ALLOWED_MAX];
    struct flow flow;
    int (*out)(void *ctx, const char *text, size_t len);
    void *ctx;
};

struct answer *answer_new(struct taint *taint, const struct people *people,
                          int (*out)(void *ctx, const char *text, size_t len), void *ctx) {
    struct answer *answer = calloc(1, sizeof(*answer));
    if (answer == NULL)
        return NULL;
    answer->rules = (struct answer_rules){.taint = taint, .people = people};
    answer->rules.allowed = answer->allowed;
    answer->flow.rules = &answer->rules;
    answer->out = out;
    answer->ctx = ctx;
    return answer;
}

static void flow_free(struct flow *flow) {
    strbuf_free(&flow->held);
    strbuf_free(&flow->ready);
}

void answer_free(struct answer *answer) {
    if (answer == NULL)
        return;
    for (size_t i = 0; i < answer->rules.nallowed; i++)
        string_wipe(answer->allowed[i]);
    flow_free(&answer->flow);
    free(answer);
}

/* Bytes before the first blank at or after *from, which moves to where another look has to begin;
 * `len` when there is none. */
static size_t word_len(const char *text, size_t len, size_t *from) {
    while (*from < len) {
        ucs4_t c;
        if ((unsigned char)text[*from] > ' ' && (unsigned char)text[*from] < 0x80) {
            ++*from;
            continue;
        }
        if (address_blank(text + *from, len - *from) > 0)
            break;
        int n = (unsigned char)text[*from] < 0x80
                    ? 1
                    : u8_mbtoucr(&c, (const uint8_t *)text + *from, len - *from);
        if (n == -2) /* more of it is to come */
            return len;
        *from += n > 0 ? (size_t)n : 1;
    }
    return *from;
}

static void allow_word(struct answer *answer, const char *word, size_t len) {
    struct answer_rules *rules = &answer->rules;
    struct address address;
    for (size_t at = 0; address_find(word, len, at, &address); at = address.at + address.len) {
        if (address.kind == ADDRESS_STUCK || rules->nallowed == ALLOWED_MAX)
            continue;
        char *plain = address_plain(word, &address);
        if (plain != NULL)
            answer->allowed[rules->nallowed++] = plain;
    }
}

void answer_allow(struct answer *answer, const char *text) {
    char *copy = strdup(text);
    size_t len = copy != NULL ? visible_clean(copy, strlen(copy)) : 0;
    for (size_t at = 0; at < len;) {
        size_t from = 0, n = word_len(copy + at, len - at, &from);
        allow_word(answer, copy + at, n);
        at += n;
        at += at < len ? address_blank(copy + at, len - at) : 0;
    }
    if (copy != NULL)
        explicit_bzero(copy, len);
    free(copy);
}

/* ---- the stream ---- */

static bool add_word(struct flow *flow, char *word, size_t len) {
    struct strbuf *out = &flow->ready;
    size_t at = out->len;
    if (!guard_holds(GUARD_INVISIBLE))
        return answer_word(flow->rules, word, len, out);
    bool inside = answer_word(flow->rules, word, visible_clean(word, len), out);
    if (out->len > at) { /* what belonged to a character may have lost it */
        out->len = at + visible_clean(out->data + at, out->len - at);
        out->data[out->len] = '\0';
    }
    return inside;
}

/* A blank stays one: without it two words would be read as one. */
static void add_blank(struct flow *flow, char *blank, size_t len) {
    size_t kept = guard_holds(GUARD_INVISIBLE) ? visible_clean(blank, len) : len;
    strbuf_add(&flow->ready, kept > 0 ? blank : " ", kept > 0 ? kept : 1);
}

/* A word that is too long to be held any longer; returns the bytes dealt with. */
static size_t break_word(struct flow *flow, char *text, size_t len) {
    size_t n = utf8_cut(text, len, ANSWER_WORD_MAX - 1);
    if (flow->swallowing)
        return n;
    flow->swallowing = add_word(flow, text, n);
    if (!flow->swallowing)
        strbuf_puts(&flow->ready, " ");
    return n;
}

/* What is whole of what is held. `ended`: all of it is. */
static void flow_run(struct flow *flow, bool ended) {
    char *text = flow->held.data;
    size_t len = flow->held.len, at = 0;
    while (at < len) {
        size_t n = word_len(text + at, len - at, &flow->looked);
        bool whole = ended || n < len - at;
        if (!whole && n < ANSWER_WORD_MAX)
            break;
        flow->looked = 0;
        if (n >= ANSWER_WORD_MAX) {
            at += break_word(flow, text + at, n);
            continue;
        }
        size_t blank = at + n < len ? address_blank(text + at + n, len - at - n) : 0;
        if (!flow->swallowing)
            (void)add_word(flow, text + at, n);
        flow->swallowing = false;
        if (blank > 0)
            add_blank(flow, text + at + n, blank);
        at += n + blank;
    }
    strbuf_drop(&flow->held, at);
}

static int give_out(struct answer *answer) {
    struct strbuf *ready = &answer->flow.ready;
    if (answer->flow.held.failed || ready->failed)
        return -ENOMEM;
    int r = ready->len > 0 ? answer->out(answer->ctx, ready->data, ready->len) : 0;
    strbuf_drop(ready, ready->len);
    return r < 0 ? r : 0;
}

void answer_speaker(struct answer *answer, bool model) {
    answer->rules.mails = !model;
}

int answer_feed(struct answer *answer, const char *text, size_t len) {
    strbuf_add(&answer->flow.held, text, len);
    flow_run(&answer->flow, false);
    return give_out(answer);
}

int answer_end(struct answer *answer) {
    flow_run(&answer->flow, true);
    answer->flow.looked = 0;
    answer->flow.swallowing = false;
    return give_out(answer);
}

char *answer_once(struct answer *answer, const char *text) {
    struct answer_rules rules = answer->rules;
    struct flow flow = {.rules = &rules};
    rules.mails = true;
    strbuf_puts(&flow.held, text);
    if (flow.held.failed)
        flow.ready.failed = true;
    flow_run(&flow, true);
    strbuf_free(&flow.held);
    return strbuf_take(&flow.ready);
}
