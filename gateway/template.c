#include "gateway/template.h"

#include <errno.h>
#include <string.h>

static const char *entity_of(char c) {
    return c == '<'    ? "&lt;"
           : c == '>'  ? "&gt;"
           : c == '&'  ? "&amp;"
           : c == '"'  ? "&quot;"
           : c == '\'' ? "&#39;"
                       : NULL;
}

int template_text(struct evbuffer *out, const char *text) {
    int r = utf8_valid(text, strlen(text)) ? 0 : -EINVAL;
    for (const char *c = text; r == 0 && *c != '\0'; c++) {
        const char *entity = entity_of(*c);
        if (evbuffer_add(out, entity != NULL ? entity : c, entity != NULL ? strlen(entity) : 1) < 0)
            r = -ENOMEM;
    }
    return r;
}

static int add_value(struct evbuffer *out, const struct place *place) {
    if (!place->markup)
        return template_text(out, place->value);
    return evbuffer_add(out, place->value, strlen(place->value)) < 0 ? -ENOMEM : 0;
}

static const struct place *place_of(const char *name, size_t len, const struct place *places,
                                    size_t n) {
    for (size_t i = 0; i < n; i++)
        if (strlen(places[i].name) == len && memcmp(places[i].name, name, len) == 0)
            return &places[i];
    return NULL;
}

int template_fill(struct evbuffer *out, const char *text, size_t len, const struct place *places,
                  size_t n) {
    const char *at = text, *end = text + len;
    for (;;) {
        const char *open = memmem(at, (size_t)(end - at), "{{", 2);
        size_t plain = (size_t)((open != NULL ? open : end) - at);
        if (evbuffer_add(out, at, plain) < 0)
            return -ENOMEM;
        if (open == NULL)
            return 0;
        const char *name = open + 2, *close = memmem(name, (size_t)(end - name), "}}", 2);
        if (close == NULL)
            return -EINVAL;
        const struct place *place = place_of(name, (size_t)(close - name), places, n);
        int r = place == NULL ? -ENOENT : add_value(out, place);
        if (r < 0)
            return r;
        at = close + 2;
    }
}
