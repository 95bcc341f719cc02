/* Why a hit is one, and what of the asked-for things its profile leaves open: each a sentence that
 * is read off the row, none guessed. */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "business/search_parts.h"

#define SENTENCE_MAX 300

#define LINES_MAX (FACTS + 2 * 24)

struct hit {
    const struct search_request *request;
    const struct pg_rows *rows;
    unsigned row;
    char *facts; /* its lines, cut apart */
    const char *lines[LINES_MAX];
    size_t n_lines;
    struct text *out;
    struct text open; /* what is not stated */
    bool told;
};

static void add_sentence(struct text *list, bool first, const char *sentence) {
    if (!first)
        text_put(list, ",", 1);
    text_json(list, sentence);
}

/* A sentence of pieces up to a NULL, cut where it is too long, but not within a character. There
 * are dozens in an answer: printf would take longer than all else that is done for it. */
static void sentence_of(char out[static SENTENCE_MAX], va_list pieces) {
    size_t len = 0;
    bool whole = true;
    for (const char *piece; (piece = va_arg(pieces, const char *)) != NULL;) {
        size_t more = strlen(piece), room = SENTENCE_MAX - 1 - len;
        whole = whole && more <= room;
        len = (size_t)((char *)mempcpy(out + len, piece, more <= room ? more : room) - out);
    }
    while (!whole && len > 0 && !utf8_valid(out, len))
        len--;
    out[len] = '\0';
}

#define PIECES __attribute__((sentinel))

/* Why it is a hit. */
PIECES static void why(struct hit *hit, ...) {
    char sentence[SENTENCE_MAX];
    va_list pieces;
    va_start(pieces, hit);
    sentence_of(sentence, pieces);
    va_end(pieces);
    add_sentence(hit->out, !hit->told, sentence);
    hit->told = true;
}

/* What it does not state. */
PIECES static void leaves_open(struct hit *hit, ...) {
    char sentence[SENTENCE_MAX];
    va_list pieces;
    va_start(pieces, hit);
    sentence_of(sentence, pieces);
    va_end(pieces);
    add_sentence(&hit->open, hit->open.len == 0, sentence);
}

/* ---- facts ---- */

/* Those of listings that were published before facts were kept are made now. */
static void take_facts(struct hit *hit) {
    const char *kept = pg_text(hit->rows, hit->row, COLUMN_FACTS);
    if (kept[0] != '\0') {
        hit->facts = strdup(kept);
    } else {
        json_t *card = json_loads(pg_text(hit->rows, hit->row, COLUMN_CARD), 0, NULL);
        hit->facts = listing_facts(card);
        json_decref(card);
    }
    for (char *at = hit->facts, *end; at != NULL && hit->n_lines < LINES_MAX; at = end + 1) {
        end = strchr(at, '\n');
        if (end == NULL)
            break;
        *end = '\0';
        hit->lines[hit->n_lines++] = at;
    }
}

static const char *fact(const struct hit *hit, size_t which) {
    return which < hit->n_lines ? hit->lines[which] : "";
}

/* ---- words ---- */

/* Where a word that the hit has stands; what it shows is looked at first. */
static void say_found(struct hit *hit, const char *word) {
    if (fold_has(fact(hit, FACT_NAME_WORDS), word)) {
        why(hit, "Its name has \"", word, "\".", NULL);
        return;
    }
    if (fold_has(fact(hit, FACT_CATEGORY_WORDS), word)) {
        why(hit, "Its category is \"", fact(hit, FACT_CATEGORY), "\".", NULL);
        return;
    }
    for (size_t i = FACTS; i + 1 < hit->n_lines; i += 2) {
        if (fold_has(fact(hit, i + 1), word)) {
            why(hit, "Its service \"", fact(hit, i), "\" has \"", word, "\".", NULL);
            return;
        }
    }
    if (fold_has(fact(hit, FACT_SUMMARY_WORDS), word))
        why(hit, "Its summary has \"", word, "\".", NULL);
    else if (fold_has(pg_text(hit->rows, hit->row, COLUMN_PLACES), word))
        why(hit, "Its place has \"", word, "\".", NULL);
    else
        why(hit, "Its description has \"", word, "\".", NULL);
}

/* What one of the asked-for words was taken for, as far as this text has it. */
static bool say_alike(struct hit *hit, char kind, unsigned at, const char *said, const char *folded,
                      const char *where) {
    const struct search_request *request = hit->request;
    for (size_t i = 0; i < request->n_alike; i++) {
        const struct search_alike *alike = &request->alike[i];
        if (alike->kind != kind || alike->at != at || !fold_has(folded, alike->word))
            continue;
        why(hit, "\"", said, "\" resembles \"", alike->word, "\" in its ", where, ".", NULL);
        return true;
    }
    return false;
}

/* Names of it and of its services, and its category: where misspelt words are looked for. */
static char *named_in(const struct hit *hit) {
    struct text text = {0};
    text_add(&text, "%s %s", fact(hit, FACT_NAME_WORDS), fact(hit, FACT_CATEGORY_WORDS));
    for (size_t i = FACTS; i + 1 < hit->n_lines; i += 2)
        text_add(&text, " %s", fact(hit, i + 1));
    return text_take(&text);
}

static void tell_words(struct hit *hit) {
    const struct search_request *request = hit->request;
    const char *said = json_string_value(json_object_get(request->arguments, "query"));
    if (request->n_words == 0 && said != NULL && !text_blank(said))
        leaves_open(hit, "\"", said, "\" has neither letters nor digits to look for.", NULL);
    const char *found = pg_text(hit->rows, hit->row, COLUMN_FOUND);
    SCOPE_FREE char *named = request->n_alike > 0 ? named_in(hit) : NULL;
    for (unsigned i = 0; i < request->n_words; i++) {
        const char *word = request->words[i];
        if (found[0] != '\0' && found[i] != '1')
            leaves_open(hit, "Its profile does not mention \"", word, "\".", NULL);
        else if (named == NULL || fold_has(named, word) ||
                 !say_alike(hit, 't', i, word, named, "name, category or services"))
            say_found(hit, word);
    }
}

/* ---- named things ---- */

/* All words of `asked` are words of a folded text. */
static bool has_all(const char *folded, const char *asked) {
    char words[FOLD_WORDS_MAX][FOLD_WORD_SIZE];
    size_t n = fold_words(asked, words);
    bool all = true;
    for (size_t i = 0; i < n && all; i++)
        all = fold_has(folded, words[i]);
    return all;
}

/* The words of a folded text that another one has only as what they were taken for. */
static void tell_alike(struct hit *hit, char kind, const char *asked, const char *folded,
                       const char *where) {
    char words[FOLD_WORDS_MAX][FOLD_WORD_SIZE];
    size_t n = kind == 'p' ? fold_words(asked, words) : fold_sought(asked, words);
    for (unsigned i = 0; i < n; i++)
        if (!fold_has(folded, words[i]))
            (void)say_alike(hit, kind, i, words[i], folded, where);
}

static void tell_category(struct hit *hit) {
    const struct search_request *request = hit->request;
    const char *words = fact(hit, FACT_CATEGORY_WORDS);
    if (request->category == NULL)
        return;
    if (has_all(words, request->category))
        why(hit, "Its category is \"", fact(hit, FACT_CATEGORY), "\".", NULL);
    else
        tell_alike(hit, 'c', request->category, words, "category");
}

static void tell_place(struct hit *hit) {
    const struct search_request *request = hit->request;
    const char *places = pg_text(hit->rows, hit->row, COLUMN_PLACES);
    if (request->place == NULL)
        return;
    if (places[0] == '\0')
        leaves_open(hit, "Its profile names no place; \"", request->place_said, "\" was asked for.",
                    NULL);
    else if (has_all(fact(hit, FACT_CITY_WORDS), request->place))
        why(hit, "It is in ", fact(hit, FACT_CITY), ".", NULL);
    else if (has_all(places, request->place))
        why(hit, "Its address or service area names \"", request->place_said, "\".", NULL);
    else
        tell_alike(hit, 'p', request->place, places, "address or service area");
}

static double km_of(int64_t metres) {
    return (double)metres / 1000;
}

#define KM_SIZE 24

/* With one decimal. */
static const char *tenths(uint64_t n, char out[static KM_SIZE]) {
    char *at = out + KM_SIZE - 1;
    *at = '\0';
    *--at = (char)('0' + n % 10);
    *--at = '.';
    do
        *--at = (char)('0' + (n /= 10) % 10);
    while (n >= 10);
    return at;
}

/* As "%.1f" of km_of has it: right between two it is what is binary that counts. */
static const char *km_text(int64_t metres, char out[static KM_SIZE]) {
    if (metres >= 0 && metres % 100 != 50)
        return tenths(((uint64_t)metres + 50) / 100, out);
    (void)snprintf(out, KM_SIZE, "%.1f", km_of(metres));
    return out;
}

static bool has_distance(const struct hit *hit) {
    return !pg_is_null(hit->rows, hit->row, COLUMN_METRES);
}

static bool leaves(const struct hit *hit, char what) {
    return strchr(pg_text(hit->rows, hit->row, COLUMN_UNSTATED), what) != NULL;
}

static void tell_spot(struct hit *hit) {
    const struct search_request *request = hit->request;
    if (!request->spot)
        return;
    if (!has_distance(hit)) {
        leaves_open(hit, "Its profile states no coordinates, so how far it is is not known.", NULL);
        return;
    }
    char number[KM_SIZE];
    int64_t metres = pg_int(hit->rows, hit->row, COLUMN_METRES);
    const char *km = km_text(metres, number);
    if (km_of(metres) <= request->radius_km)
        why(hit, "It is ", km, " km away.", NULL);
    else
        why(hit, "It is ", km, " km away, and its service area reaches this place.", NULL);
}

static const char *mode_words(const char *mode) {
    if (strcmp(mode, "at_customer") == 0)
        return "at the customer's address";
    return strcmp(mode, "remote") == 0 ? "remotely" : "at the business";
}

static void tell_attribute(struct hit *hit, const char *open, const char *word,
                           const json_t *value) {
    size_t len = strlen(word);
    for (const char *at = open; *at != '\0'; at += strcspn(at, ","), at += *at == ',')
        if (strncmp(at, word, len) == 0 && (at[len] == ',' || at[len] == '\0')) {
            leaves_open(hit, "Its profile does not state ", word, ".", NULL);
            return;
        }
    const char *says = json_is_true(value)    ? "yes"
                       : json_is_false(value) ? "no"
                                              : json_string_value(value);
    why(hit, "Its profile states ", word, ": ", says, ".", NULL);
}

static void tell_rest(struct hit *hit) {
    const struct search_request *request = hit->request;
    const char *word;
    json_t *value;
    if (request->country[0] != '\0')
        why(hit, "It is in ", request->country, ".", NULL);
    if (request->mode[0] != '\0' && leaves(hit, 'm'))
        leaves_open(hit, "Its profile does not state whether it works ", mode_words(request->mode),
                    ".", NULL);
    else if (request->mode[0] != '\0')
        why(hit, "It works ", mode_words(request->mode), ".", NULL);
    if (request->language[0] != '\0' && leaves(hit, 'l'))
        leaves_open(hit, "Its profile states no languages; \"", request->language,
                    "\" was asked for.", NULL);
    else if (request->language[0] != '\0')
        why(hit, "The language \"", request->language, "\" is spoken there.", NULL);
    if (request->open && leaves(hit, 'h'))
        leaves_open(hit, "Its profile states no opening hours.", NULL);
    else if (request->open)
        why(hit, "By its opening hours it is open at that time.", NULL);
    json_object_foreach(request->attributes, word, value)
        tell_attribute(hit, pg_text(hit->rows, hit->row, COLUMN_OPEN_ATTRIBUTES), word, value);
}

static void tell_all(struct hit *hit) {
    tell_words(hit);
    tell_category(hit);
    tell_place(hit);
    tell_spot(hit);
    tell_rest(hit);
    if (!hit->told)
        why(hit, "Nothing more was asked for; fuller profiles come first.", NULL);
}

void search_hit(const struct business_server *server, const struct search_request *request,
                const struct pg_rows *rows, unsigned row, struct text *out) {
    struct hit hit = {.request = request, .rows = rows, .row = row, .out = out};
    char path[SLUG_MAX + 8], url[600], number[KM_SIZE];
    const char *card = pg_text(rows, row, COLUMN_CARD);
    size_t len = strlen(card);
    take_facts(&hit);
    text_put(out, card, len > 0 ? len - 1 : 0); /* without its last brace */
    if (has_distance(&hit)) {
        double km = km_of(pg_int(rows, row, COLUMN_METRES));
        text_word(out, ",\"distance_km\":");
        text_word(out, tenths((uint64_t)llround(km * 10), number));
    }
    snprintf(path, sizeof(path), "/b/%s", fact(&hit, FACT_SLUG));
    if (business_url(server, path, url, sizeof(url)) == 0) {
        text_word(out, ",\"url\":");
        text_json(out, url);
    }
    text_word(out, ",\"why\":[");
    tell_all(&hit);
    text_word(out, "],\"not_stated\":[");
    text_put(out, hit.open.len > 0 ? hit.open.data : "", hit.open.len);
    text_word(out, "]}");
    out->failed |= hit.facts == NULL || hit.open.failed || len == 0;
    free(hit.facts);
    free(hit.open.data);
}
