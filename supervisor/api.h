/* The requests beside chat. Each handler answers its request on `end` exactly once, now or later.
 * Loop thread. */
#ifndef CLOISTER_SUPERVISOR_API_H
#define CLOISTER_SUPERVISOR_API_H

#include "supervisor/gateway_end.h"
#include "supervisor/keys_client.h"
#include "supervisor/store.h"
#include "supervisor/turns.h"

struct api;
int api_new(struct event_base *base, const struct config *config, struct store *store,
            struct keys_client *keys, struct turns *turns, struct api **ret) MUST_CHECK;
void api_free(struct api *api);

void api_connect_link_create(struct api *api, struct gateway_end *end,
                             const Cloister__ConnectLinkCreate *request);
void api_connect_open(struct api *api, struct gateway_end *end,
                      const Cloister__ConnectOpen *request);
void api_connect_callback(struct api *api, struct gateway_end *end,
                          const Cloister__ConnectCallback *request);
/* Answers with the user's grant. What can fail for a while is done before the code is used up, so
 * that redeeming can be tried again; after that a code is redeemed once, strictly: a frontend that
 * lost the answer makes a new link. 400 "code_invalid" for a code that is unknown, another's, used
 * or expired, without telling which; 409 "wrong_account"; 403 for the web pages' users, whose
 * connections cloisterd redeems itself. */
void api_redeem(struct api *api, struct gateway_end *end, const Cloister__Redeem *request);
void api_connection_get(struct api *api, struct gateway_end *end,
                        const Cloister__ConnectionGet *request);
/* Answers when the connection is gone, whether Google confirmed or not. 404 "not_connected" when
 * there is none, 404 "unknown_user" for a user who never connected; while one is being ended, a
 * second request waits for the same answer. */
void api_connection_delete(struct api *api, struct gateway_end *end,
                           const Cloister__ConnectionDelete *request);
/* The same for an operator, by the user's opaque id. `done` gets 0, and whether Google confirmed;
 * -ENOENT when there is no such user or no connection; -EAGAIN when something that it takes is
 * away; -ECANCELED when cloisterd ends. `detail` is a sentence. */
typedef void api_disconnected(void *ctx, int error, bool revoked, const char *detail);
void api_disconnect_user(struct api *api, const char *user, api_disconnected *done, void *ctx);
/* An operator's too: the user's next connection may be of any Google account, and every grant that
 * was given out for them is void. `done` as above; -ENOENT also for users of the web pages, who are
 * their account. */
void api_forget_account(struct api *api, const char *user, api_disconnected *done, void *ctx);
void api_memory_list(struct api *api, struct gateway_end *end, const Cloister__MemoryList *request);
/* Other text under an id that is there: answered with Memories of the one. 404 "not_found". */
void api_memory_put(struct api *api, struct gateway_end *end, const Cloister__MemoryPut *request);
void api_memory_delete(struct api *api, struct gateway_end *end,
                       const Cloister__MemoryDelete *request);

/* Voids every grant of the caller's user, and ends nothing else. */
void api_grants_revoke(struct api *api, struct gateway_end *end,
                       const Cloister__GrantsRevoke *request);

/* The business front door, for api_business_call; NULL: there is none. Outlives the api. */
struct business_link;
void api_use_business(struct api *api, struct business_link *link);
/* One operation of business/api/operations.def, for a person who is an owner: admitted, stamped
 * with their id, asked of cloister-business, and its answer passed on. 403 "not_allowed" for what
 * owners may not ask. */
void api_business_call(struct api *api, struct gateway_end *end,
                       const Cloister__BusinessCall *request);

/* Makes a connect link for a user whose connection broke, with the features and return address of
 * the last one; `made` gets the address ("" when that failed). For the action_url of an error. */
void api_reconnect_url(struct api *api, const char *user, void (*made)(void *ctx, const char *url),
                       void *ctx);
/* Where the owner gets a new grant: a connect link, or for users of the web pages the address where
 * they sign in (`made` is then called at once). */
void api_regrant_url(struct api *api, const char *frontend, const char *user,
                     void (*made)(void *ctx, const char *url), void *ctx);

#endif
