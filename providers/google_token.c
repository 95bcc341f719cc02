/* Access tokens: kept, refreshed beside other work, waited for only when a request needs one. */
#include <errno.h>
#include <string.h>

#include "memory/seal.h"
#include "providers/google_internal.h"
#include "providers/strbuf.h"

#define TOKEN_TRIES    3u
#define TOKEN_EARLY_MS 60000 /* a token this close to its end is not used any more */

char *google_secret_copy(const char *text) {
    size_t size = strlen(text) + 1;
    char *copy = secret_alloc(size);
    if (copy != NULL)
        memcpy(copy, text, size);
    return copy;
}

struct google *google_new(const struct google_settings *settings, struct pump *pump,
                          const char *client_secret) {
    struct google *google = calloc(1, sizeof(*google));
    if (google != NULL)
        *google =
            (struct google){.settings = settings, .pump = pump, .client_secret = client_secret};
    return google;
}

void google_free(struct google *google) {
    if (google == NULL)
        return;
    if (google->refreshing != NULL)
        http_finish(google->refreshing);
    secret_free(google->access);
    free(google);
}

void google_use_refresh(struct google *google, const char *refresh) {
    google->refresh = refresh;
}

int google_use_access(struct google *google, const char *access, int64_t expires_at_ms) {
    if (expires_at_ms - wall_ms() <= TOKEN_EARLY_MS)
        return 0;
    char *copy = google_secret_copy(access);
    if (copy == NULL)
        return -ENOMEM;
    secret_free(google->access);
    google->access = copy;
    google->expires_at_ms = expires_at_ms;
    google->generation++;
    return 0;
}

int64_t google_expiry(const json_t *body) {
    const json_t *seconds = json_object_get(body, "expires_in");
    json_int_t value = json_is_integer(seconds) ? json_integer_value(seconds) : 0;
    if (value < 0 || value > 86400)
        value = 86400;
    return wall_ms() + (int64_t)value * 1000;
}

bool google_body_whole(const char *body, size_t len) {
    json_t *json = json_loadb(body, len, 0, NULL); /* what was cut is none */
    bool whole = json_is_object(json);
    json_decref(json);
    return whole;
}

int google_post_form(struct google *google, const char *url, const struct google_param *params,
                     struct http_transfer **ret) {
    char *form = google_form(params);
    if (form == NULL)
        return -ENOMEM;
    static const char *const headers[] = {"content-type: application/x-www-form-urlencoded",
                                          "accept: application/json", NULL};
    struct http_request request = {.method = "POST",
                                   .url = url,
                                   .trust = google->settings->trust,
                                   .headers = headers,
                                   .body = form,
                                   .body_len = strlen(form),
                                   .max_body = 1 << 16,
                                   .idle_ms = 20000,
                                   .total_ms = 30000,
                                   .deadline = google->pump->deadline,
                                   .whole = google_body_whole};
    int r = http_start(google->pump->http, &request, ret);
    string_wipe(form);
    return r;
}

static int refresh_start(struct google *google) {
    const struct google_param params[] = {{"client_id", google->settings->client_id},
                                          {"client_secret", google->client_secret},
                                          {"grant_type", "refresh_token"},
                                          {"refresh_token", google->refresh},
                                          {NULL, NULL}};
    return google_post_form(google, google->settings->token_url, params, &google->refreshing);
}

void google_refresh_begin(struct google *google) {
    if (google->access != NULL || google->refreshing != NULL || google->gone ||
        google->refresh == NULL)
        return;
    if (refresh_start(google) < 0) /* google_token tries again and says why */
        google->refreshing = NULL;
}

static int grant_gone(struct fault *fault) {
    return fault_set(fault, -EKEYEXPIRED, "reconnect_required", false,
                     "Google no longer accepts this connection. Connect the calendar again.");
}

static int refresh_failed(struct google *google, int status, const json_t *body,
                          struct fault *fault) {
    const char *error = json_string_value(json_object_get(body, "error"));
    if (error == NULL)
        error = "";
    if (strcmp(error, "invalid_grant") == 0) {
        google->gone = true;
        return grant_gone(fault);
    }
    if (status == 429)
        return fault_set(fault, -EAGAIN, "google_rate_limited", true,
                         "Google is limiting requests. Try again in a moment.");
    if (status >= 500 || status == 408)
        return fault_set(fault, -EAGAIN, "google_unavailable", true,
                         "Google's sign-in service has a problem at the moment.");
    return fault_set(fault, -EIO, "google_rejected", false,
                     "Google refused this server's client (status %d). The operator must check the "
                     "[google] settings.",
                     status);
}

static int refresh_take(struct google *google, struct fault *fault) {
    size_t len;
    const char *text = http_body(google->refreshing, &len);
    int status = http_status(google->refreshing);
    json_t *body = json_loadb(text, len, 0, NULL);
    const char *token = json_string_value(json_object_get(body, "access_token"));
    int r = 0;
    if (status != 200) {
        r = refresh_failed(google, status, body, fault);
    } else if (token == NULL || *token == '\0') {
        r = fault_set(fault, -EAGAIN, "google_unavailable", true,
                      "Google's sign-in service sent a malformed answer.");
    } else {
        char *copy = google_secret_copy(token);
        if (copy == NULL) {
            r = fault_set(fault, -ENOMEM, "internal", true, "This server is out of memory.");
        } else {
            secret_free(google->access);
            google->access = copy;
            google->expires_at_ms = google_expiry(body);
            google->generation++;
            google->fresh = true;
        }
    }
    json_decref(body);
    return r;
}

int google_transport_fault(const struct http_transfer *transfer, int error, struct fault *fault) {
    if (fault->code != NULL)
        return error;
    if (error == -EKEYREJECTED)
        return fault_set(fault, -EIO, "google_unavailable", false,
                         "Google's TLS certificate is not trusted here: %s",
                         transfer != NULL ? http_why(transfer) : "");
    if (error == -EACCES)
        return fault_set(fault, -EIO, "google_unavailable", false,
                         "This server may not connect to the configured Google address.");
    if (error == -EPIPE || error == -ENOTCONN)
        return fault_set(fault, -EIO, "egress_unavailable", true,
                         "This server's way to the network is away at the moment.");
    if (error == -EFBIG)
        return fault_set(fault, -EIO, "google_unavailable", false,
                         "Google's answer was larger than this server takes.");
    if (error == -ENOMEM)
        return fault_set(fault, -ENOMEM, "internal", true, "This server is out of memory.");
    return fault_set(fault, pump_transient(error) ? -EAGAIN : -EIO, "google_unavailable", true,
                     "Google cannot be reached or broke off.");
}

static void count_refresh(struct google *google, int r) {
    if (r < 0)
        google_count(google->pump, r == -EAGAIN        ? PUMP_ERROR_UNAVAILABLE
                                   : r == -EKEYEXPIRED ? PUMP_ERROR_REJECTED
                                                       : PUMP_ERROR_MISCONFIGURED);
}

/* One attempt: begins if nothing runs, waits, reads. -EAGAIN: worth another one. */
static int refresh_once(struct google *google, uint64_t *ret_told, struct fault *fault) {
    uint64_t began = clock_us();
    int r = google->refreshing != NULL ? 0 : refresh_start(google);
    if (r == 0)
        r = pump_wait(google->pump, google->refreshing, NULL, fault);
    google->pump->tally.google_us += clock_us() - began;
    if (r == 0) {
        r = refresh_take(google, fault);
        count_refresh(google, r);
    } else {
        if (fault->code == NULL)
            google_count(google->pump, PUMP_ERROR_UNREACHABLE);
        r = google_transport_fault(google->refreshing, r, fault);
    }
    if (google->refreshing != NULL) {
        *ret_told = http_done(google->refreshing) ? pump_retry_after(google->refreshing) : 0;
        http_finish(google->refreshing);
        google->refreshing = NULL;
    }
    return r;
}

int google_token(struct google *google, struct fault *fault) {
    if (google->refresh == NULL)
        return fault_set(fault, -EKEYEXPIRED, "not_connected", false,
                         "No calendar is connected. Connect Google Calendar first.");
    for (unsigned i = 0; google->access == NULL; i++) {
        struct fault why = {0};
        uint64_t told = 0;
        if (google->gone)
            return grant_gone(fault);
        int r = refresh_once(google, &told, &why);
        if (r == 0)
            break;
        if (r == -EAGAIN && i + 1 < TOKEN_TRIES) {
            r = pump_backoff(google->pump, i, 500, 8000, told, fault);
            if (r == 0)
                continue;
            if (r != -EAGAIN)
                return r;
        }
        why.retry_after_ms = told;
        if (fault->code == NULL)
            *fault = why;
        return r;
    }
    return 0;
}

int google_token_again(struct google *google, struct fault *fault) {
    secret_free(google->access);
    google->access = NULL;
    google->fresh = false;
    return google_token(google, fault);
}

/* Reads what a refresh left that nobody waited for. */
static void refresh_settle(struct google *google) {
    struct fault unused = {0};
    if (google->refreshing == NULL || !http_done(google->refreshing))
        return;
    if (http_wait(google->pump->http, google->refreshing) == 0)
        (void)refresh_take(google, &unused);
    http_finish(google->refreshing);
    google->refreshing = NULL;
}

bool google_grant_gone(struct google *google) {
    refresh_settle(google);
    return google->gone;
}

const char *google_fresh_access(struct google *google, int64_t *ret_expires_at_ms) {
    refresh_settle(google);
    if (!google->fresh || google->access == NULL)
        return NULL;
    *ret_expires_at_ms = google->expires_at_ms;
    return google->access;
}
