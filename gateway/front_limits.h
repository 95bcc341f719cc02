/* Token buckets for answers that the public instance keeps: nobody gets more calls by asking what
 * was asked before. They are those of cloister-business (business/limits.h), which counts every
 * call, these too (BUSINESS_NOTE), and keeps its count; here it is kept beside the answers, so that
 * a kept one is refused without asking. Settings [business] …calls_per_minute. Loop thread. */
#ifndef CLOISTER_GATEWAY_FRONT_LIMITS_H
#define CLOISTER_GATEWAY_FRONT_LIMITS_H

#include "gateway/front.h"

struct front_limits;
size_t front_limits_size(void);
/* In memory of the caller's, as bucket.h. */
struct front_limits *front_limits_begin(void *memory, const struct config *config, bool found);

/* Counts a call by its address, its client and the business it is about. 0, or the ms until there
 * is a token again: then it counted nothing, and a kept answer is not to be given. */
uint64_t front_limits_take(struct front_limits *limits, const struct call *call,
                           const struct front_request *request) MUST_CHECK;

#endif
