/* A row of business.outbox on its way: what it says, to whom, and by which channels it still has to
 * go. The names of its payload are in business/outbox.h. */
#ifndef CLOISTER_BUSINESS_NOTIFY_NOTICE_H
#define CLOISTER_BUSINESS_NOTIFY_NOTICE_H

#include <jansson.h>

#include "business/notify_settings.h"

#define NOTICE_MARK_LEN 32

/* The ways by which a notice goes: mail, the operator's webhook, the owner's own. */
enum delivery_channel { DELIVERY_MAIL, DELIVERY_HOOK, DELIVERY_OWN_HOOK, DELIVERY_CHANNELS };
/* As `delivered` of a payload has them, and the log. */
extern const char *const delivery_names[DELIVERY_CHANNELS];

struct notice {
    int64_t id, created_ms;
    unsigned attempts; /* with the one that runs */
    char kind[24], to_kind[12], business[64], reference[64];
    json_t *payload;
    bool by[DELIVERY_CHANNELS]; /* still to be done */
    /* The same in every attempt, and no other row's: Message-ID and webhook-id are made from it. */
    char mark[NOTICE_MARK_LEN + 1];
};

/* Takes no text longer than its field: -EINVAL. `payload` is JSON text. */
int notice_make(const char *kind, const char *to_kind, const char *business, const char *reference,
                const char *payload, struct notice *ret) MUST_CHECK;
/* By what it is to go, and its mark: after id and created_ms are there. */
void notice_plan(struct notice *notice, const struct notify_settings *settings);
void notice_free(struct notice *notice);
/* Nothing is left to be done for it. */
bool notice_over(const struct notice *notice);
/* The payload's `delivered` with what it has been delivered by since as well: a JSON object to be
 * laid over the payload. NULL: out of memory. The caller frees it. */
char *notice_delivered(const struct notice *notice,
                       const bool by[static DELIVERY_CHANNELS]) MUST_CHECK;

/* A text of the payload, "" when it is not there. */
const char *notice_text(const struct notice *notice, const char *name);

#endif
