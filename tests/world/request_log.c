#include "tests/world/request_log.h"

#include <stdio.h>
#include <string.h>

#define RECORDS   20000
#define BODY_KEEP (64 * 1024)

struct record {
    uint64_t number;
    enum service service;
    char method[10];
    char *path, *body, *referer;
    char account[64];
    int64_t at_ms;
    int status;
    bool cut;
};

struct request_log {
    struct record ring[RECORDS];
    uint64_t last, first; /* numbers; first: oldest still listed */
    uint64_t totals[SERVICE_ADMIN + 1];
};

struct request_log *request_log_new(void) {
    struct request_log *log = calloc(1, sizeof(*log));
    if (log)
        log->first = 1;
    return log;
}

static void record_clear(struct record *r) {
    free(r->path);
    free(r->body);
    free(r->referer);
    *r = (struct record){0};
}

void request_log_clear(struct request_log *log) {
    for (size_t i = 0; i < RECORDS; i++)
        record_clear(&log->ring[i]);
    log->first = log->last + 1;
}

void request_log_free(struct request_log *log) {
    if (!log)
        return;
    request_log_clear(log);
    free(log);
}

uint64_t request_log_add(struct request_log *log, const struct request_entry *entry) {
    uint64_t number = ++log->last;
    log->totals[entry->service]++;
    struct record *r = &log->ring[number % RECORDS];
    record_clear(r);
    r->number = number;
    r->service = entry->service;
    r->at_ms = entry->at_ms;
    r->path = strdup(entry->path);
    if (entry->referer)
        r->referer = strdup(entry->referer);
    if (entry->body)
        r->body = strndup(entry->body, BODY_KEEP);
    snprintf(r->method, sizeof(r->method), "%s", entry->method);
    snprintf(r->account, sizeof(r->account), "%s", entry->account);
    if (number >= RECORDS && log->first <= number - RECORDS)
        log->first = number - RECORDS + 1;
    return number;
}

static struct record *find(struct request_log *log, uint64_t number) {
    struct record *r = &log->ring[number % RECORDS];
    return r->number == number && number ? r : NULL;
}

void request_log_status(struct request_log *log, uint64_t number, int status) {
    struct record *r = find(log, number);
    if (r)
        r->status = status;
}

void request_log_cut(struct request_log *log, uint64_t number) {
    struct record *r = find(log, number);
    if (r)
        r->cut = true;
}

json_t *request_log_list(const struct request_log *log, const char *service, uint64_t since) {
    json_t *list = json_array();
    uint64_t n = since >= log->first ? since + 1 : log->first;
    for (; n <= log->last; n++) {
        const struct record *r = &log->ring[n % RECORDS];
        if (r->number != n || (service && strcmp(service_name(r->service), service) != 0))
            continue;
        json_t *o = json_pack("{s:I,s:I,s:s,s:s,s:s,s:s,s:i,s:b}", "n", (json_int_t)n, "at_ms",
                              (json_int_t)r->at_ms, "service", service_name(r->service), "method",
                              r->method, "path", r->path ? r->path : "", "account", r->account,
                              "status", r->status, "cut", r->cut);
        if (o && r->referer)
            json_object_set_new(o, "referer", json_string(r->referer));
        if (o && r->body)
            json_object_set_new(o, "body", json_stringn_nocheck(r->body, strlen(r->body)));
        json_array_append_new(list, o);
    }
    return list;
}

uint64_t request_log_total(const struct request_log *log, enum service service) {
    return log->totals[service];
}
