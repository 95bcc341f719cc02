/* What stands before the @ of a mail address, as all programs of the business front door take it:
 * what goes into a header and into RCPT TO without any quoting (RFC 5321, 4.1.2, "Dot-string").
 * Quoted ones and letters beyond ASCII are left out on purpose: not every server takes them. Pure.
 */
#ifndef CLOISTER_BUSINESS_API_MAIL_NAME_H
#define CLOISTER_BUSINESS_API_MAIL_NAME_H

#include "ipc/base.h"

bool mail_name_fits(const char *text, size_t len);

#endif
