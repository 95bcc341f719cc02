/* Which addresses belong to the public internet. */
#ifndef CLOISTER_EGRESS_ADDRESS_H
#define CLOISTER_EGRESS_ADDRESS_H

#include <sys/socket.h>

#include "ipc/base.h"

/* False for loopback, private, link-local, carrier NAT, multicast, unspecified, documentation and
 * reserved ranges, unique local addresses, and for IPv6 forms that carry an IPv4 address (mapped,
 * compatible, 6to4, Teredo); NAT64 counts as the address it carries. */
bool address_public(const struct sockaddr *address);

#endif
