/* send_inquiry and get_inquiry. */
#include <string.h>

#include "business/inquiry.h"
#include "ipc/log.h"

#define AGENT_MS  25000u
#define MARGIN_MS 3000u

struct ask {
    struct business_call *call;
    struct used_key key;
};

static json_t *made_json(const struct business_server *server, const char *reference,
                         const char *status, const char *answer) {
    json_t *result = json_pack("{s:s, s:s}", "reference", reference, "status", status);
    inquiry_put_door(server, reference, result);
    if (*answer != '\0')
        (void)json_object_set_new(result, "answer", json_string(answer));
    return result;
}

static void refuse_unknown(struct business_call *call) {
    business_refuse(call, 404, "unknown_inquiry",
                    "There is no inquiry of this reference and secret.", NULL);
}

/* The key was used for it before. */
static void on_before(void *ctx, int error, struct inquiry *found) {
    struct business_call *call = ctx;
    SCOPE_INQUIRY struct inquiry *inquiry = found;
    if (inquiry != NULL)
        business_reply(
            call, made_json(call->server, inquiry->reference, inquiry->status, inquiry->answer));
    else
        business_refuse_store(call, error);
}

static void on_found(void *ctx, int error, const char *reference, bool same) {
    struct business_call *call = ctx;
    if (error != 0 || reference == NULL)
        business_refuse_store(call, error);
    else if (!same)
        once_refuse(call);
    else
        inquiry_load(call->server, reference, on_before, call);
}

static void on_sent(void *ctx, const struct inquiry_end *end) {
    struct ask ask = *(struct ask *)ctx;
    struct business_call *call = ask.call;
    free(ctx);
    switch (end->outcome) {
    case INQUIRY_ANSWERED:
        business_reply(call, made_json(call->server, end->reference, "answered", end->answer));
        break;
    case INQUIRY_RECORDED:
        business_reply(call, made_json(call->server, end->reference, "open", ""));
        break;
    case INQUIRY_UNKNOWN:
        business_refuse_unknown(call);
        break;
    case INQUIRY_OFF:
        business_refuse(call, 409, "inquiries_off", "This business takes no inquiries here.", NULL);
        break;
    case INQUIRY_LIMITED:
        business_refuse_for_now(call, 429, "limited",
                                "Too many inquiries at once. Wait before the next.",
                                end->retry_after_ms);
        break;
    case INQUIRY_KEY:
        once_find(call->server, &ask.key, on_found, call);
        break;
    case INQUIRY_FAILED:
        business_refuse_store(call, end->error);
        break;
    }
}

static void ask_send(struct ask *ask) {
    struct business_call *call = ask->call;
    uint64_t until = clock_ms() + AGENT_MS, latest = call->deadline_ms - MARGIN_MS;
    struct inquiry_words words = {.business = business_text(call, "business"),
                                  .message = business_text(call, "message"),
                                  .channel = call->by_agent ? "agent" : call->client.channel,
                                  .fanout = "",
                                  .customer = json_object_get(call->arguments, "customer"),
                                  .key = &ask->key,
                                  .deadline_ms = until < latest ? until : latest};
    inquiry_send(call->server, &words, on_sent, ask);
}

static void on_key(void *ctx, int error, const char *reference, bool same) {
    struct ask *ask = ctx;
    if (error == 0 && reference == NULL) {
        ask_send(ask);
        return;
    }
    struct business_call *call = ask->call;
    free(ask);
    on_found(call, error, reference, same);
}

void handle_send_inquiry(struct business_call *call) {
    const json_t *customer = json_object_get(call->arguments, "customer");
    if (json_object_get(customer, "email") == NULL && json_object_get(customer, "phone") == NULL) {
        business_refuse_argument(call, "customer: needs an email or a phone");
        return;
    }
    struct ask *ask = calloc(1, sizeof(*ask));
    if (ask == NULL)
        fatal("out of memory");
    ask->call = call;
    once_key(call, &ask->key);
    if (ask->key.given)
        once_find(call->server, &ask->key, on_key, ask);
    else
        ask_send(ask);
}

static void on_loaded(void *ctx, int error, struct inquiry *found) {
    struct business_call *call = ctx;
    SCOPE_INQUIRY struct inquiry *inquiry = found;
    if (error != 0) {
        business_refuse_store(call, error);
    } else if (inquiry == NULL ||
               (call->business[0] != '\0' && strcmp(call->business, inquiry->business) != 0)) {
        refuse_unknown(call);
    } else {
        json_t *result =
            json_pack("{s:s, s:s, s:s, s:s}", "reference", inquiry->reference, "status",
                      inquiry->status, "business", inquiry->business, "message", inquiry->message);
        if (*inquiry->answer != '\0')
            (void)json_object_set_new(result, "answer", json_string(inquiry->answer));
        business_reply(call, result);
    }
}

void handle_get_inquiry(struct business_call *call) {
    const char *reference = business_text(call, "reference");
    if (secret_fits(call->server, SECRET_INQUIRY, reference, business_text(call, "secret")))
        inquiry_load(call->server, reference, on_loaded, call);
    else
        refuse_unknown(call);
}
