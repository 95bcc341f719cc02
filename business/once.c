#include "business/once.h"

#include <ctype.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "business/api/operations.h"
#include "ipc/log.h"

#define RANDOM_HEX   32u /* digits: 128 bits */
#define RANDOM_LEN   22u /* of 128 bits in base64 */
#define RANDOM_TURNS 8u

static void hash_of(const struct business_server *server, const char *purpose, char *text,
                    uint8_t out[static 32]) {
    if (text == NULL)
        fatal("out of memory");
    business_mac(server, purpose, text, strlen(text), out);
    sodium_memzero(text, strlen(text));
    free(text);
}

void once_asker(const struct business_server *server, const char *address, char out[static 33]) {
    uint8_t mac[BUSINESS_MAC_LEN];
    business_mac(server, "asker", address, strlen(address), mac);
    hex_encode(mac, 16, out);
}

/* 32 hexadecimal digits or more, as of a UUID, with or without dashes. */
static bool random_hex(const char *key) {
    size_t digits = 0, letters = 0, dashes = 0;
    for (const char *at = key; *at != '\0'; at++) {
        digits += isdigit((unsigned char)*at) != 0;
        letters += strchr("abcdefABCDEF", *at) != NULL;
        dashes += *at == '-';
    }
    return digits > 0 && letters > 0 && digits + letters >= RANDOM_HEX &&
           digits + letters + dashes == strlen(key);
}

static int kind_of(char c) {
    return isdigit((unsigned char)c) ? 0 : islower((unsigned char)c) ? 1 : 2;
}

/* 22 letters, digits, - and _ or more, mixed as nobody writes them: words and times have a turn
 * from capitals, small letters and digits to each other every few characters, and not more. */
static bool random_text(const char *key) {
    size_t len = strlen(key), turns = 0;
    for (size_t i = 0; i < len; i++) {
        if (!isalnum((unsigned char)key[i]) && strchr("-_", key[i]) == NULL)
            return false;
        turns += i > 0 && kind_of(key[i]) != kind_of(key[i - 1]) &&
                 isalnum((unsigned char)key[i]) && isalnum((unsigned char)key[i - 1]);
    }
    return len >= RANDOM_LEN && turns >= RANDOM_TURNS;
}

/* A short key, or one of words, is chosen alike by others, and can be guessed by who wants to see
 * what came of it: it is one address's own. A random one is known only to who made it, and to whom
 * the address does not matter: a phone changes it between sending a form and sending it again. What
 * a gateway derived of a request has the address in it, but no secret. */
static bool known_to_one_alone(const struct used_key *used, const char *key) {
    return !used->derived && (random_hex(key) || random_text(key));
}

void once_key(const struct business_call *call, struct used_key *ret) {
    char *text = NULL;
    *ret = (struct used_key){.given = call->idempotency_key[0] != '\0',
                             .derived = strncmp(call->idempotency_key, IDEMPOTENCY_DERIVED,
                                                strlen(IDEMPOTENCY_DERIVED)) == 0};
    if (!ret->given)
        return;
    const char *who = call->by_agent ? call->user : call->asker;
    if (!call->by_agent && known_to_one_alone(ret, call->idempotency_key))
        who = "";
    if (asprintf(&text, "%s\n%s\n%s\n%s\n%s", call->name, call->by_agent ? "agent" : "", who,
                 call->business, call->idempotency_key) < 0)
        text = NULL;
    hash_of(call->server, "idempotency-key", text, ret->key);
    hash_of(call->server, "idempotency-arguments",
            json_dumps(call->arguments, JSON_COMPACT | JSON_SORT_KEYS), ret->arguments);
}

struct find {
    once_found *done;
    void *ctx;
    uint8_t arguments[32];
};

static void on_rows(void *ctx, int error, const struct pg_rows *rows, unsigned first, unsigned n) {
    struct find find = *(struct find *)ctx;
    const char *reference = NULL;
    bool same = false;
    free(ctx);
    if (error == 0 && n == 1) {
        size_t len;
        const uint8_t *arguments = pg_bytes(rows, first, 2, &len);
        reference = pg_text(rows, first, 1);
        same = len == sizeof(find.arguments) && memcmp(arguments, find.arguments, len) == 0;
    }
    find.done(find.ctx, error, reference, same);
}

void once_find(struct business_server *server, const struct used_key *key, once_found *done,
               void *ctx) {
    /* OFFSET: a row for each, by the index; not the whole table for all of them. */
    static struct together kind = {
        .sql = "SELECT n, coalesce(booking, inquiry), arguments "
               "FROM unnest($1::bytea[]) WITH ORDINALITY AS a (asked, n), "
               "LATERAL (SELECT * FROM used_keys WHERE key = asked OFFSET 0) AS k ORDER BY n",
        .types = "b",
        .reads = true};
    struct pg_param params[] = {PG_BYTES(key->key, sizeof(key->key))};
    struct find *find = malloc(sizeof(*find));
    if (find == NULL)
        fatal("out of memory");
    *find = (struct find){.done = done, .ctx = ctx};
    memcpy(find->arguments, key->arguments, sizeof(find->arguments));
    together_ask(server, &kind, params, false, on_rows, find);
}

void once_release(struct business_server *server, const struct used_key *key, const char *reference,
                  pg_done *done, void *ctx) {
    static const char sql[] =
        "DELETE FROM used_keys AS k USING bookings AS b WHERE k.key = $1 AND k.booking = $2 AND "
        "b.reference = k.booking AND b.status IN ('cancelling', 'cancelled')";
    struct pg_param params[] = {PG_BYTES(key->key, sizeof(key->key)), PG_TEXT(reference)};
    business_query(server, sql, params, COUNT_OF(params), done, ctx);
}

void once_refuse(struct business_call *call) {
    business_refuse(call, 409, "key_reused",
                    "This idempotency key was used with other arguments. Use a new one.", NULL);
}
