#include "memory/taint.h"

#include <ctype.h>
#include <string.h>

#include "memory/taint_runs.h"

#define LOOKED_MAX (UINT64_C(256) << 20) /* bytes compared for taint_has in one turn */
#define CODED_MIN  12u

struct seen {
    struct seen *next;
    char *text, *about;
    char *lower;      /* made when it is first searched */
    struct runs runs; /* made when it is first compared */
    bool compared;
};

struct taint {
    struct seen *first, **last;
    size_t bytes;
    uint64_t looked;
    bool any, full;
};

struct taint *taint_new(void) {
    struct taint *taint = calloc(1, sizeof(*taint));
    if (taint != NULL)
        taint->last = &taint->first;
    return taint;
}

static void seen_free(struct seen *seen) {
    if (seen->text != NULL)
        explicit_bzero(seen->text, strlen(seen->text));
    if (seen->lower != NULL)
        explicit_bzero(seen->lower, strlen(seen->lower));
    free(seen->lower);
    free(seen->text);
    free(seen->about);
    runs_free(&seen->runs);
    free(seen);
}

void taint_free(struct taint *taint) {
    if (taint == NULL)
        return;
    for (struct seen *seen = taint->first; seen != NULL;) {
        struct seen *next = seen->next;
        seen_free(seen);
        seen = next;
    }
    free(taint);
}

void taint_add(struct taint *taint, enum taint_source source, const char *about, const char *text) {
    size_t len = strlen(text);
    (void)source; /* both are somebody else's */
    if (len == 0)
        return;
    taint->any = true;
    if (len > TAINT_TEXT_MAX - taint->bytes) {
        taint->full = true;
        return;
    }
    for (const struct seen *seen = taint->first; seen != NULL; seen = seen->next)
        if (strcmp(seen->text, text) == 0 && strcmp(seen->about, about) == 0)
            return; /* the occurrences of a series */
    struct seen *seen = calloc(1, sizeof(*seen));
    if (seen == NULL) {
        taint->full = true;
        return;
    }
    seen->text = strdup(text);
    seen->about = strdup(about);
    if (seen->text == NULL || seen->about == NULL) {
        seen_free(seen);
        taint->full = true;
        return;
    }
    taint->bytes += len;
    *taint->last = seen;
    taint->last = &seen->next;
}

bool taint_seen(const struct taint *taint) {
    return taint->any;
}

/* ---- does a text repeat another event's? ---- */

static int value_of(char c, unsigned base) {
    if (base == 16)
        return isxdigit((unsigned char)c)
                   ? (isdigit((unsigned char)c) ? c - '0' : (c | 32) - 'a' + 10)
                   : -1;
    if (isupper((unsigned char)c))
        return c - 'A';
    if (islower((unsigned char)c))
        return c - 'a' + 26;
    if (isdigit((unsigned char)c))
        return c - '0' + 52;
    if (c == '+' || c == '-')
        return 62;
    return c == '/' || c == '_' ? 63 : -1;
}

/* What the text's long words say in base 16 or 64, one after another; only as much as fits `out`,
 * which has room for `len` bytes. */
static size_t decode_words(const char *text, size_t len, unsigned base, char *out) {
    const unsigned bits = base == 16 ? 4 : 6;
    size_t n = 0;
    for (size_t at = 0; at < len;) {
        size_t end = at;
        while (end < len && value_of(text[end], base) >= 0)
            end++;
        uint32_t held = 0;
        unsigned have = 0;
        for (size_t i = at; end - at >= CODED_MIN && i < end; i++) {
            held = (held << bits | (uint32_t)value_of(text[i], base)) & 0xffff;
            have += bits;
            if (have >= 8) {
                have -= 8;
                out[n++] = (char)(held >> have & 0xff);
            }
        }
        at = end + 1;
    }
    return n;
}

/* Adds the runs of one form of the text. False: no memory. */
static bool add_form(struct run_set *set, const char *text, size_t len, bool backwards,
                     const struct run_set *without) {
    struct runs runs;
    if (runs_of(text, len, &runs) < 0)
        return false;
    for (size_t i = 0; backwards && i < runs.nletters / 2; i++) {
        uint32_t c = runs.letters[i];
        runs.letters[i] = runs.letters[runs.nletters - 1 - i];
        runs.letters[runs.nletters - 1 - i] = c;
    }
    run_set_add(set, &runs, without);
    runs_free(&runs);
    return true;
}

/* The text backwards, and what it says in other bases. */
static bool add_disguises(struct run_set *set, const char *text, const struct run_set *without) {
    size_t len = strlen(text);
    SCOPE_FREE char *decoded = malloc(len + 1);
    if (decoded == NULL)
        return false;
    bool ok = add_form(set, text, len, true, without);
    for (unsigned base = 16; ok && base <= 64; base += 48)
        ok = add_form(set, decoded, decode_words(text, len, base, decoded), false, without);
    explicit_bzero(decoded, len);
    return ok;
}

static bool compare(struct seen *seen) {
    if (!seen->compared)
        seen->compared = runs_of(seen->text, strlen(seen->text), &seen->runs) == 0;
    return seen->compared;
}

static bool is_about(const struct seen *seen, const char *about) {
    return about != NULL && strcmp(seen->about, about) == 0;
}

/* What may be said: the owner's words and the event's own. False: no memory. */
static bool allowed_runs(const struct taint *taint, const char *about, const char *const *words,
                         size_t n, struct run_set *ret) {
    size_t letters = 0;
    for (size_t i = 0; i < n; i++)
        letters += strlen(words[i]);
    for (const struct seen *seen = taint->first; seen != NULL; seen = seen->next)
        letters += is_about(seen, about) ? strlen(seen->text) : 0;
    /* Folding makes some characters several; what has no room is not exempted. */
    if (run_set_new(letters * 2, letters, ret) < 0)
        return false;
    bool ok = true;
    for (size_t i = 0; ok && i < n; i++)
        ok = add_form(ret, words[i], strlen(words[i]), false, NULL);
    for (struct seen *seen = taint->first; ok && seen != NULL; seen = seen->next) {
        if (!is_about(seen, about))
            continue;
        ok = compare(seen);
        if (ok)
            run_set_add(ret, &seen->runs, NULL);
    }
    return ok;
}

bool taint_other(const struct taint *taint, const char *text, const char *about_allowed,
                 const char *const *words, size_t n) {
    struct run_set allowed = {0}, loose = {0};
    if (!taint->any)
        return false;
    size_t len = strlen(text), most = len * 18; /* NFKD: U+FDFA becomes that many */
    bool sure = allowed_runs(taint, about_allowed, words, n, &allowed) &&
                run_set_new(2 * most, most, &loose) == 0 &&
                add_form(&loose, text, len, false, &allowed);
    bool other = !sure || (taint->full && loose.used > 0) || !add_disguises(&loose, text, &allowed);
    for (struct seen *seen = taint->first; !other && loose.used > 0 && seen != NULL;
         seen = seen->next)
        if (!is_about(seen, about_allowed))
            other = !compare(seen) || run_set_meets(&loose, &seen->runs);
    run_set_free(&allowed);
    run_set_free(&loose);
    return other;
}

/* ---- is a text a piece of it? ---- */

static char *lowered(const char *text, size_t len) {
    char *lower = malloc(len + 1);
    for (size_t i = 0; lower != NULL && i < len; i++)
        lower[i] = (char)tolower((unsigned char)text[i]);
    if (lower != NULL)
        lower[len] = '\0';
    return lower;
}

bool taint_has(struct taint *taint, const char *text, size_t len) {
    if (len == 0 || taint->looked >= LOOKED_MAX)
        return false;
    taint->looked += taint->bytes;
    SCOPE_FREE char *wanted = lowered(text, len);
    bool found = false;
    for (struct seen *seen = taint->first; !found && wanted != NULL && seen != NULL;
         seen = seen->next) {
        if (seen->lower == NULL)
            seen->lower = lowered(seen->text, strlen(seen->text));
        found =
            seen->lower != NULL && memmem(seen->lower, strlen(seen->lower), wanted, len) != NULL;
    }
    return found;
}
