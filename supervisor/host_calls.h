/* The table of host calls by origin, and the checks that every agent's text must pass. Pure. */
#ifndef CLOISTER_SUPERVISOR_HOST_CALLS_H
#define CLOISTER_SUPERVISOR_HOST_CALLS_H

#include "ipc/message.h"

/* `origin` comes from the registry, never from a message. */
bool host_call_allowed(const Cloister__HostCall *call, const char *origin);
/* Sizes and characters of its fields. */
bool host_call_sound(const Cloister__HostCall *call);

/* A short name made of a-z, 0-9 and '_'. */
bool word_valid(const char *word, size_t max);
/* UTF-8 of at most `max` bytes; protobuf's own length is not known here, so a NUL ends it. */
bool text_valid(const char *text, size_t max);

#endif
