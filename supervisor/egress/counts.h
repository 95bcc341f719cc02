/* What cloister-egress counts of metrics.def: numbers and reasons from a table, never a host. In
 * memory of its own until counts_share puts them where cloisterd can read them. One thread. */
#ifndef CLOISTER_EGRESS_COUNTS_H
#define CLOISTER_EGRESS_COUNTS_H

#include "ipc/metrics.h"

/* From now on in the file `path` (metrics_page.h). 0 or -errno. */
int counts_share(const char *path) MUST_CHECK;

void count_refusal(unsigned reason); /* REFUSAL_… */
/* Why an attempt to connect failed, by its errno. */
void count_failure(int error);
void count_dial(void);
void count_given(uint64_t us); /* a connection was handed over, so long after it was asked for */
void count_opened(void);
void count_closed(uint64_t bytes);

#endif
