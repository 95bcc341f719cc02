/* What a connection can be asked for, and the Google scopes behind it. Pure. */
#ifndef CLOISTER_SUPERVISOR_CONNECT_FEATURES_H
#define CLOISTER_SUPERVISOR_CONNECT_FEATURES_H

#include "ipc/base.h"

#define FEATURES_COUNT 3
#define FEATURES_NAMES "availability, events, calendars"

bool feature_known(const char *name);
/* Good for something without another: knowing which calendars there are is not. */
bool feature_stands_alone(const char *name);
/* The granted scopes suffice for it. */
bool feature_granted(const char *name, char *const *scopes, size_t n);
/* Every known feature in turn, from 0; NULL at the end. */
const char *feature_name(size_t index);
/* "openid email <scopes of these features>" into `out`. 0 or -ENOSPC. */
int features_scope(char *const *names, size_t n, char *out, size_t cap) MUST_CHECK;

#endif
