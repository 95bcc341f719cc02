/* Statements of searches that were made before, by what is asked for: so many at most. Which
 * filters a search has is its asker's choice, and there are more choices than a server should keep
 * plans for. */
#include <string.h>

#include "business/search_parts.h"

#define ROWS 256
static LIST_HEAD(, search_statement) rows[ROWS];
static TAILQ_HEAD(,
                  search_statement) used = TAILQ_HEAD_INITIALIZER(used); /* longest unused first */
static unsigned kept;

struct search_statement *search_statement_known(uint64_t shape) {
    struct search_statement *statement;
    LIST_FOREACH(statement, &rows[shape % ROWS], next)
    if (statement->shape == shape)
        break;
    if (statement != NULL) {
        TAILQ_REMOVE(&used, statement, used);
        TAILQ_INSERT_TAIL(&used, statement, used);
    }
    return statement;
}

struct search_statement *search_statement_keep(uint64_t shape, const char *sql, size_t n) {
    size_t size = strlen(sql) + 1;
    struct search_statement *statement = calloc(1, sizeof(*statement) + size);
    if (statement == NULL)
        return NULL;
    memcpy(statement->sql, sql, size);
    statement->shape = shape;
    statement->n = n;
    TAILQ_INIT(&statement->waiting);
    LIST_INSERT_HEAD(&rows[shape % ROWS], statement, next);
    TAILQ_INSERT_TAIL(&used, statement, used);
    kept++;
    return statement;
}

static void drop(struct business_server *server, struct search_statement *statement) {
    LIST_REMOVE(statement, next);
    TAILQ_REMOVE(&used, statement, used);
    kept--;
    pg_forget(server->pg, statement->sql);
    free(statement);
}

void search_statements_trim(struct business_server *server) {
    struct search_statement *at = TAILQ_FIRST(&used);
    while (at != NULL && kept > SEARCH_STATEMENTS_MAX) {
        struct search_statement *next = TAILQ_NEXT(at, used);
        if (!at->queued && at->flying == 0)
            drop(server, at);
        at = next;
    }
}

unsigned search_statements_kept(void) {
    return kept;
}
