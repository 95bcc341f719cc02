/* Rows of the operational log on their way to the database: text as COPY takes it (PostgreSQL's
 * manual, COPY, "Text Format"), one line a row. Pure but for memory. */
#ifndef CLOISTER_BUSINESS_OPLOG_ROWS_H
#define CLOISTER_BUSINESS_OPLOG_ROWS_H

#include "ipc/base.h"

struct oplog_rows {
    char *text;
    size_t len, cap, count;
};

/* One row. All texts are printable but for `arguments`, a JSON object without line breaks. */
struct oplog_row {
    int64_t at_ms;
    const char *request; /* id */
    const char *operation, *origin, *channel, *client, *client_version, *fingerprint;
    bool by_agent, cached;
    const char *arguments;
    uint64_t took_us;
    int64_t results; /* -1: not counted */
    unsigned status;
    const char *code, *fanout;
};

/* The columns in the order of the lines. */
#define OPLOG_COLUMNS                                                                              \
    "request, at, operation, origin, channel, client, client_version, fingerprint, by_agent,"      \
    " cached, arguments, took_us, results, status, code, fanout"

/* -ENOMEM: nothing was added. */
int oplog_rows_add(struct oplog_rows *rows, const struct oplog_row *row) MUST_CHECK;
/* Wipes and frees the text. */
void oplog_rows_clear(struct oplog_rows *rows);

#endif
