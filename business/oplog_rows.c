#include "business/oplog_rows.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define NUMBERS 160 /* the time, four numbers, two booleans, the tabs between all columns */

/* Twice as long at most. */
static char *escaped(char *at, const char *word) {
    for (; *word != '\0'; word++) {
        if (*word == '\\')
            *at++ = '\\';
        *at++ = (unsigned char)*word < 0x20 ? '?' : *word;
    }
    *at = '\t';
    return at + 1;
}

/* YYYY-MM-DD hh:mm:ss.mmm+00 */
static char *instant(char *at, int64_t ms) {
    time_t seconds = (time_t)(ms / 1000);
    struct tm utc;
    (void)gmtime_r(&seconds, &utc);
    at += strftime(at, 24, "%Y-%m-%d %H:%M:%S", &utc);
    return at + sprintf(at, ".%03u+00\t", (unsigned)(ms % 1000));
}

static int make_room(struct oplog_rows *rows, size_t more) {
    if (rows->len + more <= rows->cap)
        return 0;
    size_t cap = (rows->cap + more) * 2;
    char *text = malloc(cap);
    if (text == NULL)
        return -ENOMEM;
    if (rows->len > 0)
        memcpy(text, rows->text, rows->len);
    if (rows->text != NULL)
        explicit_bzero(rows->text, rows->len);
    free(rows->text);
    rows->text = text;
    rows->cap = cap;
    return 0;
}

int oplog_rows_add(struct oplog_rows *rows, const struct oplog_row *row) {
    const char *const words[] = {row->operation, row->origin,         row->channel,
                                 row->client,    row->client_version, row->fingerprint};
    size_t need = NUMBERS + strlen(row->request) +
                  2 * (strlen(row->arguments) + strlen(row->code) + strlen(row->fanout));
    for (size_t i = 0; i < COUNT_OF(words); i++)
        need += 2 * strlen(words[i]);
    int r = make_room(rows, need);
    if (r < 0)
        return r;
    char *at = escaped(rows->text + rows->len, row->request);
    at = instant(at, row->at_ms);
    for (size_t i = 0; i < COUNT_OF(words); i++)
        at = escaped(at, words[i]);
    at += sprintf(at, "%c\t%c\t", row->by_agent ? 't' : 'f', row->cached ? 't' : 'f');
    at = escaped(at, row->arguments);
    at += sprintf(at, "%" PRIu64 "\t", row->took_us);
    at += row->results < 0 ? sprintf(at, "\\N\t") : sprintf(at, "%" PRId64 "\t", row->results);
    at += sprintf(at, "%u\t", row->status);
    at = escaped(escaped(at, row->code), row->fanout);
    at[-1] = '\n';
    rows->len = (size_t)(at - rows->text);
    rows->count++;
    return 0;
}

void oplog_rows_clear(struct oplog_rows *rows) {
    if (rows->text != NULL)
        explicit_bzero(rows->text, rows->len);
    free(rows->text);
    *rows = (struct oplog_rows){0};
}
