/* Words for people: templates filled from a notice, and texts made fit for a mail's header. Pure.
 */
#ifndef CLOISTER_BUSINESS_NOTIFY_TEXT_H
#define CLOISTER_BUSINESS_NOTIFY_TEXT_H

#include "business/notify_notice.h"

#define TEXT_SUBJECT_MAX 200
#define TEXT_BODY_MAX    32768

/* The files of business/notify/mail, embedded. */
struct mail_template {
    const char *kind, *to_kind;
    const char *text; /* "Subject: …", an empty line, the body */
};
extern const struct mail_template mail_templates[];
extern const size_t mail_template_count;

struct mail_words {
    char subject[TEXT_SUBJECT_MAX + 1]; /* UTF-8, one line, no control character */
    char body[TEXT_BODY_MAX + 1];       /* lines end in \r\n */
};

/* Fills the template of the notice's kind and recipient. {{name}} stands for the payload's text of
 * that name, {{when}} and {{was}} for its times in words; a line whose name has no text is left
 * out. Somebody's words of several lines are quoted line by line. -ENOENT: there is no such mail;
 * -EFBIG. */
int text_fill(const struct notice *notice, struct mail_words *ret) MUST_CHECK;

/* "Tuesday, 24 November 2026, 14:00 to 14:30 (Europe/Berlin)" from RFC 3339 times, whose offsets
 * are those to be shown. `end` and `zone` may be "". False when `start` is no such time. */
bool text_when(const char *start, const char *end, const char *zone, char *out, size_t cap);

/* "Name: value" for a header line, folded: RFC 2047 words where `value` is not plain ASCII. Control
 * characters become blanks, so no value begins another header. -ENOSPC. */
int text_header(const char *name, const char *value, char *out, size_t cap) MUST_CHECK;
/* "Name: display <address>"; `address` must be valid. */
int text_header_address(const char *name, const char *display, const char *address, char *out,
                        size_t cap) MUST_CHECK;
/* RFC 5322 date, in UTC. */
void text_date(int64_t at_ms, char out[static 40]);

#endif
