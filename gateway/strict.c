#include "gateway/strict.h"

#include <string.h>
#include <strings.h>

static const struct strict_fault fault_bytes = {
    400, "bad_request", "The request head holds bytes that HTTP/1.1 does not allow."};
static const struct strict_fault fault_line = {
    400, "bad_request",
    "The request line must be METHOD, one space, a path that starts with '/', one "
    "space, HTTP/1.1, ended by CR LF."};
static const struct strict_fault fault_header = {
    400, "bad_request",
    "Every header line must be 'Name: value', ended by CR LF, without folding and "
    "without blanks before the colon."};
static const struct strict_fault fault_twice = {
    400, "bad_request", "A header that may come once only came more than once."};
static const struct strict_fault fault_host = {
    400, "bad_request", "An HTTP/1.1 request needs exactly one valid Host header."};
static const struct strict_fault fault_length = {
    400, "bad_request", "Content-Length must be one plain decimal number."};
static const struct strict_fault fault_coding = {
    411, "length_required",
    "Transfer codings are not accepted here; send the body with a "
    "Content-Length."};
static const struct strict_fault fault_both = {
    400, "bad_request", "Content-Length and Transfer-Encoding may not come together."};
static const struct strict_fault fault_expect = {
    417, "expectation_failed", "The only expectation understood is 100-continue."};
static const struct strict_fault fault_version = {505, "http_version",
                                                  "Only HTTP/1.1 and HTTP/1.0 are spoken here."};
static const struct strict_fault fault_uri_long = {414, "uri_too_long",
                                                   "The request line may have at most 8192 bytes."};
static const struct strict_fault fault_large = {
    431, "headers_too_large", "The request head may have at most 16384 bytes and 64 headers."};

/* May come once at most: a second one is where parsers disagree. */
#define NAME(text)                                                                                 \
    { text, sizeof(text) - 1 }
static const struct slice single_names[] = {
    NAME("host"),          NAME("content-length"),   NAME("content-type"),
    NAME("authorization"), NAME("cloister-grant"),   NAME("idempotency-key"),
    NAME("origin"),        NAME("cookie"),           NAME("sec-fetch-site"),
    NAME("if-none-match"), NAME("cloister-booking"), NAME("transfer-encoding"),
    NAME("expect"),        NAME("cloister-csrf"),
};
#undef NAME

char *slice_dup(struct slice slice) {
    return strndup(slice.at, slice.len);
}

static bool same_name(struct slice a, struct slice b) {
    return a.len == b.len && strncasecmp(a.at, b.at, a.len) == 0;
}

const struct slice *strict_find(const struct strict_head *head, const char *name) {
    const struct slice wanted = {name, strlen(name)};
    for (size_t i = 0; i < head->header_count; i++)
        if (same_name(head->headers[i].name, wanted))
            return &head->headers[i].value;
    return NULL;
}

/* RFC 9110 section 5.6.2. */
static bool is_tchar(char c) {
    static const bool others[256] = {
        ['!'] = true,  ['#'] = true, ['$'] = true, ['%'] = true, ['&'] = true,
        ['\''] = true, ['*'] = true, ['+'] = true, ['-'] = true, ['.'] = true,
        ['^'] = true,  ['_'] = true, ['`'] = true, ['|'] = true, ['~'] = true};
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
           others[(unsigned char)c];
}

static bool is_hex(char c) {
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'F') || (c >= 'a' && c <= 'f');
}

/* Checks bytes that belong to no finished head yet: no control but CR LF and HT, LF only after CR,
 * CR only before LF. Catches TLS, HTTP/2 and noise at the first bytes. */
static bool bytes_fit(const char *bytes, size_t len) {
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)bytes[i];
        if (c == '\n' && (i == 0 || bytes[i - 1] != '\r'))
            return false;
        if (c == '\r' && i + 1 < len && bytes[i + 1] != '\n')
            return false;
        if ((c < 0x20 && c != '\r' && c != '\n' && c != '\t') || c == 0x7f)
            return false;
    }
    return len == 0 || is_tchar(bytes[0]);
}

static bool target_fits(struct slice target) {
    if (target.len == 0 || (target.at[0] != '/' && !slice_is(target, "*")))
        return false;
    for (size_t i = 0; i < target.len; i++) {
        char c = target.at[i];
        if (c <= 0x20 || c >= 0x7f || strchr("#\"<>\\^`{|}", c) != NULL)
            return false;
        if (c == '%' && (i + 2 >= target.len || !is_hex(target.at[i + 1]) ||
                         !is_hex(target.at[i + 2]) || memcmp(target.at + i, "%00", 3) == 0))
            return false;
    }
    return true;
}

static const struct strict_fault *parse_request_line(struct slice line, struct strict_head *head) {
    const char *first = memchr(line.at, ' ', line.len);
    const char *last = memrchr(line.at, ' ', line.len);
    if (first == NULL || first == last || first == line.at)
        return &fault_line;
    head->method = (struct slice){line.at, (size_t)(first - line.at)};
    for (size_t i = 0; i < head->method.len; i++)
        if (!is_tchar(head->method.at[i]))
            return &fault_line;
    struct slice target = {first + 1, (size_t)(last - first - 1)};
    struct slice version = {last + 1, line.len - (size_t)(last + 1 - line.at)};
    if (version.len != 8 || memcmp(version.at, "HTTP/", 5) != 0)
        return &fault_line;
    if (!slice_is(version, "HTTP/1.1") && !slice_is(version, "HTTP/1.0"))
        return &fault_version;
    if (!target_fits(target))
        return &fault_line;
    head->minor = version.at[7] == '1';
    const char *mark = memchr(target.at, '?', target.len);
    head->path = mark == NULL ? target : (struct slice){target.at, (size_t)(mark - target.at)};
    head->query = mark == NULL ? (struct slice){target.at + target.len, 0}
                               : (struct slice){mark + 1, target.len - head->path.len - 1};
    return NULL;
}

static bool is_blank(char c) {
    return c == ' ' || c == '\t';
}

static const struct strict_fault *parse_header(struct slice line, struct strict_header *ret) {
    const char *colon = memchr(line.at, ':', line.len);
    if (colon == NULL || colon == line.at)
        return &fault_header;
    struct slice name = {line.at, (size_t)(colon - line.at)};
    for (size_t i = 0; i < name.len; i++) /* also refuses folding and blanks before the colon */
        if (!is_tchar(name.at[i]))
            return &fault_header;
    struct slice value = {colon + 1, line.len - name.len - 1};
    while (value.len > 0 && is_blank(value.at[0]))
        value = (struct slice){value.at + 1, value.len - 1};
    while (value.len > 0 && is_blank(value.at[value.len - 1]))
        value.len--;
    *ret = (struct strict_header){name, value};
    return NULL;
}

static const struct strict_fault *check_single(const struct strict_head *head) {
    for (size_t s = 0; s < COUNT_OF(single_names); s++) {
        size_t seen = 0;
        for (size_t i = 0; i < head->header_count; i++)
            seen += same_name(head->headers[i].name, single_names[s]);
        if (seen > 1)
            return s == 0 ? &fault_host : &fault_twice;
    }
    return NULL;
}

static bool host_fits(struct slice host) {
    if (host.len == 0 || host.len > 255)
        return false;
    for (size_t i = 0; i < host.len; i++) {
        char c = host.at[i];
        if (!((c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
              (c != '\0' && strchr("-._:[]", c) != NULL)))
            return false;
    }
    return true;
}

static const struct strict_fault *check_length(struct strict_head *head) {
    const struct slice *length = strict_find(head, "content-length");
    const struct slice *coding = strict_find(head, "transfer-encoding");
    if (coding != NULL)
        return length != NULL || head->minor == 0 ? &fault_both : &fault_coding;
    if (length == NULL)
        return NULL;
    if (length->len == 0 || length->len > 15)
        return &fault_length;
    uint64_t value = 0;
    for (size_t i = 0; i < length->len; i++) {
        if (length->at[i] < '0' || length->at[i] > '9')
            return &fault_length;
        value = value * 10 + (uint64_t)(length->at[i] - '0');
    }
    if (length->len > 1 && length->at[0] == '0')
        return &fault_length;
    head->has_length = true;
    head->content_length = value;
    return NULL;
}

static const struct strict_fault *check_headers(struct strict_head *head) {
    const struct strict_fault *fault = check_single(head);
    if (fault != NULL)
        return fault;
    const struct slice *host = strict_find(head, "host");
    if (host != NULL ? !host_fits(*host) : head->minor == 1)
        return &fault_host;
    const struct slice *expect = strict_find(head, "expect");
    if (expect != NULL && !slice_is_nocase(*expect, "100-continue"))
        return &fault_expect;
    head->expect_continue = expect != NULL && head->minor == 1;
    return check_length(head);
}

static const struct strict_fault *parse_lines(const char *bytes, struct strict_head *head) {
    const char *at = bytes, *end = bytes + head->head_len - 2; /* before the empty line */
    const struct strict_fault *fault = NULL;
    for (bool first = true; at < end && fault == NULL; first = false) {
        const char *stop = memchr(at, '\r', (size_t)(end - at));
        if (stop == NULL)
            return &fault_bytes;
        struct slice line = {at, (size_t)(stop - at)};
        at = stop + 2;
        if (first && line.len > STRICT_LINE_MAX)
            return &fault_uri_long;
        if (!first && head->header_count == STRICT_HEADERS_MAX)
            return &fault_large;
        fault = first ? parse_request_line(line, head)
                      : parse_header(line, &head->headers[head->header_count++]);
    }
    return fault != NULL ? fault : check_headers(head);
}

enum strict_verdict strict_parse(const char *bytes, size_t len, struct strict_head *ret,
                                 const struct strict_fault **ret_fault) {
    const char *empty = memmem(bytes, len, "\r\n\r\n", 4);
    size_t head_len = empty == NULL ? len : (size_t)(empty - bytes) + 4;
    const struct strict_fault *fault = NULL;
    struct strict_head head = {.head_len = head_len};
    if (!bytes_fit(bytes, head_len < STRICT_HEAD_MAX ? head_len : STRICT_HEAD_MAX))
        fault = &fault_bytes;
    else if (memmem(bytes, len < STRICT_LINE_MAX + 2 ? len : STRICT_LINE_MAX + 2, "\r\n", 2) ==
                 NULL &&
             len > STRICT_LINE_MAX)
        fault = &fault_uri_long;
    else if (head_len > STRICT_HEAD_MAX)
        fault = &fault_large;
    else if (empty == NULL)
        return STRICT_MORE;
    else
        fault = parse_lines(bytes, &head);
    if (fault != NULL) {
        *ret_fault = fault;
        return STRICT_BAD;
    }
    *ret = head;
    return STRICT_OK;
}
