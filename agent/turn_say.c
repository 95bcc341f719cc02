/* Text on its way out of a turn, all of it through the filter: the model's goes into the answer
 * that notes may keep, code's does not. */
#include <errno.h>
#include <string.h>

#include "agent/answer.h"
#include "agent/turn_state.h"

/* The filter's end: what it lets through, of whoever speaks. */
static int send(void *ctx, const char *text, size_t len) {
    struct turn *turn = ctx;
    if (turn->model_speaks)
        strbuf_add(&turn->answer, text, len);
    int r = turn->answer.failed ? -ENOMEM : channel_text(&turn->channel, text, len);
    if (r == -EDQUOT)
        return fault_set(&turn->fault, r, "budget_exhausted", false,
                         "The answer is longer than one request may give.");
    return r < 0
               ? fault_set(&turn->fault, r, "internal", true, "The answer could not be passed on.")
               : 0;
}

/* What a customer was told before has been through the filter: its links may be said again, the
 * latest first. */
static void allow_earlier(struct turn *turn) {
    for (size_t i = turn->notes != NULL ? notes_count(turn->notes) : 0; i-- > 0;) {
        struct notes_turn note;
        notes_get(turn->notes, i, &note);
        answer_allow(turn->filter, note.answer);
    }
}

/* Made when the first word is said: then the owner's words of this conversation are known. */
static struct answer *filter_of(struct turn *turn) {
    const char *words[TURN_WORDS];
    if (turn->filter != NULL)
        return turn->filter;
    turn->filter = answer_new(turn->taint, turn->people, send, turn);
    if (turn->filter == NULL)
        return NULL;
    size_t n = turn_words(turn, words);
    for (size_t i = 0; i < n; i++)
        answer_allow(turn->filter, words[i]);
    for (size_t i = 0; i < turn->npreferences; i++)
        answer_allow(turn->filter, turn->preferences[i].text);
    if (turn->world->public_url != NULL)
        answer_allow(turn->filter, turn->world->public_url);
    if (turn->world->public_pages_url != NULL)
        answer_allow(turn->filter, turn->world->public_pages_url);
    if (turn->links.len > 0)
        answer_allow(turn->filter, strbuf_str(&turn->links));
    if (turn->origin == ORIGIN_CUSTOMER)
        allow_earlier(turn);
    return turn->filter;
}

/* With the filter, if it is there, and for one that is made later. */
void turn_allow(struct turn *turn, const char *text) {
    strbuf_puts(&turn->links, text);
    strbuf_puts(&turn->links, "\n");
    if (turn->filter != NULL)
        answer_allow(turn->filter, text);
}

static int feed(struct turn *turn, const char *text, size_t len, bool ended) {
    struct answer *filter = filter_of(turn);
    if (filter != NULL)
        answer_speaker(filter, turn->model_speaks);
    int r = filter != NULL ? answer_feed(filter, text, len) : -ENOMEM;
    if (r == 0 && ended)
        r = answer_end(filter);
    return r < 0 ? fault_set(&turn->fault, r, "internal", true, "This server is out of memory.")
                 : 0;
}

int turn_answer(struct turn *turn, const char *text, size_t len) {
    turn->model_speaks = true;
    return feed(turn, text, len, false);
}

int turn_answer_end(struct turn *turn) {
    turn->model_speaks = true;
    return turn->filter != NULL ? feed(turn, "", 0, true) : 0;
}

int turn_say(struct turn *turn, const char *text, size_t len) {
    int r = turn_answer_end(turn);
    turn->model_speaks = false;
    return r < 0 ? r : feed(turn, text, len, true);
}

/* A model may forget them, or break off: without them a booking cannot be moved or cancelled. */
int turn_give_pages(struct turn *turn) {
    SCOPE_FREE char *pages = strdup(strbuf_str(&turn->pages));
    char *save = NULL;
    int r = pages != NULL ? turn_answer_end(turn) : -ENOMEM;
    for (char *line = r == 0 ? strtok_r(pages, "\n", &save) : NULL; line != NULL && r == 0;
         line = strtok_r(NULL, "\n", &save)) {
        SCOPE_STRBUF struct strbuf said = {0};
        char *link = strchr(line, ' ') + 1;
        if (strstr(strbuf_str(&turn->answer), link) != NULL)
            continue;
        strbuf_addf(&said, "%s%.*s: %s", turn->answer.len > 0 ? "\n\n" : "", (int)(link - line - 1),
                    line, link);
        r = turn_answer(turn, strbuf_str(&said), said.len);
    }
    return r < 0 ? r : turn_answer_end(turn);
}

char *turn_filtered(struct turn *turn, const char *text) {
    struct answer *filter = filter_of(turn);
    return filter != NULL ? answer_once(filter, text) : NULL;
}
