/* The operations of the business front door: who may ask, what they take, what they give. From this
 * one table come the checks in cloister-gateway, cloisterd, agents and cloister-business, MCP's
 * tools/list, the OpenAPI document's test and what the operational log keeps. Pure functions. */
#ifndef CLOISTER_BUSINESS_API_OPERATIONS_H
#define CLOISTER_BUSINESS_API_OPERATIONS_H

#include "business/api/schema.h"

enum operation_who { WHO_CUSTOMER, WHO_OWNER, WHO_CLOISTERD };

struct operation {
    const char *name;
    enum operation_who who;
    bool by_agent;  /* a customer's turn (WHO_CUSTOMER) or an owner's model (WHO_OWNER) may ask */
    bool changes;   /* more than the log */
    bool needs_key; /* an idempotency key: asked twice it must not be done twice */
    bool tool;      /* an MCP tool */
    /* MCP's hints; read-only is !changes */
    bool destructive, idempotent, open_world;
    unsigned timeout_ms;
    const char *title, *about;     /* for people and for models */
    const struct shape *arguments; /* members of the arguments' object */
    const struct shape *result;    /* members of the result's object */
};

/* NULL: there is none of that name. */
const struct operation *operation_find(const char *name);
/* All, in the table's order; NULL past the end. */
const struct operation *operation_at(size_t index);

/* Whether an origin ("customer", "owner"; "cloisterd" for what cloisterd asks for itself) may ask
 * it, a person or (by_agent) a model. */
bool operation_may(const struct operation *operation, const char *origin, bool by_agent);

/* The members of put_business's profile, which get_business gives, too. */
extern const struct shape profile_shape[];

/* Bounds that more than one program keeps. */
#define IDEMPOTENCY_KEY_MAX 128 /* characters: printable ASCII without blanks */
bool idempotency_key_valid(const char *key);
/* How a key begins that a program made of the request, since its client gave none: equal requests
 * are taken for one that is repeated, but only while what came of the first still stands. */
#define IDEMPOTENCY_DERIVED "derived:"

#endif
