/* A proposal: one change of the calendar that awaits the owner's word. What would be sent to Google
 * is fixed when it is made, to the byte, with the version of the event that it was made for; its id
 * is a keyed hash of all that, and it is sealed under keys of the user and the connection for one
 * conversation. cloisterd keeps the sealed bytes for at most ten minutes; only a turn of that user
 * opens them. In turns only. */
#ifndef CLOISTER_AGENT_PROPOSAL_H
#define CLOISTER_AGENT_PROPOSAL_H

#include <jansson.h>

#include "agent/calendar.h"
#include "agent/tools.h"

#define PROPOSAL_LIFE_MS       600000
#define PROPOSAL_SUMMARY_MAX   1024u
#define PROPOSAL_ARGUMENTS_MAX 4096u
#define PROPOSAL_SEALED_MAX    8192u

/* ---- sealed bytes ---- */

/* Whose it is. Pointers are borrowed. */
struct proposal_scope {
    const uint8_t *user_key, *connection_key;
    uint64_t epoch; /* of the connection */
    const char *user, *conversation;
};
struct proposal_scope proposal_scope_of(const struct turn *turn);

/* The id of what `json` says. */
void proposal_id(const struct proposal_scope *scope, const json_t *json,
                 char out[static ID_LEN + 1]);
/* *ret is malloc'd. 0, -ENOMEM, -E2BIG over PROPOSAL_SEALED_MAX. */
int proposal_seal(const struct proposal_scope *scope, const json_t *json,
                  char ret_id[static ID_LEN + 1], uint8_t **ret, size_t *ret_len) MUST_CHECK;
/* 0; -EBADMSG: it is not what its id says, or another's, or of another conversation; -EKEYEXPIRED.
 * *ret is for json_decref. */
int proposal_open(const struct proposal_scope *scope, const char *id, const uint8_t *blob,
                  size_t len, int64_t now_ms, json_t **ret) MUST_CHECK;

/* ---- in words ---- */

/* A change that a tool has worked out and may not make. Pointers are borrowed. */
struct proposal_draft {
    enum tool_id tool;
    const char *event, *handle; /* Google's id, and what the model calls it; "" for a new one */
    const json_t *old;          /* the event as it stands; NULL for a new one */
    const json_t *body;         /* what is sent; NULL for a deletion */
    struct event_times before, after; /* `before` only with `old` */
    const json_t *invited;            /* addresses that are new on it; NULL or empty: none */
    bool mail;                        /* Google tells the guests */
    const char *request;              /* 64 hex digits: where its id or tag come from */
};
/* For the owner, in plain words: verb, title, old → new, guests. malloc'd; NULL: out of memory. */
char *proposal_summary(const struct proposal_draft *draft, const char *zone);
/* {"tool", "event", "timezone", "changes": {field: {"old", "new"}}, "guests", "mail"}. */
json_t *proposal_arguments(const struct proposal_draft *draft, const char *zone);
/* "Mon 2026-11-23, 09:00–10:15". */
void proposal_time_words(const struct event_times *times, const char *zone, char *out, size_t cap);

/* ---- in a turn ---- */

/* Makes the proposal out of a draft instead of the change, and the tool's result. 0, or -errno with
 * the fault set. */
int proposal_add(struct turn *turn, struct tool_run *run,
                 const struct proposal_draft *draft) MUST_CHECK;
/* Random, for proposal_draft.request. */
void proposal_request(uint8_t out[static 32], char hex[static 65]);
/* Text that code appends to the answer: what was proposed, and how to decide. 0 or -errno with the
 * fault set. */
int proposal_show(struct turn *turn) MUST_CHECK;
/* This proposal is done with, whatever became of it. */
void proposal_settle(struct turn *turn, const char *id);
/* Frees what was made. */
void proposal_wipe(struct turn *turn);

#endif
