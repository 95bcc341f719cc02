/* The names a public gateway answers to: a page of somebody else's must not reach it through a name
 * of its own that points here (DNS rebinding). Pure once made. */
#ifndef CLOISTER_GATEWAY_HOSTS_H
#define CLOISTER_GATEWAY_HOSTS_H

#include "gateway/strict.h"

struct hosts;

/* Of the address under which the world reaches it ("https://book.example"), and of the one it
 * listens on ("127.0.0.1:8421"); on loopback the other names of loopback are fine, too. 0 or
 * -errno. */
int hosts_new(const char *public_url, const char *listen, struct hosts **ret) MUST_CHECK;
void hosts_free(struct hosts *hosts);

/* Whether a Host header names us; one that is missing (HTTP/1.0) does. */
bool hosts_ours(const struct hosts *hosts, const struct slice *host);
/* Whether an Origin header is one of our own pages'. */
bool hosts_own_origin(const struct hosts *hosts, const struct slice *origin);

#endif
