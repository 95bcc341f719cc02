/* The destinations egress may dial: for turns the hosts of the configured addresses, and [egress]
 * allow; for cloister-notify the mail server, the webhook's host and those of owners' webhooks, and
 * these for nobody else. Read at start, and again on SIGHUP; nothing else is ever dialled. What an
 * address named is kept until a restart: those who use it change over with one of their own. */
#ifndef CLOISTER_EGRESS_ALLOW_H
#define CLOISTER_EGRESS_ALLOW_H

#include "ipc/base.h"
#include "ipc/config.h"
#include "providers/url.h"

struct destination {
    char host[URL_HOST_MAX + 1]; /* lowercase */
    uint16_t port;
    bool may_private;  /* listed in [egress] allow: may be loopback or a private address */
    bool speaks_first; /* a mail server: a connection kept ready would only disturb it */
    bool stays;        /* an address of the configuration named it, not a list */
    bool delisted;     /* was there before a reload: found by nobody any more */
    size_t index;      /* 0 … ALLOW_MAX - 1 */
};

#define ALLOW_MAX 256 /* destinations, delisted ones among them */

struct allow;

/* On failure `why` names the setting that is wrong. */
int allow_new(const struct config *config, struct allow **ret, char *why,
              size_t why_len) MUST_CHECK;
/* cloister-notify's; may be empty. */
int allow_new_notify(const struct config *config, struct allow **ret, char *why,
                     size_t why_len) MUST_CHECK;
void allow_free(struct allow *allow);
/* `allow` has what `fresh` has from now on, and what addresses named before, those no longer in
 * private places: turns that run by the earlier addresses go on. A destination's address and index
 * stay what they are for as long as `allow` lives, so what is under way to one that is delisted
 * goes on. -ENOSPC, and nothing has changed: with those delisted so far there are too many. */
int allow_update(struct allow *allow, const struct allow *fresh) MUST_CHECK;
/* Listed ones. */
size_t allow_count(const struct allow *allow);
/* How many there may ever be; allow_at knows them all, before anything is there. */
size_t allow_places(const struct allow *allow);
const struct destination *allow_at(const struct allow *allow, size_t index);
/* Exact match of the whole name, any case. Another spelling of the same host ("host.",
 * "%65xample.com", "0x7f.1") is another name and not listed. NULL when it is not listed. */
const struct destination *allow_find(const struct allow *allow, const char *host, uint32_t port);

#endif
