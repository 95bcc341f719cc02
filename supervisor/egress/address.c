#include "supervisor/egress/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

struct block {
    uint32_t base;
    unsigned bits;
};

#define V4(a, b, c, d)                                                                             \
    ((uint32_t)(a) << 24 | (uint32_t)(b) << 16 | (uint32_t)(c) << 8 | (uint32_t)(d))

/* IANA's special-purpose registry (RFC 6890 and later). */
static const struct block special[] = {
    {V4(0, 0, 0, 0), 8},      {V4(10, 0, 0, 0), 8},     {V4(100, 64, 0, 0), 10},
    {V4(127, 0, 0, 0), 8},    {V4(169, 254, 0, 0), 16}, {V4(172, 16, 0, 0), 12},
    {V4(192, 0, 0, 0), 24},   {V4(192, 0, 2, 0), 24},   {V4(192, 88, 99, 0), 24},
    {V4(192, 168, 0, 0), 16}, {V4(198, 18, 0, 0), 15},  {V4(198, 51, 100, 0), 24},
    {V4(203, 0, 113, 0), 24}, {V4(224, 0, 0, 0), 4},    {V4(240, 0, 0, 0), 4},
};

static bool v4_public(uint32_t address) {
    for (size_t i = 0; i < COUNT_OF(special); i++)
        if ((address ^ special[i].base) >> (32 - special[i].bits) == 0)
            return false;
    return true;
}

static bool v6_public(const uint8_t a[static 16]) {
    static const uint8_t nat64[12] = {0x00, 0x64, 0xff, 0x9b};
    if (memcmp(a, nat64, sizeof(nat64)) == 0)
        return v4_public(V4(a[12], a[13], a[14], a[15]));
    if ((a[0] & 0xe0) != 0x20) /* global unicast is 2000::/3 */
        return false;
    if (a[0] == 0x20 && a[1] == 0x01 && (a[2] & 0xfe) == 0) /* 2001::/23, Teredo and protocols */
        return false;
    if (a[0] == 0x20 && a[1] == 0x01 && a[2] == 0x0d && a[3] == 0xb8) /* documentation */
        return false;
    if (a[0] == 0x3f && a[1] == 0xff) /* documentation, 3fff::/20 and its neighbours */
        return false;
    return !(a[0] == 0x20 && a[1] == 0x02); /* 6to4 */
}

bool address_public(const struct sockaddr *address) {
    if (address->sa_family == AF_INET) {
        struct sockaddr_in v4;
        memcpy(&v4, address, sizeof(v4));
        return v4_public(ntohl(v4.sin_addr.s_addr));
    }
    if (address->sa_family == AF_INET6) {
        struct sockaddr_in6 v6;
        memcpy(&v6, address, sizeof(v6));
        return v6_public(v6.sin6_addr.s6_addr);
    }
    return false;
}
