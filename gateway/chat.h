/* A turn as the answer to a call: streamed as server-sent events, or collected into one JSON
 * document, as the caller accepts. Loop thread. */
#ifndef CLOISTER_GATEWAY_CHAT_H
#define CLOISTER_GATEWAY_CHAT_H

#include "gateway/call.h"

/* Asks cloisterd for what `request` says and answers `call` with what comes of it. Caller, number,
 * idempotency key and credit are filled in here; `user` as for call_identity. */
void chat_ask(struct call *call, const char *user, Cloister__ChatRequest *request);
/* The same for a customer and the business `request` names. An empty conversation gets an id that
 * nobody guesses, which the answer tells. */
void chat_ask_business(struct call *call, Cloister__ChatRequest *request);

#endif
