/* Where notices may go. Webhooks, the operator's own ([notify] webhook_url) and owners', are https;
 * http only to this machine, where nobody listens in. Pure, shared by cloister-business, which
 * keeps what owners choose, and cloister-notify, which delivers there. */
#ifndef CLOISTER_BUSINESS_REACH_H
#define CLOISTER_BUSINESS_REACH_H

#include "ipc/config.h"
#include "providers/url.h"

#define NOTIFY_ADDRESS_MAX 254 /* RFC 5321, 4.5.3.1.3, less the brackets */

/* An address that may stand in a header and in RCPT TO without any quoting: one @, letters, digits
 * and a few signs before it (business/api/mail_name.h), a host name or [address] behind it. */
bool notify_address_valid(const char *text);

/* url_parse, and not to be listened in on. 0 or -EINVAL. */
int hook_url_parse(const char *text, struct url *ret) MUST_CHECK;
/* Its host and port are among [notify] owner_webhook_hosts: egress goes nowhere else. */
bool hook_url_listed(const struct config *config, const struct url *url);

#endif
