/* Everything one turn knows while it runs. Shared by turn*.c, tools*.c, calendar*.c and prompt.c.
 */
#ifndef CLOISTER_AGENT_TURN_STATE_H
#define CLOISTER_AGENT_TURN_STATE_H

#include "agent/handles.h"
#include "agent/people.h"
#include "agent/policy.h"
#include "agent/shown.h"
#include "ipc/timezone.h"
#include "agent/turn.h"
#include "agent/turn_channel.h"
#include "agent/turn_keys.h"
#include "memory/grant.h"
#include "memory/notes.h"
#include "memory/taint.h"
#include "providers/google.h"
#include "providers/model.h"

#define TURN_MODEL_CALLS 10u
#define TURN_TOOL_CALLS  24u
#define TURN_PREFERENCES 64u
#define TURN_EARLIER     10u
#define TURN_WORDS       100u
#define TURN_SETTLED     32u
#define TURN_NONCE_SIZE  33 /* hex digits and a NUL */

struct turn_world {
    struct google_settings google;
    struct model_settings model;
    char model_host[URL_PAIR_SIZE]; /* whom its key must be for */
    uint32_t max_output_tokens;
    size_t notes_bytes;
    const char *public_url;             /* the operator's pages; may be named in answers */
    const char *public_pages_url;       /* the same for customers */
    uint64_t grant_ms;                  /* for how long a fresh grant holds */
    uint64_t input_price, output_price; /* of a million tokens, in millionths */
    char *strings[10];                  /* what the settings point into */
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
    struct handles *handles;     /* of this session; NULL outside conversations */
    struct calendars *calendars; /* calendars.h; NULL until they are needed */

    struct taint *taint;   /* what others wrote and the model has read */
    struct people *people; /* aliases of guests; theirs to the model */
    struct answer *filter; /* of text on its way out; made with the first word */
    struct strbuf links;   /* addresses that cloister-business gave: the operator's */
    struct strbuf pages;   /* "REFERENCE LINK" lines: what a customer has got in this turn */
    bool model_speaks;     /* what the filter gives out is the model's */
    uint32_t shown;        /* kinds of fields the model was given: bits of shown.def */
    bool tainted;          /* text that others wrote was given to the model */
    bool asked_tainted; /* the model had seen such a result when it asked for the tools that run now
                         */
    uint32_t model_calls, tool_calls, reads, writes, writes_done;
    uint64_t input_tokens, output_tokens;
    uint64_t keys_us; /* waiting for keys */
    struct strbuf answer, record;
    struct strbuf proposed;        /* ids of the proposals made, blank-separated, for the notes */
    struct strbuf proposed_events; /* Google's ids of the events that they are about */

    uint8_t request[32]; /* idempotency hash, or random: ids and tags come from it */
    uint32_t creates, changes;
    uint32_t deletions, guests; /* for the limits of one turn */
    Cloister__Proposal
        made[LIMIT_PROPOSALS]; /* proposals of this turn; what is in them is malloc'd */
    size_t nmade;
    char settled[TURN_SETTLED][ID_LEN + 1]; /* proposals that are done with */
    size_t nsettled;
    struct earlier_event earlier[TURN_EARLIER];
    size_t nearlier;
};

bool turn_has_scope(const struct turn *turn, const char *scope);
/* May events be read and changed; may busy times be asked for. */
bool turn_may_events(const struct turn *turn);
bool turn_may_freebusy(const struct turn *turn);
/* The handle of an event, by the calendar's id: the only name of it that model, answer and notes
 * see. "" when there is none. */
const char *turn_handle(struct turn *turn, const char *id);
/* A line for the notes: "create_event ev5f… ok". `events`: handles, blank-separated, or NULL. */
void turn_record(struct turn *turn, const char *tool, const char *events, const char *outcome);

/* ---- text ---- */

/* A kind of field was put in front of the model. */
void turn_shows(struct turn *turn, enum shown kind);
/* What somebody else wrote, at most `max` bytes of it, on its way to the model: cleaned and taken
 * down, the turn is tainted. `about`: Google's id of the event, or of its series, or whose words
 * they are. malloc'd; "" stays without a trace. NULL: out of memory. */
char *turn_takes(struct turn *turn, enum taint_source source, const char *about, enum shown kind,
                 const char *text, size_t max);
/* Which event a text of this one is about: its series, or itself. */
const char *turn_about(const json_t *event);
/* Words of the owner in this conversation, and of the operator; a customer's are not among them.
 * Returns how many. */
size_t turn_words(const struct turn *turn, const char *out[static TURN_WORDS]);
/* True when `text` repeats somebody else's words that are about another event than `event` (NULL:
 * any), and that neither the owner has said nor that event's title has. */
bool turn_repeats(const struct turn *turn, const char *text, const json_t *event);
/* Takes invisible characters out of a tool's arguments. */
void turn_clean_arguments(json_t *args);
/* Addresses in `text` are the operator's, and may stand in this turn's answer. */
void turn_allow(struct turn *turn, const char *text);
/* Gives a customer the links of what they have got in this turn, where the answer does not. */
int turn_give_pages(struct turn *turn);
/* One text of code's own as turn_say would show it; malloc'd, NULL: out of memory. */
char *turn_filtered(struct turn *turn, const char *text);

/* Words of code's own, given to the owner behind what was said; notes do not keep them, since they
 * may quote the calendar. 0, or -errno with the fault set. */
int turn_say(struct turn *turn, const char *text, size_t len) MUST_CHECK;
/* The model's words. The last one is held back until another follows, or turn_answer_end. */
int turn_answer(struct turn *turn, const char *text, size_t len) MUST_CHECK;
int turn_answer_end(struct turn *turn) MUST_CHECK;

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
    Cloister__FrontDone front;
    Cloister__Interval *busy; /* malloc'd, and the list of them */
    Cloister__Interval **busy_list;
};
int turn_chat(struct turn *turn, struct turn_outcome *outcome) MUST_CHECK;
/* The owner's word on the one proposal in state.proposals. */
int turn_decide(struct turn *turn, struct turn_outcome *outcome) MUST_CHECK;
/* One step of the business front door in the owner's calendar, by code alone. */
int turn_front(struct turn *turn, struct turn_outcome *outcome) MUST_CHECK;
int turn_connect(struct turn *turn, struct turn_outcome *outcome) MUST_CHECK;
int turn_sign_in(struct turn *turn, struct turn_outcome *outcome) MUST_CHECK;
int turn_revoke(struct turn *turn, struct turn_outcome *outcome) MUST_CHECK;
int turn_memory_list(struct turn *turn, struct turn_outcome *outcome) MUST_CHECK;
int turn_memory_put(struct turn *turn, struct turn_outcome *outcome) MUST_CHECK;

/* The code that TURN_START brought; `nonce` becomes the one that belongs to its state token. */
struct google_code turn_code(const struct turn *turn, char nonce[static TURN_NONCE_SIZE]);

/* When the whole message is a plain yes or no and means a proposal: does it. *ret_handled says
 * whether it was one. 0, or -errno with the fault set. */
int turn_plain_word(struct turn *turn, bool *ret_handled) MUST_CHECK;
/* Ids and tags of this turn's writes come from its idempotency key, or are random. */
void turn_take_request(struct turn *turn);

/* Opens the sealed refresh token and, when it still serves, the access token. */
int turn_open_tokens(struct turn *turn) MUST_CHECK;
/* Opens the preferences; those that do not open are left out. */
void turn_open_preferences(struct turn *turn);
/* An access token fetched in this turn, sealed for the next; NULL when there is none. */
uint8_t *turn_seal_access(struct turn *turn, size_t *ret_len);
/* The conversation's notes with this turn added, sealed; NULL when they stay as they are. */
uint8_t *turn_seal_notes(struct turn *turn, bool failed, size_t *ret_len);
/* Notes and handles; those that do not open are forgotten. 0, or -ENOMEM with the fault set. */
int turn_open_notes(struct turn *turn) MUST_CHECK;
/* Which zone the owner lives in; may ask the calendar. Only losing the grant or the turn is an
 * error. */
int turn_find_zone(struct turn *turn) MUST_CHECK;
/* Looks up what an earlier attempt of this request already made. */
int turn_find_earlier(struct turn *turn) MUST_CHECK;

#endif
