/* A turn under test: http.h played by one function over an in-memory calendar and a scripted model,
 * the agent and the key service played by the test's own thread. */
#ifndef CLOISTER_TESTS_TURN_FAKE_H
#define CLOISTER_TESTS_TURN_FAKE_H

#include <check.h>
#include <jansson.h>
#include <pthread.h>

#include "agent/turn_state.h"

#define FAKE_MODEL_CALLS 16
#define FAKE_GRANT_MS    1000000u /* life of a fresh grant */

struct fake_reply {
    int status;
    char *body;          /* malloc'd */
    const char *headers; /* "retry-after: 1" or NULL; one line */
    int error;           /* instead of an answer; behind what came of it when there is a body */
    bool sent;
    bool hang;
};

struct fake {
    /* the world */
    json_t *events;   /* id → event */
    const char *busy; /* JSON array of freeBusy */
    const char *calendar_zone;
    const char *model[FAKE_MODEL_CALLS]; /* streams, in order */
    size_t model_calls;
    json_t *asked[FAKE_MODEL_CALLS]; /* requests the model got */
    unsigned gets, lists, posts, patches, deletes, freebusies, refreshes;
    const char *token_answer; /* of the token endpoint; NULL: a token */
    int token_status;
    /* Runs before the world does its work; true: *reply is the answer. `after`: the work is done
     * all the same, and then this is the answer (a lost one). */
    bool (*fault)(struct fake *fake, const char *method, const char *url, struct fake_reply *reply,
                  bool *after);
    unsigned fault_count;
    unsigned etags;
    char if_match[64];  /* of the request that is served now; "" for none */
    char written[2048]; /* "METHOD id?query " of every change of the calendar */

    /* what the turn is given */
    Cloister__TurnStart start;
    Cloister__SealedState state;
    struct turn_world world;
    uint8_t user_key[32], connection_key[32], subject_key[32], booking_key[32];
    const char *bound_user, *bound_origin; /* what keys say; NULL: as TURN_START does */
    uint64_t user_epoch;
    char grant[GRANT_SIZE]; /* a good one, in start.grant unless the test puts another there */
    int key_error;
    bool keys_stale; /* what an earlier turn, which was killed, had asked is answered to this one */
    uint64_t floor;
    uint64_t timeout_ms;
    const char *cancel_on_tool; /* TURN_CANCEL when this tool starts */
    uint32_t more_credit;       /* given after each piece of text */
    int put_error;              /* every preference put ends with this errno */
    /* What cloister-business says to the first call, the second, …; its code when it refuses. */
    struct fake_business {
        unsigned status; /* 0: 200 */
        const char *code, *result;
    } business[8];

    /* what came back */
    char text[80000];
    Cloister__Message *last; /* TURN_DONE or TURN_ERROR */
    char tools[2048];        /* "name:state " … */
    unsigned broken;         /* mark_broken calls */
    unsigned puts;           /* of preferences */
    json_t *kept;            /* preferences put */
    size_t asked_business;   /* calls of operations, and what they were */
    char operations[256];    /* "name name " */
    json_t *business_arguments[8];
    char business_keys[8][64];
    Cloister__Message *put_token;
    unsigned committed;
    int agent_fd, keys_fd;

    /* without the fake network: what stands behind it */
    int egress_fd;
    const char *client_secret, *model_key, *verifier;
    const char *model_key_host; /* whom the key is for; NULL: whom the turn names */
    char model_key_sent[64];    /* the last one that reached the model's provider */
};

struct fake *fake_new(void);
void fake_free(struct fake *fake);
/* Runs one turn with `message` to its end. Notes and access of an earlier turn stay in the state.
 */
void fake_chat(struct fake *fake, const char *message);
void fake_run(struct fake *fake, Cloister__TurnKind kind);
/* Carries notes and access token into the next turn, as cloisterd does. */
void fake_carry(struct fake *fake);
/* The proposals too: those made are open from now on, those settled are not. */
size_t fake_proposals(const struct fake *fake); /* made by the last turn */
const Cloister__Proposal *fake_proposal(const struct fake *fake, size_t n);
bool fake_settled(const struct fake *fake, const char *id);
void fake_settle(struct fake *fake, const char *id); /* it is open no more */
/* Decides on an open one, by its id, as cloisterd starts it. */
void fake_decide(struct fake *fake, const char *id, bool confirm);
/* Mints a grant that the turn takes, with `left_ms` to live, and shows it. */
void fake_grant(struct fake *fake, uint64_t left_ms);
/* Adds an event; `own` marks it as made by Cloister for this user. */
void fake_event(struct fake *fake, const char *id, const char *json, bool own);
/* Has the conversation's notes say that `handle` stands for the event `id`. */
void fake_handle(struct fake *fake, const char *handle, const char *id);
const char *fake_code(const struct fake *fake); /* of TURN_ERROR; "" for TURN_DONE */
bool fake_unknown(const struct fake *fake);
/* Content of tool result `n` that the model got in request `asked`. */
json_t *fake_result(const struct fake *fake, size_t asked, size_t n);
extern struct fake *fake_world; /* the one that http.h plays */

/* Streams. */
#define SAY(text)                                                                                  \
    "event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":0,"             \
    "\"content_block\":{\"type\":\"text\",\"text\":\"\"}}\n\n"                                     \
    "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":"   \
    "{\"type\":\"text_delta\",\"text\":\"" text "\"}}\n\n"                                         \
    "event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":0}\n\n"
#define CALL(index, name, args)                                                                    \
    "event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":" #index        \
    ",\"content_block\":{\"type\":\"tool_use\",\"id\":\"toolu_" #index "\",\"name\":\"" name       \
    "\",\"input\":{}}}\n\n"                                                                        \
    "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":" #index        \
    ",\"delta\":{\"type\":\"input_json_delta\",\"partial_json\":\"" args "\"}}\n\n"                \
    "event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":" #index "}\n\n"
#define END_WITH(reason)                                                                           \
    "event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"" reason \
    "\"},\"usage\":{\"input_tokens\":3,\"output_tokens\":5}}\n\n"                                  \
    "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n"
#define END_TURN  END_WITH("end_turn")
#define END_TOOLS END_WITH("tool_use")

#endif
