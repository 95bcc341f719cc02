#include "agent/people.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "agent/address.h"
#include "memory/visible.h"
#include "providers/strbuf.h"

#define NAME_MAX_BYTES 80u
#define WORD_MIN       2u

struct person {
    char alias[ALIAS_SIZE];
    char *address, *shown;
};
struct people {
    struct person list[PEOPLE_MAX];
    size_t n;
};

static const char prefix[] = "@guest";

struct people *people_new(void) {
    return calloc(1, sizeof(struct people));
}

void people_free(struct people *people) {
    if (people == NULL)
        return;
    for (size_t i = 0; i < people->n; i++) {
        string_wipe(people->list[i].address);
        string_wipe(people->list[i].shown);
    }
    free(people);
}

/* One line; a name that looks like an address is none, since it may be another person's. */
static char *shown_of(const char *address, const char *name) {
    const char *from =
        *name == '\0' || (strchr(name, '@') != NULL && *address != '\0') ? address : name;
    char *shown = strndup(from, utf8_cut(from, strlen(from), NAME_MAX_BYTES));
    if (shown == NULL)
        return NULL;
    visible_clean_string(shown);
    for (char *c = shown; *c != '\0'; c++)
        if (strchr("\n\t[]<>!`", *c) != NULL) /* a line, and no markup */
            *c = ' ';
    return shown;
}

const char *people_alias(struct people *people, const char *address, const char *name) {
    bool by_address = *address != '\0';
    SCOPE_FREE char *shown = shown_of(address, name);
    if (shown == NULL || *shown == '\0')
        return NULL;
    for (size_t i = 0; i < people->n; i++) {
        const struct person *known = &people->list[i];
        if (by_address ? strcasecmp(known->address, address) == 0
                       : *known->address == '\0' && strcmp(known->shown, shown) == 0)
            return known->alias;
    }
    if (people->n == PEOPLE_MAX)
        return NULL;
    struct person *person = &people->list[people->n];
    person->address = strdup(address);
    if (person->address == NULL)
        return NULL;
    person->shown = take_ptr(shown);
    (void)snprintf(person->alias, sizeof(person->alias), "%s%zu", prefix, ++people->n % 1000);
    return person->alias;
}

size_t people_match(const struct people *people, const char *text, size_t len, size_t *ret_index) {
    size_t at = sizeof(prefix) - 1, number = 0;
    if (len <= at || strncasecmp(text, prefix, at) != 0 || text[at] == '0')
        return 0;
    for (; at < len && at < ALIAS_SIZE && isdigit((unsigned char)text[at]); at++)
        number = number * 10 + (size_t)(text[at] - '0');
    bool ended = at == len || !(isalnum((unsigned char)text[at]) || text[at] == '_');
    if (number == 0 || number > people->n || !ended)
        return 0;
    *ret_index = number - 1;
    return at;
}

const char *people_shown(const struct people *people, size_t index) {
    return people->list[index].shown;
}

const char *people_address(const struct people *people, const char *text) {
    size_t index, len = strlen(text);
    if (people_match(people, text, len, &index) != len || len == 0)
        return NULL;
    const char *address = people->list[index].address;
    return *address != '\0' ? address : NULL;
}

/* ---- names that the owner has said ---- */

/* The next word at or after *at; its length, 0 at the end. */
static size_t word_next(const char *text, size_t *at) {
    size_t len = strlen(text), end;
    while (*at < len && !address_letter_at(text, len, *at))
        (*at)++;
    for (end = *at; end < len && address_letter_at(text, len, end);)
        for (end++; end < len && ((unsigned char)text[end] & 0xc0) == 0x80;)
            end++;
    return end - *at;
}

/* Ignoring the case of ASCII; names in other scripts are said as they are written. */
static bool said_word(const char *word, size_t len, const char *said) {
    size_t n;
    for (size_t at = 0; (n = word_next(said, &at)) > 0; at += n)
        if (n == len && strncasecmp(said + at, word, len) == 0)
            return true;
    return false;
}

char *people_named(const char *name, const char *const *said, size_t n) {
    struct strbuf named = {0};
    size_t len;
    for (size_t at = 0; (len = word_next(name, &at)) > 0; at += len) {
        bool known = false;
        for (size_t i = 0; !known && len >= WORD_MIN && i < n; i++)
            known = said_word(name + at, len, said[i]);
        if (!known)
            continue;
        strbuf_puts(&named, named.len > 0 ? " " : "");
        strbuf_add(&named, name + at, len);
    }
    char *text = strbuf_take(&named);
    if (text != NULL && *text != '\0')
        return text;
    free(text);
    return NULL;
}
