/* A frontend's file: what is accepted is within its bounds, what cloisterctl makes of it is
 * accepted too and has the keys it should have. The first line is an address to be returned to. */
#include "fuzz.h"
#include "gateway/frontends.h"
#include "supervisor/ctl_frontend_text.h"

static const char fresh_key[] = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

static struct frontend *parsed(const char *text) {
    char *copy = strdup(text);
    struct frontend *frontend = frontend_new("name");
    MUST(copy != NULL && frontend != NULL);
    const char *why = frontend_parse(copy, frontend);
    free(copy);
    if (why == NULL)
        return frontend;
    MUST(why[0] != '\0');
    frontend_free(frontend);
    return NULL;
}

static void within_bounds(const struct frontend *frontend) {
    MUST(frontend->keys >= 1 && frontend->keys <= FRONTEND_KEYS_MAX);
    MUST(frontend->returns <= FRONTEND_RETURNS_MAX);
    MUST(frontend->rate >= 1 && frontend->rate <= 1000000);
    MUST(frontend->burst >= 1 && frontend->burst <= 1000000);
    MUST(frontend->rights != 0 && (frontend->rights & ~FRONTEND_RIGHTS_ALL) == 0);
    for (size_t i = 0; i < frontend->returns; i++)
        for (const char *c = frontend->return_to[i]; *c != '\0'; c++)
            MUST(*c > 0x20 && *c < 0x7f);
}

/* A browser goes only where a line says, or to its own machine. */
static void returns(const struct frontend *frontend, const char *url) {
    bool exact = false, loopback = false;
    for (size_t i = 0; i < frontend->returns; i++) {
        loopback = loopback || strcmp(frontend->return_to[i], FRONTEND_LOOPBACK) == 0;
        exact = exact || strcmp(frontend->return_to[i], url) == 0;
    }
    if (!frontend_may_return(frontend, url))
        MUST(!exact || strcmp(url, FRONTEND_LOOPBACK) == 0);
    else if (!exact)
        MUST(loopback && strncmp(url, "http://", 7) == 0 && strpbrk(url, "\r\n \\") == NULL &&
             memchr(url, '@', 7 + strcspn(url + 7, "/?")) == NULL);
}

static void rotated(const char *text, const struct frontend *before) {
    char *longer = frontend_text_rotate(text, fresh_key), *shorter;
    MUST(longer != NULL && (shorter = frontend_text_rotate(longer, NULL)) != NULL);
    struct frontend *two = parsed(longer), *one = parsed(shorter);
    uint8_t key[32];
    MUST(hex_decode(fresh_key, key, sizeof(key)) == 0);
    MUST(two != NULL && two->keys == 2 && memcmp(two->key_sha256[1], key, sizeof(key)) == 0);
    MUST(memcmp(two->key_sha256[0], before->key_sha256[before->keys - 1], sizeof(key)) == 0);
    MUST(one != NULL && one->keys == 1 && memcmp(one->key_sha256[0], key, sizeof(key)) == 0);
    MUST(two->returns == before->returns && one->rights == before->rights);
    frontend_free(two);
    frontend_free(one);
    free(longer);
    free(shorter);
}

/* What cloisterctl writes anew for an address that the gateway's rules allow. */
static void written(const char *url) {
    const char *const addresses[] = {url, FRONTEND_LOOPBACK};
    const struct frontend_wish wish = {
        .return_to = addresses, .returns = 2, .rate = "5", .burst = "7", .may = "chat"};
    char *text = frontend_text_new(&wish, fresh_key);
    MUST(text != NULL);
    struct frontend *frontend = parsed(text);
    if (frontend != NULL) {
        within_bounds(frontend);
        MUST(frontend->keys == 1 && frontend->returns == 2 && frontend->rate == 5 &&
             frontend->burst == 7 && frontend->rights == FRONTEND_CHAT);
        returns(frontend, url);
    }
    frontend_free(frontend);
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len) {
    struct input input = {data, len};
    char *url = input_until(&input, '\n'), *text = input_until(&input, '\0');
    unsigned rights = 0;
    MUST(!frontend_name_valid(url) || strlen(url) <= FRONTEND_NAME_MAX);
    if (frontend_rights_parse(url, &rights) == 0)
        MUST(rights != 0 && (rights & ~FRONTEND_RIGHTS_ALL) == 0);
    written(url);
    struct frontend *frontend = parsed(text);
    if (frontend != NULL) {
        within_bounds(frontend);
        returns(frontend, url);
        rotated(text, frontend);
        frontend_free(frontend);
    }
    free(url);
    free(text);
    return 0;
}
