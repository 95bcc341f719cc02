#include "ipc/base.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <time.h>

static int64_t read_clock(clockid_t which) {
    struct timespec now;
    (void)clock_gettime(which, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

uint64_t clock_ms(void) {
    return (uint64_t)read_clock(CLOCK_MONOTONIC);
}

uint64_t clock_us(void) {
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000u + (uint64_t)t.tv_nsec / 1000u;
}

int64_t wall_ms(void) {
    return read_clock(CLOCK_REALTIME);
}

const char *number_read(const char *text, uint64_t *ret) {
    char *end;
    text += strspn(text, " \t");
    if (*text < '0' || *text > '9')
        return NULL;
    errno = 0;
    unsigned long long value = strtoull(text, &end, 10);
    if (errno != 0)
        return NULL;
    *ret = value;
    return end;
}

int parse_u64(const char *text, uint64_t min, uint64_t max, uint64_t *ret) {
    uint64_t value = 0;
    if (*text == '\0')
        return -EINVAL;
    for (const char *c = text; *c != '\0'; c++) {
        if (*c < '0' || *c > '9')
            return -EINVAL;
        if (__builtin_mul_overflow(value, (uint64_t)10, &value) ||
            __builtin_add_overflow(value, (uint64_t)(*c - '0'), &value))
            return -ERANGE;
    }
    if (value < min || value > max)
        return -ERANGE;
    *ret = value;
    return 0;
}

static void random_fill(uint8_t *out, size_t len) {
    while (len > 0) {
        ssize_t n = getrandom(out, len, 0);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            abort(); /* a guessable id would be worse than no process */
        out += n;
        len -= (size_t)n;
    }
}

void id_random(char out[static ID_LEN + 1]) {
    uint8_t raw[ID_LEN / 2];
    random_fill(raw, sizeof(raw));
    hex_encode(raw, sizeof(raw), out);
}

void id_random_named(char out[static ID_LEN + 1]) {
    static uint8_t ahead[64][ID_LEN / 2];
    static size_t left;
    if (left == 0) {
        random_fill(ahead[0], sizeof(ahead));
        left = COUNT_OF(ahead);
    }
    hex_encode(ahead[--left], sizeof(ahead[0]), out);
}

bool id_valid(const char *text) {
    return strlen(text) == ID_LEN && strspn(text, "0123456789abcdef") == ID_LEN;
}

void hex_encode(const uint8_t *data, size_t len, char *out) {
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < len; i++) {
        out[2 * i] = digits[data[i] >> 4];
        out[2 * i + 1] = digits[data[i] & 15];
    }
    out[2 * len] = '\0';
}

static int hex_digit(char c) {
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

int hex_decode(const char *text, uint8_t *out, size_t len) {
    if (strlen(text) != 2 * len)
        return -EINVAL;
    for (size_t i = 0; i < len; i++) {
        int high = hex_digit(text[2 * i]), low = hex_digit(text[2 * i + 1]);
        if (high < 0 || low < 0)
            return -EINVAL;
        out[i] = (uint8_t)(high << 4 | low);
    }
    return 0;
}

static const char base64url_digits[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

void base64url_encode(const uint8_t *data, size_t len, char *out) {
    uint32_t bits = 0;
    unsigned held = 0;
    for (size_t i = 0; i < len; i++) {
        bits = bits << 8 | data[i];
        held += 8;
        while (held >= 6) {
            held -= 6;
            *out++ = base64url_digits[bits >> held & 63];
        }
    }
    if (held > 0)
        *out++ = base64url_digits[bits << (6 - held) & 63];
    *out = '\0';
}

ssize_t base64url_decode(const char *text, size_t text_len, uint8_t *out, size_t cap) {
    uint32_t bits = 0;
    unsigned held = 0;
    size_t used = 0;
    if (text_len % 4 == 1)
        return -EINVAL;
    for (size_t i = 0; i < text_len; i++) {
        const char *at = text[i] == '\0' ? NULL : strchr(base64url_digits, text[i]);
        if (at == NULL)
            return -EINVAL;
        bits = bits << 6 | (uint32_t)(at - base64url_digits);
        held += 6;
        if (held < 8)
            continue;
        held -= 8;
        if (used == cap)
            return -ENOSPC;
        out[used++] = (uint8_t)(bits >> held & 255);
    }
    if ((bits & ((1u << held) - 1)) != 0) /* stray bits: not the canonical form */
        return -EINVAL;
    return (ssize_t)used;
}

/* Length of the UTF-8 sequence at `s` within `left` bytes, 0 when malformed. */
static size_t utf8_sequence(const uint8_t *s, size_t left) {
    uint8_t c = s[0];
    size_t len = c < 0x80                 ? 1
                 : c >= 0xc2 && c <= 0xdf ? 2
                 : (c & 0xf0) == 0xe0     ? 3
                 : c >= 0xf0 && c <= 0xf4 ? 4
                                          : 0;
    if (c == 0 || len == 0 || len > left)
        return 0;
    for (size_t i = 1; i < len; i++)
        if ((s[i] & 0xc0) != 0x80)
            return 0;
    if ((c == 0xe0 && s[1] < 0xa0) || (c == 0xed && s[1] > 0x9f) || (c == 0xf0 && s[1] < 0x90) ||
        (c == 0xf4 && s[1] > 0x8f))
        return 0;
    return len;
}

/* White space of Unicode, and what is shown as nothing: joiners, marks of direction, selectors. */
static bool shows_nothing(uint32_t c) {
    static const struct {
        uint32_t first, last;
    } ranges[] = {{0x01, 0x20},     {0x7f, 0xa0},     {0xad, 0xad},      {0x34f, 0x34f},
                  {0x61c, 0x61c},   {0x115f, 0x1160}, {0x1680, 0x1680},  {0x17b4, 0x17b5},
                  {0x180b, 0x180f}, {0x2000, 0x200f}, {0x2028, 0x202f},  {0x205f, 0x206f},
                  {0x2800, 0x2800}, {0x3000, 0x3000}, {0x3164, 0x3164},  {0xfe00, 0xfe0f},
                  {0xfeff, 0xfeff}, {0xffa0, 0xffa0}, {0xe0000, 0xe0fff}};
    for (size_t i = 0; i < COUNT_OF(ranges); i++)
        if (c >= ranges[i].first && c <= ranges[i].last)
            return true;
    return false;
}

bool text_blank(const char *text) {
    static const uint8_t lead[] = {0, 0x7f, 0x1f, 0x0f, 0x07}; /* what of the first byte counts */
    const uint8_t *s = (const uint8_t *)text;
    for (size_t left = strlen(text), n; left > 0; s += n, left -= n) {
        n = utf8_sequence(s, left);
        uint32_t c = n == 0 ? 0 : s[0] & lead[n];
        for (size_t i = 1; i < n; i++)
            c = c << 6 | (s[i] & 0x3f);
        if (!shows_nothing(c))
            return false;
    }
    return true;
}

/* Eight bytes of ASCII, none below `least`: a byte borrows from the next only when it is. */
static bool ascii_8(const uint8_t *s, uint8_t least) {
    const uint64_t each = UINT64_C(0x0101010101010101);
    uint64_t bytes;
    memcpy(&bytes, s, sizeof(bytes));
    return (((bytes - each * least) | bytes) & each * 0x80) == 0;
}

/* Most text is ASCII. */
static bool utf8_from(const char *text, size_t len, uint8_t least) {
    const uint8_t *s = (const uint8_t *)text;
    while (len > 0) {
        size_t n = len >= 8 && ascii_8(s, least) ? 8 : utf8_sequence(s, len);
        if (n == 0 || s[0] < least)
            return false;
        s += n;
        len -= n;
    }
    return true;
}

bool utf8_valid(const char *text, size_t len) {
    return utf8_from(text, len, 1);
}

bool utf8_line(const char *text, size_t len) {
    return utf8_from(text, len, 0x20);
}

ssize_t file_read(const char *path, uint8_t *out, size_t cap) {
    SCOPE_FD int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0)
        return -errno;
    size_t used = 0;
    for (;;) {
        uint8_t beyond;
        ssize_t n = used < cap ? read(fd, out + used, cap - used) : read(fd, &beyond, 1);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        if (n == 0)
            return (ssize_t)used;
        if (used == cap)
            return -EFBIG;
        used += (size_t)n;
    }
}

int write_all(int fd, const void *data, size_t len) {
    const uint8_t *at = data;
    while (len > 0) {
        ssize_t n = write(fd, at, len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        at += n;
        len -= (size_t)n;
    }
    return 0;
}

int fd_nonblock(int fd) {
    int flags = fcntl(fd, F_GETFL);
    if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0)
        return -errno;
    return 0;
}

static int close_span(unsigned first, unsigned last) {
    return syscall(SYS_close_range, first, last, 0) < 0 ? -errno : 0;
}

int fds_close_except(const int *keep, size_t n) {
    unsigned next = 3;
    for (;;) {
        unsigned lowest = ~0u;
        for (size_t i = 0; i < n; i++)
            if (keep[i] >= 0 && (unsigned)keep[i] >= next && (unsigned)keep[i] < lowest)
                lowest = (unsigned)keep[i];
        if (lowest == ~0u)
            return close_span(next, ~0u);
        if (lowest > next) {
            int r = close_span(next, lowest - 1);
            if (r < 0)
                return r;
        }
        next = lowest + 1;
    }
}

uint64_t backoff_ms(unsigned attempt, uint64_t base_ms, uint64_t max_ms) {
    uint64_t span = base_ms;
    while (attempt-- > 0 && span < max_ms)
        span *= 2;
    if (span > max_ms)
        span = max_ms;
    uint64_t dice;
    random_fill((uint8_t *)&dice, sizeof(dice));
    return span / 2 + dice % (span / 2 + 1);
}
