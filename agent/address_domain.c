/* Domains and e-mail addresses among letters and dots. */
#include <ctype.h>
#include <libpsl.h>
#include <string.h>
#include <strings.h>
#include <unicase.h>
#include <uninorm.h>

#include "agent/address_parts.h"

/* The letters and single dots around the dot at `dot`. */
void domain_around(const char *word, size_t len, size_t from, size_t dot, struct domain *ret) {
    size_t at = dot, end = dot, n;
    while (at > from && (address_letter_before(word, at) || (word[at - 1] == '.' && at < dot)))
        at = address_before(word, at);
    while (at < dot && word[at] == '.')
        at++;
    if (at == dot) /* nothing stands before it */
        at = dot = end = dot + 1;
    ret->at = at;
    ret->ndots = 0;
    for (;;) {
        if (end < len && word[end] == '.' && address_letter_len(word, len, end + 1) > 0) {
            if (ret->ndots < LABELS_MAX)
                ret->dots[ret->ndots++] = (uint32_t)end;
            end++;
        } else if ((n = address_letter_len(word, len, end)) > 0) {
            end += n;
        } else {
            break;
        }
    }
    ret->end = end;
    /* Dots before the one that was met. */
    size_t back = 0;
    for (size_t i = at; i < dot; i++)
        back += word[i] == '.';
    if (back > 0 && back + ret->ndots <= LABELS_MAX) {
        memmove(ret->dots + back, ret->dots, ret->ndots * sizeof(ret->dots[0]));
        ret->ndots += back;
        for (size_t i = at, k = 0; i < dot; i++)
            if (word[i] == '.')
                ret->dots[k++] = (uint32_t)i;
    }
}

/* Ends that are no public suffix, but mean a host all the same (RFC 6761, 6762, 7686; ICANN). */
static bool suffix_special(const char *label) {
    static const char *const special[] = {"example", "invalid", "test",     "local",
                                          "onion",   "lan",     "internal", "localhost"};
    for (size_t i = 0; i < COUNT_OF(special); i++)
        if (strcmp(label, special[i]) == 0)
            return true;
    return false;
}

/* An end that domains are registered under: "com", "de", "みんな". */
static bool suffix_public(const char *label, size_t len) {
    if (len < 2 || len > 63 || label[0] == '-' || label[len - 1] == '-')
        return false;
    char text[256];
    size_t n = 0;
    for (; n < len && (unsigned char)label[n] < 0x80; n++)
        text[n] = (char)tolower((unsigned char)label[n]);
    if (n < len) {
        n = sizeof(text) - 1;
        uint8_t *folded =
            u8_casefold((const uint8_t *)label, len, NULL, UNINORM_NFKC, (uint8_t *)text, &n);
        if (folded != (uint8_t *)text) { /* longer than any label */
            free(folded);
            return false;
        }
    }
    text[n] = '\0';
    return suffix_special(text) ||
           psl_is_public_suffix2(psl_builtin(), text, PSL_TYPE_ANY | PSL_TYPE_NO_STAR_RULE);
}

static bool all_digits(const char *text, size_t from, size_t end) {
    bool any = false;
    for (size_t i = from; i < end; i++) {
        if (text[i] != '.' && !is_digit(text[i]))
            return false;
        any = any || text[i] != '.';
    }
    return any;
}

bool domain_four_numbers(const char *word, const struct domain *domain) {
    if (domain->ndots != 3 || !all_digits(word, domain->at, domain->end))
        return false;
    for (size_t i = 0; i < 4; i++) {
        size_t from = i == 0 ? domain->at : domain->dots[i - 1] + 1;
        size_t end = i == 3 ? domain->end : domain->dots[i];
        if (end - from > 3 || (end - from == 3 && strncmp(word + from, "255", 3) > 0))
            return false;
    }
    return true;
}

/* Where a label ends for programs that know the letters of ASCII only, or take what follows for
 * markup ("_evil.com_"). */
static size_t label_end(const char *word, size_t from, size_t end) {
    size_t at = from;
    while (at < end && is_alnum(word[at]))
        at++;
    return at > from ? at : end;
}

/* The last dot before a public suffix; the domain then ends with that label. 0: none. */
size_t domain_suffix_dot(const char *word, struct domain *domain) {
    for (size_t i = domain->ndots; i-- > 0;) {
        size_t dot = domain->dots[i];
        size_t end = i + 1 < domain->ndots ? domain->dots[i + 1] : domain->end;
        size_t cut = label_end(word, dot + 1, end);
        if (dot == domain->at)
            continue;
        if (!suffix_public(word + dot + 1, end - dot - 1)) {
            if (cut == end || !suffix_public(word + dot + 1, cut - dot - 1))
                continue;
            end = cut;
        }
        domain->end = end;
        domain->ndots = i + 1;
        return dot;
    }
    return 0;
}

/* "tomorrow.It", "3.pm": no more than a missing blank. */
static bool sentence_ends(const char *word, const struct domain *domain, size_t dot) {
    const char *last = word + dot + 1;
    size_t n = domain->end - dot - 1;
    if (all_digits(word, domain->at, dot))
        return true;
    if (last[0] < 'A' || last[0] > 'Z')
        return false;
    for (size_t i = 1; i < n; i++)
        if (last[i] < 'a' || last[i] > 'z')
            return false;
    return is_digit(word[dot - 1]) || (word[dot - 1] >= 'a' && word[dot - 1] <= 'z');
}

static bool goes_on(const char *word, size_t len, size_t end) {
    if (end + 1 >= len)
        return end < len && is_slash(word[end]);
    return is_slash(word[end]) || (word[end] == ':' && is_digit(word[end + 1])) ||
           ((word[end] == '?' || word[end] == '#') && address_letter_len(word, len, end + 1) > 0);
}

static bool local_part(char c) {
    return is_alnum(c) || strchr("+-_.", c) != NULL || (unsigned char)c >= 0x80;
}

/* Where the local part before the '@' at `end` begins; in a script without blanks, behind it. */
static size_t local_begin(const char *word, size_t from, size_t end) {
    size_t at = end;
    while (at > from && local_part(word[at - 1])) {
        size_t last = address_before(word, at);
        if (at < end && address_runs_together(word, end, last))
            break;
        at = last >= from ? last : at - 1;
    }
    return at;
}

/* "anna@example.com/x" may be taken for a server with a user's name. */
static bool mail_goes_on(const char *word, size_t len, size_t end) {
    size_t next = end + 1;
    while (next < len && local_part(word[next]))
        next++;
    return goes_on(word, len, end) && address_letter_len(word, len, end + 1) > 0 &&
           (next == len || word[next] != '@');
}

static bool after_at(const char *word, size_t from, const struct domain *domain) {
    return domain->at >= from + 2 && word[domain->at - 1] == '@' &&
           local_part(word[domain->at - 2]);
}

/* What ends at `end` stands before the '@' of an e-mail address. */
static bool before_at(const char *word, size_t len, size_t end) {
    struct domain host;
    size_t at = end + 1, n;
    if (at >= len || word[end] != '@')
        return false;
    while ((n = address_letter_len(word, len, at)) > 0)
        at += n;
    if (at == end + 1 || at >= len || word[at] != '.')
        return false;
    domain_around(word, len, end + 1, at, &host);
    return host.ndots > 0 && domain_suffix_dot(word, &host) > 0;
}

/* "host.whatever/path" is an address to many programs; "10.30/11.30" is none. */
static bool path_follows(const char *word, size_t len, const struct domain *domain) {
    size_t end = domain->end, last = domain->dots[domain->ndots - 1] + 1, letters = 0;
    for (size_t i = last; i < end; i++)
        letters += (unsigned char)word[i] >= 0x80 || isalpha((unsigned char)word[i]);
    return end + 1 < len && is_slash(word[end]) && letters >= 2 &&
           address_letter_len(word, len, end + 1) > 0;
}

/* The address that ends with this domain. */
static struct address mail_of(const char *word, size_t from, const struct domain *domain) {
    size_t at = local_begin(word, from, domain->at - 1);
    return (struct address){ADDRESS_MAIL, at, domain->end - at, at};
}

/* "Müller GmbH & Co.KG", "Anna Schmidt, M.Sc.": as people write them, and nothing else in them. */
static bool is_abbreviation(const char *word, const struct domain *domain) {
    static const char *const known[] = {"Co.KG", "M.Sc", "B.Sc", "Dr.med", "Prof.Dr.med"};
    size_t len = domain->end - domain->at;
    for (size_t i = 0; i < COUNT_OF(known); i++)
        if (strlen(known[i]) == len && strncmp(word + domain->at, known[i], len) == 0)
            return true;
    return false;
}

bool domain_judge(const char *word, size_t len, size_t from, struct domain *domain,
                  struct address *ret) {
    if (domain->ndots == 0 || before_at(word, len, domain->end))
        return false;
    size_t whole = domain->end;
    bool www = domain->dots[0] == domain->at + 3 && strncasecmp(word + domain->at, "www", 3) == 0;
    bool numbers = domain_four_numbers(word, domain);
    size_t dot = www || numbers ? domain->dots[0] : domain_suffix_dot(word, domain);
    if (dot == 0 && path_follows(word, len, domain))
        dot = domain->dots[domain->ndots - 1];
    if (dot == 0)
        return false;
    if (after_at(word, from, domain)) {
        *ret = mail_of(word, from, domain);
        if (mail_goes_on(word, len, domain->end)) {
            ret->kind = ADDRESS_LINK;
            ret->len = address_extent(word, len, domain->end) - ret->at;
        }
        return true;
    }
    bool on = domain->end == whole && goes_on(word, len, domain->end);
    if (!on && is_abbreviation(word, domain))
        return false;
    *ret = (struct address){.at = domain->at, .host = domain->at};
    if (!www && !numbers && !on && sentence_ends(word, domain, dot)) {
        domain->end = dot; /* "host.com.It" */
        if (--domain->ndots > 0 && domain_judge(word, dot, from, domain, ret))
            return true;
        *ret = (struct address){.kind = ADDRESS_STUCK, .at = dot, .len = 1, .host = dot};
        return true;
    }
    ret->len = (on ? address_extent(word, len, domain->end) : domain->end) - domain->at;
    return true;
}

static size_t next_char(const char *word, size_t end, size_t at) {
    for (at++; at < end && ((unsigned char)word[at] & 0xc0) == 0x80;)
        at++;
    return at;
}

/* Where such a script meets another one, the other's part may be an address by itself. */
bool domain_in_script(const char *word, size_t len, size_t from, const struct domain *domain,
                      struct address *ret) {
    for (size_t i = domain->at; i < domain->end;) {
        size_t end = i;
        while (end < domain->end && !address_runs_together(word, domain->end, end))
            end = next_char(word, domain->end, end);
        const char *dot = memchr(word + i, '.', end - i);
        if (end > i && end - i < domain->end - domain->at && dot != NULL) {
            struct domain part;
            domain_around(word, end, i, (size_t)(dot - word), &part);
            size_t low = i == domain->at ? from : i; /* a mailbox may stand before it */
            if (domain_judge(word, end == domain->end ? len : end, low, &part, ret))
                return true;
        }
        i = end > i ? end : next_char(word, domain->end, i);
    }
    return false;
}
