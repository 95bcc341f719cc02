/* Query strings, cookies and times as text. Pure. */
#ifndef CLOISTER_GATEWAY_QUERY_H
#define CLOISTER_GATEWAY_QUERY_H

#include "ipc/base.h"

/* Room for any parameter: the longest text that the operations take is 200 characters. */
#define QUERY_VALUE 1024

/* The decoded value of `name` in a query string ('+' is a blank). 1 found, 0 absent (`out` is ""),
 * -EINVAL malformed, not UTF-8 or given twice, -ENOSPC too long. */
int query_get(const char *query, const char *name, char *out, size_t cap) MUST_CHECK;

/* The value of `name` in a Cookie header's value (NULL: none); quotes are not taken off. Returns as
 * above. */
int cookie_get(const char *header, const char *name, char *out, size_t cap) MUST_CHECK;

/* "2026-11-22T13:00:00.123Z"; false when out of range. */
bool time_text(int64_t ms, char out[static 40]);

#endif
