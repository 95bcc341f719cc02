/* The outbox: takes rows that are due, has them delivered, and marks them.
 *
 * A row is taken by putting its next time behind the longest that a delivery may last, in one
 * statement that skips what another cloister-notify is just taking. So whatever ends in between,
 * it comes again, with the same Message-ID and webhook-id: delivered once in effect. Loop thread;
 * logs ids, kinds and reasons, never an address or a text. */
#ifndef CLOISTER_BUSINESS_NOTIFY_QUEUE_H
#define CLOISTER_BUSINESS_NOTIFY_QUEUE_H

#include "business/notify_worker.h"

struct queue;

/* 0, -ENOMEM or -EINVAL (the connection string). */
int queue_new(struct event_base *base, const char *database, const struct notify_settings *settings,
              struct queue **ret) MUST_CHECK;
void queue_free(struct queue *queue);

#endif
