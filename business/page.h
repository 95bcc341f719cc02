/* Cursors of lists: "time key", told as base64url. Loop thread. */
#ifndef CLOISTER_BUSINESS_PAGE_H
#define CLOISTER_BUSINESS_PAGE_H

#include "business/call.h"

#define PAGE_BYTES (150u << 10) /* of one answer; a page ends before, however few it has */

struct page {
    int64_t at; /* as the list counts */
    char key[32];
    bool given;
};
/* Of the call's cursor, whose list counts `a_second` to the second. False: the call was refused. */
bool page_read(struct business_call *call, int64_t a_second, struct page *ret);
/* Sets next_cursor. */
void page_write(json_t *result, int64_t at, const char *key);

#endif
