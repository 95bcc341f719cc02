#include "business/notify_notice.h"

#include <errno.h>
#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

const char *const delivery_names[DELIVERY_CHANNELS] = {"mail", "webhook", "own_webhook"};

static int put(char *out, size_t cap, const char *text) {
    int n = snprintf(out, cap, "%s", text);
    return n < 0 || (size_t)n >= cap ? -EINVAL : 0;
}

int notice_make(const char *kind, const char *to_kind, const char *business, const char *reference,
                const char *payload, struct notice *ret) {
    struct notice notice = {0};
    if (put(notice.kind, sizeof(notice.kind), kind) < 0 ||
        put(notice.to_kind, sizeof(notice.to_kind), to_kind) < 0 ||
        put(notice.business, sizeof(notice.business), business) < 0 ||
        put(notice.reference, sizeof(notice.reference), reference) < 0)
        return -EINVAL;
    notice.payload = json_loads(payload, JSON_REJECT_DUPLICATES, NULL);
    if (!json_is_object(notice.payload)) {
        json_decref(notice.payload);
        return -EINVAL;
    }
    *ret = notice;
    return 0;
}

static bool was_delivered(const struct notice *notice, enum delivery_channel channel) {
    const json_t *delivered = json_object_get(notice->payload, "delivered");
    return json_is_true(json_object_get(delivered, delivery_names[channel]));
}

void notice_plan(struct notice *notice, const struct notify_settings *settings) {
    unsigned char digest[crypto_hash_sha256_BYTES];
    char text[256];
    (void)snprintf(text, sizeof(text), "%" PRId64 "|%" PRId64 "|%s|%s|%s", notice->id,
                   notice->created_ms, notice->kind, notice->to_kind, notice->reference);
    (void)crypto_hash_sha256(digest, (const unsigned char *)text, strlen(text));
    hex_encode(digest, NOTICE_MARK_LEN / 2, notice->mark);
    const bool wanted[DELIVERY_CHANNELS] = {
        [DELIVERY_MAIL] = settings->mail && notice_text(notice, "to")[0] != '\0',
        [DELIVERY_HOOK] = settings->hook,
        [DELIVERY_OWN_HOOK] = json_is_object(json_object_get(notice->payload, "own_webhook")),
    };
    for (enum delivery_channel i = 0; i < DELIVERY_CHANNELS; i++)
        notice->by[i] = wanted[i] && !was_delivered(notice, i);
}

bool notice_over(const struct notice *notice) {
    bool left = false;
    for (size_t i = 0; i < DELIVERY_CHANNELS; i++)
        left = left || notice->by[i];
    return !left;
}

char *notice_delivered(const struct notice *notice, const bool by[static DELIVERY_CHANNELS]) {
    json_t *delivered = json_object(), *over = json_pack("{s:O}", "delivered", delivered);
    bool whole = over != NULL;
    for (enum delivery_channel i = 0; i < DELIVERY_CHANNELS; i++)
        if (by[i] || was_delivered(notice, i))
            whole = whole && json_object_set_new(delivered, delivery_names[i], json_true()) == 0;
    char *text = whole ? json_dumps(over, JSON_COMPACT) : NULL;
    json_decref(delivered);
    json_decref(over);
    return text;
}

void notice_free(struct notice *notice) {
    json_decref(take_ptr(notice->payload));
}

const char *notice_text(const struct notice *notice, const char *name) {
    const char *text = json_string_value(json_object_get(notice->payload, name));
    return text == NULL ? "" : text;
}
