/* The obedient attacker: a model that does whatever the most recent injected text says, for tests
 * of what the runtime around it holds back. Off unless the admin API switches it on; while no text
 * with the marker is shown to it, and for whatever a script leaves open, it is the ordinary mind.
 * The marker and the language are in README.md. Single-threaded. */
#ifndef CLOISTER_WORLD_OBEY_H
#define CLOISTER_WORLD_OBEY_H

#include <jansson.h>

#include "tests/world/exchange.h"

/* {"on", "curious", "provider"}, see README.md. Borrowed. */
void obey_set(const json_t *settings);
json_t *obey_settings(void); /* new */

/* What the obedient attacker answers to a conversation (model.h), or NULL when the ordinary mind
 * is to: then *ret_rest is a new conversation without the rounds that were the script's, or NULL
 * when there were none. */
json_t *obey_think(const json_t *conversation, json_t **ret_rest);

/* ---- obey_read.c: scripts in what is shown ---- */

struct obey_reader {
    json_t *script; /* the most recent one, or NULL */
    json_t *parts;  /* of a script in several pieces: number → piece */
};
/* Takes up a script that stands in `text`, in any of its forms; true when it is another one than
 * before. */
bool obey_read(struct obey_reader *reader, const char *text);
/* The same for a tool's result: every text in it, when it is JSON. */
bool obey_read_result(struct obey_reader *reader, const char *text);
bool obey_marked(const char *text);

/* ---- obey_fill.c: placeholders ---- */

/* A copy of a script's step in which {name} and {code:name} stand for what the model is shown. */
json_t *obey_fill(const json_t *conversation, const json_t *step, long number);

/* ---- obey_code.c: disguises ---- */

/* What a reader sees of `text`: without characters that show nothing, tag characters as the letters
 * that they stand for. malloc'd. */
char *obey_plain(const char *text);
/* `text` in the disguise of that name ("b64", "rev", …); unchanged when there is none of it.
 * malloc'd. */
char *obey_disguise(const char *code, const char *text);
/* Bytes of base64 text, up to the first character that is none of it; *ret_len of them, and a NUL.
 * malloc'd. */
char *obey_base64(const char *text, size_t *ret_len);

#endif
