/* What customers book and ask. */
#include "business/api/shapes.h"

const char *const words_booking_status[] = {"holding",    "confirmed", "moving", "undoing",
                                            "cancelling", "cancelled", "failed", NULL};
const char *const words_inquiry_status[] = {"open", "answered", "closed", NULL};

const struct shape customer_shape[] = {
    TEXT("name", NEEDED, FORMAT_LINE, 1, 120, LOG_PRESENCE, "The customer's name."),
    TEXT("email", OPTIONAL, FORMAT_EMAIL, 3, 254, LOG_PRESENCE,
         "E-mail address; this or phone is needed."),
    TEXT("phone", OPTIONAL, FORMAT_PHONE, 5, 40, LOG_PRESENCE,
         "Phone number; this or email is needed."),
    END};

const struct shape slot_shape[] = {INSTANT("start", NEEDED, "With the business's offset from UTC."),
                                   INSTANT("end", NEEDED, "With the business's offset from UTC."),
                                   END};

const struct shape check_availability_arguments[] = {
    SLUG("business", NEEDED, "The business's slug."),
    SLUG("service", NEEDED, "The service's id, from the business's profile."),
    INSTANT("from", OPTIONAL, "Not before; now if left out (RFC 3339 with offset)."),
    INSTANT("until", OPTIONAL, "Not after; at most 31 days later (RFC 3339 with offset)."),
    ZONE("timezone", OPTIONAL, "The customer's IANA time zone; the business's if left out."),
    INTEGER("limit", OPTIONAL, 1, 200, LOG_VALUE, "Times at once; 50 if left out."),
    END};
const struct shape check_availability_result[] = {
    SLUG("business", NEEDED, "Slug."),
    SLUG("service", NEEDED, "The service's id."),
    ZONE("timezone", NEEDED, "Whose offset the times have."),
    LIST("slots", NEEDED, 0, 200, ENTRY(OBJECT(NULL, OPTIONAL, slot_shape, NULL)),
         "Free times, earliest first."),
    INSTANT("next_from", OPTIONAL, "`from` of the next page; absent on the last."),
    END};

const struct shape create_booking_arguments[] = {
    SLUG("business", NEEDED, "The business's slug."),
    SLUG("service", NEEDED, "The service's id."),
    INSTANT("start", NEEDED, "A start that check_availability gave (RFC 3339 with offset)."),
    OBJECT("customer", NEEDED, customer_shape, "Who books."),
    TEXT("note", OPTIONAL, FORMAT_PARAGRAPH, 0, 1000, LOG_PRESENCE, "Words for the business."),
    TEXT("address", OPTIONAL, FORMAT_PARAGRAPH, 0, 400, LOG_PRESENCE,
         "Where to come to, if the service takes place at the customer's."),
    ZONE("timezone", OPTIONAL, "The customer's IANA time zone."),
    TEXT("language", OPTIONAL, FORMAT_LANGUAGE, 2, 35, LOG_PRESENCE, "The customer's language."),
    END};
const struct shape create_booking_result[] = {
    REFERENCE("reference", NEEDED, "Names the booking."),
    CHOICE("status", NEEDED, words_booking_status, "confirmed."),
    SLUG("business", NEEDED, "Slug."),
    SLUG("service", NEEDED, "The service's id."),
    INSTANT("start", NEEDED, "With the business's offset from UTC."),
    INSTANT("end", NEEDED, "With the business's offset from UTC."),
    SECRET("secret", NEEDED, "Needed to see, move or cancel it: give it to the customer."),
    TEXT("manage_url", NEEDED, FORMAT_URL, 1, 800, LOG_PRESENCE, "Page to see and move it."),
    TEXT("cancel_url", NEEDED, FORMAT_URL, 1, 800, LOG_PRESENCE, "Page to cancel it."),
    TEXT("ics_url", NEEDED, FORMAT_URL, 1, 800, LOG_PRESENCE, "Calendar file."),
    END};

#define WHICH_BOOKING                                                                              \
    REFERENCE("reference", NEEDED, "The booking's reference."),                                    \
        SECRET("secret", NEEDED, "The booking's secret.")

#define BOOKING_STATE                                                                              \
    REFERENCE("reference", NEEDED, "Names the booking."),                                          \
        CHOICE("status", NEEDED, words_booking_status, "How it is now."),                          \
        SLUG("business", NEEDED, "Slug."),                                                         \
        TEXT("business_name", OPTIONAL, FORMAT_LINE, 0, 120, LOG_PRESENCE, "Its name."),           \
        SLUG("service", NEEDED, "The service's id."),                                              \
        TEXT("service_name", OPTIONAL, FORMAT_LINE, 0, 120, LOG_PRESENCE, "Its name."),            \
        ZONE("timezone", OPTIONAL, "The business's, whose offset the times have."),                \
        INSTANT("start", NEEDED, "With the business's offset from UTC."),                          \
        INSTANT("end", NEEDED, "With the business's offset from UTC."),                            \
        BOOLEAN("can_cancel", OPTIONAL, "It may be cancelled now."),                               \
        BOOLEAN("can_reschedule", OPTIONAL, "It may be moved now.")

const struct shape get_booking_arguments[] = {WHICH_BOOKING, END};
const struct shape get_booking_result[] = {BOOKING_STATE, END};

const struct shape reschedule_booking_arguments[] = {
    WHICH_BOOKING,
    INSTANT("start", NEEDED, "The new start, from check_availability (RFC 3339 with offset)."),
    END};
const struct shape reschedule_booking_result[] = {BOOKING_STATE, END};

const struct shape cancel_booking_arguments[] = {
    WHICH_BOOKING,
    TEXT("reason", OPTIONAL, FORMAT_PARAGRAPH, 0, 500, LOG_PRESENCE, "Why, for the business."),
    END};
const struct shape cancel_booking_result[] = {BOOKING_STATE, END};

const struct shape booking_calendar_file_arguments[] = {WHICH_BOOKING, END};
const struct shape booking_calendar_file_result[] = {
    TEXT("ics", NEEDED, FORMAT_PARAGRAPH, 1, 65536, LOG_PRESENCE, "The file (text/calendar)."),
    END};

const struct shape send_inquiry_arguments[] = {
    SLUG("business", NEEDED, "The business's slug."),
    TEXT("message", NEEDED, FORMAT_PARAGRAPH, 1, 2000, LOG_PRESENCE,
         "The question, in the customer's words."),
    OBJECT("customer", NEEDED, customer_shape, "Who asks."), END};
const struct shape send_inquiry_result[] = {
    REFERENCE("reference", NEEDED, "Names the inquiry."),
    SECRET("secret", NEEDED, "Needed to see the answer later."),
    TEXT("url", OPTIONAL, FORMAT_URL, 1, 800, LOG_PRESENCE, "Page to see the answer."),
    CHOICE("status", NEEDED, words_inquiry_status, "open: its owner will answer."),
    TEXT("answer", OPTIONAL, FORMAT_PARAGRAPH, 0, 20000, LOG_PRESENCE, "What the business says."),
    END};

const struct shape get_inquiry_arguments[] = {
    REFERENCE("reference", NEEDED, "The inquiry's reference."),
    SECRET("secret", NEEDED, "The inquiry's secret."), END};
const struct shape get_inquiry_result[] = {
    REFERENCE("reference", NEEDED, "Names the inquiry."),
    CHOICE("status", NEEDED, words_inquiry_status, "How it is now."),
    SLUG("business", OPTIONAL, "Slug."),
    TEXT("message", OPTIONAL, FORMAT_PARAGRAPH, 0, 2000, LOG_PRESENCE, "The question."),
    TEXT("answer", OPTIONAL, FORMAT_PARAGRAPH, 0, 20000, LOG_PRESENCE, "What the business says."),
    END};
