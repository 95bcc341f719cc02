/* Addresses of the listed names: literals, /etc/hosts, then DNS over libevent's resolver; kept for
 * the records' time to live. Works without a resolv.conf (only hosts and literals resolve then); a
 * changed one is read anew. Single-threaded. */
#ifndef CLOISTER_EGRESS_RESOLVE_H
#define CLOISTER_EGRESS_RESOLVE_H

#include "supervisor/egress/allow.h"
#include "supervisor/egress/hosts.h"

struct event_base;
struct resolver;
struct lookup;

/* `addresses` is NULL when the name does not resolve. */
typedef void (*resolve_fn)(void *ctx, const struct address_list *addresses);

/* 0 or -ENOMEM. Names are those of `allow`. */
int resolver_new(struct event_base *base, const struct allow *allow,
                 struct resolver **ret) MUST_CHECK;
void resolver_free(struct resolver *resolver);

/* What is known without asking anybody: true and *ret filled. */
bool resolver_known(struct resolver *resolver, const struct destination *d,
                    struct address_list *ret);
/* Asks DNS; `done` is called later from the loop, once, unless cancelled. NULL: cannot be asked. */
struct lookup *resolver_ask(struct resolver *resolver, const struct destination *d, resolve_fn done,
                            void *ctx);
void lookup_cancel(struct lookup *lookup);

#endif
