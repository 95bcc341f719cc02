/* The words of a search as what the database looks for. */
#include <stdio.h>
#include <string.h>
#include <unistr.h>

#include "business/search_parts.h"

#define PREFIX_FROM 4 /* characters, as in fold.c */

/* 'plumbers' | 'plumber':* of one folded word. */
static void add_lexeme(struct text *text, const char *word) {
    if (u8_mbsnlen((const uint8_t *)word, strlen(word)) < PREFIX_FROM)
        text_add(text, "'%s'", word);
    else
        text_add(text, "('%s' | '%.*s':*)", word, (int)fold_stem(word), word);
}

/* A word and, unless all must be there as they are, what it may have been meant as. */
static void add_group(const struct search_request *request, enum search_stage stage,
                      struct text *text, char kind, unsigned at, const char *word, bool whole) {
    text_add(text, "(");
    if (whole) /* 東京 is 東京都, but 京都 is not */
        text_add(text, fold_unspaced(word) ? "'%s':*" : "'%s'", word);
    else
        add_lexeme(text, word);
    for (size_t i = 0; stage != STAGE_ALL && i < request->n_alike; i++)
        if (request->alike[i].kind == kind && request->alike[i].at == at)
            text_add(text, " | '%s'", request->alike[i].word);
    text_add(text, ")");
}

char *search_named(const struct search_request *request, enum search_stage stage, char kind,
                   const char *folded, bool whole) {
    char words[FOLD_WORDS_MAX][FOLD_WORD_SIZE];
    size_t n = whole ? fold_words(folded, words) : fold_sought(folded, words);
    struct text text = {0};
    for (unsigned i = 0; i < n; i++) {
        text_add(&text, "%s", i > 0 ? " & " : "");
        add_group(request, stage, &text, kind, i, words[i], whole);
    }
    return text_take(&text);
}

char *search_words(const struct search_request *request, enum search_stage stage, bool any) {
    struct text text = {0};
    for (unsigned i = 0; i < request->n_words; i++) {
        text_add(&text, "%s", i == 0 ? "" : any ? " | " : " & ");
        add_group(request, stage, &text, 't', i, request->words[i], false);
    }
    return text_take(&text);
}

char *search_word(const struct search_request *request, enum search_stage stage, unsigned at) {
    struct text text = {0};
    add_group(request, stage, &text, 't', at, request->words[at], false);
    return text_take(&text);
}
