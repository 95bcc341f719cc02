/* Just enough of URLs to send browsers somewhere: checked addresses, appended parameters. Pure. */
#ifndef CLOISTER_SUPERVISOR_URL_H
#define CLOISTER_SUPERVISOR_URL_H

#include "ipc/base.h"

#define RETURN_TO_MAX 1024
#define LOCATION_MAX  6144

/* An http or https address with a host, printable ASCII only, without user info or fragment, at
 * most RETURN_TO_MAX long. */
bool url_valid(const char *url);

/* Appends name=value, percent-encoded, after '?' or '&' as `url` needs. -ENOSPC leaves it cut; give
 * up then. */
int url_append(char *url, size_t cap, const char *name, const char *value) MUST_CHECK;

/* base and path with exactly one '/' between them. 0 or -ENOSPC. */
int url_join(char *out, size_t cap, const char *base, const char *path) MUST_CHECK;

#endif
