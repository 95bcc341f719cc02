/* What cloister-notify counts of metrics.def: kinds and ways from tables, never an address. In
 * memory of its own until counts_share puts them where cloisterd can read them. One thread. */
#ifndef CLOISTER_BUSINESS_NOTIFY_COUNTS_H
#define CLOISTER_BUSINESS_NOTIFY_COUNTS_H

#include "business/notify_notice.h"

/* From now on in the file `path` (metrics_page.h). 0 or -errno. */
int counts_share(const char *path) MUST_CHECK;

/* One try by one way: it arrived, or it did not. */
void count_try(const char *kind, enum delivery_channel way, bool arrived);
void count_given_up(const char *kind);
/* Of the rows that are neither delivered nor given up: how many, and how old the oldest is. */
void count_waiting(uint64_t rows, uint64_t oldest_us);
void count_database(bool up);

#endif
