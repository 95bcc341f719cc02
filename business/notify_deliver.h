/* One delivery, in a process that lives for it alone: it dials through egress, speaks with libcurl,
 * says how it went on a pipe, and ends. The only part of cloister-notify that reads what a server
 * answers.
 *
 * libcurl's answers are not blocked upon anywhere else: the parent's loop never waits. */
#ifndef CLOISTER_BUSINESS_NOTIFY_DELIVER_H
#define CLOISTER_BUSINESS_NOTIFY_DELIVER_H

#include "business/notify_notice.h"

/* DONE    the server took it
 * LATER   it may the next time
 * NEVER   it refused this one for good */
enum delivery_end { DELIVERY_DONE, DELIVERY_LATER, DELIVERY_NEVER };

/* What the pipe carries, one for each channel, as soon as it is known. */
struct delivery_report {
    uint8_t channel, end;
    uint64_t retry_ms; /* the server's wish; 0: none */
    char why[96];      /* fixed words and a server's number, never its text */
};

/* Delivers by each channel the notice still needs and writes a report each to `pipe`. In the child.
 */
void deliver(const struct notify_settings *settings, const struct notice *notice, int pipe);

/* notify_dial.c: a connected socket from egress. `*ret_channel` must stay open as long as it is
 * used. 0 or -errno: -EACCES not listed or not public, -ETIMEDOUT, … */
int notify_dial(const char *egress, const char *host, uint16_t port, uint64_t deadline, int *ret_fd,
                int *ret_channel) MUST_CHECK;

/* notify_curl.c: what both channels set on a transfer, and how it ended. */
struct notify_transfer {
    void *curl; /* CURL * */
    int fd;     /* connected; -1 once libcurl has it */
    int live;   /* the one that libcurl has */
    int channel;
    char resolve[URL_HOST_MAX + 64];
    struct curl_slist *resolved, *headers;
    char error[256];
};
/* Dials and prepares. 0, or -errno with a reason in `why`. End with notify_transfer_end. */
int notify_transfer_begin(const struct notify_settings *settings, const struct url *to,
                          uint64_t deadline, struct notify_transfer *ret,
                          struct delivery_report *report) MUST_CHECK;
/* Performs; the server's last number in *ret_code, 0 when there was none. A CURLcode. */
int notify_transfer_run(struct notify_transfer *transfer, long *ret_code);
void notify_transfer_end(struct notify_transfer *transfer);

/* notify_mail.c and notify_hook.c */
void deliver_mail(const struct notify_settings *settings, const struct notice *notice,
                  struct delivery_report *report);
/* To the operator's webhook, or the owner's, as `report` says. */
void deliver_hook(const struct notify_settings *settings, const struct notice *notice,
                  struct delivery_report *report);

/* A webhook's body: the same bytes in every attempt, without what is Cloister's own: where else it
 * goes, and keys. NULL: out of memory. */
char *hook_body(const struct notice *notice) MUST_CHECK;
/* The owner's webhook of a notice's payload. -EINVAL; -EACCES: the operator does not list its host.
 * Strings are the notice's. */
int hook_own(const struct notify_settings *settings, const struct notice *notice,
             struct hook *ret) MUST_CHECK;
/* "v1,<base64>" of the Standard Webhooks specification. */
#define HOOK_SIGNATURE_MAX 64
void hook_signature(const struct hook_key *key, const char *id, int64_t seconds, const char *body,
                    char out[static HOOK_SIGNATURE_MAX]);

#endif
