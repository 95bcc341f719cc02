/* Text on its way in: what is put in front of the model is cleaned, recorded by its kind, and kept
 * in mind when somebody else than the owner wrote it. */
#include <errno.h>
#include <string.h>

#include "agent/guards.h"
#include "agent/turn_state.h"
#include "memory/visible.h"
#include "providers/json_get.h"

void turn_shows(struct turn *turn, enum shown kind) {
    turn->shown |= UINT32_C(1) << kind;
}

/* Descriptions are HTML in part: an address in them is written with "&amp;", and read with "&". */
static void add_unescaped(struct turn *turn, enum taint_source source, const char *about,
                          const char *text) {
    if (strstr(text, "&amp;") == NULL)
        return;
    struct strbuf plain = {0};
    for (const char *at = text, *amp; *at != '\0'; at = amp) {
        amp = strstr(at, "&amp;");
        strbuf_add(&plain, at, amp != NULL ? (size_t)(amp - at) + 1 : strlen(at));
        amp = amp != NULL ? amp + strlen("&amp;") : at + strlen(at);
    }
    taint_add(turn->taint, source, about, strbuf_str(&plain));
    strbuf_free(&plain);
}

char *turn_takes(struct turn *turn, enum taint_source source, const char *about, enum shown kind,
                 const char *text, size_t max) {
    char *copy = strndup(text, utf8_cut(text, strlen(text), max));
    if (copy == NULL)
        return NULL;
    if (guard_holds(GUARD_INVISIBLE))
        visible_clean_string(copy);
    if (*copy == '\0')
        return copy;
    turn_shows(turn, kind);
    taint_add(turn->taint, source, about, copy);
    add_unescaped(turn, source, about, copy);
    turn->tainted = true;
    return copy;
}

static bool own_words(Cloister__TextSource source) {
    return source == CLOISTER__TEXT_SOURCE__SOURCE_OWNER ||
           source == CLOISTER__TEXT_SOURCE__SOURCE_OPERATOR ||
           source == CLOISTER__TEXT_SOURCE__SOURCE_RECORD;
}

size_t turn_words(const struct turn *turn, const char *out[static TURN_WORDS]) {
    const Cloister__TurnStart *start = turn->start;
    const bool customer = turn->origin == ORIGIN_CUSTOMER; /* whose words are nobody's to trust */
    size_t n = 0;
    if (!customer)
        out[n++] = start->message;
    for (size_t i = 0; i < start->n_context && n < TURN_WORDS; i++)
        if (own_words(start->context[i]->source))
            out[n++] = start->context[i]->text;
    for (size_t i = turn->notes != NULL && !customer ? notes_count(turn->notes) : 0;
         i-- > 0 && n < TURN_WORDS;) {
        struct notes_turn note;
        notes_get(turn->notes, i, &note);
        out[n++] = note.said;
    }
    return n;
}

/* All occurrences of a series are one event's text. */
const char *turn_about(const json_t *event) {
    const char *series = json_text(event, "recurringEventId");
    return *series != '\0' ? series : json_text(event, "id");
}

bool turn_repeats(const struct turn *turn, const char *text, const json_t *event) {
    const char *words[TURN_WORDS + TURN_PREFERENCES + 1];
    size_t n = turn_words(turn, words);
    for (size_t i = 0; i < turn->npreferences; i++)
        words[n++] = turn->preferences[i].text;
    words[n++] = json_text(event, "summary");
    return guard_holds(GUARD_TEXT_STAYS) &&
           taint_other(turn->taint, text, event != NULL ? turn_about(event) : NULL, words, n);
}

static void clean_value(json_t *value) {
    const char *key;
    json_t *inner;
    size_t i;
    json_object_foreach(value, key, inner) clean_value(inner);
    json_array_foreach(value, i, inner) clean_value(inner);
    SCOPE_FREE char *text = json_is_string(value) ? strdup(json_string_value(value)) : NULL;
    if (text == NULL)
        return;
    visible_clean_string(text);
    (void)json_string_set(value, text);
}

void turn_clean_arguments(json_t *args) {
    if (guard_holds(GUARD_INVISIBLE))
        clean_value(args);
}
