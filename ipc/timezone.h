/* Time zones by IANA name, through glibc and the zone files (the only files a turn can open). glibc
 * keeps one zone per process: single-threaded use only. */
#ifndef CLOISTER_IPC_TIMEZONE_H
#define CLOISTER_IPC_TIMEZONE_H

#include "ipc/timezone_stamp.h"

#define ZONE_MAX 64 /* with its NUL */

/* A name of the zone database that is there to be read: no "..", no leading '/', no POSIX rule. */
bool zone_valid(const char *name);
/* Offset at a moment, in seconds east of UTC. `zone` must be valid. */
int zone_offset(const char *zone, int64_t utc);

enum zone_fit {
    ZONE_ONCE,
    ZONE_GAP,   /* clocks jump over this local time: read with the offset before the jump */
    ZONE_TWICE, /* it comes twice: the first is meant (RFC 5545, 3.3.5) */
};
/* The moment of a local time. */
int64_t zone_resolve(const char *zone, const struct stamp *local, enum zone_fit *ret_fit);
/* A stamp of any kind as a moment: dates at their first midnight. */
int64_t zone_moment(const char *zone, const struct stamp *stamp);
/* A moment as the zone's clocks show it, with offset. */
void zone_show(const char *zone, int64_t utc, char out[static STAMP_TEXT]);
/* First valid name ("Europe/Berlin", "UTC") among the words of `text`. */
bool zone_find(const char *text, char out[static ZONE_MAX]);

#endif
