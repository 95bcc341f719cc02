#include "providers/model.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "memory/seal.h"
#include "providers/model_stream.h"

#define MODEL_TRIES     3u /* one and two retries */
#define MODEL_IDLE_MS   120000u
#define MODEL_EVENT_MAX (1u << 20)
#define TOKEN_BYTES     4 /* of English text; others take fewer */

const struct model_dialect *model_dialect_of(const char *word) {
    if (strcmp(word, model_anthropic.word) == 0)
        return &model_anthropic;
    return strcmp(word, model_openai.word) == 0 ? &model_openai : NULL;
}

static void scope_curlu_fn(CURLU **url) {
    curl_url_cleanup(*url);
}
static void scope_curl_text_fn(char **text) {
    curl_free(*text);
}
#define SCOPE_CURLU __attribute__((cleanup(scope_curlu_fn)))
#define SCOPE_CURLT __attribute__((cleanup(scope_curl_text_fn)))

char *model_url(const struct model_dialect *dialect, const char *base) {
    SCOPE_CURLU CURLU *url = curl_url();
    SCOPE_CURLT char *path = NULL, *whole = NULL;
    if (url == NULL || curl_url_set(url, CURLUPART_URL, base, 0) != CURLUE_OK ||
        curl_url_get(url, CURLUPART_PATH, &path, 0) != CURLUE_OK)
        return NULL;
    size_t len = strlen(path);
    while (len > 0 && path[len - 1] == '/')
        len--;
    const char *rest = dialect->path;
    /* Operators write Anthropic's base with and without the version. */
    if (strncmp(rest, "/v1/", 4) == 0 && len >= 3 && strncmp(path + len - 3, "/v1", 3) == 0)
        rest += 3;
    SCOPE_STRBUF struct strbuf joined = {0};
    strbuf_add(&joined, path, len);
    strbuf_puts(&joined, rest);
    if (joined.failed || curl_url_set(url, CURLUPART_PATH, strbuf_str(&joined), 0) != CURLUE_OK ||
        curl_url_get(url, CURLUPART_URL, &whole, 0) != CURLUE_OK)
        return NULL;
    return strdup(whole);
}

bool model_is_openai_host(const char *base) {
    SCOPE_CURLU CURLU *url = curl_url();
    SCOPE_CURLT char *host = NULL;
    if (url == NULL || curl_url_set(url, CURLUPART_URL, base, 0) != CURLUE_OK ||
        curl_url_get(url, CURLUPART_HOST, &host, 0) != CURLUE_OK)
        return false;
    static const char *const hosts[] = {"openai.com", "openai.azure.com"};
    size_t len = strlen(host);
    for (size_t i = 0; i < COUNT_OF(hosts); i++) {
        size_t tail = strlen(hosts[i]);
        if (len >= tail && strcasecmp(host + len - tail, hosts[i]) == 0 &&
            (len == tail || host[len - tail - 1] == '.'))
            return true;
    }
    return false;
}

/* ---- one attempt ---- */

struct attempt {
    const struct model_call *call;
    struct model_stream stream;
    struct sse *sse;
    struct http_transfer *transfer;
    size_t asked;      /* bytes of the request */
    uint64_t began_us; /* it was sent */
};

static int on_sse(void *ctx, const char *name, const char *data, size_t len) {
    struct model_stream *stream = ctx;
    return stream->dialect->event(stream, name, data, len);
}

static int on_body(void *ctx, const char *data, size_t len) {
    struct attempt *attempt = ctx;
    struct pump_tally *tally = &attempt->call->pump->tally;
    if (tally->model_first_us == 0)
        tally->model_first_us = clock_us() - attempt->began_us;
    attempt->stream.bytes += len;
    if (attempt->stream.bytes > MODEL_STREAM_MAX)
        return -EFBIG;
    return sse_feed(attempt->sse, data, len);
}

static int attempt_start(struct attempt *attempt) {
    const struct model_call *call = attempt->call;
    const struct model_dialect *dialect = call->settings->dialect;
    json_t *request = dialect->request(call->settings, call->prompt, call->max_tokens);
    char *body = request != NULL ? model_body(dialect, request, call->prompt) : NULL;
    json_decref(request);
    size_t key_len = strlen(dialect->key_header) + strlen(call->api_key) + 1;
    SCOPE_SECRET char *key = secret_alloc(key_len);
    int r = -ENOMEM;
    if (body != NULL && key != NULL) {
        const char *headers[8] = {0};
        size_t n = 0;
        for (const char *const *h = dialect->headers; *h != NULL; h++)
            headers[n++] = *h;
        if (call->api_key[0] != '\0') {
            stpcpy(stpcpy(key, dialect->key_header), call->api_key);
            headers[n++] = key;
        }
        struct http_request http = {.method = "POST",
                                    .url = call->settings->url,
                                    .trust = call->settings->trust,
                                    .headers = headers,
                                    .body = body,
                                    .body_len = strlen(body),
                                    .max_body = MODEL_STREAM_MAX,
                                    .idle_ms = MODEL_IDLE_MS,
                                    .deadline = call->pump->deadline,
                                    .on_body = on_body,
                                    .ctx = attempt};
        r = http_start(call->pump->http, &http, &attempt->transfer);
        attempt->asked = http.body_len;
    }
    string_wipe(body);
    return r;
}

/* A stream says itself when it is whole. Servers that end an answer with their connection often do
 * so without TLS's goodbye, which is no loss behind the last event. */
static bool ended_whole(const struct model_stream *stream, int error) {
    return error == -ECONNRESET &&
           (stream->finished || (stream->dialect->ends_by_reason && stream->stop_seen));
}

/* The answer's status and stream, judged. 0, -errno of the transport or the stream, or -EREMOTEIO
 * for what the provider refused. */
static int attempt_run(struct attempt *attempt, struct fault *fault) {
    struct model_stream *stream = &attempt->stream;
    int r = attempt_start(attempt);
    if (r < 0)
        return r;
    attempt->began_us = clock_us();
    r = pump_wait(attempt->call->pump, attempt->transfer, &stream->finished, fault);
    attempt->call->pump->tally.model_us += clock_us() - attempt->began_us;
    if (r < 0 && !ended_whole(stream, r))
        return r;
    if (!stream->finished && http_status(attempt->transfer) / 100 != 2) {
        size_t len;
        const char *body = http_body(attempt->transfer, &len);
        stream->error = json_loadb(body, len, 0, NULL);
        return -EREMOTEIO;
    }
    return stream->dialect->end(stream);
}

static const char *error_text(const json_t *body) {
    const json_t *error = json_object_get(body, "error");
    return json_text(json_is_object(error) ? error : body, "message");
}

static int fault_of_refusal(const struct attempt *attempt, int status, uint64_t after,
                            struct fault *fault, bool *ret_retry) {
    static const enum pump_error counted_as[] = {[MODEL_ERROR_TRANSIENT] = PUMP_ERROR_UNAVAILABLE,
                                                 [MODEL_ERROR_RATE] = PUMP_ERROR_RATE_LIMITED,
                                                 [MODEL_ERROR_REJECTED] = PUMP_ERROR_REJECTED,
                                                 [MODEL_ERROR_CONFIG] = PUMP_ERROR_MISCONFIGURED};
    enum model_error_kind kind = model_error_classify(status, attempt->stream.error);
    const char *should = http_header(attempt->transfer, "x-should-retry");
    *ret_retry = kind == MODEL_ERROR_TRANSIENT || kind == MODEL_ERROR_RATE;
    if (should != NULL && status != 0)
        *ret_retry = strcmp(should, "true") == 0;
    fault->retry_after_ms = after;
    char where[160] = "while it answered"; /* no status: it came in the stream */
    if (status != 0)
        (void)snprintf(where, sizeof(where), "status %d", status);
    if (attempt->call->quote_errors)
        (void)snprintf(where, sizeof(where), "%.120s", error_text(attempt->stream.error));
    attempt->call->pump->tally.model_errors[counted_as[kind]]++;
    switch (kind) {
    case MODEL_ERROR_TRANSIENT:
        return fault_set(fault, -EIO, "model_unavailable", true,
                         "The model provider has a problem at the moment (%s).", where);
    case MODEL_ERROR_RATE:
        return fault_set(fault, -EIO, "model_rate_limited", true,
                         "The model provider is limiting requests. Try again in a moment.");
    case MODEL_ERROR_REJECTED:
        return fault_set(fault, -EIO, "model_rejected", false,
                         "The model provider did not accept the request (%s).", where);
    case MODEL_ERROR_CONFIG:
        return fault_set(fault, -EIO, "model_misconfigured", false,
                         "The model provider refuses this server's key, account or model (%s). "
                         "The operator must check the [model] settings.",
                         where);
    }
    return -EIO;
}

static int fault_of_transport(const struct attempt *attempt, int error, struct fault *fault,
                              bool *ret_retry) {
    const char *why = attempt->transfer != NULL ? http_why(attempt->transfer) : "";
    bool misconfigured = error == -EKEYREJECTED || error == -EACCES;
    if (error != -ENOMEM)
        attempt->call->pump->tally
            .model_errors[misconfigured                         ? PUMP_ERROR_MISCONFIGURED
                          : error == -EFBIG || error == -EPROTO ? PUMP_ERROR_UNAVAILABLE
                                                                : PUMP_ERROR_UNREACHABLE]++;
    *ret_retry = pump_transient(error);
    if (error == -EKEYREJECTED)
        return fault_set(fault, -EIO, "model_misconfigured", false,
                         "The model provider's TLS certificate is not trusted here: %s", why);
    if (error == -EACCES)
        return fault_set(fault, -EIO, "model_misconfigured", false,
                         "This server may not connect to the configured model provider.");
    if (error == -EFBIG)
        return fault_set(fault, -EIO, "model_unavailable", false,
                         "The model provider's answer was larger than this server takes.");
    if (error == -EPIPE || error == -ENOTCONN)
        return fault_set(fault, -EIO, "egress_unavailable", true,
                         "This server's way to the network is away at the moment.");
    if (error == -EPROTO)
        return fault_set(fault, -EIO, "model_unavailable", true,
                         "The model provider's answer was malformed or incomplete.");
    if (error == -ENOMEM)
        return fault_set(fault, -EIO, "internal", true, "This server is out of memory.");
    return fault_set(fault, -EIO, "model_unavailable", true,
                     "The model provider cannot be reached or broke off.");
}

/* 0, or -errno with the fault set; *ret_retry says whether another attempt makes sense. */
static int attempt_once(struct attempt *attempt, struct fault *fault, bool *ret_retry,
                        uint64_t *ret_after) {
    attempt->sse = sse_new(MODEL_EVENT_MAX, on_sse, &attempt->stream);
    if (attempt->sse == NULL)
        return fault_of_transport(attempt, -ENOMEM, fault, ret_retry);
    int r = attempt_run(attempt, fault);
    if (r == 0 || fault->code != NULL) { /* whole, cancelled, out of time, or on_text said why */
        *ret_retry = false;
        return r;
    }
    if (r != -EREMOTEIO)
        return fault_of_transport(attempt, r, fault, ret_retry);
    int status = http_status(attempt->transfer);
    *ret_after = pump_retry_after(attempt->transfer);
    return fault_of_refusal(attempt, status / 100 == 2 ? 0 : status, *ret_after, fault, ret_retry);
}

/* An attempt that broke off in its answer, or was given up while the model thought, has its price,
 * too, and most providers tell it only at the end. */
static void estimate_tokens(const struct attempt *attempt, int r, struct model_answer *answer) {
    bool refused = attempt->transfer != NULL && !attempt->stream.finished &&
                   http_status(attempt->transfer) >= 300;
    bool begun = attempt->stream.bytes > 0 || r == -ECANCELED || r == -ETIME;
    if (r == 0 || attempt->transfer == NULL || refused || !begun)
        return;
    uint64_t asked = attempt->asked / TOKEN_BYTES, said = answer->text_len / TOKEN_BYTES + 1;
    if (answer->input_tokens == 0)
        answer->input_tokens = asked;
    if (answer->output_tokens < said)
        answer->output_tokens = said;
}

static void attempt_close(struct attempt *attempt) {
    if (attempt->transfer != NULL)
        http_finish(attempt->transfer);
    sse_free(attempt->sse);
    model_stream_close(&attempt->stream);
}

int model_ask(const struct model_call *call, struct model_answer *ret, struct fault *fault) {
    uint64_t input = 0, output = 0;
    *ret = (struct model_answer){0};
    for (unsigned i = 0;; i++) {
        struct attempt *attempt = calloc(1, sizeof(*attempt));
        if (attempt == NULL)
            return fault_set(fault, -ENOMEM, "internal", true, "This server is out of memory.");
        bool retry = false;
        uint64_t after = 0;
        struct fault why = {0};
        *ret = (struct model_answer){0};
        attempt->call = call;
        model_stream_open(&attempt->stream, call->settings->dialect, ret, call->on_text, call->ctx);
        int r = attempt_once(attempt, &why, &retry, &after);
        estimate_tokens(attempt, r, ret);
        attempt_close(attempt);
        free(attempt);
        ret->input_tokens = input += ret->input_tokens;
        ret->output_tokens = output += ret->output_tokens;
        if (r == 0)
            return 0;
        bool shown = ret->text_len > 0;
        model_answer_free(ret);
        ret->input_tokens = input;
        ret->output_tokens = output;
        if (fault->code != NULL) /* on_text said why: more than this turn may say */
            return r;
        if (retry && !shown && i + 1 < MODEL_TRIES) {
            int s = pump_backoff(call->pump, i, 500, 8000, after, fault);
            if (s == 0)
                continue;
            if (s != -EAGAIN)
                return s;
        }
        *fault = why;
        return r < 0 ? r : -EIO;
    }
}
