/* Names and secrets of bookings and inquiries. A reference is short and cannot be misread: ten of
 * thirty signs without 0, O, 1, I, L and U. A secret is a MAC over its purpose and the reference
 * (business_mac), so none is stored and one for cancelling cannot do anything else. */
#ifndef CLOISTER_BUSINESS_REFERENCE_H
#define CLOISTER_BUSINESS_REFERENCE_H

#include <jansson.h>

#include "business/business.h"

#define REFERENCE_LEN  13 /* "B-7KQ2M-9XDRT" */
#define SECRET_LEN     24
#define EVENT_NAME_LEN 32

/* `kind`: 'B' a booking, 'Q' an inquiry. Random. */
void reference_make(char kind, char out[static REFERENCE_LEN + 1]);

enum secret_purpose {
    SECRET_MANAGE, /* see, move, cancel a booking */
    SECRET_CANCEL, /* see and cancel it */
    SECRET_INQUIRY,
};
void secret_make(const struct business_server *server, enum secret_purpose purpose,
                 const char *reference, char out[static SECRET_LEN + 1]);
/* Constant time. */
bool secret_fits(const struct business_server *server, enum secret_purpose purpose,
                 const char *reference, const char *secret);

/* The id of a booking's event: base32hex in lower case, as Google wants ids. */
void event_name_make(const struct business_server *server, const char *reference,
                     char out[static EVENT_NAME_LEN + 1]);
/* What an agent calls a conversation about an inquiry; nobody else can guess it. */
#define CONVERSATION_LEN (REFERENCE_LEN + 1 + SECRET_LEN)
void conversation_make(const struct business_server *server, const char *reference,
                       char out[static CONVERSATION_LEN + 1]);

/* "<path><reference><after>?secret=<secret>" as an address for people; "" when it is too long. */
#define LINK_SIZE 800
void link_make(const struct business_server *server, const char *path, const char *reference,
               const char *after, enum secret_purpose purpose, char out[static LINK_SIZE]);

/* The key of outbox_seal.h. */
void outbox_key_make(const struct business_server *server, uint8_t out[static BUSINESS_MAC_LEN]);
/* Adds `links`, texts of outbox.h that carry secrets, to a payload, sealed. False: they are NULL,
 * or no memory. */
bool outbox_put_sealed(const struct business_server *server, const char *reference, json_t *payload,
                       const json_t *links) MUST_CHECK;

#endif
