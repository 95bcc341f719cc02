/* The last requests the world saw, for tests that assert what was and was not called. */
#ifndef CLOISTER_WORLD_REQUEST_LOG_H
#define CLOISTER_WORLD_REQUEST_LOG_H

#include <jansson.h>

#include "tests/world/faults.h"

struct request_log;
struct request_entry {
    enum service service;
    const char *method, *path, *account, *body; /* body NULL: not kept */
    const char *referer;                        /* NULL: none was sent */
    int64_t at_ms;
};
struct request_log *request_log_new(void);
void request_log_free(struct request_log *log);
/* Returns the record's number, for the later calls; an old record may be gone by then. */
uint64_t request_log_add(struct request_log *log, const struct request_entry *entry);
void request_log_status(struct request_log *log, uint64_t number, int status);
/* The client left before the answer was complete. */
void request_log_cut(struct request_log *log, uint64_t number);
/* New array, oldest first; `service` NULL for all, records numbered above `since`. */
json_t *request_log_list(const struct request_log *log, const char *service, uint64_t since);
void request_log_clear(struct request_log *log);
uint64_t request_log_total(const struct request_log *log, enum service service);

#endif
