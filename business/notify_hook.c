/* The signed webhook, as the Standard Webhooks specification 1.0 has it (headers webhook-id,
 * webhook-timestamp, webhook-signature; HMAC-SHA256 over "id.timestamp.body"). */
#include <curl/curl.h>
#include <errno.h>
#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "build_config.h"
#include "business/notify_deliver.h"

char *hook_body(const struct notice *notice) {
    char at[40];
    time_t seconds = (time_t)(notice->created_ms / 1000);
    struct tm utc;
    (void)gmtime_r(&seconds, &utc);
    (void)strftime(at, sizeof(at), "%Y-%m-%dT%H:%M:%SZ", &utc);
    json_t *data = json_copy(notice->payload);
    (void)json_object_del(data, "delivered");
    (void)json_object_del(data, "own_webhook");
    json_t *body = json_pack("{s:s, s:s, s:s, s:s, s:s, s:O}", "type", notice->kind, "timestamp",
                             at, "to", notice->to_kind, "business", notice->business, "reference",
                             notice->reference, "data", data);
    char *text = json_dumps(body, JSON_COMPACT | JSON_SORT_KEYS);
    json_decref(body);
    json_decref(data);
    return text;
}

int hook_own(const struct notify_settings *settings, const struct notice *notice,
             struct hook *ret) {
    const json_t *own = json_object_get(notice->payload, "own_webhook");
    const char *key = json_string_value(json_object_get(own, "key"));
    *ret = (struct hook){.url = json_string_value(json_object_get(own, "url"))};
    if (ret->url == NULL || key == NULL || hook_url_parse(ret->url, &ret->at) < 0)
        return -EINVAL;
    if (!hook_url_listed(settings->config, &ret->at))
        return -EACCES;
    return hook_key_read(key, &ret->key);
}

void hook_signature(const struct hook_key *key, const char *id, int64_t seconds, const char *body,
                    char out[static HOOK_SIGNATURE_MAX]) {
    crypto_auth_hmacsha256_state state;
    unsigned char mac[crypto_auth_hmacsha256_BYTES];
    char head[NOTICE_MARK_LEN + 64];
    (void)snprintf(head, sizeof(head), "%s.%" PRId64 ".", id, seconds);
    (void)crypto_auth_hmacsha256_init(&state, key->bytes, key->len);
    (void)crypto_auth_hmacsha256_update(&state, (const unsigned char *)head, strlen(head));
    (void)crypto_auth_hmacsha256_update(&state, (const unsigned char *)body, strlen(body));
    (void)crypto_auth_hmacsha256_final(&state, mac);
    (void)snprintf(out, HOOK_SIGNATURE_MAX, "v1,");
    (void)sodium_bin2base64(out + 3, HOOK_SIGNATURE_MAX - 3, mac, sizeof(mac),
                            sodium_base64_VARIANT_ORIGINAL);
}

static bool add(struct notify_transfer *transfer, const char *name, const char *value) {
    char line[256];
    (void)snprintf(line, sizeof(line), "%s: %s", name, value);
    struct curl_slist *more = curl_slist_append(transfer->headers, line);
    if (more != NULL)
        transfer->headers = more;
    return more != NULL;
}

static bool set_up(const struct hook *hook, const struct notice *notice, const char *body,
                   struct notify_transfer *transfer) {
    char id[NOTICE_MARK_LEN + 8], at[24], signature[HOOK_SIGNATURE_MAX];
    const int64_t seconds = wall_ms() / 1000;
    CURL *curl = transfer->curl;
    (void)snprintf(id, sizeof(id), "msg_%s", notice->mark);
    (void)snprintf(at, sizeof(at), "%" PRId64, seconds);
    hook_signature(&hook->key, id, seconds, body, signature);
    if (!add(transfer, "Content-Type", "application/json") || !add(transfer, "webhook-id", id) ||
        !add(transfer, "webhook-timestamp", at) || !add(transfer, "webhook-signature", signature) ||
        !add(transfer, "Expect", ""))
        return false;
    return curl_easy_setopt(curl, CURLOPT_URL, hook->url) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, hook->at.tls ? "https" : "http") ==
               CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_USERAGENT, "Cloister/" CLOISTER_VERSION) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_HTTPHEADER, transfer->headers) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body) == CURLE_OK;
}

static void judge(CURL *curl, int result, long code, struct delivery_report *report) {
    curl_off_t after = 0;
    if (result == CURLE_OK && code >= 200 && code < 300) {
        report->end = DELIVERY_DONE;
        return;
    }
    if (result == CURLE_OK && (code == 429 || code == 503) &&
        curl_easy_getinfo(curl, CURLINFO_RETRY_AFTER, &after) == CURLE_OK && after > 0)
        report->retry_ms = after > 86400 ? 86400000u : (uint64_t)after * 1000;
    report->end = code == 410 ? DELIVERY_NEVER : DELIVERY_LATER; /* 410: it wants no more of it */
    if (result == CURLE_OK)
        (void)snprintf(report->why, sizeof(report->why), "the webhook answered %ld", code);
    else
        (void)snprintf(report->why, sizeof(report->why), "webhook: %s",
                       curl_easy_strerror((CURLcode)result));
}

static bool hook_of(const struct notify_settings *settings, const struct notice *notice,
                    struct hook *ret, struct delivery_report *report) {
    int r = 0;
    if (report->channel == DELIVERY_OWN_HOOK)
        r = hook_own(settings, notice, ret);
    else
        *ret = settings->hook_to;
    if (r < 0)
        (void)snprintf(report->why, sizeof(report->why), "%s",
                       r == -EACCES ? "the operator does not list the webhook's host"
                                    : "the webhook cannot be used");
    return r == 0;
}

void deliver_hook(const struct notify_settings *settings, const struct notice *notice,
                  struct delivery_report *report) {
    static struct hook hook;
    struct notify_transfer transfer;
    SCOPE_FREE char *body = hook_body(notice);
    report->end = DELIVERY_NEVER;
    if (!hook_of(settings, notice, &hook, report))
        return;
    report->end = DELIVERY_LATER;
    if (body == NULL) {
        (void)snprintf(report->why, sizeof(report->why), "out of memory");
        return;
    }
    uint64_t deadline = clock_ms() + settings->timeout_ms;
    if (notify_transfer_begin(settings, &hook.at, deadline, &transfer, report) == 0) {
        long code = 0;
        int r = set_up(&hook, notice, body, &transfer) ? notify_transfer_run(&transfer, &code)
                                                       : (int)CURLE_OUT_OF_MEMORY;
        judge(transfer.curl, r, code, report);
    }
    notify_transfer_end(&transfer);
}

void deliver(const struct notify_settings *settings, const struct notice *notice, int pipe) {
    for (unsigned channel = DELIVERY_MAIL; channel < DELIVERY_CHANNELS; channel++) {
        struct delivery_report report = {.channel = (uint8_t)channel};
        if (!notice->by[channel])
            continue;
        (channel == DELIVERY_MAIL ? deliver_mail : deliver_hook)(settings, notice, &report);
        if (write_all(pipe, &report, sizeof(report)) < 0) /* atomic: less than PIPE_BUF */
            return;
    }
}
