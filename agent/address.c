#include "agent/address.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "agent/address_parts.h"

#define NUMBER_MAX 4u

static bool scheme_is(const char *scheme, size_t n, const char *name) {
    return strlen(name) == n && strncasecmp(scheme, name, n) == 0;
}

/* Schemes that act without slashes. "Data:" is also a word, unless a media type follows, and "SMS:"
 * unless a number does. */
static bool scheme_acts(const char *scheme, size_t n, const char *rest, size_t len) {
    static const char *const acting[] = {"javascript", "vbscript", "mailto", "xmpp"};
    static const char *const sending[] = {"sms", "smsto", "mms", "magnet"};
    size_t type = 0;
    for (size_t i = 0; i < COUNT_OF(acting); i++)
        if (scheme_is(scheme, n, acting[i]))
            return true;
    for (size_t i = 0; len > 0 && i < COUNT_OF(sending); i++)
        if (scheme_is(scheme, n, sending[i]))
            return rest[0] == '+' || rest[0] == '?' || is_digit(rest[0]);
    while (type < len && isalpha((unsigned char)rest[type]))
        type++;
    return scheme_is(scheme, n, "data") && type > 0 && type < len && rest[type] == '/';
}

/* The colon at `at` ends a scheme. */
static bool scheme_at(const char *word, size_t len, size_t from, size_t at, struct address *ret) {
    size_t start = at, rest = at + 1;
    while (start > from && (is_alnum(word[start - 1]) || strchr("+.-", word[start - 1]) != NULL))
        start--;
    size_t letter = start;
    while (letter < at && !isalpha((unsigned char)word[letter]))
        letter++;
    if (letter == at || rest >= len)
        return false;
    if (letter - start <= NUMBER_MAX) /* "1.https://…" */
        start = letter;
    bool slashes = rest + 1 < len && is_slash(word[rest]) && is_slash(word[rest + 1]);
    if (!slashes && !scheme_acts(word + start, at - start, word + rest, len - rest))
        return false;
    while (rest < len && is_slash(word[rest]))
        rest++;
    size_t end = address_extent(word, len, rest);
    if (end == rest && !(rest + 1 < len && address_begins_markup(word + rest)))
        return false;
    *ret = (struct address){.at = start, .len = end - start, .host = rest};
    return true;
}

/* "//host" without a scheme takes the page's; two backslashes name a server. */
static bool slashes_at(const char *word, size_t len, size_t at, struct address *ret) {
    size_t host = at;
    struct domain domain;
    while (host < len && is_slash(word[host]))
        host++;
    size_t end = host, n;
    while ((n = address_letter_len(word, len, end)) > 0)
        end += n;
    if (host - at < 2 || end == host || end >= len)
        return false;
    bool server = word[at] == '\\' && word[at + 1] == '\\' && word[end] == '\\';
    if (!server) {
        if (word[end] != '.')
            return false;
        domain_around(word, len, host, end, &domain);
        if (!domain_four_numbers(word, &domain) && domain_suffix_dot(word, &domain) == 0)
            return false;
    }
    *ret = (struct address){.at = at, .len = address_extent(word, len, host) - at, .host = host};
    return true;
}

bool address_find(const char *word, size_t len, size_t from, struct address *ret) {
    size_t low = from; /* what lies before was judged */
    for (size_t at = from; at < len; at++) {
        struct domain domain;
        if (word[at] == ':' && scheme_at(word, len, from, at, ret))
            return true;
        if (is_slash(word[at]) && slashes_at(word, len, at, ret))
            return true;
        if (word[at] != '.')
            continue;
        domain_around(word, len, low, at, &domain);
        if (domain.ndots == 0)
            continue;
        low = domain.end;
        if (domain_in_script(word, len, from, &domain, ret) ||
            domain_judge(word, len, from, &domain, ret))
            return true;
        at = low - 1;
    }
    return false;
}

char *address_plain(const char *word, const struct address *address) {
    const char *text = word + address->at;
    size_t len = address->len, scheme = address->host - address->at;
    bool web = scheme == 0 || strncasecmp(text, "http:", 5) == 0 ||
               strncasecmp(text, "https:", 6) == 0 || is_slash(text[0]);
    char *plain = web ? strndup(text + scheme, len - scheme) : strndup(text, len);
    if (plain == NULL)
        return NULL;
    size_t host = strcspn(plain, "/\\?#");
    for (size_t i = 0; i < host; i++)
        plain[i] = (char)tolower((unsigned char)plain[i]);
    size_t n = strlen(plain);
    if (n > 1 && plain[n - 1] == '/')
        plain[n - 1] = '\0';
    return plain;
}
