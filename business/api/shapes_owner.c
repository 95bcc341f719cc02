/* What a business's owner asks. */
#include "business/api/shapes.h"

#define NOTIFY_EMAILS_MAX 5

static const char *const words_notice[] = {"booking_confirmed", "booking_moved",
                                           "booking_cancelled", "inquiry_new",
                                           "calendar_trouble",  NULL};

static const char *const words_order[] = {"oldest", "newest", NULL};

#define OWN_SLUG SLUG("slug", NEEDED, "The business's slug.")

const struct shape put_business_arguments[] = {
    OWN_SLUG, OBJECT("profile", NEEDED, profile_shape, "The whole draft."),
    BOOLEAN("publish", OPTIONAL, "Publish it, too; not for models."),
    INTEGER("version", OPTIONAL, 0, 9e15, LOG_VALUE,
            "Write only if the draft is still of this version."),
    END};
const struct shape put_business_result[] = {
    SLUG("slug", NEEDED, "The business's slug."),
    BOOLEAN("published", OPTIONAL, "Customers see a profile."),
    INTEGER("version", OPTIONAL, 0, 9e15, LOG_VALUE, "Of the draft."),
    LIST("missing", OPTIONAL, 0, 60,
         ENTRY(TEXT(NULL, OPTIONAL, FORMAT_LINE, 0, 200, LOG_PRESENCE, NULL)),
         "What the draft lacks to be published."),
    END};

const struct shape publish_business_arguments[] = {
    OWN_SLUG, INTEGER("version", OPTIONAL, 0, 9e15, LOG_VALUE, "Only if the draft is still of it."),
    END};
const struct shape publish_business_result[] = {OWN_SLUG, END};
const struct shape unpublish_business_arguments[] = {OWN_SLUG, END};
const struct shape unpublish_business_result[] = {OWN_SLUG, END};
const struct shape delete_business_arguments[] = {OWN_SLUG, END};
const struct shape delete_business_result[] = {OWN_SLUG, END};

const struct shape get_own_business_arguments[] = {OWN_SLUG, END};
const struct shape get_own_business_result[] = {
    OWN_SLUG, ANYTHING("draft", OPTIONAL, "The draft."),
    ANYTHING("published", OPTIONAL, "What customers see; absent: nothing."), END};

static const struct shape own_shape[] = {
    OWN_SLUG, TEXT("name", OPTIONAL, FORMAT_LINE, 0, 120, LOG_PRESENCE, "Its name."), END};
const struct shape list_own_businesses_arguments[] = {END};
const struct shape list_own_businesses_result[] = {
    LIST("businesses", NEEDED, 0, 200, ENTRY(OBJECT(NULL, OPTIONAL, own_shape, NULL)), "By slug."),
    END};

const struct shape list_bookings_arguments[] = {
    SLUG("business", OPTIONAL, "Of this business alone."),
    INSTANT("from", OPTIONAL, "Starting not before."),
    INSTANT("until", OPTIONAL, "Starting before."),
    CHOICE("status", OPTIONAL, words_booking_status, "In this state alone."),
    CHOICE("order", OPTIONAL, words_order, "Which start comes first; the oldest if left out."),
    INTEGER("limit", OPTIONAL, 1, 100, LOG_VALUE, "Bookings at once."),
    CURSOR("cursor", OPTIONAL, "next_cursor of the page before."),
    END};
const struct shape list_bookings_result[] = {
    LIST("bookings", NEEDED, 0, 100, ENTRY(ANYTHING(NULL, OPTIONAL, NULL)),
         "By start, in the order asked for."),
    CURSOR("next_cursor", OPTIONAL, "For the next page; absent on the last."), END};

/* Whoever left no mail address, or where nothing is sent, hears of it from the owner alone. */
#define CUSTOMER_TOLD                                                                              \
    BOOLEAN("told", NEEDED,                                                                        \
            "The customer is told; false: they left no mail address, or nothing is sent here."),   \
        OBJECT("customer", OPTIONAL, customer_shape, "Who it is, and how to reach them.")

const struct shape cancel_booking_as_owner_arguments[] = {
    REFERENCE("reference", NEEDED, "The booking's reference."),
    TEXT("reason", OPTIONAL, FORMAT_PARAGRAPH, 0, 500, LOG_PRESENCE, "Why, for the customer."),
    END};
const struct shape cancel_booking_as_owner_result[] = {
    REFERENCE("reference", NEEDED, "The booking's reference."),
    CHOICE("status", NEEDED, words_booking_status, "How it is now."), CUSTOMER_TOLD, END};
const struct shape reschedule_booking_as_owner_arguments[] = {
    REFERENCE("reference", NEEDED, "The booking's reference."),
    INSTANT("start", NEEDED, "The new start (RFC 3339 with offset)."), END};
const struct shape reschedule_booking_as_owner_result[] = {
    REFERENCE("reference", NEEDED, "The booking's reference."),
    CHOICE("status", NEEDED, words_booking_status, "How it is now."), CUSTOMER_TOLD, END};

const struct shape list_inquiries_arguments[] = {
    SLUG("business", OPTIONAL, "Of this business alone."),
    CHOICE("status", OPTIONAL, words_inquiry_status, "In this state alone."),
    INTEGER("limit", OPTIONAL, 1, 100, LOG_VALUE, "Inquiries at once."),
    CURSOR("cursor", OPTIONAL, "next_cursor of the page before."), END};
const struct shape list_inquiries_result[] = {
    LIST("inquiries", NEEDED, 0, 100, ENTRY(ANYTHING(NULL, OPTIONAL, NULL)), "Newest first."),
    CURSOR("next_cursor", OPTIONAL, "For the next page; absent on the last."), END};

const struct shape answer_inquiry_arguments[] = {
    REFERENCE("reference", NEEDED, "The inquiry's reference."),
    TEXT("text", NEEDED, FORMAT_PARAGRAPH, 1, 4000, LOG_PRESENCE, "The answer."), END};
const struct shape answer_inquiry_result[] = {
    REFERENCE("reference", NEEDED, "The inquiry's reference."),
    CHOICE("status", NEEDED, words_inquiry_status, "How it is now."), CUSTOMER_TOLD, END};
const struct shape close_inquiry_arguments[] = {
    REFERENCE("reference", NEEDED, "The inquiry's reference."), END};
const struct shape close_inquiry_result[] = {
    REFERENCE("reference", NEEDED, "The inquiry's reference."),
    CHOICE("status", NEEDED, words_inquiry_status, "How it is now."), END};

const struct shape set_notifications_arguments[] = {
    OWN_SLUG,
    LIST("emails", OPTIONAL, 0, NOTIFY_EMAILS_MAX,
         ENTRY(TEXT(NULL, OPTIONAL, FORMAT_EMAIL, 3, 254, LOG_PRESENCE, NULL)),
         "Addresses that mails go to; empty: none."),
    LIST("kinds", OPTIONAL, 0, 5, ENTRY(CHOICE(NULL, OPTIONAL, words_notice, NULL)),
         "What to tell of, by mail and by this webhook."),
    TEXT("webhook_url", OPTIONAL, FORMAT_LINE, 0, 500, LOG_PRESENCE,
         "An https address of the owner's that is told as well; empty: none."),
    BOOLEAN("new_webhook_secret", OPTIONAL, "Make another key for its signatures."),
    END};
/* Both answer with all of it, as it is then. */
#define NOTIFICATIONS                                                                              \
    OWN_SLUG,                                                                                      \
        LIST("emails", NEEDED, 0, NOTIFY_EMAILS_MAX,                                               \
             ENTRY(TEXT(NULL, OPTIONAL, FORMAT_EMAIL, 3, 254, LOG_PRESENCE, NULL)), "Addresses."), \
        LIST("kinds", NEEDED, 0, 5, ENTRY(CHOICE(NULL, OPTIONAL, words_notice, NULL)),             \
             "What is told."),                                                                     \
        TEXT("webhook_url", NEEDED, FORMAT_LINE, 0, 500, LOG_PRESENCE, "Empty: none."),            \
        TEXT("webhook_secret", OPTIONAL, FORMAT_LINE, 1, 80, LOG_PRESENCE,                         \
             "The key of its signatures (Standard Webhooks)."),                                    \
        LIST("webhook_hosts", NEEDED, 0, 256,                                                      \
             ENTRY(TEXT(NULL, OPTIONAL, FORMAT_LINE, 1, 260, LOG_PRESENCE, NULL)),                 \
             "Hosts and ports that a webhook may be at; empty: this installation sends owners "    \
             "none.")
const struct shape set_notifications_result[] = {NOTIFICATIONS, END};

const struct shape get_notifications_arguments[] = {OWN_SLUG, END};
const struct shape get_notifications_result[] = {NOTIFICATIONS, END};
