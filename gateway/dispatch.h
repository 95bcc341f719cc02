/* From a well-formed head to its handler: route, cross-origin rules, the frontend's key, rates, the
 * body. Refuses as early as it can, mostly before a body is read. Loop thread. */
#ifndef CLOISTER_GATEWAY_DISPATCH_H
#define CLOISTER_GATEWAY_DISPATCH_H

#include "gateway/gateway.h"

/* The listeners' and the operators' socket's callbacks; their context is the gateway. */
extern const struct guard_ops dispatch_owner, dispatch_public, dispatch_operators;

#endif
