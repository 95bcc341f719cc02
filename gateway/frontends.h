/* The chat frontends that may call: one NAME.conf each in gateway.frontends_dir, as frontend_file.h
 * says. Each has its own keys and its own users.
 *
 * Loop thread. */
#ifndef CLOISTER_GATEWAY_FRONTENDS_H
#define CLOISTER_GATEWAY_FRONTENDS_H

#include "gateway/frontend_file.h"

#define FRONTENDS_MAX 256

struct frontends;

/* Reads the directory. A file that cannot be used is left out and reported through `report` (static
 * sentence, file name), the others hold. 0 or -errno when the directory cannot be read. */
typedef void frontends_report(const char *name, const char *why);
int frontends_load(const char *dir, frontends_report *report, struct frontends **ret) MUST_CHECK;
void frontends_free(struct frontends *frontends);
size_t frontends_count(const struct frontends *frontends);
const struct frontend *frontends_at(const struct frontends *frontends, size_t index);

/* A number that changes when a file in `dir` was added, removed, renamed or written; 0 when `dir`
 * cannot be read. */
uint64_t frontends_stamp(const char *dir);

/* Whose key this is, or NULL. Compares every key, in constant time each. */
const struct frontend *frontends_by_key(const struct frontends *frontends, const char *key,
                                        size_t len);
const struct frontend *frontends_by_name(const struct frontends *frontends, const char *name);
/* Exact match with one of its return_to lines, or loopback where a line allows that. */
bool frontend_may_return(const struct frontend *frontend, const char *url);

#endif
