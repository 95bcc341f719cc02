/* Whose address counts when a reverse proxy stands in between: X-Forwarded-For is believed only
 * from the peers that gateway.trusted_proxies names, and of it only what they themselves added.
 * Addresses: v4 ones mapped. */
#ifndef CLOISTER_GATEWAY_PROXIES_H
#define CLOISTER_GATEWAY_PROXIES_H

#include <netinet/in.h>

#include "gateway/strict.h"

#define PROXIES_MAX 32

struct proxies {
    struct in6_addr trusted[PROXIES_MAX];
    size_t count;
};

/* One address as inet_pton reads it, v4 or v6. 0 or -EINVAL. */
int address_parse(struct slice text, struct in6_addr *ret) MUST_CHECK;
/* What limits are counted by: an IPv6 address loses its last 64 bits. */
void address_blur(struct in6_addr *address);

/* One word of the setting. 0, -EINVAL (not an address), -ENOSPC. */
int proxies_add(struct proxies *proxies, const char *word) MUST_CHECK;
bool proxies_trust(const struct proxies *proxies, const struct in6_addr *peer);
/* The client: the last address of X-Forwarded-For that is not itself a trusted proxy's; `peer` when
 * that is not trusted, or when the header is missing, malformed or names proxies alone. */
struct in6_addr proxies_client(const struct proxies *proxies, const struct in6_addr *peer,
                               const struct strict_head *head);

#endif
