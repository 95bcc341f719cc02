#include "ipc/about.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static bool hex_word(const char *text, size_t len, bool may_be_zero) {
    bool zero = true;
    for (size_t i = 0; i < len; i++) {
        if (!((text[i] >= '0' && text[i] <= '9') || (text[i] >= 'a' && text[i] <= 'f')))
            return false;
        zero = zero && text[i] == '0';
    }
    return may_be_zero || !zero;
}

static void span_fresh(char out[static SPAN_LEN + 1]) {
    char id[ID_LEN + 1];
    do {
        id_random(id);
        memcpy(out, id, SPAN_LEN);
        out[SPAN_LEN] = '\0';
    } while (!hex_word(out, SPAN_LEN, false));
}

/* W3C Trace Context, section 3.2: version "-" trace id "-" parent id "-" flags. A later version may
 * say more behind that; version ff is none. */
static bool traceparent_valid(const char *text, size_t len) {
    if (len < TRACEPARENT_SIZE - 1 || !hex_word(text, 2, true) || memcmp(text, "ff", 2) == 0)
        return false;
    if (text[2] != '-' || text[35] != '-' || text[52] != '-' ||
        !hex_word(text + 3, ID_LEN, false) || !hex_word(text + 36, SPAN_LEN, false) ||
        !hex_word(text + 53, 2, true))
        return false;
    if (memcmp(text, "00", 2) == 0)
        return len == TRACEPARENT_SIZE - 1;
    return len == TRACEPARENT_SIZE - 1 || text[TRACEPARENT_SIZE - 1] == '-';
}

void about_new(struct about *about, const char *request, const char *traceparent, size_t len) {
    *about = (struct about){0};
    memcpy(about->request, request, strnlen(request, sizeof(about->request) - 1));
    /* The end of the request's id is chance of the same kind, told in the same answer. */
    memcpy(about->span, about->request + ID_LEN - SPAN_LEN, SPAN_LEN);
    if (!hex_word(about->span, SPAN_LEN, false))
        span_fresh(about->span);
    if (len > 0 && traceparent_valid(traceparent, len)) {
        memcpy(about->trace, traceparent + 3, ID_LEN);
        about->sampled = strchr("13579bdf", traceparent[54]) != NULL;
    } else {
        memcpy(about->trace, about->request, sizeof(about->trace));
    }
}

void about_traceparent(const struct about *about, char out[static TRACEPARENT_SIZE]) {
    char *at = stpcpy(stpcpy(stpcpy(out, "00-"), about->trace), "-");
    (void)stpcpy(stpcpy(at, about->span), about->sampled ? "-01" : "-00");
}

Cloister__About *about_write(const struct about *about, Cloister__About *out) {
    if (about->request[0] == '\0')
        return NULL;
    cloister__about__init(out);
    out->request = (char *)(uintptr_t)about->request;
    out->trace = (char *)(uintptr_t)about->trace;
    out->span = (char *)(uintptr_t)about->span;
    out->sampled = about->sampled;
    return out;
}

int about_read(const Cloister__About *from, struct about *ret) {
    *ret = (struct about){0};
    if (from == NULL)
        return 0;
    if (!id_valid(from->request) || !id_valid(from->trace) ||
        !hex_word(from->trace, ID_LEN, false) || strlen(from->span) != SPAN_LEN ||
        !hex_word(from->span, SPAN_LEN, false))
        return -EINVAL;
    memcpy(ret->request, from->request, sizeof(ret->request));
    memcpy(ret->trace, from->trace, sizeof(ret->trace));
    memcpy(ret->span, from->span, sizeof(ret->span));
    ret->sampled = from->sampled;
    return 0;
}
