#include "gateway/frontend_file.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define BLANKS " \t\r"

static const struct {
    const char *word;
    enum frontend_right right;
} rights[] = {
    {"chat", FRONTEND_CHAT},         {"connect", FRONTEND_CONNECT},
    {"memory", FRONTEND_MEMORY},     {"disconnect", FRONTEND_DISCONNECT},
    {"business", FRONTEND_BUSINESS},
};

const char *frontend_right_word(size_t index, enum frontend_right *ret) {
    if (index >= COUNT_OF(rights))
        return NULL;
    *ret = rights[index].right;
    return rights[index].word;
}

static unsigned right_of(const char *word, size_t len) {
    for (size_t i = 0; i < COUNT_OF(rights); i++)
        if (strlen(rights[i].word) == len && strncmp(rights[i].word, word, len) == 0)
            return rights[i].right;
    return 0;
}

int frontend_rights_parse(const char *words, unsigned *ret) {
    unsigned got = 0;
    for (const char *p = words + strspn(words, BLANKS ","); *p != '\0';
         p += strspn(p, BLANKS ",")) {
        size_t len = strcspn(p, BLANKS ",");
        unsigned one = right_of(p, len);
        if (one == 0)
            return -EINVAL;
        got |= one;
        p += len;
    }
    if (got == 0)
        return -EINVAL;
    *ret = got;
    return 0;
}

bool frontend_may(const struct frontend *frontend, enum frontend_right right) {
    return (frontend->rights & (unsigned)right) == (unsigned)right;
}

bool frontend_name_valid(const char *name) {
    static const char letters[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
    size_t len = strlen(name);
    return len > 0 && len <= FRONTEND_NAME_MAX && name[0] != '.' && strspn(name, letters) == len &&
           strcmp(name, FRONTEND_WEB) != 0;
}

struct frontend *frontend_new(const char *name) {
    struct frontend *frontend = calloc(1, sizeof(*frontend));
    if (frontend == NULL)
        return NULL;
    (void)snprintf(frontend->name, sizeof(frontend->name), "%s", name);
    frontend->rate = FRONTEND_RATE;
    frontend->burst = FRONTEND_BURST;
    frontend->tokens_per_day = frontend->spend_per_day = FRONTEND_BUDGET_DEFAULT;
    frontend->rights = FRONTEND_RIGHTS_ALL;
    return frontend;
}

void frontend_free(struct frontend *frontend) {
    if (frontend == NULL)
        return;
    for (size_t i = 0; i < frontend->returns; i++)
        free(frontend->return_to[i]);
    free(frontend);
}

/* ---- lines ---- */

static const char *put_key(struct frontend *frontend, const char *value) {
    if (frontend->keys == FRONTEND_KEYS_MAX)
        return "at most two key_sha256 lines may hold at once; take the oldest out";
    if (hex_decode(value, frontend->key_sha256[frontend->keys], 32) < 0)
        return "key_sha256 must be 64 hex digits: printf %s KEY | sha256sum";
    frontend->keys++;
    return NULL;
}

static const char *put_return(struct frontend *frontend, const char *value) {
    if (frontend->returns == FRONTEND_RETURNS_MAX)
        return "too many return_to lines";
    bool web = strncmp(value, "https://", 8) == 0 || strncmp(value, "http://", 7) == 0;
    if ((!web && strcmp(value, FRONTEND_LOOPBACK) != 0) || strlen(value) > 2000)
        return "return_to must be an http(s) address, or the word loopback";
    for (const char *c = value; *c != '\0'; c++)
        if (*c <= 0x20 || *c >= 0x7f || *c == '#')
            return "return_to may hold neither blanks, a fragment nor non-ASCII characters";
    frontend->return_to[frontend->returns] = strdup(value);
    if (frontend->return_to[frontend->returns] == NULL)
        return "out of memory";
    frontend->returns++;
    return NULL;
}

static const char *put_number(uint32_t *number, const char *value) {
    uint64_t parsed;
    if (parse_u64(value, 1, 1000000, &parsed) < 0)
        return "requests_per_second and burst must be whole numbers from 1 to 1000000";
    *number = (uint32_t)parsed;
    return NULL;
}

static const char *put_budget(uint64_t *number, const char *value) {
    return parse_u64(value, 0, FRONTEND_BUDGET_MOST, number) < 0
               ? "tokens_per_day and spend_per_day must be whole numbers; 0 is no limit"
               : NULL;
}

static const char *put(struct frontend *frontend, const char *name, const char *value) {
    if (strcmp(name, "key_sha256") == 0)
        return put_key(frontend, value);
    if (strcmp(name, "return_to") == 0)
        return put_return(frontend, value);
    if (strcmp(name, "requests_per_second") == 0)
        return put_number(&frontend->rate, value);
    if (strcmp(name, "burst") == 0)
        return put_number(&frontend->burst, value);
    if (strcmp(name, "tokens_per_day") == 0)
        return put_budget(&frontend->tokens_per_day, value);
    if (strcmp(name, "spend_per_day") == 0)
        return put_budget(&frontend->spend_per_day, value);
    if (strcmp(name, "may") == 0)
        return frontend_rights_parse(value, &frontend->rights) < 0
                   ? "may takes some of the words chat, connect, memory, disconnect, business"
                   : NULL;
    return "unknown key (known: key_sha256, return_to, may, requests_per_second, burst, "
           "tokens_per_day, spend_per_day)";
}

/* Cuts the blanks around `text` off, in place. */
static char *trim(char *text) {
    text += strspn(text, BLANKS);
    size_t len = strlen(text);
    while (len > 0 && strchr(BLANKS, text[len - 1]) != NULL)
        text[--len] = '\0';
    return text;
}

const char *frontend_parse(char *text, struct frontend *frontend) {
    char *save = NULL;
    for (char *line = strtok_r(text, "\n", &save); line != NULL;
         line = strtok_r(NULL, "\n", &save)) {
        line = trim(line);
        if (line[0] == '\0' || line[0] == '#' || line[0] == ';')
            continue;
        char *equals = strchr(line, '=');
        if (equals == NULL || line[0] == '[')
            return "lines must be KEY=VALUE, without sections; # begins a comment line";
        *equals = '\0';
        const char *why = put(frontend, trim(line), trim(equals + 1));
        if (why != NULL)
            return why;
    }
    return frontend->keys == 0 ? "it has no key_sha256 line" : NULL;
}
