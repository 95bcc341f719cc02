/* The one registry of turns that a test program works with, and what is asked of it. */
#ifndef CLOISTER_TESTS_SUPERVISOR_TURNS_RIG_H
#define CLOISTER_TESTS_SUPERVISOR_TURNS_RIG_H

#include "rig.h"

#define CREDIT 65536

extern struct rig rig;

/* A fixture: starts the rig in mode "normal"; ends it, and fails where a child is left. */
void setup(void);
void teardown(void);

struct turns_status status(void);

/* For rig_until. One agent, idle; none at all. */
bool is_idle(void *ctx), is_empty(void *ctx);

/* A turn from its submission to its end. */
void ask(const char *user, const char *message, struct heard *heard);

/* The supervisor is well: another user is served. */
void still_serves(void);

#endif
