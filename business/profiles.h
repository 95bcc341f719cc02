/* Published profiles, for other parts: what a booking or an answer is made of. Loop thread. */
#ifndef CLOISTER_BUSINESS_PROFILES_H
#define CLOISTER_BUSINESS_PROFILES_H

#include <jansson.h>

#include "business/business.h"

struct published {
    int64_t id; /* of its row in business.businesses */
    char slug[SLUG_MAX + 1];
    char user[ID_LEN + 1]; /* its owner */
    json_t *profile; /* as put_business has it, defaults filled in: every service has its buffers,
                        notice, horizon, step and mode, features has every word; borrowed */
};

/* `error`: 0; -ENOENT: there is none, or it is not published; -EAGAIN: no database. `published` is
 * valid during the call, and NULL unless `error` is 0. Never called from inside profile_published.
 */
typedef void published_done(void *ctx, int error, const struct published *published);
void profile_published(struct business_server *server, const char *slug, published_done *done,
                       void *ctx);

/* The service of that id, borrowed; NULL: there is none. */
json_t *profile_service(const json_t *profile, const char *id);
/* "booking", "inquiries", "chat", "agent_answers". */
bool profile_feature(const json_t *profile, const char *word);

/* Ends a call that found no business of its slug and user: there is none, or it is somebody's. */
struct business_call;
void business_refuse_not_own(struct business_call *call);

/* Changes are told to caches and gateways (NOTIFY); for statements of other parts that change
 * something public: append ", pg_notify('business_changed', slug)" or SELECT it. */

#endif
