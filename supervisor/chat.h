/* Chat requests, and an owner's word on a proposal: from a gateway's CHAT_REQUEST through the
 * database and a turn to CHAT_DONE or FAILURE. Loop thread. */
#ifndef CLOISTER_SUPERVISOR_CHAT_H
#define CLOISTER_SUPERVISOR_CHAT_H

#include "ipc/message.h"
#include "supervisor/api.h"
#include "supervisor/budgets.h"
#include "supervisor/business_link.h"
#include "supervisor/gateway_end.h"
#include "supervisor/proposals.h"
#include "supervisor/sessions.h"
#include "supervisor/store.h"
#include "supervisor/turns.h"

struct chats;
struct chat;

/* What chats work with; all of it must outlive them. */
struct chats_setup {
    struct store *store;
    struct api *api;
    struct turns *turns;
    struct sessions *sessions;
    struct proposals *proposals;
    struct budgets *budgets;
    struct metrics *metrics;        /* NULL: nothing is counted */
    struct business_link *business; /* of cloister-business; NULL: there is none */
};
int chats_new(const struct chats_setup *setup, struct chats **ret) MUST_CHECK;
/* All chats must have ended or be abandoned, and their turns be gone. */
void chats_free(struct chats *chats);

/* Both take over `message` (a CHAT_REQUEST, a SESSION_DELETE) and answer its request exactly once.
 */
void chat_begin(struct chats *chats, struct gateway_end *end, Cloister__Message *message);
void chat_session_delete(struct chats *chats, struct gateway_end *end, Cloister__Message *message);

/* A customer's CHAT_REQUEST, from the public endpoint: with the business that it names, in that
 * owner's cell for customers. Takes over and answers likewise. */
void chat_customer_begin(struct chats *chats, struct gateway_end *end, Cloister__Message *message);

/* The reader is gone: the turn is cancelled, the request ends with FAILURE "cancelled". `chat` is
 * invalid. */
void chat_abandon(struct chat *chat);
/* The reader can take this many more bytes of text. */
void chat_credit(struct chat *chat, uint32_t bytes);

/* Identifies (frontend, user, Idempotency-Key) in 32 bytes; BLAKE2b. */
#define IDEMPOTENCY_LEN 32
void chat_idempotency(const Cloister__Caller *caller, const char *key,
                      uint8_t out[static IDEMPOTENCY_LEN]);

#endif
