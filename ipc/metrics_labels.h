/* What labels of metrics may say: every value stands in a table, so a label can never hold an id or
 * text that somebody wrote, and how many series there can be is known. X(NAME, "value"). */
#ifndef CLOISTER_IPC_METRICS_LABELS_H
#define CLOISTER_IPC_METRICS_LABELS_H

#define METRIC_PROGRAMS(X)                                                                         \
    X(SUPERVISOR, "cloisterd")                                                                     \
    X(GATEWAY, "cloister-gateway")                                                                 \
    X(KEYS, "cloister-keys")                                                                       \
    X(EGRESS, "cloister-egress")                                                                   \
    X(BUSINESS, "cloister-business")                                                               \
    X(NOTIFY, "cloister-notify")

/* Of a conversation's turn, in the order in which they come. LOOKUP: the database says who it is.
 * QUEUED: behind other turns of its user. WAKE: until there was an agent. KEYS, CALENDAR, MODEL:
 * waiting for these, all calls together. MODEL_FIRST: the first call, until its first byte. WHOLE:
 * from the agent's start on it to its last word. */
#define METRIC_PHASES(X)                                                                           \
    X(LOOKUP, "lookup")                                                                            \
    X(QUEUED, "queued")                                                                            \
    X(WAKE, "wake")                                                                                \
    X(KEYS, "keys")                                                                                \
    X(CALENDAR, "calendar")                                                                        \
    X(MODEL_FIRST, "model_first_byte")                                                             \
    X(MODEL, "model")                                                                              \
    X(WHOLE, "whole")

#define METRIC_KINDS(X)                                                                            \
    X(CHAT, "chat")                                                                                \
    X(CONNECT, "connect")                                                                          \
    X(REVOKE, "revoke")                                                                            \
    X(MEMORY_LIST, "memory_list")                                                                  \
    X(SIGN_IN, "sign_in")                                                                          \
    X(DECIDE, "decide")                                                                            \
    X(MEMORY_PUT, "memory_put")                                                                    \
    X(FRONT, "front")                                                                              \
    X(OTHER, "other")

#define METRIC_DIRECTIONS(X)                                                                       \
    X(INPUT, "input")                                                                              \
    X(OUTPUT, "output")

#define METRIC_PROVIDERS(X)                                                                        \
    X(ANTHROPIC, "anthropic")                                                                      \
    X(OPENAI, "openai")                                                                            \
    X(GOOGLE, "google")

/* UNREACHABLE: no connection, or it broke off. UNAVAILABLE: the provider said so. RATE_LIMITED,
 * QUOTA: too much was asked. REJECTED: it does not take the request. MISCONFIGURED: key, client,
 * account, model or certificate. UNTOLD: anything else. */
#define METRIC_PROVIDER_ERRORS(X)                                                                  \
    X(UNREACHABLE, "unreachable")                                                                  \
    X(UNAVAILABLE, "unavailable")                                                                  \
    X(RATE_LIMITED, "rate_limited")                                                                \
    X(QUOTA, "quota")                                                                              \
    X(REJECTED, "rejected")                                                                        \
    X(MISCONFIGURED, "misconfigured")

#define METRIC_PROCESSES(X)                                                                        \
    X(AGENT, "agent")                                                                              \
    X(TURN, "turn")

/* How a process ended that nobody had told to. SECCOMP: SIGSYS, it asked the kernel for what it may
 * not. CPU: its limit of computing time. MEMORY: its agent's control group was at its limit and
 * the kernel chose it. KILLED: another SIGKILL; the whole machine short of memory perhaps. */
#define METRIC_DEATHS(X)                                                                           \
    X(SECCOMP, "seccomp")                                                                          \
    X(CPU, "cpu_limit")                                                                            \
    X(MEMORY, "memory_limit")                                                                      \
    X(KILLED, "killed")                                                                            \
    X(CRASH, "crash")                                                                              \
    X(EXIT, "exit")

#define METRIC_REFUSALS(X)                                                                         \
    X(NOT_LISTED, "not_listed")                                                                    \
    X(NOT_PUBLIC, "not_public")                                                                    \
    X(NOT_RESOLVED, "not_resolved")                                                                \
    X(NOT_CONNECTED, "not_connected")                                                              \
    X(TOO_MANY_DIALS, "too_many_dials")                                                            \
    X(TOO_MANY_CONNECTIONS, "too_many_connections")                                                \
    X(TOO_MANY_TURNS, "too_many_turns")                                                            \
    X(TOO_MANY_BYTES, "too_many_bytes")                                                            \
    X(STRANGER, "stranger")                                                                        \
    X(BAD_MESSAGE, "bad_message")                                                                  \
    X(FULL, "full")

#define METRIC_KEY_ASKS(X)                                                                         \
    X(KEY_ASK, "key_ask")                                                                          \
    X(TOKEN_COMMIT, "token_commit")                                                                \
    X(KEY_CREATE, "key_create")                                                                    \
    X(KEY_DESTROY, "key_destroy")                                                                  \
    X(KEY_BIND_USER, "key_bind_user")                                                              \
    X(KEY_CHALLENGE, "key_challenge")                                                              \
    X(GRANT_MINT, "grant_mint")                                                                    \
    X(GRANT_CHECK, "grant_check")                                                                  \
    X(GRANT_REVOKE, "grant_revoke")                                                                \
    X(OTHER, "other")

#define METRIC_RESULTS(X)                                                                          \
    X(OK, "ok")                                                                                    \
    X(REFUSED, "refused")

#define METRIC_LIMITS(X)                                                                           \
    X(FRONTEND, "frontend")                                                                        \
    X(ADDRESS, "address")                                                                          \
    X(BAD_KEY, "bad_key")                                                                          \
    X(SIGN_IN, "sign_in")

/* HTTP statuses that a gateway answers with; NONE: the client went before. */
#define METRIC_STATUSES(X)                                                                         \
    X(NONE, "none")                                                                                \
    X(200, "200")                                                                                  \
    X(201, "201")                                                                                  \
    X(204, "204")                                                                                  \
    X(302, "302")                                                                                  \
    X(303, "303")                                                                                  \
    X(304, "304")                                                                                  \
    X(400, "400")                                                                                  \
    X(401, "401")                                                                                  \
    X(403, "403")                                                                                  \
    X(404, "404")                                                                                  \
    X(405, "405")                                                                                  \
    X(406, "406")                                                                                  \
    X(408, "408")                                                                                  \
    X(409, "409")                                                                                  \
    X(410, "410")                                                                                  \
    X(411, "411")                                                                                  \
    X(413, "413")                                                                                  \
    X(414, "414")                                                                                  \
    X(415, "415")                                                                                  \
    X(417, "417")                                                                                  \
    X(422, "422")                                                                                  \
    X(429, "429")                                                                                  \
    X(431, "431")                                                                                  \
    X(499, "499")                                                                                  \
    X(500, "500")                                                                                  \
    X(502, "502")                                                                                  \
    X(503, "503")                                                                                  \
    X(504, "504")                                                                                  \
    X(505, "505")                                                                                  \
    X(OTHER, "other")

/* How a call at the business front door ended. REFUSED: the caller can do something about it.
 * UNAVAILABLE: we can. */
#define METRIC_CALL_ENDS(X)                                                                        \
    X(DONE, "done")                                                                                \
    X(REFUSED, "refused")                                                                          \
    X(LIMITED, "limited")                                                                          \
    X(UNAVAILABLE, "unavailable")

/* By what a notice goes: business/notify_notice.h has the same order. OWN_WEBHOOK: the owner's. */
#define METRIC_WAYS(X)                                                                             \
    X(MAIL, "mail")                                                                                \
    X(WEBHOOK, "webhook")                                                                          \
    X(OWN_WEBHOOK, "own_webhook")

/* Kinds of notices, as business/outbox.h has them. */
#define METRIC_NOTICES(X)                                                                          \
    X(BOOKING_CONFIRMED, "booking_confirmed")                                                      \
    X(BOOKING_MOVED, "booking_moved")                                                              \
    X(BOOKING_CANCELLED, "booking_cancelled")                                                      \
    X(INQUIRY_NEW, "inquiry_new")                                                                  \
    X(INQUIRY_ANSWERED, "inquiry_answered")                                                        \
    X(CALENDAR_TROUBLE, "calendar_trouble")                                                        \
    X(OTHER, "other")

/* Upper bounds of every histogram: microseconds, and how OpenMetrics writes them in seconds. */
#define METRIC_BUCKETS(X)                                                                          \
    X(100, "0.0001")                                                                               \
    X(250, "0.00025")                                                                              \
    X(500, "0.0005")                                                                               \
    X(1000, "0.001")                                                                               \
    X(2500, "0.0025")                                                                              \
    X(5000, "0.005")                                                                               \
    X(10000, "0.01")                                                                               \
    X(25000, "0.025")                                                                              \
    X(50000, "0.05")                                                                               \
    X(100000, "0.1")                                                                               \
    X(250000, "0.25")                                                                              \
    X(500000, "0.5")                                                                               \
    X(1000000, "1.0")                                                                              \
    X(2500000, "2.5")                                                                              \
    X(5000000, "5.0")                                                                              \
    X(10000000, "10.0")                                                                            \
    X(30000000, "30.0")                                                                            \
    X(60000000, "60.0")                                                                            \
    X(120000000, "120.0")                                                                          \
    X(300000000, "300.0")

#endif
