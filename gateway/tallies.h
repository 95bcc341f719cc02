/* All counts behind a gateway's limits, in one piece of memory that outlives the process
 * (ipc/kept.h): whoever has used up what is theirs cannot have it back by a restart, an upgrade or
 * a crash of the gateway. Of whom they are it has keyed fingerprints alone. Of fixed size. */
#ifndef CLOISTER_GATEWAY_TALLIES_H
#define CLOISTER_GATEWAY_TALLIES_H

#include "gateway/bucket.h"
#include "gateway/throttle.h"
#include "ipc/config.h"

struct front_limits;
struct kept;

struct tallies {
    struct buckets *by_address, *by_bad_key, *by_frontend, *by_sign_in;
    struct throttle *failures;  /* sign-ins that came to nothing */
    struct front_limits *front; /* how often kept answers may be had; NULL but in the public one */
    void *own;                  /* the memory, when it is this process's alone */
};

#define TALLIES_NAME   "tallies"
#define TALLIES_LAYOUT 1 /* another one when the meaning of an entry changes */
size_t tallies_size(bool front);
/* In kept memory of that size; `kept` may be NULL: then they end with the process. 0 or -ENOMEM. */
int tallies_begin(const struct kept *kept, bool front, const struct throttle_rule *sign_ins,
                  const struct config *config, struct tallies *ret) MUST_CHECK;
void tallies_end(struct tallies *tallies);

#endif
