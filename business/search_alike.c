/* What a misspelt word may have been meant as: words of the directory that are nearly the same,
 * letter by letter. The database finds candidates by their trigrams. */
#include <string.h>
#include <unistr.h>

#include "business/search_parts.h"
#include "ipc/log.h"

#define LETTERS_MIN 4  /* shorter words resemble too much */
#define EACH_MAX    4  /* taken of one word */
#define BYTES_MAX   64 /* compared letter by letter */

const char search_alike_sql[] =
    "SELECT q.kind, q.at, v.word FROM json_to_recordset($1::json)"
    "  AS q(kind text, at integer, word text), LATERAL (SELECT v.word FROM vocabulary AS v"
    "   WHERE v.kind = q.kind AND v.word OPERATOR(public.%) q.word"
    "   ORDER BY public.similarity(v.word, q.word) DESC, v.word LIMIT 16) AS v";

typedef void add_word(void *ctx, char kind, unsigned at, const char *word);

static void each_of(char kind, char words[static FOLD_WORDS_MAX][FOLD_WORD_SIZE], size_t n,
                    add_word *add, void *ctx) {
    for (unsigned i = 0; i < n; i++)
        if (u8_mbsnlen((const uint8_t *)words[i], strlen(words[i])) >= LETTERS_MIN)
            add(ctx, kind, i, words[i]);
}

/* As search_named takes them apart. */
static size_t words_of(char kind, const char *folded,
                       char words[static FOLD_WORDS_MAX][FOLD_WORD_SIZE]) {
    return kind == 'p' ? fold_words(folded, words) : fold_sought(folded, words);
}

static void each_of_text(char kind, const char *folded, add_word *add, void *ctx) {
    char words[FOLD_WORDS_MAX][FOLD_WORD_SIZE];
    if (folded != NULL)
        each_of(kind, words, words_of(kind, folded, words), add, ctx);
}

static void each_word(const struct search_request *request, add_word *add, void *ctx) {
    each_of('t', (char(*)[FOLD_WORD_SIZE])(uintptr_t)request->words, request->n_words, add, ctx);
    each_of_text('c', request->category, add, ctx);
    each_of_text('p', request->place, add, ctx);
}

static void add_json(void *ctx, char kind, unsigned at, const char *word) {
    const char name[] = {kind, '\0'};
    (void)json_array_append_new(
        ctx, json_pack("{s:s s:i s:s}", "kind", name, "at", (int)at, "word", word));
}

char *search_alike_ask(const struct search_request *request) {
    json_t *list = json_array();
    each_word(request, add_json, list);
    char *text = json_array_size(list) > 0 ? json_dumps(list, JSON_COMPACT) : NULL;
    json_decref(list);
    return text;
}

static void count_word(void *ctx, char kind, unsigned at, const char *word) {
    (void)kind, (void)at, (void)word;
    *(bool *)ctx = true;
}

bool search_alike_any(const struct search_request *request) {
    bool any = false;
    each_word(request, count_word, &any);
    return any;
}

struct lists {
    struct text *kinds, *words;
};

/* Folded words are letters and digits: nothing in them needs a sign before it. */
static void add_entry(void *ctx, char kind, unsigned at, const char *word) {
    struct lists *lists = ctx;
    const char *comma = lists->kinds->len > 0 ? "," : "";
    (void)at;
    text_add(lists->kinds, "%s%c", comma, kind);
    text_add(lists->words, "%s\"%s\"", comma, word);
}

void search_alike_lists(const struct search_request *request, struct text *kinds,
                        struct text *words) {
    struct lists lists = {kinds, words};
    each_word(request, add_entry, &lists);
}

static size_t smaller(size_t a, size_t b) {
    return a < b ? a : b;
}

/* Levenshtein's distance in bytes; two letters that changed places count once (optimal string
 * alignment). */
static size_t distance(const char *a, const char *b) {
    size_t a_len = strlen(a), b_len = strlen(b), rows[3][BYTES_MAX + 1];
    size_t *before = rows[0], *last = rows[1], *row = rows[2];
    if (a_len > BYTES_MAX || b_len > BYTES_MAX)
        return SIZE_MAX;
    for (size_t j = 0; j <= b_len; j++)
        last[j] = j;
    for (size_t i = 1; i <= a_len; i++) {
        row[0] = i;
        for (size_t j = 1; j <= b_len; j++) {
            row[j] =
                smaller(smaller(row[j - 1], last[j]) + 1, last[j - 1] + (a[i - 1] != b[j - 1]));
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                row[j] = smaller(row[j], before[j - 2] + 1);
        }
        size_t *oldest = before;
        before = last;
        last = row;
        row = oldest;
    }
    return last[b_len];
}

/* The word that was asked for there; NULL: none. */
static const char *asked_for(const struct search_request *request, char kind, unsigned at,
                             char words[static FOLD_WORDS_MAX][FOLD_WORD_SIZE]) {
    const char *text = kind == 'c' ? request->category : request->place;
    if (kind == 't')
        return at < request->n_words ? request->words[at] : NULL;
    return text != NULL && at < words_of(kind, text, words) ? words[at] : NULL;
}

static size_t taken_of(const struct search_request *request, char kind, unsigned at) {
    size_t n = 0;
    for (size_t i = 0; i < request->n_alike; i++)
        n += request->alike[i].kind == kind && request->alike[i].at == at;
    return n;
}

/* Whether the directory has the word itself: candidates come most alike first. */
static bool known(const struct pg_rows *rows, unsigned row, const char *word) {
    const char *kind = pg_text(rows, row, 0);
    int64_t at = pg_int(rows, row, 1);
    for (unsigned i = 0; i < pg_count(rows); i++)
        if (pg_int(rows, i, 1) == at && pg_text(rows, i, 0)[0] == kind[0] &&
            fold_has(pg_text(rows, i, 2), word))
            return true;
    return false;
}

void search_alike_take(struct search_request *request, const struct pg_rows *rows) {
    char words[FOLD_WORDS_MAX][FOLD_WORD_SIZE];
    if (request->alike == NULL)
        request->alike = calloc(ALIKE_MAX, sizeof(*request->alike));
    if (request->alike == NULL)
        fatal("out of memory");
    for (unsigned i = 0; i < pg_count(rows) && request->n_alike < ALIKE_MAX; i++) {
        char kind = pg_text(rows, i, 0)[0];
        unsigned at = (unsigned)pg_int(rows, i, 1);
        const char *word = asked_for(request, kind, at, words), *near = pg_text(rows, i, 2);
        if (word == NULL || strlen(near) >= FOLD_WORD_SIZE || known(rows, i, word) ||
            taken_of(request, kind, at) >= EACH_MAX || distance(word, near) > 1 + strlen(word) / 5)
            continue;
        struct search_alike *alike = &request->alike[request->n_alike++];
        alike->kind = kind;
        alike->at = at;
        strcpy(alike->word, near);
    }
}
