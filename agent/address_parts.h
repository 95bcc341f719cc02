/* What the parts of address.c share: characters, where an address ends, domains. Pure. */
#ifndef CLOISTER_AGENT_ADDRESS_PARTS_H
#define CLOISTER_AGENT_ADDRESS_PARTS_H

#include "agent/address.h"

#define LABELS_MAX 1024u /* as many as a word of ANSWER_WORD_MAX bytes can have */

static inline bool is_alnum(char c) {
    return (c >= '0' && c <= '9') || ((c | 32) >= 'a' && (c | 32) <= 'z');
}
static inline bool is_digit(char c) {
    return c >= '0' && c <= '9';
}
static inline bool is_slash(char c) {
    return c == '/' || c == '\\';
}

/* Bytes of the letter, digit, mark, '-' or '_' at `at`; 0 when it is none. */
size_t address_letter_len(const char *text, size_t len, size_t at);
/* Where the character that ends before `at` begins. */
size_t address_before(const char *text, size_t at);
/* A link's or an image's markup, of two characters. */
bool address_begins_markup(const char *text);
/* Where the address that goes on at `from` ends. */
size_t address_extent(const char *word, size_t len, size_t from);

struct domain {
    size_t at, end;            /* of all its letters and dots */
    uint32_t dots[LABELS_MAX]; /* the first ones */
    size_t ndots;
};

/* The letters and single dots around the dot at `dot`, not before `from`. */
void domain_around(const char *word, size_t len, size_t from, size_t dot, struct domain *ret);
/* An IPv4 address. */
bool domain_four_numbers(const char *word, const struct domain *domain);
/* The last dot before a public suffix; the domain then ends with that label. 0: none. */
size_t domain_suffix_dot(const char *word, struct domain *domain);
/* Whether it is an address, and of which kind; `domain` is used up. */
bool domain_judge(const char *word, size_t len, size_t from, struct domain *domain,
                  struct address *ret);
/* The same for its parts where scripts without blanks meet others. */
bool domain_in_script(const char *word, size_t len, size_t from, const struct domain *domain,
                      struct address *ret);

#endif
