/* What a gateway may ask for, one row each: X(CASE, field) or, where somebody in particular asks,
 * X(CASE, field, CHANGES | READS). A browser that changes something shows its session's token too.
 * Used by gateway.c and session_gate.c. */
#ifndef CLOISTER_SUPERVISOR_GATEWAY_REQUESTS_H
#define CLOISTER_SUPERVISOR_GATEWAY_REQUESTS_H

enum request_effect {
    READS,
    CHANGES,
    BY_OPERATION, /* as its operation's row in business/api/operations.def says */
};

#define REQUESTS_WITH_CALLER(X)                                                                    \
    X(CHAT_REQUEST, chat_request, CHANGES)                                                         \
    X(CONNECT_LINK_CREATE, connect_link_create, CHANGES)                                           \
    X(REDEEM, redeem, CHANGES)                                                                     \
    X(CONNECTION_GET, connection_get, READS)                                                       \
    X(CONNECTION_DELETE, connection_delete, CHANGES)                                               \
    X(SESSION_DELETE, session_delete, CHANGES)                                                     \
    X(MEMORY_LIST, memory_list, READS)                                                             \
    X(MEMORY_PUT, memory_put, CHANGES)                                                             \
    X(MEMORY_DELETE, memory_delete, CHANGES)                                                       \
    X(GRANTS_REVOKE, grants_revoke, CHANGES)                                                       \
    X(SESSION_SHOW, session_show, READS)                                                           \
    X(SESSION_END, session_end, CHANGES)                                                           \
    X(BUSINESS_CALL, business_call, BY_OPERATION)
#define REQUESTS_OF_ANYBODY(X)                                                                     \
    X(CONNECT_OPEN, connect_open)                                                                  \
    X(CONNECT_CALLBACK, connect_callback)                                                          \
    X(SIGN_IN_BEGIN, sign_in_begin)                                                                \
    X(HEALTH_ASK, health_ask)                                                                      \
    X(METRICS_ASK, metrics_ask)
#define NOTICES(X)                                                                                 \
    X(CHAT_CANCEL, chat_cancel)                                                                    \
    X(CHAT_CREDIT, chat_credit)                                                                    \
    X(BUSINESS_CANCEL, business_cancel)
/* What a public gateway may ask for, on an endpoint of its own: nobody in particular asks. */
#define REQUESTS_OF_THE_PUBLIC(X)                                                                  \
    X(CHAT_REQUEST, chat_request)                                                                  \
    X(HEALTH_ASK, health_ask)

#endif
