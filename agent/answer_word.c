#include "agent/answer_word.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>
#include <uninorm.h>

#include "agent/address.h"
#include "agent/answer.h"
#include "agent/guards.h"
#include "memory/visible.h"

#define PLACES_MAX 8u /* what may follow an address in its word: brackets, quotes, full stops */

/* ---- addresses ---- */

enum place { PLACE_ALLOWED, PLACE_QUOTED, PLACE_REMOVED };

static bool is_allowed(const struct answer_rules *rules, const char *plain) {
    size_t host = strcspn(plain, "/\\?#");
    for (size_t i = 0; i < rules->nallowed; i++) {
        const char *known = rules->allowed[i];
        if (strcmp(known, plain) == 0)
            return true;
        /* The bare host of one: it can carry nothing more than its name. */
        if (plain[host] == '\0' && strcspn(known, "/\\?#") == host &&
            strncmp(known, plain, host) == 0)
            return true;
    }
    return false;
}

/* One that a model made up may carry what it read, to whoever has it. */
static enum place mail_place(const struct answer_rules *rules, const char *mail, size_t len) {
    return rules->mails || taint_has(rules->taint, mail, len) ? PLACE_ALLOWED : PLACE_REMOVED;
}

static enum place place_of(const struct answer_rules *rules, const char *word,
                           const struct address *address) {
    SCOPE_FREE char *plain = address_plain(word, address);
    /* What a scheme without slashes does, it does by its name. */
    bool bare = address->host > address->at && word[address->host - 1] == ':';
    size_t from = bare ? address->at : address->host;
    size_t rest = address->at + address->len - from;
    if (plain != NULL && is_allowed(rules, plain))
        return PLACE_ALLOWED;
    if (address->kind == ADDRESS_MAIL)
        return mail_place(rules, word + address->at, address->len);
    if (taint_has(rules->taint, word + from, rest) ||
        (plain != NULL && taint_has(rules->taint, plain, strlen(plain))))
        return PLACE_QUOTED;
    return PLACE_REMOVED;
}

/* "zoom[.]us/j/123": no program makes a link of it. */
static void add_quoted(struct strbuf *out, const char *word, size_t len,
                       const struct address *address) {
    size_t end = address->at + address->len;
    bool quoted = out->len > 0 && out->data[out->len - 1] == '"' && end < len && word[end] == '"';
    if (!quoted)
        strbuf_puts(out, "\"");
    for (size_t i = address->host; i < end; i++) {
        bool slashes = word[i] == ':' && i + 2 < end && word[i + 1] == '/' && word[i + 2] == '/';
        if (word[i] == '.')
            strbuf_puts(out, "[.]");
        else if (slashes)
            strbuf_puts(out, "[:]");
        else if (strchr("()<>[]\\!", word[i]) == NULL)
            strbuf_add(out, word + i, 1);
    }
    if (!quoted)
        strbuf_puts(out, "\"");
}

/* Apart from what would make an image or a link of its brackets. */
static void add_removed(struct strbuf *out) {
    if (out->len > 0 && out->data[out->len - 1] == '!')
        strbuf_puts(out, " ");
    strbuf_puts(out, ANSWER_REMOVED);
}

static void add_address(struct answer_rules *rules, const char *word, size_t len,
                        const struct address *address, struct strbuf *out) {
    size_t end = address->at + address->len;
    bool image = rules->in_image && !guard_holds(GUARD_IMAGES);
    switch (image ? PLACE_ALLOWED : place_of(rules, word, address)) {
    case PLACE_ALLOWED: /* apart from letters that would make another address of it */
        if (!image && address_letter_before(word, address->at))
            strbuf_puts(out, " ");
        strbuf_add(out, word + address->at, address->len);
        if (!image && address_letter_at(word, len, end))
            strbuf_puts(out, " ");
        break;
    case PLACE_QUOTED:
        add_quoted(out, word, len, address);
        break;
    case PLACE_REMOVED:
        add_removed(out);
        if (end < len && (word[end] == '(' || word[end] == ':'))
            strbuf_puts(out, " ");
        break;
    }
}

/* ---- markup ---- */

static void add_person(struct answer_rules *rules, size_t index, struct strbuf *out) {
    const char *name = people_shown(rules->people, index);
    struct answer_rules plain = *rules;
    plain.people = NULL; /* a name is no alias */
    plain.mails = true;
    for (size_t len; *name != '\0'; name += len) {
        len = strcspn(name, " ");
        (void)answer_word(&plain, name, len, out);
        for (; name[len] == ' '; len++)
            strbuf_puts(out, " ");
    }
}

/* "<anna@example.com>", as mail programs write it, is no tag. */
static bool mail_in_brackets(const char *text, size_t len) {
    const char *end = memchr(text, '>', len), *at = memchr(text, '@', len);
    if (end == NULL || at == NULL || at > end)
        return false;
    for (const char *c = text + 1; c < end; c++)
        if (!isalnum((unsigned char)*c) && strchr("@.+-_", *c) == NULL)
            return false;
    return true;
}

static bool begins_tag(const char *text, size_t len) {
    return text[0] == '<' && len > 1 &&
           (isalpha((unsigned char)text[1]) || strchr("/!?", text[1]) != NULL) &&
           !mail_in_brackets(text, len);
}

static bool begins_image(const char *text, size_t len) {
    return len > 1 &&
           (strncmp(text, "![", 2) == 0 || (len >= 4 && strncasecmp(text, "<img", 4) == 0));
}

/* A name is others' text: what stands beside it must not make an address or markup with it. */
static bool joins_before(const char *text, size_t len) {
    return address_letter_before(text, len) || strchr(".:@\\%&+=#?!", text[len - 1]) != NULL;
}

static bool joins_after(const char *text, size_t len, const char *next, size_t next_len) {
    bool more = next_len > 1 && (address_letter_at(next, next_len, 1) || strchr("/\\", next[1]));
    if (!address_letter_before(text, len) && text[len - 1] != ')')
        return true;
    return address_letter_at(next, next_len, 0) || (strchr(".:@/?#\\", next[0]) != NULL && more) ||
           (strchr("(:", next[0]) != NULL && text[len - 1] == ']');
}

/* Bytes taken; 0: the character is like any other. */
static size_t add_markup(struct answer_rules *rules, const char *text, size_t len,
                         struct strbuf *out) {
    size_t index, n;
    if (begins_image(text, len) && !guard_holds(GUARD_IMAGES)) {
        rules->in_image = true;
        strbuf_add(out, text, 2);
        return 2;
    }
    if (rules->in_image) { /* only without the rule */
        rules->in_image = *text != ')' && *text != '>';
        return 0;
    }
    n = 0;
    while (n < len && text[n] == '!')
        n++;
    if (n > 0 && n < len && text[n] == '[' && guard_holds(GUARD_IMAGES))
        return n;
    if (begins_tag(text, len) && (guard_holds(GUARD_IMAGES) || guard_holds(GUARD_LINKS))) {
        strbuf_puts(out, "< ");
        return 1;
    }
    /* A link's text and its target, or a target's definition, apart. */
    if (*text == ']' && len > 1 && (text[1] == '(' || text[1] == ':') && guard_holds(GUARD_LINKS)) {
        strbuf_puts(out, "] ");
        return 1;
    }
    if (*text == '@' && rules->people != NULL &&
        (n = people_match(rules->people, text, len, &index)) > 0) {
        if (out->len > 0 && joins_before(strbuf_str(out), out->len))
            strbuf_puts(out, " ");
        add_person(rules, index, out);
        if (n < len && joins_after(strbuf_str(out), out->len, text + n, len - n))
            strbuf_puts(out, " ");
        return n;
    }
    return 0;
}

static void add_plain(struct answer_rules *rules, const char *text, size_t len,
                      struct strbuf *out) {
    size_t from = 0;
    for (size_t at = 0; at < len; at++) {
        if (strchr("!<]@)>", text[at]) == NULL)
            continue;
        strbuf_add(out, text + from, at - from);
        size_t n = add_markup(rules, text + at, len - at, out);
        from = at + n;
        at = n > 0 ? from - 1 : at;
    }
    strbuf_add(out, text + from, len - from);
}

/* ---- what a page may read in it ---- */

/* "&#46;", "&#x2e", as browsers read them: with any number of zeros, and without the semicolon. */
static size_t numbered(const char *text, size_t len, char *ret) {
    bool hex = (text[2] | 32) == 'x';
    size_t from = hex ? 3 : 2, at = from;
    unsigned long value = 0;
    for (; at < len && (hex ? isxdigit((unsigned char)text[at]) : isdigit((unsigned char)text[at]));
         at++) {
        char c = text[at];
        value = value * (hex ? 16 : 10) +
                (c <= '9' ? (unsigned)c - '0' : (unsigned)(c | 32) - 'a' + 10);
        value = value < 0x110000 ? value : 0x110000;
    }
    *ret = (char)value;
    if (at == from || value == 0 || value >= 0x80)
        return 0;
    return at + (at < len && text[at] == ';');
}

static size_t entity(const char *text, size_t len, char *ret) {
    static const struct {
        const char *name;
        char c;
    } names[] = {{"amp", '&'},    {"colon", ':'},  {"sol", '/'},     {"bsol", '\\'},
                 {"period", '.'}, {"commat", '@'}, {"quest", '?'},   {"num", '#'},
                 {"equals", '='}, {"lt", '<'},     {"gt", '>'},      {"lowbar", '_'},
                 {"hyphen", '-'}, {"Tab", '\t'},   {"NewLine", '\n'}};
    if (len > 2 && text[1] == '#')
        return numbered(text, len, ret);
    const char *end = memchr(text, ';', len < 12 ? len : 12);
    size_t n = end != NULL ? (size_t)(end - text) : 0;
    for (size_t i = 0; n > 1 && i < COUNT_OF(names); i++)
        if (strlen(names[i].name) == n - 1 && strncmp(names[i].name, text + 1, n - 1) == 0) {
            *ret = names[i].c;
            return n + 1;
        }
    return 0;
}

/* Character references and backslashes resolved, in place; returns the new length. */
static size_t resolve(char *text, size_t len) {
    size_t out = 0;
    for (size_t at = 0, n; at < len; at += n, out++) {
        char c = text[at];
        n = 1;
        if (c == '&' && (n = entity(text + at, len - at, &c)) == 0)
            n = 1;
        else if (c == '\\' && at + 1 < len && ispunct((unsigned char)text[at + 1])) {
            c = text[at + 1];
            n = 2;
        }
        text[out] = c;
    }
    text[out] = '\0';
    return out;
}

/* Schemes and hosts of the addresses in a word, a line each. */
static void add_hosts(struct strbuf *out, const char *word, size_t len) {
    struct address address;
    for (size_t at = 0; address_find(word, len, at, &address); at = address.at + address.len) {
        size_t end = address.host, all = address.at + address.len;
        if (address.kind == ADDRESS_STUCK)
            continue;
        while (end < all && strchr("/\\?#", word[end]) == NULL)
            end++;
        strbuf_add(out, word + address.at, end - address.at);
        strbuf_puts(out, "\n");
    }
}

static bool same_hosts(const char *word, size_t len, const char *read, size_t read_len) {
    SCOPE_STRBUF struct strbuf was = {0};
    SCOPE_STRBUF struct strbuf is = {0};
    add_hosts(&was, word, len);
    add_hosts(&is, read, read_len);
    return !was.failed && !is.failed && strcmp(strbuf_str(&was), strbuf_str(&is)) == 0;
}

/* Addresses that show only when a page has resolved what is written in another way. */
static bool hides_address(const char *word, size_t len, bool ascii) {
    bool written = memchr(word, '&', len) != NULL || memchr(word, '\\', len) != NULL;
    size_t n = len;
    bool hides = false;
    if (ascii && !written)
        return false;
    char *read = ascii ? malloc(len + 1)
                       : (char *)u8_normalize(UNINORM_NFKC, (const uint8_t *)word, len, NULL, &n);
    char *more = read != NULL ? realloc(read, n + 1) : NULL;
    if (more == NULL) {
        free(read);
        return true; /* not known, so not shown */
    }
    if (ascii)
        memcpy(more, word, len);
    more[n] = '\0';
    n = visible_clean(more, n);
    if (written)
        n = resolve(more, n);
    if (n != len || memcmp(more, word, n) != 0)
        hides = !same_hosts(word, len, more, n);
    explicit_bzero(more, n);
    free(more);
    return hides;
}

/* ---- words ---- */

/* "3.pm" */
static bool is_hour(const char *word, size_t len, size_t dot) {
    const char *after = word + dot + 1;
    return dot > 0 && isdigit((unsigned char)word[dot - 1]) && dot + 2 < len &&
           strchr("aApP", after[0]) != NULL && (after[1] | 32) == 'm' &&
           !address_letter_at(word, len, dot + 3);
}

bool answer_word(struct answer_rules *rules, const char *word, size_t len, struct strbuf *out) {
    bool ascii = true, plain = true, inside = false;
    struct address address;
    size_t at = 0;
    static const bool special[256] = {
        ['\0'] = true, ['.'] = true, [':'] = true, ['/'] = true, ['\\'] = true, ['@'] = true,
        ['<'] = true,  ['>'] = true, ['!'] = true, [']'] = true, [')'] = true,  ['&'] = true};
    for (size_t i = 0; i < len; i++) {
        ascii = ascii && (unsigned char)word[i] < 0x80;
        plain = plain && !special[(unsigned char)word[i]];
    }
    if (plain && ascii) {
        strbuf_add(out, word, len);
        return false;
    }
    if (guard_holds(GUARD_LINKS)) {
        if (hides_address(word, len, ascii)) {
            add_removed(out);
            return true;
        }
        for (size_t from = 0; address_find(word, len, from, &address);
             from = address.at + address.len) {
            size_t end = address.at + address.len;
            if (address.kind == ADDRESS_STUCK) { /* "tomorrow. It", "3 pm" */
                add_plain(rules, word + at, address.at - at, out);
                strbuf_puts(out, is_hour(word, len, address.at) ? " " : ". ");
            } else {
                add_plain(rules, word + at, address.at - at, out);
                if (out->len > 0 && out->data[out->len - 1] == '<' && word[address.at] == '/')
                    strbuf_puts(out, " "); /* "<//host" begins a tag as well */
                add_address(rules, word, len, &address, out);
                inside = len - end < PLACES_MAX;
            }
            at = end;
        }
    }
    add_plain(rules, word + at, len - at, out);
    return inside;
}
