#include "gateway/sse.h"

#include <errno.h>
#include <string.h>
#include <sys/queue.h>

#define CREDIT_STEP 4 /* give credit back in quarters of the whole */

/* Waiting text, or one waiting event as wire text. */
struct item {
    TAILQ_ENTRY(item) next;
    bool is_text;
    size_t len, cap, taken;
    char *bytes;
};

struct sse {
    TAILQ_HEAD(item_list, item) items;
    size_t events, output_high;
    uint32_t credit;      /* the whole */
    uint32_t held;        /* text that waits here */
    uint32_t free_credit; /* text that has left and whose credit is still to be given back */
};

int sse_new(uint32_t credit, size_t output_high, struct sse **ret) {
    struct sse *sse = calloc(1, sizeof(*sse));
    if (sse == NULL)
        return -ENOMEM;
    TAILQ_INIT(&sse->items);
    sse->credit = credit;
    sse->output_high = output_high;
    *ret = sse;
    return 0;
}

static void item_drop(struct sse *sse, struct item *item) {
    TAILQ_REMOVE(&sse->items, item, next);
    sse->events -= !item->is_text;
    explicit_bzero(item->bytes, item->cap);
    free(item->bytes);
    free(item);
}

void sse_free(struct sse *sse) {
    if (sse == NULL)
        return;
    while (!TAILQ_EMPTY(&sse->items))
        item_drop(sse, TAILQ_FIRST(&sse->items));
    free(sse);
}

static struct item *item_add(struct sse *sse, bool is_text, size_t cap) {
    struct item *item = calloc(1, sizeof(*item));
    char *bytes = malloc(cap);
    if (item == NULL || bytes == NULL) {
        free(item);
        free(bytes);
        return NULL;
    }
    *item = (struct item){.is_text = is_text, .cap = cap, .bytes = bytes};
    TAILQ_INSERT_TAIL(&sse->items, item, next);
    sse->events += !is_text;
    return item;
}

/* What has left makes room first: otherwise a reader that never quite catches up would let it grow.
 */
static void item_compact(struct item *item) {
    size_t left = item->len - item->taken;
    memmove(item->bytes, item->bytes + item->taken, left);
    explicit_bzero(item->bytes + left, item->taken);
    item->len = left;
    item->taken = 0;
}

static int item_grow(struct item *item, size_t more) {
    if (item->cap - item->len < more)
        item_compact(item);
    size_t cap = item->cap;
    while (cap - item->len < more)
        cap *= 2;
    if (cap == item->cap)
        return 0;
    char *bytes = malloc(cap); /* not realloc: it could leave the old text behind unwiped */
    if (bytes == NULL)
        return -ENOMEM;
    memcpy(bytes, item->bytes, item->len);
    explicit_bzero(item->bytes, item->cap);
    free(item->bytes);
    item->bytes = bytes;
    item->cap = cap;
    return 0;
}

int sse_text(struct sse *sse, const char *text, size_t len) {
    struct item *last = TAILQ_LAST(&sse->items, item_list);
    if (len > sse->credit - sse->held - sse->free_credit)
        return -EDQUOT;
    if (len == 0)
        return 0;
    if (last == NULL || !last->is_text)
        last = item_add(sse, true, len < 256 ? 256 : len);
    if (last == NULL || item_grow(last, len) < 0)
        return -ENOMEM;
    memcpy(last->bytes + last->len, text, len);
    last->len += len;
    sse->held += (uint32_t)len;
    return 0;
}

int sse_event(struct sse *sse, const char *name, const char *data) {
    static const char event[] = "event: ", field[] = "\ndata: ", end[] = "\n\n";
    size_t name_len = strlen(name), data_len = strlen(data);
    if (data_len > SSE_EVENT_MAX || strpbrk(data, "\r\n") != NULL)
        return -EINVAL;
    if (sse->events >= SSE_EVENTS_MAX)
        return -ENOBUFS;
    struct item *item = item_add(sse, false, name_len + data_len + 32);
    if (item == NULL)
        return -ENOMEM;
    char *at = mempcpy(item->bytes, event, sizeof(event) - 1);
    at = mempcpy(at, name, name_len);
    at = mempcpy(at, field, sizeof(field) - 1);
    at = mempcpy(at, data, data_len);
    at = mempcpy(at, end, sizeof(end) - 1);
    item->len = (size_t)(at - item->bytes);
    return 0;
}

bool sse_empty(const struct sse *sse) {
    return TAILQ_EMPTY(&sse->items);
}

/* Length of the UTF-8 sequence that starts with `c`; 0 when none does. */
static size_t sequence_len(uint8_t c) {
    return c < 0x80                 ? 1
           : c >= 0xc2 && c <= 0xdf ? 2
           : (c & 0xf0) == 0xe0     ? 3
           : c >= 0xf0 && c <= 0xf4 ? 4
                                    : 0;
}

static void escape_one(struct evbuffer *out, const char *at, size_t n) {
    static const char named[] = "\"\"\\\\\bb\ff\nn\rr\tt";
    uint8_t c = (uint8_t)at[0];
    if (n == 1)
        for (size_t i = 0; i + 1 < sizeof(named); i += 2)
            if (at[0] == named[i]) {
                const char pair[] = {'\\', named[i + 1]};
                (void)evbuffer_add(out, pair, 2);
                return;
            }
    if (c < 0x20 || c == 0x7f)
        (void)evbuffer_add_printf(out, "\\u%04x", c);
    else
        (void)evbuffer_add(out, at, n);
}

/* Whether the one character at `at` can be copied as it is. */
static bool is_plain(uint8_t c) {
    return c >= 0x20 && c < 0x7f && c != '"' && c != '\\';
}

size_t json_escape(struct evbuffer *out, const char *text, size_t len, bool more) {
    size_t at = 0;
    while (at < len) {
        size_t run = at;
        while (run < len && is_plain((uint8_t)text[run]))
            run++;
        if (run > at) {
            (void)evbuffer_add(out, text + at, run - at);
            at = run;
            continue;
        }
        size_t n = sequence_len((uint8_t)text[at]);
        if (n > len - at) { /* cut off: perhaps the rest is still to come */
            if (more)
                return at;
            n = 0;
        }
        bool good = n == 1 || (n > 1 && utf8_valid(text + at, n));
        if (good)
            escape_one(out, text + at, n);
        else
            (void)evbuffer_add(out, "\xef\xbf\xbd", 3);
        at += good ? n : 1;
    }
    return at;
}

/* Writes one delta event from a text item. False when only half a character is there yet. */
static bool pump_text(struct sse *sse, struct item *item, struct evbuffer *out) {
    static const char before[] = "event: delta\ndata: {\"text\":\"", after[] = "\"}\n\n";
    size_t left = item->len - item->taken, piece = left < SSE_TEXT_MAX ? left : SSE_TEXT_MAX;
    bool may_grow = piece < left || TAILQ_NEXT(item, next) == NULL;
    if (may_grow && piece < 4 && sequence_len((uint8_t)item->bytes[item->taken]) > piece)
        return false;
    (void)evbuffer_add(out, before, sizeof(before) - 1);
    size_t taken = json_escape(out, item->bytes + item->taken, piece, may_grow);
    (void)evbuffer_add(out, after, sizeof(after) - 1);
    item->taken += taken;
    sse->held -= (uint32_t)taken;
    sse->free_credit += (uint32_t)taken;
    return true;
}

void sse_pump(struct sse *sse, size_t waiting, struct evbuffer *out) {
    struct item *item;
    size_t before = evbuffer_get_length(out);
    while ((item = TAILQ_FIRST(&sse->items)) != NULL &&
           waiting + evbuffer_get_length(out) - before < sse->output_high) {
        if (!item->is_text) {
            (void)evbuffer_add(out, item->bytes, item->len);
            item_drop(sse, item);
            continue;
        }
        if (!pump_text(sse, item, out))
            return;
        if (item->taken == item->len)
            item_drop(sse, item);
    }
}

uint32_t sse_credit(struct sse *sse) {
    uint32_t free_credit = sse->free_credit;
    if (free_credit < sse->credit / CREDIT_STEP)
        return 0;
    sse->free_credit = 0;
    return free_credit;
}
