#include "providers/strbuf.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static bool strbuf_room(struct strbuf *buf, size_t more) {
    if (buf->failed || more > SIZE_MAX / 4)
        return false;
    if (buf->cap - buf->len > more)
        return true;
    size_t cap = buf->cap > 0 ? buf->cap : 128;
    while (cap - buf->len <= more)
        cap *= 2;
    char *data = malloc(cap);
    if (data == NULL) {
        buf->failed = true;
        return false;
    }
    if (buf->data != NULL) {
        memcpy(data, buf->data, buf->len);
        explicit_bzero(buf->data, buf->cap);
        free(buf->data);
    }
    buf->data = data;
    buf->cap = cap;
    return true;
}

void strbuf_add(struct strbuf *buf, const char *data, size_t len) {
    if (!strbuf_room(buf, len))
        return;
    if (len > 0)
        memcpy(buf->data + buf->len, data, len);
    buf->len += len;
    buf->data[buf->len] = '\0';
}

void strbuf_puts(struct strbuf *buf, const char *data) {
    strbuf_add(buf, data, strlen(data));
}

void strbuf_addf(struct strbuf *buf, const char *format, ...) {
    va_list args;
    va_start(args, format);
    char *line = NULL;
    int n = vasprintf(&line, format, args);
    va_end(args);
    if (n < 0) {
        buf->failed = true;
        return;
    }
    strbuf_add(buf, line, (size_t)n);
    string_wipe(line);
}

const char *strbuf_str(const struct strbuf *buf) {
    return buf->data != NULL ? buf->data : "";
}

char *strbuf_take(struct strbuf *buf) {
    strbuf_add(buf, "", 0);
    if (buf->failed) {
        strbuf_free(buf);
        return NULL;
    }
    char *data = buf->data;
    *buf = (struct strbuf){0};
    return data;
}

void strbuf_drop(struct strbuf *buf, size_t len) {
    if (buf->data == NULL || len > buf->len)
        return;
    memmove(buf->data, buf->data + len, buf->len - len);
    explicit_bzero(buf->data + buf->len - len, len);
    buf->len -= len;
    buf->data[buf->len] = '\0';
}

void strbuf_free(struct strbuf *buf) {
    if (buf->data != NULL) {
        explicit_bzero(buf->data, buf->cap);
        free(buf->data);
    }
    *buf = (struct strbuf){0};
}

size_t utf8_cut(const char *data, size_t len, size_t max) {
    if (len <= max)
        return len;
    size_t cut = max;
    while (cut > 0 && ((uint8_t)data[cut] & 0xc0) == 0x80)
        cut--;
    return cut;
}

void string_wipe(char *string) {
    if (string != NULL)
        explicit_bzero(string, strlen(string));
    free(string);
}
