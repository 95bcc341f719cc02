/* Addresses that browsers are sent to, and the features of a connection: a checked address stays
 * one when a parameter is appended and the parameter is read back from it; the scopes asked for are
 * those that grant the features. The input's lines: address, value, words. */
#include <errno.h>

#include "fuzz.h"
#include "supervisor/connect_features.h"
#include "supervisor/url.h"
#include "supervisor/words.h"

/* What stands behind "name=" at the end, decoded. */
static void value_comes_back(const char *url, const char *value) {
    const char *at = strrchr(url, '=');
    MUST(at != NULL);
    for (at++; *value != '\0'; value++) {
        unsigned c = (uint8_t)*at++;
        if (c == '%') {
            MUST(sscanf(at, "%2X", &c) == 1);
            at += 2;
        }
        MUST(c == (uint8_t)*value);
    }
    MUST(*at == '\0');
}

static void append(const char *url, const char *value) {
    char out[LOCATION_MAX], small[64];
    MUST(snprintf(out, sizeof(out), "%s", url) < (int)sizeof(out));
    int r = url_append(out, sizeof(out), "code", value);
    MUST(r == 0 || r == -ENOSPC);
    MUST(strncmp(out, url, strlen(url)) == 0 && memchr(out, '\0', sizeof(out)) != NULL);
    if (r == 0) {
        value_comes_back(out, value);
        MUST(strlen(out) > RETURN_TO_MAX || url_valid(out));
    }
    (void)snprintf(small, sizeof(small), "%s", url);
    r = url_append(small, sizeof(small), "code", value);
    MUST(memchr(small, '\0', sizeof(small)) != NULL);
    r = url_join(small, sizeof(small), url, "connect");
    MUST(r == -ENOSPC || strcmp(small + strlen(small) - 8, "/connect") == 0);
}

static void features(const char *text) {
    char scope[1024];
    SCOPE_WORDS struct words words, scopes;
    words_split(text, &words);
    MUST(words.n <= WORDS_MAX);
    char *joined = words_join(words.list, words.n);
    MUST(joined != NULL && strlen(joined) <= strlen(text));
    words_split(joined, &scopes);
    MUST(scopes.n == words.n);
    words_done(&scopes);
    free(joined);
    MUST(features_scope(words.list, words.n, scope, sizeof(scope)) == 0);
    words_split(scope, &scopes);
    const char *name;
    for (size_t i = 0; (name = feature_name(i)) != NULL; i++)
        MUST(feature_known(name) &&
             feature_granted(name, scopes.list, scopes.n) == words_has(words.list, words.n, name));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len) {
    struct input input = {data, len};
    char *url = input_until(&input, '\n'), *value = input_until(&input, '\n');
    char *words = input_until(&input, '\0');
    if (url_valid(url)) {
        MUST(strlen(url) <= RETURN_TO_MAX && strpbrk(url, "\r\n\t #\"<>") == NULL);
        append(url, value);
    }
    features(words);
    free(url);
    free(value);
    free(words);
    return 0;
}
