/* The destinations egress may dial: the hosts of the configured addresses, and [egress] allow. Read
 * once at start; nothing else is ever dialled. */
#ifndef CLOISTER_EGRESS_ALLOW_H
#define CLOISTER_EGRESS_ALLOW_H

#include "ipc/base.h"
#include "ipc/config.h"
#include "providers/url.h"

struct destination {
    char host[URL_HOST_MAX + 1]; /* lowercase */
    uint16_t port;
    bool may_private; /* listed in [egress] allow: may be loopback or a private address */
    size_t index;     /* 0 … allow_count - 1 */
};

struct allow;

/* On failure `why` names the setting that is wrong. */
int allow_new(const struct config *config, struct allow **ret, char *why,
              size_t why_len) MUST_CHECK;
void allow_free(struct allow *allow);
size_t allow_count(const struct allow *allow);
const struct destination *allow_at(const struct allow *allow, size_t index);
/* Exact match of the whole name, any case. Another spelling of the same host ("host.",
 * "%65xample.com", "0x7f.1") is another name and not listed. NULL when it is not listed. */
const struct destination *allow_find(const struct allow *allow, const char *host, uint32_t port);

#endif
