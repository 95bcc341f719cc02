#include "supervisor/host_calls.h"

#include <string.h>

static const struct {
    Cloister__HostCall__OpCase op;
    const char *origin;
} rules[] = {
#define HOST_CALL_RULE(op, origin) {CLOISTER__HOST_CALL__OP_##op, #origin},
#include "supervisor/host_calls.def"
#undef HOST_CALL_RULE
};

bool host_call_allowed(const Cloister__HostCall *call, const char *origin) {
    for (size_t i = 0; i < COUNT_OF(rules); i++)
        if (rules[i].op == call->op_case && strcmp(rules[i].origin, origin) == 0)
            return true;
    return false;
}

bool word_valid(const char *word, size_t max) {
    size_t len = strspn(word, "abcdefghijklmnopqrstuvwxyz0123456789_");
    return len > 0 && len <= max && word[len] == '\0';
}

bool text_valid(const char *text, size_t max) {
    size_t len = strlen(text);
    return len <= max && utf8_valid(text, len);
}

static bool scopes_sound(const Cloister__PutToken *put) {
    if (put->n_scopes > 32)
        return false;
    for (size_t i = 0; i < put->n_scopes; i++)
        if (put->scopes[i][0] == '\0' || !text_valid(put->scopes[i], 256))
            return false;
    return true;
}

bool host_call_sound(const Cloister__HostCall *call) {
    switch (call->op_case) {
    case CLOISTER__HOST_CALL__OP_PUT_TOKEN:
        return call->put_token->refresh.len > 0 && call->put_token->subject_tag.len <= 64 &&
               scopes_sound(call->put_token);
    case CLOISTER__HOST_CALL__OP_PUT_PREFERENCE:
        return id_valid(call->put_preference->id) && call->put_preference->sealed.len > 0;
    case CLOISTER__HOST_CALL__OP_DELETE_PREFERENCE:
        return id_valid(call->delete_preference->id);
    case CLOISTER__HOST_CALL__OP_MARK_BROKEN:
        return text_valid(call->mark_broken->reason, 256);
    case CLOISTER__HOST_CALL__OP_BUSINESS:
        return word_valid(call->business->operation, 64) && call->business->arguments[0] == '{' &&
               text_valid(call->business->arguments, SIZE_MAX) &&
               text_valid(call->business->idempotency_key, 128);
    case CLOISTER__HOST_CALL__OP__NOT_SET:
    case _CLOISTER__HOST_CALL__OP__CASE_IS_INT_SIZE:
        return false;
    }
    return false;
}
