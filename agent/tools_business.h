/* The tools of the business front door: each is one operation of business/api/operations.def, asked
 * through cloisterd, which stamps whose turn it is and which business it is about. No calendar is
 * touched here. tools_business.c has customers' tools, tools_own_business.c the owner's; the rows
 * for tools_schema.c stand below. */
#ifndef CLOISTER_AGENT_TOOLS_BUSINESS_H
#define CLOISTER_AGENT_TOOLS_BUSINESS_H

#include "agent/tools.h"

/* Each ends with a result. 0, or -errno with the turn's fault set. */
int free_times_run(struct turn *turn, struct tool_run *run);
int get_business_run(struct turn *turn, struct tool_run *run);
int create_booking_run(struct turn *turn, struct tool_run *run);
int get_booking_run(struct turn *turn, struct tool_run *run);
int reschedule_booking_run(struct turn *turn, struct tool_run *run);
int cancel_booking_run(struct turn *turn, struct tool_run *run);
int send_inquiry_run(struct turn *turn, struct tool_run *run);
int get_own_business_run(struct turn *turn, struct tool_run *run);
int edit_business_run(struct turn *turn, struct tool_run *run);
int list_bookings_run(struct turn *turn, struct tool_run *run);
int list_inquiries_run(struct turn *turn, struct tool_run *run);

/* Asks `operation`; takes `arguments`. *ret is what it gave, for json_decref, or NULL when it was
 * refused: then the run has its result, with what came beside the refusal. `once`: the request's
 * own idempotency key for its next write. */
int business_ask(struct turn *turn, struct tool_run *run, const char *operation, json_t *arguments,
                 bool once, json_t **ret) MUST_CHECK;

#define BUSINESS_STRING(name, text)                                                                \
    "\"" name "\":{\"type\":\"string\",\"description\":\"" text "\"}"
#define BUSINESS_CUSTOMER                                                                          \
    BUSINESS_STRING("name", "The customer's name.")                                                \
    "," BUSINESS_STRING(                                                                           \
        "email",                                                                                   \
        "The customer's e-mail address; this or phone is needed.") "," BUSINESS_STRING("phone",    \
                                                                                       "The "      \
                                                                                       "customer'" \
                                                                                       "s phone "  \
                                                                                       "number; "  \
                                                                                       "this or "  \
                                                                                       "email is " \
                                                                                       "needed.")
#define BUSINESS_WHICH                                                                             \
    BUSINESS_STRING("reference", "The booking's reference.")                                       \
    "," BUSINESS_STRING("secret", "The booking's secret, as the customer has it.")
#define BUSINESS_OBJECT(properties, required)                                                      \
    "{\"type\":\"object\",\"properties\":{" properties "},\"required\":[" required                 \
    "],\"additionalProperties\":false}"
#define BUSINESS_INSTANT " (RFC 3339 with offset)"

#define BUSINESS_TOOLS                                                                              \
    [TOOL_FREE_TIMES] =                                                                             \
        {"free_times",                                                                              \
         "Free times of one service, earliest first. Call it before create_booking.",               \
         BUSINESS_OBJECT(                                                                           \
             BUSINESS_STRING("service", "The service's id, from the profile.") "," BUSINESS_STRING( \
                 "from", "Not before; now if left out" BUSINESS_INSTANT                             \
                         ".") "," BUSINESS_STRING("until", "Not after; at most 31 days "            \
                                                           "later" BUSINESS_INSTANT "."),           \
             "\"service\"")},                                                                       \
    [TOOL_GET_BUSINESS] = {"get_business", "The business's published profile as it is now.",        \
                           BUSINESS_OBJECT("", "")},                                                \
    [TOOL_CREATE_BOOKING] =                                                                         \
        {"create_booking",                                                                          \
         "Books one free time of a service for this customer, who has said that they want it. "     \
         "Gives reference, secret and links, which the customer needs.",                            \
         BUSINESS_OBJECT(                                                                           \
             BUSINESS_STRING("service", "The service's id.") "," BUSINESS_STRING(                   \
                 "start",                                                                           \
                 "A start that free_times gave" BUSINESS_INSTANT                                    \
                 ".") "," BUSINESS_CUSTOMER                                                         \
                      "," BUSINESS_STRING("note", "Words for the business.") "," BUSINESS_STRING(   \
                          "address", "Where to come to, if the service takes place at "             \
                                     "the customer's."),                                            \
             "\"service\",\"start\",\"name\"")},                                                    \
    [TOOL_GET_BOOKING] = {"get_booking", "How a booking is now.",                                   \
                          BUSINESS_OBJECT(BUSINESS_WHICH, "\"reference\",\"secret\"")},             \
    [TOOL_RESCHEDULE_BOOKING] = {"reschedule_booking", "Moves a booking to another free time.",     \
                                 BUSINESS_OBJECT(                                                   \
                                     BUSINESS_WHICH "," BUSINESS_STRING(                            \
                                         "start",                                                   \
                                         "The new start, from free_times" BUSINESS_INSTANT "."),    \
                                     "\"reference\",\"secret\",\"start\"")},                        \
    [TOOL_CANCEL_BOOKING] =                                                                         \
        {"cancel_booking",                                                                          \
         "Cancels a booking, which cannot be undone. Only when the customer asks for it.",          \
         BUSINESS_OBJECT(BUSINESS_WHICH "," BUSINESS_STRING("reason", "Why, for the business."),    \
                         "\"reference\",\"secret\"")},                                              \
    [TOOL_SEND_INQUIRY] =                                                                           \
        {"send_inquiry",                                                                            \
         "Sends the customer's question to the owner, who answers later. Gives reference and "      \
         "secret.",                                                                                 \
         BUSINESS_OBJECT(                                                                           \
             BUSINESS_STRING("message",                                                             \
                             "The question, in the customer's words.") "," BUSINESS_CUSTOMER,       \
             "\"message\",\"name\"")},                                                              \
    [TOOL_GET_OWN_BUSINESS] =                                                                       \
        {"get_own_business",                                                                        \
         "The owner's business: its draft and what customers see of it. Without a name: which "     \
         "businesses the owner has.",                                                               \
         BUSINESS_OBJECT(BUSINESS_STRING("business", "The business's slug."), "")},                 \
    [TOOL_EDIT_BUSINESS] =                                                                          \
        {"edit_business",                                                                           \
         "Changes the draft of the owner's business, or begins one. Customers see nothing of it "   \
         "until the owner publishes it on the pages.",                                              \
         BUSINESS_OBJECT(                                                                           \
             BUSINESS_STRING(                                                                       \
                 "business",                                                                        \
                 "The business's slug: a-z, 0-9 and -.") ",\"profile\":"                            \
                                                         "{\"type\":\"object\",\"description\":"    \
                                                         "\"Members of the profile that change, "   \
                                                         "as "                                      \
                                                         "get_own_business shows them; null "       \
                                                         "takes one away; lists are given "         \
                                                         "whole.\"}",                               \
             "\"business\",\"profile\"")},                                                          \
    [TOOL_LIST_BOOKINGS] =                                                                          \
        {"list_bookings",                                                                           \
         "Bookings of the owner's businesses, with customers' names and contacts.",                 \
         BUSINESS_OBJECT(                                                                           \
             BUSINESS_STRING("business", "Of this one alone.") "," BUSINESS_STRING(                 \
                 "from", "Starting not before" BUSINESS_INSTANT                                     \
                         ".") "," BUSINESS_STRING("until", "Starting before" BUSINESS_INSTANT       \
                                                           ".") "," BUSINESS_STRING("status",       \
                                                                                    "For example "  \
                                                                                    "confirmed."),  \
             "")},                                                                                  \
    [TOOL_LIST_INQUIRIES] = {                                                                       \
        "list_inquiries", "Customers' questions to the owner's businesses, newest first.",          \
        BUSINESS_OBJECT(BUSINESS_STRING("business", "Of this one alone.") "," BUSINESS_STRING(      \
                            "status", "open, answered or closed."),                                 \
                        "")}

#endif
