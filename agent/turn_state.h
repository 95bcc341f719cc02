/* Everything one turn knows while it runs. Shared by turn*.c, tools*.c, calendar*.c and prompt.c.
 */
#ifndef CLOISTER_AGENT_TURN_STATE_H
#define CLOISTER_AGENT_TURN_STATE_H

#include "agent/policy.h"
#include "agent/timezone.h"
#include "agent/turn.h"
#include "agent/turn_channel.h"
#include "agent/turn_keys.h"
#include "memory/grant.h"
#include "memory/notes.h"
#include "providers/google.h"
#include "providers/model.h"

#define TURN_MODEL_CALLS 10u
#define TURN_TOOL_CALLS  24u
#define TURN_WRITES      10u
#define TURN_PREFERENCES 64u
#define TURN_EARLIER     10u
#define TURN_TAG_LEN     32
#define TURN_NONCE_SIZE  33 /* hex digits and a NUL */

struct turn_world {
    struct google_settings google;
    struct model_settings model;
    uint32_t max_output_tokens;
    size_t notes_bytes;
    uint64_t grant_ms; /* for how long a fresh grant holds */
    char *strings[8];  /* what the settings point into */
    struct http_trust *google_trust, *model_trust;
};

struct preference {
    char id[ID_LEN + 1];
    char *text;
    int64_t created_at_ms;
};

/* An event that this same request made before it broke off. */
struct earlier_event {
    json_t *event;
    bool claimed;
};

enum zone_source { ZONE_UNKNOWN, ZONE_REQUEST, ZONE_PREFERENCE, ZONE_CALENDAR };

struct turn {
    const struct turn_setup *setup;
    const struct turn_world *world;
    const Cloister__TurnStart *start;
    enum origin origin;
    struct pump pump;
    struct fault fault;
    struct channel channel;
    struct keys *keys;
    struct google *google;
    char *refresh; /* secret */
    uint64_t token_version;
    char grant[GRANT_SIZE]; /* a fresh one, when the one shown is old; else "" */

    char zone[ZONE_MAX];
    enum zone_source zone_source;
    struct preference preferences[TURN_PREFERENCES];
    size_t npreferences;
    struct notes *notes;

    bool tainted;       /* a calendar tool's result was given to the model */
    bool asked_tainted; /* the model had seen such a result when it asked for the tools that run now
                         */
    uint32_t model_calls, tool_calls, reads, writes, writes_done;
    uint64_t input_tokens, output_tokens;
    struct strbuf answer, record;

    uint8_t request[32]; /* idempotency hash, or random: ids and tags come from it */
    uint32_t creates, changes;
    struct earlier_event earlier[TURN_EARLIER];
    size_t nearlier;
};

bool turn_has_scope(const struct turn *turn, const char *scope);
/* May events be read and changed; may busy times be asked for. */
bool turn_may_events(const struct turn *turn);
bool turn_may_freebusy(const struct turn *turn);
/* A line for the notes: "create_event 5f… ok". */
void turn_record(struct turn *turn, const char *tool, const char *event, const char *outcome);

/* Whether this turn may go on at all: it is meant for this agent, its kind is one for this origin,
 * and an owner's carries a good grant. 0, or -errno with the fault set. Opens and sends nothing. */
int turn_admit(struct turn *turn) MUST_CHECK;

/* ---- the kinds of turn; each returns 0 with its TURN_DONE filled, or -errno with the fault set
 * ---- */

struct turn_outcome {
    Cloister__TurnDone done;
    Cloister__Usage usage;
    Cloister__Audit audit;
    uint8_t *notes, *access; /* malloc'd */
    Cloister__Memory *memories;
    Cloister__Memory **memory_list;
    uint8_t subject_tag[TURN_TAG_LEN];
    char account[321];
};
int turn_chat(struct turn *turn, struct turn_outcome *outcome) MUST_CHECK;
int turn_connect(struct turn *turn, struct turn_outcome *outcome) MUST_CHECK;
int turn_sign_in(struct turn *turn, struct turn_outcome *outcome) MUST_CHECK;
int turn_revoke(struct turn *turn, struct turn_outcome *outcome) MUST_CHECK;
int turn_memory_list(struct turn *turn, struct turn_outcome *outcome) MUST_CHECK;

/* The code that TURN_START brought; `nonce` becomes the one that belongs to its state token. */
struct google_code turn_code(const struct turn *turn, char nonce[static TURN_NONCE_SIZE]);
/* The same for every connection and sign-in of one Google account, on this system alone. */
void turn_subject_tag(const struct keys *keys, const char *subject,
                      uint8_t out[static TURN_TAG_LEN]);

/* Opens the sealed refresh token and, when it still serves, the access token. */
int turn_open_tokens(struct turn *turn) MUST_CHECK;
/* Opens the preferences; those that do not open are left out. */
void turn_open_preferences(struct turn *turn);
/* An access token fetched in this turn, sealed for the next; NULL when there is none. */
uint8_t *turn_seal_access(struct turn *turn, size_t *ret_len);
/* The conversation's notes with this turn added, sealed; NULL when they stay as they are. */
uint8_t *turn_seal_notes(struct turn *turn, bool failed, size_t *ret_len);
void turn_open_notes(struct turn *turn);
/* Which zone the owner lives in; may ask the calendar. Only losing the grant or the turn is an
 * error. */
int turn_find_zone(struct turn *turn) MUST_CHECK;
/* Looks up what an earlier attempt of this request already made. */
int turn_find_earlier(struct turn *turn) MUST_CHECK;

#endif
