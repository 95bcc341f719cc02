/* Addresses of a name in a file like /etc/hosts. */
#ifndef CLOISTER_EGRESS_HOSTS_H
#define CLOISTER_EGRESS_HOSTS_H

#include <netinet/in.h>

#include "ipc/base.h"

#define ADDRESSES_MAX 8

union address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
};

struct address_list {
    size_t n;
    union address at[ADDRESSES_MAX]; /* IPv4 first */
};

/* Adds what is not in there yet, while there is room. */
void address_list_add(struct address_list *list, const union address *address);
/* "10.0.0.1", "fe80::1"; false when it is neither. */
bool address_parse(const char *text, union address *ret);
size_t address_size(const union address *address);

/* Fills *ret (empty when the name is not there). "localhost" is always known. */
void hosts_find(const char *path, const char *name, struct address_list *ret);

#endif
