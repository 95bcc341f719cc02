/* Fingerprints of addresses: an HMAC under a random key that is another one each day (UTC) and is
 * deleted two days later, so that nobody can say later who that was. Of IPv6 only the first 64 bits
 * count. Loop thread. */
#ifndef CLOISTER_BUSINESS_FINGERPRINT_H
#define CLOISTER_BUSINESS_FINGERPRINT_H

#include "business/business.h"

#define FINGERPRINT_SIZE 33 /* hex, with its NUL */

struct fingerprints;
int fingerprints_new(struct business_server *server, struct fingerprints **ret) MUST_CHECK;
void fingerprints_free(struct fingerprints *fingerprints);
/* Gets today's key, and again each day. */
void fingerprints_start(struct fingerprints *fingerprints);
/* "" for what is no IP address, and before the first key is known. */
void fingerprint_of(const struct fingerprints *fingerprints, const char *address,
                    char out[static FINGERPRINT_SIZE]);

#endif
