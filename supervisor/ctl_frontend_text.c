#include "supervisor/ctl_frontend_text.h"

#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#define KEY_BYTES 32
#define KEY_LINE  "key_sha256"

int frontend_key_make(struct frontend_key *ret) {
    uint8_t raw[KEY_BYTES], digest[crypto_hash_sha256_BYTES];
    if (sodium_init() < 0)
        return -ENOSYS;
    randombytes_buf(raw, sizeof(raw));
    memcpy(ret->text, FRONTEND_KEY_PREFIX, strlen(FRONTEND_KEY_PREFIX));
    base64url_encode(raw, sizeof(raw), ret->text + strlen(FRONTEND_KEY_PREFIX));
    (void)crypto_hash_sha256(digest, (const uint8_t *)ret->text, strlen(ret->text));
    hex_encode(digest, sizeof(digest), ret->sha256);
    sodium_memzero(raw, sizeof(raw));
    return 0;
}

void frontend_key_wipe(struct frontend_key *key) {
    sodium_memzero(key, sizeof(*key));
}

char *frontend_text_new(const struct frontend_wish *wish, const char *sha256) {
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    if (out == NULL)
        return NULL;
    fprintf(out,
            "# Written by cloisterctl, which also changes the key. Lines may be added by "
            "hand.\n" KEY_LINE "=%s\n",
            sha256);
    for (size_t i = 0; i < wish->returns; i++)
        fprintf(out, "return_to=%s\n", wish->return_to[i]);
    if (wish->may != NULL)
        fprintf(out, "may=%s\n", wish->may);
    if (wish->rate != NULL)
        fprintf(out, "requests_per_second=%s\n", wish->rate);
    if (wish->burst != NULL)
        fprintf(out, "burst=%s\n", wish->burst);
    if (wish->tokens != NULL)
        fprintf(out, "tokens_per_day=%s\n", wish->tokens);
    if (wish->spend != NULL)
        fprintf(out, "spend_per_day=%s\n", wish->spend);
    if (fclose(out) != 0) {
        free(text);
        return NULL;
    }
    return text;
}

/* As frontend_parse reads it: a key that the gateway takes is one that rotate must take out. */
static bool is_key_line(const char *line, size_t len) {
    size_t blanks = strspn(line, " \t\r"), name = strlen(KEY_LINE);
    if (blanks + name >= len || strncmp(line + blanks, KEY_LINE, name) != 0)
        return false;
    size_t after = blanks + name;
    after += strspn(line + after, " \t\r");
    return after < len && line[after] == '=';
}

/* Length of the line at `at` without its end. */
static size_t line_len(const char *at) {
    return strcspn(at, "\n");
}

static const char *next_line(const char *at) {
    at += line_len(at);
    return *at == '\n' ? at + 1 : at;
}

static size_t count_keys(const char *text) {
    size_t keys = 0;
    for (const char *at = text; *at != '\0'; at = next_line(at))
        keys += is_key_line(at, line_len(at));
    return keys;
}

char *frontend_text_rotate(const char *text, const char *sha256) {
    char *fresh = NULL;
    size_t size, keys = count_keys(text), seen = 0;
    FILE *out = open_memstream(&fresh, &size);
    if (out == NULL)
        return NULL;
    for (const char *at = text; *at != '\0'; at = next_line(at)) {
        bool key = is_key_line(at, line_len(at));
        seen += key;
        if (key && seen < keys)
            continue;
        (void)fwrite(at, 1, line_len(at), out);
        (void)fputc('\n', out);
        if (key && sha256 != NULL)
            fprintf(out, KEY_LINE "=%s\n", sha256);
    }
    if (fclose(out) != 0) {
        free(fresh);
        return NULL;
    }
    return fresh;
}
