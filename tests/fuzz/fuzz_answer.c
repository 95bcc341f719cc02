/* Text on its way in and out of a turn. The first byte says in what pieces the answer comes; then,
 * a line each: text of an event, what the owner said, a guest's name; the rest is the answer.
 * Whatever they are: the pieces make no difference; what comes out is UTF-8, has no markup that a
 * page would follow and no link of anybody else's than the owner's; and nobody's own words are
 * called another's. */
#include <ctype.h>

#include "agent/answer.h"
#include "fuzz.h"
#include "memory/visible.h"
#include "providers/strbuf.h"

static int collect(void *ctx, const char *text, size_t len) {
    strbuf_add(ctx, text, len);
    return 0;
}

static void run(struct taint *taint, const struct people *people, const char *owner,
                const char *text, size_t len, size_t piece, struct strbuf *out) {
    struct answer *answer = answer_new(taint, people, collect, out);
    MUST(answer != NULL);
    answer_allow(answer, owner);
    answer_speaker(answer, true);
    for (size_t at = 0; at < len; at += piece)
        MUST(answer_feed(answer, text + at, len - at < piece ? len - at : piece) == 0);
    MUST(answer_end(answer) == 0);
    answer_free(answer);
    MUST(!out->failed);
}

static void look(const struct strbuf *out) {
    const char *text = strbuf_str(out);
    MUST(utf8_valid(text, out->len));
    MUST(strstr(text, "![") == NULL && strstr(text, "](") == NULL && strstr(text, "]:") == NULL);
    for (const char *at = text; (at = strchr(at, '<')) != NULL; at++)
        MUST(strchr("/!?", at[1]) == NULL || at[1] == '\0');
    SCOPE_STRBUF struct strbuf clean = {0};
    strbuf_add(&clean, text, out->len);
    MUST(clean.len == 0 || visible_clean(clean.data, clean.len) == out->len);
}

/* No address with a scheme leaves that the owner did not begin, as the owner's words look without
 * what cannot be seen. */
static void look_for_links(const struct strbuf *out, char *owner) {
    owner[visible_clean(owner, strlen(owner))] = '\0';
    if (strstr(owner, "//") != NULL)
        return;
    for (const char *at = strbuf_str(out); (at = strstr(at, "://")) != NULL; at++) {
        char host[256]; /* who gave a host gave it with the web's schemes */
        size_t len =
            strspn(at + 3, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-");
        (void)snprintf(host, sizeof(host), "%.*s", (int)(len < 255 ? len : 255), at + 3);
        if (strspn(host, ".-") == strlen(host)) /* leads nowhere */
            continue;
        MUST(at == out->data || !isalpha((unsigned char)at[-1]) || strcasestr(owner, host) != NULL);
    }
}

/* The owner's words are the owner's, and an event's are its own. */
static void compare(const char *event, const char *owner, const char *text) {
    struct taint *taint = taint_new();
    MUST(taint != NULL && !taint_seen(taint));
    taint_add(taint, TAINT_GOOGLE, "event", event);
    const char *words[] = {owner, text};
    MUST(taint_seen(taint) == (*event != '\0'));
    MUST(!taint_other(taint, event, "event", NULL, 0));
    (void)taint_other(taint, text, NULL, words, 1);
    size_t len = strlen(event);
    MUST(len == 0 || taint_has(taint, event + len / 2, len - len / 2));
    taint_free(taint);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len) {
    struct input input = {data, len};
    struct strbuf whole = {0}, cut = {0};
    size_t piece = input_byte(&input) % 13 + 1u;
    char *event = input_until(&input, '\n'), *owner = input_until(&input, '\n');
    char *name = input_until(&input, '\n');
    char *text = strndup(input.left > 0 ? (const char *)input.at : "", input.left);
    struct taint *taint = taint_new();
    struct people *people = people_new();
    MUST(text != NULL && taint != NULL && people != NULL);
    taint_add(taint, TAINT_GOOGLE, "event", event);
    (void)people_alias(people, "", name);
    size_t text_len = strlen(text);
    run(taint, people, owner, text, text_len, text_len + 1, &whole);
    run(taint, people, owner, text, text_len, piece, &cut);
    MUST(strcmp(strbuf_str(&whole), strbuf_str(&cut)) == 0);
    look(&whole);
    compare(event, owner, text);
    look_for_links(&whole, owner);
    people_free(people);
    taint_free(taint);
    strbuf_free(&whole);
    strbuf_free(&cut);
    free(event);
    free(owner);
    free(name);
    free(text);
    return 0;
}
