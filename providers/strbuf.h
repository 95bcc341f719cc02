/* A growing string whose memory is wiped when it moves or ends. Appending after a failed allocation
 * does nothing; strbuf_take then gives NULL, so callers check once. */
#ifndef CLOISTER_PROVIDERS_STRBUF_H
#define CLOISTER_PROVIDERS_STRBUF_H

#include "ipc/base.h"

struct strbuf {
    char *data; /* NUL-terminated once anything was added */
    size_t len, cap;
    bool failed;
};

void strbuf_add(struct strbuf *buf, const char *data, size_t len);
void strbuf_puts(struct strbuf *buf, const char *data);
void strbuf_addf(struct strbuf *buf, const char *format, ...) PRINTF_LIKE(2, 3);
/* Never NULL. */
const char *strbuf_str(const struct strbuf *buf);
/* malloc'd, "" when nothing was added, NULL when memory ran out. Leaves `buf` empty. */
char *strbuf_take(struct strbuf *buf);
/* Drops the first `len` bytes. */
void strbuf_drop(struct strbuf *buf, size_t len);
void strbuf_free(struct strbuf *buf);
#define SCOPE_STRBUF __attribute__((cleanup(strbuf_free)))

/* Bytes of `data` up to `max` that do not split a UTF-8 sequence. */
size_t utf8_cut(const char *data, size_t len, size_t max);

/* Wipes and frees a malloc'd string. NULL is fine. */
void string_wipe(char *string);

#endif
