/* What customers read: one business, the generic search and fetch, the beginning of a chat. */
#include "business/api/shapes.h"

const struct shape get_business_result[] = {
    SLUG("slug", NEEDED, "Names the business in other calls."),
    TEXT("url", OPTIONAL, FORMAT_URL, 0, 600, LOG_PRESENCE, "Its page."),
    TEXT("name", NEEDED, FORMAT_LINE, 0, 120, LOG_PRESENCE, "The business's name."),
    TEXT("category", OPTIONAL, FORMAT_LINE, 0, 60, LOG_PRESENCE, "What kind of business."),
    TEXT("summary", OPTIONAL, FORMAT_LINE, 0, 200, LOG_PRESENCE, "In a sentence."),
    TEXT("description", OPTIONAL, FORMAT_PARAGRAPH, 0, 4000, LOG_PRESENCE, "What it offers."),
    ANYTHING("address", OPTIONAL, "Street, postal code, city, region, country."),
    ANYTHING("location", OPTIONAL, "Latitude and longitude."),
    ANYTHING("service_area", OPTIONAL, "Where it serves customers: place, radius_km, country."),
    LIST("services", OPTIONAL, 0, 50, ENTRY(ANYTHING(NULL, OPTIONAL, NULL)),
         "What can be booked: id, name, description, duration_minutes, price, mode."),
    ANYTHING("hours", OPTIONAL, "Opening hours: timezone, weekly, exceptions."),
    LIST("languages", OPTIONAL, 0, 20,
         ENTRY(TEXT(NULL, OPTIONAL, FORMAT_LINE, 0, 35, LOG_VALUE, NULL)), "Languages spoken."),
    TEXT("image_url", OPTIONAL, FORMAT_LINE, 0, 500, LOG_PRESENCE, "Address of a picture."),
    ANYTHING("contacts", OPTIONAL, "Phone, email, website."),
    MAP("attributes", OPTIONAL, 40, ENTRY(ANSWER(NULL, OPTIONAL, 80, NULL)),
        "What else is true of it."),
    ANYTHING("features", OPTIONAL, "What customers can do here: booking, inquiries, chat."),
    END};

const struct shape search_arguments[] = {
    TEXT("query", NEEDED, FORMAT_LINE, 1, 200, LOG_PRESENCE, "Words to look for."), END};
static const struct shape found_shape[] = {
    TEXT("id", NEEDED, FORMAT_LINE, 1, 64, LOG_VALUE, "For fetch."),
    TEXT("title", NEEDED, FORMAT_LINE, 0, 200, LOG_PRESENCE, "What it is."),
    TEXT("url", NEEDED, FORMAT_URL, 1, 600, LOG_PRESENCE, "Where it can be read."), END};
const struct shape search_result[] = {
    LIST("results", NEEDED, 0, 50, ENTRY(OBJECT(NULL, OPTIONAL, found_shape, NULL)), "Best first."),
    END};

const struct shape fetch_arguments[] = {SLUG("id", NEEDED, "An id that search gave."), END};
const struct shape fetch_result[] = {
    TEXT("id", NEEDED, FORMAT_LINE, 1, 64, LOG_VALUE, "The id asked for."),
    TEXT("title", NEEDED, FORMAT_LINE, 0, 200, LOG_PRESENCE, "What it is."),
    TEXT("text", NEEDED, FORMAT_PARAGRAPH, 0, 20000, LOG_PRESENCE, "The profile as text."),
    TEXT("url", NEEDED, FORMAT_URL, 1, 600, LOG_PRESENCE, "Where it can be read."),
    ANYTHING("metadata", OPTIONAL, "Category, place."),
    END};

const struct shape begin_chat_arguments[] = {SLUG("business", NEEDED, "The business's slug."), END};
const struct shape begin_chat_result[] = {
    TEXT("user", NEEDED, FORMAT_LINE, 1, 200, LOG_PRESENCE, "Whose cell it is."),
    TEXT("name", NEEDED, FORMAT_LINE, 0, 120, LOG_PRESENCE, "The business's name."),
    TEXT("context", NEEDED, FORMAT_PARAGRAPH, 0, 32768, LOG_PRESENCE,
         "The published profile as text."),
    ZONE("timezone", NEEDED, "The business's time zone."), END};
