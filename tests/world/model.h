/* The model stand-ins: two dialects over one deterministic mind. */
#ifndef CLOISTER_WORLD_MODEL_H
#define CLOISTER_WORLD_MODEL_H

#include "tests/world/exchange.h"

void anthropic_handle(struct exchange *x); /* /v1/messages, its count_tokens, /v1/models for it */
void openai_handle(struct exchange *x);    /* /v1/chat/completions, /v1/models */
void anthropic_error(struct exchange *x, int status, const char *type, const char *message);
void openai_error(struct exchange *x, int status, const char *code, const char *message);
/* GET /v1/models serves both dialects; Anthropic's is known by its version header. */
bool model_is_anthropic(const struct exchange *x);

/* ---- shared by both dialects (model_common.c) ---- */
bool model_known(const struct world *w, const char *id);
json_t *model_ids(const struct world *w); /* new array of strings */
/* True when every member of `object` is in the NULL-terminated list; *ret_key names the first
 * other. */
bool model_members(const json_t *object, const char *const *allowed, const char **ret_key);
bool model_tool_name_valid(const char *name);
/* About four bytes a token. */
json_int_t model_tokens(size_t bytes);
/* Malloc'd copy without its tail beyond `max_tokens`; *ret_cut tells whether something went. */
char *model_cut(const char *text, json_int_t max_tokens, bool *ret_cut);
/* Cuts at the first stop sequence; *ret_stop names it. */
void model_stop(char *text, const json_t *sequences, const char **ret_stop);
/* Length of the next small piece of `text`: a word and its blank. */
size_t model_piece(const char *text);

/* ---- mind.c ----
 * Conversation: {"system": text, "turns": [turn…], "tools": [{"name","description","schema"}…]}; a
 * turn is {"role": "user"|"assistant", "text"?, "blocks"? (the texts that make it up), "calls"?:
 * [{"id","name","input"}], "results"?:
 * [{"id", "text","error"}]}. Returns new {"text": text, "calls": [{"name","input"}…]}. `now` is the
 * fallback clock. */
json_t *mind_think(const json_t *conversation, int64_t now);

#endif
