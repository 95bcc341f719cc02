/* The part of an outbox row's payload that opens bookings and inquiries: links, and what contains
 * them. cloister-business seals it when it writes the row, cloister-notify opens it when it
 * delivers, so that no table, log of changes or backup of PostgreSQL has a link that works.
 *
 * The key is made from cloister-business's secret and told to cloister-notify alone, over its
 * socket (OUTBOX_KEY); neither writes it anywhere. A sealed part opens with its own row's reference
 * only. */
#ifndef CLOISTER_BUSINESS_OUTBOX_SEAL_H
#define CLOISTER_BUSINESS_OUTBOX_SEAL_H

#include <jansson.h>

#include "memory/seal.h"

#define OUTBOX_KEY_LEN SEAL_KEY_LEN
/* The payload's member that holds the sealed part, as text. */
#define OUTBOX_SEALED "sealed"

/* Adds `texts` to `payload`, sealed. 0 or -ENOMEM. */
int outbox_seal(const uint8_t key[static OUTBOX_KEY_LEN], const char *reference, json_t *payload,
                const json_t *texts) MUST_CHECK;
/* Puts the texts back in the place of the sealed part; a payload without one stays as it is. 0;
 * -EBADMSG: it is not of this key and reference. */
int outbox_open(const uint8_t key[static OUTBOX_KEY_LEN], const char *reference,
                json_t *payload) MUST_CHECK;

#endif
