#include "tests/world/faults.h"

#include <stdio.h>
#include <string.h>

struct entry {
    struct fault fault;
    int id, after, times; /* times < 0: for ever */
    bool any_service;
    enum service service;
    char method[12], path[128], account[64], body[128];
    struct entry *next;
};

struct faults {
    struct entry *first;
    int last_id;
};

static const char *const kind_names[] = {
    [FAULT_NONE] = "none",
    [FAULT_STATUS] = "status",
    [FAULT_HANG] = "hang",
    [FAULT_SLOW] = "slow",
    [FAULT_TRUNCATE] = "truncate",
    [FAULT_MALFORMED] = "malformed",
    [FAULT_OVERSIZE] = "oversize",
    [FAULT_LOST_ANSWER] = "lost_answer",
    [FAULT_MIDSTREAM_ERROR] = "midstream_error",
    [FAULT_RESET] = "reset",
    [FAULT_WRONG_HOST_CERT] = "wrong_host_cert",
    [FAULT_UNKNOWN_CA_CERT] = "unknown_ca_cert",
    [FAULT_EXPIRED_CERT] = "expired_cert",
    [FAULT_ID_TOKEN] = "id_token",
};

static const char *const service_names[] = {
    [SERVICE_OTHER] = "other",   [SERVICE_CONSENT] = "consent",   [SERVICE_TOKEN] = "token",
    [SERVICE_REVOKE] = "revoke", [SERVICE_CALENDAR] = "calendar", [SERVICE_MODEL] = "model",
    [SERVICE_ADMIN] = "admin",   [SERVICE_NONE] = "none",
};

const char *service_name(enum service service) {
    return service_names[service];
}

static bool is_cert(enum fault_kind kind) {
    return kind == FAULT_WRONG_HOST_CERT || kind == FAULT_UNKNOWN_CA_CERT ||
           kind == FAULT_EXPIRED_CERT;
}

static int name_index(const char *const *names, size_t count, const char *name) {
    for (size_t i = 0; i < count; i++)
        if (name && strcmp(names[i], name) == 0)
            return (int)i;
    return -1;
}

static void copy_text(char *out, size_t cap, const json_t *object, const char *key) {
    const char *text = json_string_value(json_object_get(object, key));
    snprintf(out, cap, "%s", text ? text : "");
}

static int number(const json_t *object, const char *key, int fallback) {
    const json_t *value = json_object_get(object, key);
    return json_is_integer(value) ? (int)json_integer_value(value) : fallback;
}

struct faults *faults_new(void) {
    return calloc(1, sizeof(struct faults));
}

void faults_clear(struct faults *faults) {
    for (struct entry *e = faults->first, *next; e; e = next) {
        next = e->next;
        free(e);
    }
    faults->first = NULL;
}

void faults_free(struct faults *faults) {
    if (!faults)
        return;
    faults_clear(faults);
    free(faults);
}

/* The ways in which an id_token can be wrong; token.c makes it so. */
static bool token_fault_known(const char *reason) {
    static const char *const reasons[] = {"nonce",    "no_nonce", "aud",    "iss",
                                          "expired",  "no_sub",   "sub",    "unverified",
                                          "no_email", "missing",  "garbage"};
    return name_index(reasons, COUNT_OF(reasons), reason) >= 0;
}

int faults_add(struct faults *faults, const json_t *json, const char **why) {
    const json_t *match = json_object_get(json, "match");
    int kind = name_index(kind_names, COUNT_OF(kind_names),
                          json_string_value(json_object_get(json, "kind")));
    if (kind <= FAULT_NONE) {
        *why = "unknown kind";
        return -1;
    }
    if (kind == FAULT_ID_TOKEN &&
        !token_fault_known(json_string_value(json_object_get(json, "reason")))) {
        *why = "reason: nonce, no_nonce, aud, iss, expired, no_sub, sub, unverified, no_email, "
               "missing or garbage";
        return -1;
    }
    const char *service = json_string_value(json_object_get(match, "service"));
    int index = name_index(service_names, COUNT_OF(service_names), service);
    if (service && index < 0) {
        *why = "unknown service";
        return -1;
    }
    struct entry *e = calloc(1, sizeof(*e));
    if (!e) {
        *why = "no memory";
        return -1;
    }
    e->id = ++faults->last_id;
    e->any_service = !service;
    e->service = service ? (enum service)index : SERVICE_OTHER;
    copy_text(e->method, sizeof(e->method), match, "method");
    copy_text(e->path, sizeof(e->path), match, "path_contains");
    copy_text(e->account, sizeof(e->account), match, "account");
    copy_text(e->body, sizeof(e->body), match, "body_contains");
    e->after = number(json, "after", 0);
    e->times = number(json, "times", 1);
    if (e->times == 0)
        e->times = -1;
    e->fault = (struct fault){.kind = (enum fault_kind)kind,
                              .status = number(json, "status", 503),
                              .retry_after = number(json, "retry_after", -1),
                              .ms = number(json, "ms", 200)};
    int fallback = kind == FAULT_OVERSIZE ? 64 << 20 : 8;
    e->fault.bytes = (size_t)number(json, "bytes", fallback);
    copy_text(e->fault.reason, sizeof(e->fault.reason), json, "reason");
    copy_text(e->fault.message, sizeof(e->fault.message), json, "message");
    struct entry **end = &faults->first;
    while (*end)
        end = &(*end)->next;
    *end = e;
    return e->id;
}

/* Uses one of a matching entry; true when it applies. Frees the entry once used up. */
static bool use(struct entry **link, struct fault *ret) {
    struct entry *e = *link;
    if (e->after > 0) {
        e->after--;
        return false;
    }
    *ret = e->fault;
    if (e->times > 0 && --e->times == 0) {
        *link = e->next;
        free(e);
    }
    return true;
}

static bool matches(const struct entry *e, const struct fault_subject *s) {
    if (is_cert(e->fault.kind) || s->service == SERVICE_ADMIN)
        return false;
    return (e->any_service || e->service == s->service) &&
           (!e->method[0] || strcmp(e->method, s->method) == 0) &&
           (!e->path[0] || strstr(s->path, e->path)) &&
           (!e->account[0] || (s->account && strcmp(e->account, s->account) == 0)) &&
           (!e->body[0] || (s->body && strstr(s->body, e->body)));
}

struct fault faults_take(struct faults *faults, const struct fault_subject *subject) {
    struct fault fault = {.kind = FAULT_NONE};
    for (struct entry **link = &faults->first; *link;) {
        struct entry *e = *link;
        if (matches(e, subject) && use(link, &fault))
            break;
        link = &e->next;
    }
    return fault;
}

enum fault_kind faults_take_connection(struct faults *faults, bool model) {
    struct fault fault = {.kind = FAULT_NONE};
    for (struct entry **link = &faults->first; *link;) {
        struct entry *e = *link;
        bool here = e->any_service || (e->service == SERVICE_MODEL) == model;
        if (is_cert(e->fault.kind) && here && use(link, &fault))
            break;
        link = &e->next;
    }
    return fault.kind;
}

json_t *faults_list(const struct faults *faults) {
    json_t *list = json_array();
    for (const struct entry *e = faults->first; e; e = e->next)
        json_array_append_new(list, json_pack("{s:i,s:s,s:s,s:i,s:i,s:i}", "id", e->id, "kind",
                                              kind_names[e->fault.kind], "service",
                                              e->any_service ? "any" : service_names[e->service],
                                              "status", e->fault.status, "after", e->after, "times",
                                              e->times));
    return list;
}
