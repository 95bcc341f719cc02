/* Server-sent events, WHATWG HTML 9.2.6: lines end in LF, CRLF or CR; a CR that ends one piece and
 * an LF that starts the next are one line end. `id` and `retry` have no use here and are ignored.
 */
#include "providers/http.h"

#include <errno.h>
#include <string.h>

struct buffer {
    char *bytes;
    size_t len, cap;
};

struct sse {
    size_t max_event;
    int (*event)(void *ctx, const char *name, const char *data, size_t len);
    void *ctx;
    struct buffer line, data, name;
    bool after_cr; /* an LF that comes now belongs to the CR before it */
    bool started;  /* the first line has been seen: no byte order mark any more */
    bool has_data; /* a data line came, perhaps an empty one */
    int failed;
};

static void buffer_wipe(struct buffer *b) {
    if (b->bytes != NULL)
        explicit_bzero(b->bytes, b->cap);
    free(b->bytes);
    *b = (struct buffer){0};
}

/* Room for `more` bytes and a NUL; text that moves leaves nothing behind. */
static int buffer_room(struct buffer *b, size_t more) {
    if (b->cap - b->len > more)
        return 0;
    size_t cap = b->cap == 0 ? 256 : b->cap;
    while (cap - b->len <= more)
        cap *= 2;
    char *bytes = malloc(cap);
    if (bytes == NULL)
        return -ENOMEM;
    size_t len = b->len;
    if (len > 0)
        memcpy(bytes, b->bytes, len);
    buffer_wipe(b);
    *b = (struct buffer){bytes, len, cap};
    return 0;
}

static int buffer_add(struct buffer *b, const char *data, size_t len) {
    int r = buffer_room(b, len);
    if (r < 0)
        return r;
    if (len > 0)
        memcpy(b->bytes + b->len, data, len);
    b->len += len;
    b->bytes[b->len] = '\0';
    return 0;
}

struct sse *sse_new(size_t max_event,
                    int (*event)(void *ctx, const char *name, const char *data, size_t len),
                    void *ctx) {
    struct sse *sse = calloc(1, sizeof(*sse));
    if (sse == NULL)
        return NULL;
    sse->max_event = max_event;
    sse->event = event;
    sse->ctx = ctx;
    return sse;
}

void sse_free(struct sse *sse) {
    if (sse == NULL)
        return;
    buffer_wipe(&sse->line);
    buffer_wipe(&sse->data);
    buffer_wipe(&sse->name);
    free(sse);
}

/* An empty line: the event, if it has data, is complete. */
static int dispatch(struct sse *sse) {
    int r = 0;
    if (sse->has_data)
        r = sse->event(sse->ctx, sse->name.len > 0 ? sse->name.bytes : "", sse->data.bytes,
                       sse->data.len);
    if (sse->data.bytes != NULL)
        explicit_bzero(sse->data.bytes, sse->data.len);
    sse->data.len = sse->name.len = 0;
    sse->has_data = false;
    return r;
}

static int take_field(struct sse *sse, const char *name, size_t name_len, const char *value,
                      size_t value_len) {
    if (name_len == 4 && memcmp(name, "data", 4) == 0) {
        int r = sse->has_data ? buffer_add(&sse->data, "\n", 1) : 0;
        if (r == 0)
            r = buffer_add(&sse->data, value, value_len);
        sse->has_data = true;
        return r;
    }
    if (name_len == 5 && memcmp(name, "event", 5) == 0) {
        sse->name.len = 0;
        return buffer_add(&sse->name, value, value_len);
    }
    return 0;
}

static int take_line(struct sse *sse) {
    const char *line = sse->line.len > 0 ? sse->line.bytes : "";
    size_t len = sse->line.len;
    if (!sse->started && len >= 3 && memcmp(line, "\xef\xbb\xbf", 3) == 0) {
        line += 3;
        len -= 3;
    }
    sse->started = true;
    int r = 0;
    if (len == 0) {
        r = dispatch(sse);
    } else if (line[0] != ':') {
        const char *colon = memchr(line, ':', len);
        size_t name_len = colon == NULL ? len : (size_t)(colon - line);
        const char *value = colon == NULL ? line + len : colon + 1;
        if (colon != NULL && value < line + len && *value == ' ')
            value++;
        r = take_field(sse, line, name_len, value, (size_t)(line + len - value));
    }
    sse->line.len = 0;
    return r;
}

static int feed(struct sse *sse, const char *data, size_t len) {
    while (len > 0) {
        if (sse->after_cr && *data == '\n') {
            sse->after_cr = false;
            data++;
            len--;
            continue;
        }
        sse->after_cr = false;
        size_t plain = 0;
        while (plain < len && data[plain] != '\n' && data[plain] != '\r')
            plain++;
        if (sse->data.len + sse->name.len + sse->line.len + plain > sse->max_event)
            return -EFBIG;
        int r = buffer_add(&sse->line, data, plain);
        if (r < 0 || plain == len)
            return r;
        sse->after_cr = data[plain] == '\r';
        r = take_line(sse);
        if (r != 0)
            return r;
        data += plain + 1;
        len -= plain + 1;
    }
    return 0;
}

int sse_feed(struct sse *sse, const char *data, size_t len) {
    if (sse->failed == 0)
        sse->failed = feed(sse, data, len);
    return sse->failed;
}
