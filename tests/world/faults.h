/* Faults on demand: an ordered list, first match wins, each used a counted number of times. */
#ifndef CLOISTER_WORLD_FAULTS_H
#define CLOISTER_WORLD_FAULTS_H

#include <jansson.h>

#include "ipc/base.h"

enum service {
    SERVICE_OTHER,
    SERVICE_CONSENT,
    SERVICE_TOKEN,
    SERVICE_REVOKE,
    SERVICE_CALENDAR,
    SERVICE_MODEL,
    SERVICE_ADMIN,
    SERVICE_NONE, /* a page that is not there */
};
const char *service_name(enum service service);

enum fault_kind {
    FAULT_NONE,
    FAULT_STATUS,          /* an error answer; the work is not done */
    FAULT_HANG,            /* no answer until the client leaves or ten minutes pass */
    FAULT_SLOW,            /* the right answer, a few bytes at a time */
    FAULT_TRUNCATE,        /* half of the right answer, then the connection ends */
    FAULT_MALFORMED,       /* 200 with a body that is not JSON (or not an event) */
    FAULT_OVERSIZE,        /* 200 with a well-formed body of `bytes` bytes */
    FAULT_LOST_ANSWER,     /* the work is done, the connection ends without an answer */
    FAULT_MIDSTREAM_ERROR, /* an error event after half of a stream */
    FAULT_RESET,           /* TCP reset; the work is not done */
    FAULT_WRONG_HOST_CERT, /* the next connections get another host's certificate */
    FAULT_UNKNOWN_CA_CERT, /* … one of an unknown authority */
    FAULT_EXPIRED_CERT,    /* … one that is too old */
    FAULT_ID_TOKEN,        /* tokens are given, the id_token is wrong in the way `reason` names */
};

struct fault {
    enum fault_kind kind;
    int status, retry_after; /* retry_after < 0: no header */
    char reason[256];
    char message[256]; /* of a status: what the service writes beside it */
    int ms;            /* slow: pause between pieces */
    size_t bytes;      /* slow: bytes a piece; oversize: total */
};

struct fault_subject {
    enum service service;
    const char *method, *path, *account, *body;
};

struct faults *faults_new(void);
void faults_free(struct faults *faults);
/* Adds from the admin API's JSON. Returns the fault's id, or -1 with a sentence in `why`. */
int faults_add(struct faults *faults, const json_t *json, const char **why) MUST_CHECK;
/* The fault that this request meets, used up by one; kind FAULT_NONE when there is none. */
struct fault faults_take(struct faults *faults, const struct fault_subject *subject);
/* The same for a new TLS connection; `model` tells which listener. Only the certificate kinds. */
enum fault_kind faults_take_connection(struct faults *faults, bool model);
/* New array of what is left. */
json_t *faults_list(const struct faults *faults);
void faults_clear(struct faults *faults);

#endif
