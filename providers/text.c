#include <errno.h>
#include <string.h>

#include "providers/http_internal.h"

void text_wipe(struct text *text) {
    if (text->bytes != NULL)
        explicit_bzero(text->bytes, text->cap);
    free(text->bytes);
    *text = (struct text){0};
}

int text_add(struct text *text, const void *data, size_t len) {
    if (text->cap - text->len <= len) {
        size_t cap = text->cap == 0 ? 1024 : text->cap;
        while (cap - text->len <= len)
            if (__builtin_mul_overflow(cap, (size_t)2, &cap))
                return -ENOMEM;
        char *bytes = malloc(cap);
        if (bytes == NULL)
            return -ENOMEM;
        size_t used = text->len;
        if (used > 0)
            memcpy(bytes, text->bytes, used);
        text_wipe(text);
        *text = (struct text){bytes, used, cap};
    }
    if (len > 0)
        memcpy(text->bytes + text->len, data, len);
    text->len += len;
    text->bytes[text->len] = '\0';
    return 0;
}

void slist_wipe(struct curl_slist *list) {
    for (struct curl_slist *at = list; at != NULL; at = at->next)
        explicit_bzero(at->data, strlen(at->data));
    curl_slist_free_all(list);
}
