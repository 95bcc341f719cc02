/* Splits an http(s) address into what a dial and a request line need. Strict: no user info, no
 * blanks, no control characters, no percent or other odd spelling of a host. Pure; shared with
 * egress, which reads the configured addresses with it. */
#ifndef CLOISTER_PROVIDERS_URL_H
#define CLOISTER_PROVIDERS_URL_H

#include "ipc/base.h"

#define URL_HOST_MAX 253

struct url {
    bool tls;
    char host[URL_HOST_MAX + 1]; /* lowercase; an IPv6 literal without brackets */
    uint16_t port;
    const char *path; /* into the text: path and query; NULL when absent */
    size_t path_len;  /* without the fragment */
};

/* 0 or -EINVAL. *ret->path points into `text`. */
int url_parse(const char *text, struct url *ret) MUST_CHECK;

/* smtp://host[:port] (587) or smtps://host[:port] (465, ret->tls), nothing behind it. 0 or -EINVAL.
 */
int url_parse_smtp(const char *text, struct url *ret) MUST_CHECK;

/* Splits "host:port" or "[v6]:port"; `host` holds URL_HOST_MAX + 1 bytes. 0 or -EINVAL. */
int url_parse_pair(const char *text, char *host, uint16_t *ret_port) MUST_CHECK;

#define URL_PAIR_SIZE (URL_HOST_MAX + 9) /* brackets, colon, port and a NUL */

/* "host:port" of an http(s) address, "[v6]:port": what names its host, whatever else it says. 0 or
 * -EINVAL. */
int url_pair_of(const char *text, char out[static URL_PAIR_SIZE]) MUST_CHECK;

/* True for a host name of letters, digits, '-' and single inner dots whose last label is no number,
 * or a plain IPv4 or IPv6 literal. "127.1", "0x7f000001", "a.", "a..b", "::ffff:1.2.3.4" are none.
 */
bool url_host_valid(const char *host);
bool url_host_is_address(const char *host);

#endif
