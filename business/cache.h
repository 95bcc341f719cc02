/* Public answers kept in the process: the JSON text of what get_business and search_businesses
 * gave, by operation and canonical arguments. Right only while the database tells of every change
 * (changes.h): nothing is kept or given while it does not. Bounded bytes; the longest unused goes
 * first, and past the half of them an answer is kept when it is made a second time. Loop thread. */
#ifndef CLOISTER_BUSINESS_CACHE_H
#define CLOISTER_BUSINESS_CACHE_H

#include "ipc/base.h"

struct cache;

/* `max_bytes` 0: keeps nothing. 0 or -ENOMEM. */
int cache_new(size_t max_bytes, struct cache **ret) MUST_CHECK;
void cache_free(struct cache *cache);

/* Whether changes are heard of. Either way all that was kept goes. */
void cache_trust(struct cache *cache, bool heard);
/* Something public changed: all that was kept goes, and what was asked before is not kept. */
void cache_changed(struct cache *cache);
/* Take it before asking the database, give it to cache_put with the answer. */
uint64_t cache_generation(const struct cache *cache);

/* NULL: not kept. Valid until the next cache_put or cache_changed. */
const char *cache_get(struct cache *cache, const char *key, int64_t *ret_results);
/* Not kept when `generation` is over. Both texts are copied. */
void cache_put(struct cache *cache, const char *key, uint64_t generation, const char *json,
               int64_t results);
size_t cache_bytes(const struct cache *cache);

#endif
