/* The business front door, as the played supervisor has it: one business, "salon", of whoever asks.
 * Slug "nobodys" is somebody else's, "taken" is refused with the next free slots. */
#include "tests/unit/gateway/fake_parts.h"

#include <string.h>

#define PROFILE                                                                                    \
    "{\"name\":\"Salon <b>Ö</b>\",\"category\":\"hairdresser\",\"description\":\"Cuts & more\","  \
    "\"services\":[{\"id\":\"cut\",\"name\":\"Cut\",\"duration_minutes\":30,\"mode\":"             \
    "\"at_business\"}],\"hours\":{\"timezone\":\"Europe/Berlin\",\"weekly\":[{\"days\":[\"mon\","  \
    "\"tue\"],\"opens\":\"09:00\",\"closes\":\"17:00\"}]},\"languages\":[\"de\"],\"features\":{"   \
    "\"booking\":true,\"inquiries\":true}}"
#define BOOKING BOOKING_OF("BK7Q2M")
#define BOOKING_OF(reference)                                                                      \
    "{\"reference\":\"" reference                                                                  \
    "\",\"status\":\"confirmed\",\"business\":\"salon\",\"service\":"                              \
    "\"cut\",\"start\":\"2026-12-01T10:00:00+01:00\",\"end\":\"2026-12-01T10:30:00+01:00\","       \
    "\"customer\":{\"name\":\"Sam <i>X</i>\",\"email\":\"sam@example.org\"},\"note\":\"short\"}"
#define INQUIRY                                                                                    \
    "{\"reference\":\"IQ7Q2M\",\"status\":\"open\",\"business\":\"salon\",\"message\":"            \
    "\"Do you do <i>beards</i>?\",\"customer\":{\"name\":\"Sam\",\"phone\":\"030 1\"},"            \
    "\"created_at\":\"2026-11-20T10:00:00+01:00\"}"

#define TOLD                                                                                       \
    "{\"slug\":\"salon\",\"emails\":[\"ann@example.org\"],\"kinds\":[\"inquiry_new\"],"            \
    "\"webhook_url\":\"https://hooks.example/?a=1&b=<i>\",\"webhook_secret\":\"whsec_AAAA\","      \
    "\"webhook_hosts\":[\"hooks.example:443\"]}"

static const struct {
    const char *operation, *result;
} results[] = {
    {"list_own_businesses",
     "{\"businesses\":[{\"slug\":\"salon\",\"name\":\"Salon <b>Ö</b>\",\"published\":true,"
     "\"changed\":true}]}"},
    {"get_own_business", "{\"slug\":\"salon\",\"draft\":" PROFILE ",\"published\":" PROFILE "}"},
    {"put_business", "{\"slug\":\"salon\",\"draft\":" PROFILE "}"},
    {"publish_business", "{\"slug\":\"salon\",\"published\":true}"},
    {"unpublish_business", "{\"slug\":\"salon\",\"published\":false}"},
    {"delete_business", "{\"slug\":\"salon\"}"},
    {"list_bookings", "{\"bookings\":[" BOOKING "," BOOKING_OF("BK7Q2L") "]}"},
    {"cancel_booking_as_owner", BOOKING},
    {"reschedule_booking_as_owner", BOOKING},
    {"list_inquiries", "{\"inquiries\":[" INQUIRY "]}"},
    {"answer_inquiry", INQUIRY},
    {"close_inquiry", INQUIRY},
    {"get_notifications", TOLD},
    {"set_notifications", TOLD},
};

static const char *result_of(const char *operation) {
    for (size_t i = 0; i < COUNT_OF(results); i++)
        if (strcmp(results[i].operation, operation) == 0)
            return results[i].result;
    return NULL;
}

void fake_business(struct fake *fake, const Cloister__BusinessCall *call) {
    struct fake_seen *seen = fake->seen;
    const char *result = result_of(call->operation);
    Cloister__BusinessResult body = CLOISTER__BUSINESS_RESULT__INIT;
    fake_lock();
    seen->businesses++;
    fake_note(seen->last_operation, sizeof(seen->last_operation), call->operation);
    fake_note(seen->last_arguments, sizeof(seen->last_arguments), call->arguments);
    fake_note(seen->last_key, sizeof(seen->last_key), call->idempotency_key);
    fake_unlock();
    body.request = call->request;
    body.status = 200;
    body.result = (char *)(uintptr_t)(result == NULL ? "" : result);
    if (strstr(call->arguments, "\"nobodys\"") != NULL) {
        body = (Cloister__BusinessResult)CLOISTER__BUSINESS_RESULT__INIT;
        body.request = call->request;
        body.status = 403;
        body.code = (char *)"not_owner";
        body.detail = (char *)"It is somebody else's.";
    } else if (strstr(call->arguments, "UNTOLD") != NULL) {
        body.result = (char *)"{\"reference\":\"UNTOLD\",\"status\":\"cancelled\",\"told\":false,"
                              "\"customer\":{\"name\":\"Sam\",\"phone\":\"+49 30 <1>\"}}";
    } else if (strstr(call->arguments, "taken") != NULL) {
        body.status = 409;
        body.code = (char *)"slot_taken";
        body.detail = (char *)"That time was just taken.";
        body.result = (char *)"{\"next_slots\":[{\"start\":\"2026-12-01T11:00:00+01:00\"}],"
                              "\"status\":200}";
    }
    Cloister__Message message = MSG_OF(BUSINESS_RESULT, business_result, &body);
    fake_put(fake, &message);
}
