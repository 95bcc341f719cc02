/* A business's profile, as its owner writes it and as customers see it. */
#include "business/api/shapes.h"

const char *const words_mode[] = {"at_business", "at_customer", "remote", NULL};
const char *const words_day[] = {"mon", "tue", "wed", "thu", "fri", "sat", "sun", NULL};

static const struct shape address_shape[] = {
    TEXT("street", OPTIONAL, FORMAT_LINE, 0, 200, LOG_PRESENCE, "Street and number."),
    TEXT("postal_code", OPTIONAL, FORMAT_LINE, 0, 20, LOG_PRESENCE, "Postal code."),
    TEXT("city", OPTIONAL, FORMAT_LINE, 0, 120, LOG_PRESENCE, "Town or city."),
    TEXT("region", OPTIONAL, FORMAT_LINE, 0, 120, LOG_PRESENCE, "State, canton, province."),
    TEXT("country", OPTIONAL, FORMAT_COUNTRY, 2, 2, LOG_VALUE, "ISO 3166-1 alpha-2 code."),
    END};

static const struct shape location_shape[] = {
    NUMBER("latitude", NEEDED, -90, 90, LOG_PRESENCE, "Degrees north."),
    NUMBER("longitude", NEEDED, -180, 180, LOG_PRESENCE, "Degrees east."), END};

static const struct shape area_shape[] = {
    TEXT("place", OPTIONAL, FORMAT_LINE, 0, 120, LOG_PRESENCE, "The area's name."),
    NUMBER("radius_km", OPTIONAL, 0, 20000, LOG_VALUE, "Kilometres around the location."),
    TEXT("country", OPTIONAL, FORMAT_COUNTRY, 2, 2, LOG_VALUE, "ISO 3166-1 alpha-2 code."), END};

static const struct shape price_shape[] = {
    NUMBER("min", OPTIONAL, 0, 1e9, LOG_VALUE, "The least it costs."),
    NUMBER("max", OPTIONAL, 0, 1e9, LOG_VALUE, "The most it costs."),
    TEXT("currency", OPTIONAL, FORMAT_CURRENCY, 3, 3, LOG_VALUE, "ISO 4217 code."), END};

static const struct shape service_shape[] = {
    SLUG("id", NEEDED, "The service's id, for check_availability and create_booking."),
    TEXT("name", NEEDED, FORMAT_LINE, 1, 120, LOG_PRESENCE, "What it is called."),
    TEXT("description", OPTIONAL, FORMAT_PARAGRAPH, 0, 1000, LOG_PRESENCE, "What it is."),
    INTEGER("duration_minutes", NEEDED, 5, 1440, LOG_VALUE, "How long it takes."),
    OBJECT("price", OPTIONAL, price_shape, "Price or price range."),
    INTEGER("buffer_before_minutes", OPTIONAL, 0, 720, LOG_VALUE,
            "Kept free before; 0 if left out."),
    INTEGER("buffer_after_minutes", OPTIONAL, 0, 720, LOG_VALUE, "Kept free after; 0 if left out."),
    INTEGER("notice_minutes", OPTIONAL, 0, 525600, LOG_VALUE,
            "Bookable this long ahead at the latest."),
    INTEGER("horizon_days", OPTIONAL, 1, 365, LOG_VALUE, "Bookable this far ahead."),
    INTEGER("step_minutes", OPTIONAL, 5, 240, LOG_VALUE,
            "Starts lie this far apart; 15 if left out."),
    CHOICE("mode", OPTIONAL, words_mode, "Where it takes place."),
    END};

static const struct shape weekly_shape[] = {
    LIST("days", NEEDED, 1, 7, ENTRY(CHOICE(NULL, OPTIONAL, words_day, NULL)), "Days of the week."),
    TEXT("opens", NEEDED, FORMAT_TIME, 1, 5, LOG_VALUE, "Local time, HH:MM."),
    TEXT("closes", NEEDED, FORMAT_TIME, 1, 5, LOG_VALUE,
         "Local time, HH:MM; not later than opens: on the next day; 24:00 is the day's end."),
    END};

static const struct shape interval_shape[] = {
    TEXT("opens", NEEDED, FORMAT_TIME, 1, 5, LOG_VALUE, "Local time, HH:MM."),
    TEXT("closes", NEEDED, FORMAT_TIME, 1, 5, LOG_VALUE, "Local time, HH:MM."), END};

static const struct shape exception_shape[] = {
    TEXT("date", NEEDED, FORMAT_DATE, 1, 10, LOG_VALUE, "The day."),
    BOOLEAN("closed", OPTIONAL, "Closed all day."),
    LIST("intervals", OPTIONAL, 0, 12, ENTRY(OBJECT(NULL, OPTIONAL, interval_shape, NULL)),
         "Open at these times instead."),
    END};

static const struct shape hours_shape[] = {
    ZONE("timezone", NEEDED, "IANA time zone of the hours."),
    LIST("weekly", OPTIONAL, 0, 28, ENTRY(OBJECT(NULL, OPTIONAL, weekly_shape, NULL)),
         "Opening hours of every week."),
    LIST("exceptions", OPTIONAL, 0, 400, ENTRY(OBJECT(NULL, OPTIONAL, exception_shape, NULL)),
         "Days that are different."),
    END};

static const struct shape contact_shape[] = {
    TEXT("phone", OPTIONAL, FORMAT_PHONE, 0, 40, LOG_PRESENCE, "Phone number."),
    TEXT("email", OPTIONAL, FORMAT_EMAIL, 0, 254, LOG_PRESENCE, "E-mail address."),
    TEXT("website", OPTIONAL, FORMAT_URL, 0, 500, LOG_PRESENCE, "Web address."), END};

static const struct shape feature_shape[] = {
    BOOLEAN("booking", OPTIONAL, "Appointments can be booked."),
    BOOLEAN("inquiries", OPTIONAL, "Questions can be sent."),
    BOOLEAN("chat", OPTIONAL, "Its assistant chats with customers."),
    BOOLEAN("agent_answers", OPTIONAL, "Its assistant answers questions."), END};

const struct shape profile_shape[] = {
    TEXT("name", OPTIONAL, FORMAT_LINE, 1, 120, LOG_PRESENCE, "The business's name."),
    TEXT("category", OPTIONAL, FORMAT_WORDS, 1, 60, LOG_PRESENCE,
         "What kind of business, in a word."),
    TEXT("description", OPTIONAL, FORMAT_PARAGRAPH, 0, 4000, LOG_PRESENCE, "What it offers."),
    TEXT("summary", OPTIONAL, FORMAT_LINE, 0, 200, LOG_PRESENCE, "The same in a sentence."),
    OBJECT("address", OPTIONAL, address_shape, "Where it is."),
    OBJECT("location", OPTIONAL, location_shape, "Its coordinates."),
    OBJECT("service_area", OPTIONAL, area_shape, "Where it serves customers."),
    LIST("services", OPTIONAL, 0, 50, ENTRY(OBJECT(NULL, OPTIONAL, service_shape, NULL)),
         "What can be booked."),
    OBJECT("hours", OPTIONAL, hours_shape, "Opening hours."),
    LIST("languages", OPTIONAL, 0, 20,
         ENTRY(TEXT(NULL, OPTIONAL, FORMAT_LANGUAGE, 2, 35, LOG_PRESENCE, NULL)),
         "BCP 47 tags of the languages spoken."),
    TEXT("image_url", OPTIONAL, FORMAT_HTTPS, 0, 500, LOG_PRESENCE, "Address of a picture."),
    OBJECT("contacts", OPTIONAL, contact_shape, "How to reach it."),
    MAP("attributes", OPTIONAL, 40, ENTRY(ANSWER(NULL, OPTIONAL, 80, NULL)),
        "What else is true of it: true, false or a short text."),
    OBJECT("features", OPTIONAL, feature_shape, "What customers can do here."),
    END};

static const struct shape hit_service_shape[] = {
    SLUG("id", NEEDED, "The service's id."),
    TEXT("name", NEEDED, FORMAT_LINE, 1, 120, LOG_PRESENCE, "What it is called."),
    INTEGER("duration_minutes", NEEDED, 5, 1440, LOG_VALUE, "How long it takes."),
    OBJECT("price", OPTIONAL, price_shape, "Price or price range."), END};

static const struct shape hit_shape[] = {
    SLUG("slug", NEEDED, "Names the business in other calls."),
    TEXT("name", NEEDED, FORMAT_LINE, 0, 120, LOG_PRESENCE, "The business's name."),
    TEXT("category", OPTIONAL, FORMAT_LINE, 0, 60, LOG_PRESENCE, "What kind of business."),
    TEXT("summary", OPTIONAL, FORMAT_LINE, 0, 200, LOG_PRESENCE, "In a sentence."),
    TEXT("city", OPTIONAL, FORMAT_LINE, 0, 120, LOG_PRESENCE, "Town or city."),
    TEXT("country", OPTIONAL, FORMAT_LINE, 0, 2, LOG_VALUE, "ISO 3166-1 alpha-2 code."),
    NUMBER("distance_km", OPTIONAL, 0, 21000, LOG_VALUE, "From the asked-for coordinates."),
    LIST("languages", OPTIONAL, 0, 20,
         ENTRY(TEXT(NULL, OPTIONAL, FORMAT_LANGUAGE, 2, 35, LOG_VALUE, NULL)), "Languages spoken."),
    LIST("services", OPTIONAL, 0, 50, ENTRY(OBJECT(NULL, OPTIONAL, hit_service_shape, NULL)),
         "What can be booked."),
    OBJECT("features", OPTIONAL, feature_shape, "What customers can do here."),
    TEXT("url", OPTIONAL, FORMAT_URL, 0, 600, LOG_PRESENCE, "Its page."),
    LIST("why", NEEDED, 0, 20, ENTRY(TEXT(NULL, OPTIONAL, FORMAT_LINE, 0, 400, LOG_PRESENCE, NULL)),
         "Why it matched."),
    LIST("not_stated", NEEDED, 0, 60,
         ENTRY(TEXT(NULL, OPTIONAL, FORMAT_LINE, 0, 400, LOG_PRESENCE, NULL)),
         "What was asked for and its profile does not state."),
    END};

/* ask_businesses finds them by the same filters. */
#define FILTERS                                                                                    \
    TEXT("query", OPTIONAL, FORMAT_LINE, 0, 200, LOG_PRESENCE, "Words to look for."),              \
        TEXT("category", OPTIONAL, FORMAT_LINE, 0, 60, LOG_PRESENCE,                               \
             "Kind of business, for example hairdresser."),                                        \
        TEXT("place", OPTIONAL, FORMAT_LINE, 0, 120, LOG_PRESENCE,                                 \
             "Town, region or postal code."),                                                      \
        TEXT("country", OPTIONAL, FORMAT_COUNTRY, 2, 2, LOG_VALUE, "ISO 3166-1 alpha-2 code."),    \
        NUMBER("latitude", OPTIONAL, -90, 90, LOG_PRESENCE, "Degrees north; with longitude."),     \
        NUMBER("longitude", OPTIONAL, -180, 180, LOG_PRESENCE, "Degrees east; with latitude."),    \
        NUMBER("radius_km", OPTIONAL, 0.1, 20000, LOG_VALUE,                                       \
               "Kilometres around the coordinates."),                                              \
        CHOICE("mode", OPTIONAL, words_mode, "Where the service takes place."),                    \
        TEXT("language", OPTIONAL, FORMAT_LANGUAGE, 2, 35, LOG_PRESENCE,                           \
             "A language spoken there."),                                                          \
        MAP("attributes", OPTIONAL, 20, ENTRY(ANSWER(NULL, OPTIONAL, 80, NULL)),                   \
            "Attributes it should have, for example wheelchair_access: true."),                    \
        INSTANT("open_at", OPTIONAL, "Open at this time (RFC 3339 with offset).")

const struct shape search_businesses_arguments[] = {
    FILTERS, INTEGER("limit", OPTIONAL, 1, 50, LOG_VALUE, "Hits at once; 10 if left out."),
    CURSOR("cursor", OPTIONAL, "next_cursor of the page before."), END};
const struct shape search_businesses_result[] = {
    LIST("businesses", NEEDED, 0, 50, ENTRY(OBJECT(NULL, OPTIONAL, hit_shape, NULL)),
         "Best first."),
    INTEGER("total", OPTIONAL, 0, 1e9, LOG_VALUE,
            "How many there are in all, with those of the pages before; on the last page alone."),
    INTEGER("total_is_at_least", OPTIONAL, 1, 1e9, LOG_VALUE,
            "Where there are more pages: how many there are at least. They are not counted."),
    CURSOR("next_cursor", OPTIONAL, "For the next page; absent on the last."), END};

const struct shape get_business_arguments[] = {
    SLUG("business", NEEDED, "The business's slug, from search_businesses."), END};

static const struct shape answer_shape[] = {
    SLUG("business", NEEDED, "Slug."),
    TEXT("name", OPTIONAL, FORMAT_LINE, 0, 120, LOG_PRESENCE, "The business's name."),
    TEXT("status", NEEDED, FORMAT_LINE, 0, 40, LOG_VALUE,
         "answered; recorded: its owner will answer; late; failed."),
    TEXT("answer", OPTIONAL, FORMAT_PARAGRAPH, 0, 20000, LOG_PRESENCE, "What it says."),
    TEXT("reference", OPTIONAL, FORMAT_LINE, 0, 64, LOG_VALUE, "The inquiry's reference."),
    SECRET("secret", OPTIONAL, "Needed to see an answer that comes later."),
    TEXT("url", OPTIONAL, FORMAT_URL, 1, 800, LOG_PRESENCE, "Page to see it."),
    END};

const struct shape ask_businesses_arguments[] = {
    TEXT("message", NEEDED, FORMAT_PARAGRAPH, 1, 2000, LOG_PRESENCE,
         "The question, in the customer's words."),
    OBJECT("customer", OPTIONAL, customer_shape, "Who asks."),
    LIST("businesses", OPTIONAL, 1, 10, ENTRY(SLUG(NULL, OPTIONAL, NULL)),
         "Slugs of whom to ask; or use the filters."),
    FILTERS,
    INTEGER("deadline_ms", OPTIONAL, 1000, 25000, LOG_VALUE, "How long to wait for answers."),
    END};
const struct shape ask_businesses_result[] = {
    TEXT("fanout", NEEDED, FORMAT_LINE, 0, 64, LOG_VALUE, "Id of this question to several."),
    LIST("answers", NEEDED, 0, 10, ENTRY(OBJECT(NULL, OPTIONAL, answer_shape, NULL)),
         "One for each asked."),
    INTEGER("asked", NEEDED, 0, 10, LOG_VALUE, "How many were asked."),
    INTEGER("answered", NEEDED, 0, 10, LOG_VALUE, "How many answered in time."), END};
