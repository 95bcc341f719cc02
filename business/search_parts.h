/* The parts of a search: what was asked, its statement, its cursor, its reasons. search.c alone
 * puts them together. Pure, but for statements, which are kept. */
#ifndef CLOISTER_BUSINESS_SEARCH_PARTS_H
#define CLOISTER_BUSINESS_SEARCH_PARTS_H

#include <jansson.h>
#include <sys/queue.h>

#include "business/business.h"
#include "business/fold.h"
#include "business/listing.h"

/* How words are taken: each step when the one before found nothing. */
enum search_stage {
    STAGE_ALL,   /* every word is there */
    STAGE_ALIKE, /* every word, or one that it may have been meant as: typing errors */
    STAGE_ANY,   /* some are; those that are not are told */
    STAGE_COUNT
};
/* First those that state all that was asked for, then those that leave some of it open. */
enum search_tier { TIER_STATED, TIER_OPEN, TIER_COUNT };

struct search_place {
    enum search_stage stage;
    enum search_tier tier;
    bool after; /* of a hit, or from the beginning */
    int64_t score, id;
    uint32_t seen; /* hits on the pages before */
};

/* A word of the directory that a misspelt one may have been meant as. */
struct search_alike {
    char kind;   /* 't' of the query, 'c' of the category, 'p' of the place */
    unsigned at; /* which word of it */
    char word[FOLD_WORD_SIZE];
};
#define ALIKE_MAX 40

struct search_request {
    char words[FOLD_WORDS_MAX][FOLD_WORD_SIZE];
    size_t n_words;
    char *category, *place;           /* folded; NULL: not asked */
    char *category_said, *place_said; /* as they were written */
    char country[3];
    bool spot;
    double latitude, longitude, radius_km;
    char mode[16], language[9];
    json_t *attributes; /* folded; NULL */
    bool open;
    int64_t open_at;
    unsigned limit;
    struct search_alike *alike; /* room for ALIKE_MAX; NULL: none was looked for */
    size_t n_alike;
    json_t *arguments; /* all of it */
};

/* 0, or -EINVAL and a sentence; -ENOMEM. Free with search_request_done either way. */
int search_request_of(const json_t *arguments, unsigned limit, struct search_request *ret,
                      char *why, size_t why_len) MUST_CHECK;
/* A MAC of all that was asked, but the cursor and the limit. 0 or -ENOMEM. */
int search_digest(const struct business_server *server, const struct search_request *request,
                  uint8_t out[static BUSINESS_MAC_LEN]) MUST_CHECK;
void search_request_done(struct search_request *request);
/* Whether a profile can leave open something of what was asked. */
bool search_may_be_open(const struct search_request *request);

/* ---- misspelt words ---- */

/* The argument of search_alike_sql: the words that were asked for, as JSON text; the caller frees
 * it. NULL: there are none, or no memory. */
char *search_alike_ask(const struct search_request *request) MUST_CHECK;
extern const char search_alike_sql[];
/* Whether there are such words. */
bool search_alike_any(const struct search_request *request);
/* The same words as quoted entries of two arrays: their kinds, and they. */
void search_alike_lists(const struct search_request *request, struct text *kinds,
                        struct text *words);
/* Takes over what may have been meant. Words that are known as they are mean themselves. */
void search_alike_take(struct search_request *request, const struct pg_rows *rows);

/* ---- words, as tsqueries ---- */

/* Each is the caller's; NULL: no memory. `whole`: not what only begins like it. */
char *search_named(const struct search_request *request, enum search_stage stage, char kind,
                   const char *folded, bool whole) MUST_CHECK;
/* All words of the query, or any of them; one of them. */
char *search_words(const struct search_request *request, enum search_stage stage,
                   bool any) MUST_CHECK;
char *search_word(const struct search_request *request, enum search_stage stage,
                  unsigned at) MUST_CHECK;

/* ---- statement ---- */

#define SEARCH_PARAMS_MAX 40
struct search_ask;
/* One text for all searches that ask for the same things. Kept, see search_statements.c. */
struct search_statement {
    LIST_ENTRY(search_statement) next;
    TAILQ_ENTRY(search_statement) used;
    uint64_t shape;                    /* which things are asked for */
    TAILQ_ENTRY(search_statement) due; /* it has questions that wait */
    TAILQ_HEAD(, search_ask) waiting;
    size_t n; /* texts of each question */
    bool queued;
    unsigned flying;  /* how often it is on its way */
    uint64_t each_us; /* about how long one question takes */
    /* $1: rows of each question at most, $2: how many questions; then an array for each text, one
     * of all numbers and one of all boxes, where there are any. */
    char sql[];
};
#define SEARCH_NUMBERS_MAX 8
#define SEARCH_BOXES_MAX   3
struct search_query {
    struct search_statement *statement;
    size_t n, n_numbers, n_boxes;
    char *texts[SEARCH_PARAMS_MAX];
    double numbers[SEARCH_NUMBERS_MAX], boxes[SEARCH_BOXES_MAX][4]; /* east, north, west, south */
};
/* Columns of its rows: those of one question after the other, best first. */
enum search_column {
    COLUMN_QUESTION, /* from 1 */
    COLUMN_PLACE,    /* SEARCH_PLACE */
    COLUMN_ID,
    COLUMN_SCORE,
    COLUMN_METRES, /* NULL: no coordinates, or not asked */
    COLUMN_CARD,
    COLUMN_FACTS,
    COLUMN_PLACES,          /* folded */
    COLUMN_UNSTATED,        /* letters: (m)odes, (l)anguages, (h)ours */
    COLUMN_OPEN_ATTRIBUTES, /* words, separated by commas */
    COLUMN_FOUND            /* "101": which of the words it has; "": not asked */
};
#define SEARCH_PLACE(stage, tier) ((int)(stage)*TIER_COUNT + (int)(tier))
#define SEARCH_UNKNOWN_WORDS      (-1)
/* What is found from a place on: in its stage the rest of its tier and the tier behind it. From the
 * very beginning, where nothing has all the words: what has some of them, if the directory has each
 * word; else one row of place SEARCH_UNKNOWN_WORDS. 0 or -ENOMEM. Free with search_query_done. */
int search_query_of(const struct search_request *request, const struct search_place *from,
                    struct search_query *ret) MUST_CHECK;
void search_query_done(struct search_query *query);

#define SEARCH_STATEMENTS_MAX 64
/* NULL: it was not made before, or not kept. */
struct search_statement *search_statement_known(uint64_t shape);
/* Copies the text. NULL: no memory. */
struct search_statement *search_statement_keep(uint64_t shape, const char *sql,
                                               size_t n) MUST_CHECK;
/* Frees what is over SEARCH_STATEMENTS_MAX and has no question that waits or is on its way: not
 * between making a query and asking it. */
void search_statements_trim(struct business_server *server);
unsigned search_statements_kept(void);

/* `error` as of pg_done; the question's rows are `n` from `first` on. */
typedef void search_rows(void *ctx, int error, const struct pg_rows *rows, unsigned first,
                         unsigned n);
/* Asks for at most `limit` rows. Questions of the same kind that come while others are on their way
 * go together, in one statement that begins after they came: none is answered out of an older
 * state of the database. Takes the query over; `done` is called once, never from inside. */
void search_batch_ask(struct business_server *server, struct search_query *query, unsigned limit,
                      search_rows *done, void *ctx);

/* ---- cursor ---- */

#define CURSOR_SIZE 96
/* 0 or -ENOMEM. */
int search_cursor_write(const struct business_server *server, const struct search_request *request,
                        const struct search_place *place, char out[static CURSOR_SIZE]) MUST_CHECK;
/* 0, or -EINVAL: no cursor of ours, or of another search. */
int search_cursor_read(const struct business_server *server, const struct search_request *request,
                       const char *text, struct search_place *ret) MUST_CHECK;

/* ---- reasons ---- */

/* Adds the hit of that row to a JSON text: its card, distance, address, why and not_stated. */
void search_hit(const struct business_server *server, const struct search_request *request,
                const struct pg_rows *rows, unsigned row, struct text *out);

#endif
