/* Putting cloister-business together and taking it apart, for proc_business.c and tests. Loop
 * thread. */
#ifndef CLOISTER_BUSINESS_SERVER_H
#define CLOISTER_BUSINESS_SERVER_H

#include "business/business.h"
#include "business/call.h"
#include "ipc/message.h"

/* Opens the database's pool of an otherwise empty `server`; migrations run once it is up. 0 or
 * -errno. */
int business_open(struct event_base *base, const struct config *config,
                  struct business_server *server) MUST_CHECK;
void business_stop_parts(struct business_server *server);
/* Ends every question to the database, and wipes the secret. */
void business_close(struct business_server *server);

/* All parts: business_open and the rest, without the links. The secret must be there. */
int business_start(struct event_base *base, const struct config *config,
                   struct business_server *server) MUST_CHECK;
/* The schema is known: keys and limits can be loaded. */
void business_begun(struct business_server *server);
/* Begins to write what waits (log, limits). True when nothing is left to be written. */
bool business_flush(struct business_server *server);
void business_end(struct business_server *server);

/* Reads [business] secret_file: 64 hex digits, readable by its owner alone. 0 or -errno, and a
 * sentence. */
int business_secret_load(const struct config *config, uint8_t out[static BUSINESS_SECRET_LEN],
                         char *why, size_t why_len) MUST_CHECK;

/* ---- who may speak here: listeners ---- */

struct business_peer {
    const char *name;   /* what BUSINESS_HELLO must say: "public", "supervisor", "notify" */
    const char *socket; /* below the runtime directory */
    uint32_t role;
    uid_t uid;
};
/* Who they are on this machine. */
struct business_peers {
    uid_t public, supervisor, notify;
};
/* Listens for each of them. 0 or -errno, and a sentence. */
int business_links_new(struct business_server *server, const struct business_peers *peers,
                       char *why, size_t why_len) MUST_CHECK;
void business_links_free(struct business_server *server);

struct business_link;
/* Is it that of the public gateway? */
bool business_link_public(const struct business_link *link);
/* Encodes and sends; a peer that does not read is dropped. */
void business_link_send(struct business_link *link, Cloister__Message *message);
/* BUSINESS_CHANGED to the public gateway. */
void business_links_changed(struct business_server *server, uint64_t generation, const char *slug);

/* ---- calls ---- */

/* Ends a call with the kept answer of its cache_key; false: none is kept. */
bool business_reply_kept(struct business_call *call);

/* Begins a call that came on `link`; it ends by a BUSINESS_RESULT there. */
void call_begin(struct business_server *server, struct business_link *link,
                const Cloister__BusinessCall *message);
/* A call that a gateway answered without us, for the log. */
void call_note(struct business_server *server, const Cloister__BusinessNote *note);
void call_cancel(struct business_link *link, uint64_t request);
/* The asker of all these calls is gone; they go on. */
void calls_orphan(struct business_link *link);
/* The head of the list of a link's open calls. */
struct business_call **business_link_calls(struct business_link *link);

#endif
