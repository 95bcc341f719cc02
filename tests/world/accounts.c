#include "tests/world/accounts.h"

#include <ctype.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <string.h>

#define DOMAIN        "@example.test"
#define REFRESH_LIMIT 100
#define ACCESS_KEPT   20000

static bool name_valid(const char *name, size_t len) {
    if (len == 0 || len > 48)
        return false;
    for (size_t i = 0; i < len; i++)
        if (!isalnum((unsigned char)name[i]) && !strchr("._-+", name[i]))
            return false;
    return true;
}

/* The account name meant by an address or a bare name. */
static bool name_of(const char *who, char out[static 64]) {
    const char *at = strchr(who, '@');
    size_t len = at ? (size_t)(at - who) : strlen(who);
    if ((at && strcmp(at, DOMAIN) != 0) || !name_valid(who, len))
        return false;
    for (size_t i = 0; i < len; i++)
        out[i] = (char)tolower((unsigned char)who[i]);
    out[len] = '\0';
    return true;
}

static void stable_sub(const char *name, char out[static 24]) {
    uint8_t digest[SHA256_DIGEST_LENGTH];
    SHA256((const uint8_t *)name, strlen(name), digest);
    out[0] = '1';
    for (size_t i = 0; i < 20; i++)
        out[i + 1] = (char)('0' + digest[i] % 10);
    out[21] = '\0';
}

json_t *account_find(struct world *w, const char *who) {
    char name[64];
    if (!who)
        return NULL;
    json_t *account = name_of(who, name) ? json_object_get(w->accounts, name) : NULL;
    if (account)
        return account;
    const char *key;
    json_object_foreach(w->accounts, key,
                        account) if (strcmp(account_text(account, "sub"), who) == 0) return account;
    return NULL;
}

json_t *account_get(struct world *w, const char *who) {
    json_t *account = account_find(w, who);
    char name[64], sub[24];
    if (account || !who || !name_of(who, name) || isdigit((unsigned char)name[0]))
        return account;
    stable_sub(name, sub);
    account = json_pack("{s:s,s:s+,s:s,s:s,s:{},s:{},s:b}", "name", name, "email", name, DOMAIN,
                        "sub", sub, "zone", w->opt.zone, "granted", "events", "offline", 0);
    json_object_set_new(w->accounts, name, account);
    world_touch(w);
    return account;
}

const char *account_text(const json_t *account, const char *key) {
    const char *text = json_string_value(json_object_get(account, key));
    return text ? text : "";
}

const struct zone *account_zone(const json_t *account) {
    const struct zone *zone = zone_find(account_text(account, "zone"));
    return zone ? zone : zone_find("UTC");
}

static void random_token(const char *prefix, char out[static 96]) {
    char hex[65];
    random_hex(hex, 64);
    snprintf(out, 96, "%s%s", prefix, hex);
}

/* Drops access tokens that have long expired, so that a benchmark's refreshes do not pile up. */
static void prune_access(struct world *w) {
    if (json_object_size(w->access) < ACCESS_KEPT)
        return;
    const char *key;
    void *next;
    json_t *record;
    json_object_foreach_safe(w->access, next, key,
                             record) if (json_integer_value(json_object_get(record, "expires")) <
                                         world_now_s(w)) json_object_del(w->access, key);
}

json_t *token_new_access(struct world *w, const char *account, const char *scope,
                         const char *refresh, char out[static 96]) {
    prune_access(w);
    random_token("ya29.a0", out);
    json_t *record = json_pack("{s:s,s:s,s:s,s:I}", "account", account, "scope", scope, "refresh",
                               refresh ? refresh : "", "expires",
                               (json_int_t)(world_now_s(w) + w->opt.access_ttl_s));
    json_object_set_new(w->access, out, record);
    return record;
}

/* Google silently ends the oldest token of a user and client when there are too many. */
static void limit_refresh(struct world *w, const char *account) {
    const char *key, *oldest = NULL;
    int count = 0;
    json_t *record;
    json_object_foreach(w->refresh, key, record) {
        if (strcmp(account_text(record, "account"), account) != 0)
            continue;
        count++;
        if (!oldest)
            oldest = key;
    }
    if (oldest && count > REFRESH_LIMIT)
        json_object_del(w->refresh, oldest);
}

void token_new_refresh(struct world *w, const char *account, const char *client, const char *scope,
                       char out[static 96]) {
    random_token("1//0", out);
    json_object_set_new(w->refresh, out,
                        json_pack("{s:s,s:s,s:s,s:I}", "account", account, "client", client,
                                  "scope", scope, "seq", (json_int_t)world_next(w)));
    if (w->opt.token_limit)
        limit_refresh(w, account);
    world_touch(w);
}

const json_t *token_check_access(struct world *w, const char *token) {
    const json_t *record = json_object_get(w->access, token);
    if (!record || json_integer_value(json_object_get(record, "expires")) <= world_now_s(w))
        return NULL;
    return record;
}

const json_t *token_check_refresh(struct world *w, const char *token) {
    return json_object_get(w->refresh, token);
}

static int kill_in(json_t *tokens, const char *account) {
    const char *key;
    void *next;
    json_t *record;
    int killed = 0;
    json_object_foreach_safe(tokens, next, key,
                             record) if (strcmp(account_text(record, "account"), account) == 0) {
        json_object_del(tokens, key);
        killed++;
    }
    return killed;
}

int token_kill(struct world *w, const char *account, bool refresh, bool access) {
    int killed = 0;
    if (refresh)
        killed += kill_in(w->refresh, account);
    if (access)
        killed += kill_in(w->access, account);
    world_touch(w);
    return killed;
}

bool scope_has(const char *list, const char *word) {
    size_t len = strlen(word);
    for (const char *p = list; len && (p = strstr(p, word)); p += len)
        if ((p == list || p[-1] == ' ') && (p[len] == ' ' || p[len] == '\0'))
            return true;
    return false;
}

char *scope_add(char *list, const char *word, size_t word_len) {
    SCOPE_FREE char *one = strndup(word, word_len);
    if (!one || (list && scope_has(list, one)))
        return list;
    char *longer = NULL;
    if (asprintf(&longer, "%s%s%s", list ? list : "", list && *list ? " " : "", one) < 0)
        return list;
    free(list);
    return longer;
}
