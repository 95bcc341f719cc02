/* Providers' errors, sorted by what they mean for us. Branches on status, then on type and code
 * words; messages are never read, their wording is not stable. */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "providers/model_stream.h"

static const struct {
    const char *word;
    enum model_error_kind kind;
} words[] = {
    /* account limits come as 429 too, but waiting does not help */
    {"insufficient_quota", MODEL_ERROR_CONFIG},
    {"enforced_spend_limit_reached", MODEL_ERROR_CONFIG},
    {"contract_spend_limit_reached", MODEL_ERROR_CONFIG},
    {"billing_error", MODEL_ERROR_CONFIG},
    {"authentication_error", MODEL_ERROR_CONFIG},
    {"invalid_api_key", MODEL_ERROR_CONFIG},
    {"permission_error", MODEL_ERROR_CONFIG},
    {"not_found_error", MODEL_ERROR_CONFIG},
    {"model_not_found", MODEL_ERROR_CONFIG},
    {"rate_limit_error", MODEL_ERROR_RATE},
    {"rate_limit_exceeded", MODEL_ERROR_RATE},
    {"overloaded_error", MODEL_ERROR_TRANSIENT},
    {"api_error", MODEL_ERROR_TRANSIENT},
    {"timeout_error", MODEL_ERROR_TRANSIENT},
    {"server_error", MODEL_ERROR_TRANSIENT},
    {"unavailable_error", MODEL_ERROR_TRANSIENT},
    {"request_too_large", MODEL_ERROR_REJECTED},
    {"invalid_request_error", MODEL_ERROR_REJECTED},
    {"exceed_context_size_error", MODEL_ERROR_REJECTED},
    {"context_length_exceeded", MODEL_ERROR_REJECTED},
    {"BadRequestError", MODEL_ERROR_REJECTED},
};

static bool word_kind(const char *word, enum model_error_kind *ret) {
    for (size_t i = 0; i < COUNT_OF(words); i++)
        if (strcasecmp(word, words[i].word) == 0) {
            *ret = words[i].kind;
            return true;
        }
    return false;
}

static enum model_error_kind status_kind(int status) {
    if (status == 429)
        return MODEL_ERROR_RATE;
    if (status == 408 || status == 409 || status >= 500)
        return status == 501 ? MODEL_ERROR_REJECTED : MODEL_ERROR_TRANSIENT;
    if (status == 401 || status == 402 || status == 403 || status == 404)
        return MODEL_ERROR_CONFIG;
    return MODEL_ERROR_REJECTED;
}

enum model_error_kind model_error_classify(int status, const json_t *body) {
    const json_t *error = json_object_get(body, "error");
    if (!json_is_object(error)) /* old vLLM has no wrapper; proxies send anything */
        error = body;
    const json_t *code = json_object_get(error, "code");
    enum model_error_kind kind;
    const char *detail = json_text(json_object_get(error, "details"), "error_code");
    if (word_kind(detail, &kind) || word_kind(json_text(error, "code"), &kind))
        if (kind == MODEL_ERROR_CONFIG || status == 0)
            return kind;
    if (status == 0 && json_is_integer(code))
        status = (int)json_integer_value(code);
    if (status >= 400) {
        bool known = word_kind(json_text(error, "type"), &kind);
        return known && kind == MODEL_ERROR_CONFIG ? kind : status_kind(status);
    }
    return word_kind(json_text(error, "type"), &kind) ? kind : MODEL_ERROR_TRANSIENT;
}
