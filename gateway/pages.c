#include "gateway/pages.h"

#include <event2/buffer.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

static const char style[] =
    "body{font:1.1rem/1.6 system-ui,sans-serif;max-width:36rem;margin:12vh auto;padding:0 1.25rem;"
    "color:#1b1f24;background:#fff}h1{font-size:1.5rem;line-height:1.3}a{color:#0a58ca}"
    "a:focus-visible{outline:3px solid #0a58ca;outline-offset:2px}"
    "@media(prefers-color-scheme:dark){body{color:#e6e6e6;background:#16181b}a{color:#8ab4f8}}";

/* The policy names the style sheet's hash, so nothing else on a page can take effect. */
static const char *policy(void) {
    static char text[256];
    uint8_t digest[crypto_hash_sha256_BYTES];
    char hash[sodium_base64_ENCODED_LEN(sizeof(digest), sodium_base64_VARIANT_ORIGINAL)];
    if (text[0] != '\0')
        return text;
    (void)crypto_hash_sha256(digest, (const uint8_t *)style, sizeof(style) - 1);
    (void)sodium_bin2base64(hash, sizeof(hash), digest, sizeof(digest),
                            sodium_base64_VARIANT_ORIGINAL);
    (void)snprintf(
        text, sizeof(text),
        "default-src 'none'; style-src 'sha256-%s'; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'",
        hash);
    return text;
}

static void add_escaped(struct evbuffer *out, const char *text) {
    for (const char *c = text; *c != '\0'; c++) {
        const char *entity = *c == '<'    ? "&lt;"
                             : *c == '>'  ? "&gt;"
                             : *c == '&'  ? "&amp;"
                             : *c == '"'  ? "&quot;"
                             : *c == '\'' ? "&#39;"
                                          : NULL;
        if (entity != NULL)
            (void)evbuffer_add(out, entity, strlen(entity));
        else
            (void)evbuffer_add(out, c, 1);
    }
}

static void write_page(struct evbuffer *out, const struct page *page) {
    (void)evbuffer_add_printf(
        out, "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
             "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">"
             "<meta name=\"robots\" content=\"noindex\"><title>");
    add_escaped(out, page->title);
    (void)evbuffer_add_printf(out, " · Cloister</title><style>%s</style></head>\n<body><main><h1>",
                              style);
    add_escaped(out, page->title);
    (void)evbuffer_add_printf(out, "</h1>\n<p>");
    add_escaped(out, utf8_valid(page->text, strlen(page->text)) ? page->text : "");
    (void)evbuffer_add_printf(out, "</p>");
    if (page->link != NULL) {
        (void)evbuffer_add_printf(out, "\n<p><a href=\"");
        add_escaped(out, page->link);
        (void)evbuffer_add_printf(out, "\">");
        add_escaped(out, page->link_text);
        (void)evbuffer_add_printf(out, "</a></p>");
    }
    (void)evbuffer_add_printf(out, "\n</main></body></html>\n");
}

void page_answer(struct call *call, const struct page *page, const struct call_header *more,
                 size_t more_count) {
    struct call_header headers[6] = {{"Content-Security-Policy", policy()},
                                     {"X-Frame-Options", "DENY"}};
    size_t n = 2;
    struct evbuffer *out = evbuffer_new();
    if (out == NULL) {
        call_refuse(call, 503, "full", "The server is out of memory. Try again in a moment.");
        return;
    }
    for (size_t i = 0; i < more_count && n < COUNT_OF(headers); i++)
        headers[n++] = more[i];
    write_page(out, page);
    size_t len = evbuffer_get_length(out);
    call_answer(call, page->status, "text/html; charset=utf-8",
                (const char *)evbuffer_pullup(out, -1), len, headers, n);
    evbuffer_free(out);
}

/* What people read for each code; anything else shows the failure's own sentence. */
static const struct {
    const char *code, *title, *text;
} failures[] = {
    {"link_invalid", "This link does not work",
     "It is not complete, or it has been used already. Each link works once. Go back to the chat "
     "where you got it and ask for a new one."},
    {"link_expired", "This link has expired",
     "Connect links hold for ten minutes. Go back to the chat where you got it and ask for a new "
     "one."},
    {"wrong_browser", "Please use the browser you started in",
     "For your safety, the whole way through Google has to be made in one browser with cookies on. "
     "Open the link again there, or ask for a new one in the chat."},
    {"consent_refused", "Nothing was connected",
     "You did not allow access at Google, so nothing was connected and nothing was kept. Ask for a "
     "new link in the chat if you change your mind."},
    {"connect_failed", "Google could not be connected",
     "Google did not complete the connection, and nothing was kept. Ask for a new link in the chat "
     "and try once more."},
    {"supervisor_unavailable", "Just a moment",
     "Cloister is starting or restarting. Wait a few seconds and load this page again."},
    {"database_unavailable", "Just a moment",
     "The service is briefly unavailable. Wait a few seconds and load this page again."},
};

void page_failure(struct call *call, const struct problem *problem, const struct call_header *more,
                  size_t more_count) {
    struct call_header headers[4];
    char seconds[24];
    size_t n = 0;
    bool next = web_address(problem->action_url);
    struct page page = {
        .status = problem->status,
        .title = "Google could not be connected",
        .text = problem->detail != NULL && problem->detail[0] != '\0'
                    ? problem->detail
                    : "Something went wrong. Ask for a new link in the chat and try once more.",
        .link = next ? problem->action_url : "/",
        .link_text = next ? "Continue" : "What is this?",
    };
    for (size_t i = 0; i < COUNT_OF(failures); i++)
        if (strcmp(failures[i].code, problem->code) == 0) {
            page.title = failures[i].title;
            page.text = failures[i].text;
        }
    if (problem->retry_after_ms > 0) {
        (void)snprintf(seconds, sizeof(seconds), "%llu",
                       (unsigned long long)((problem->retry_after_ms + 999) / 1000));
        headers[n++] = (struct call_header){"Retry-After", seconds};
    }
    for (size_t i = 0; i < more_count && n < COUNT_OF(headers); i++)
        headers[n++] = more[i];
    page_answer(call, &page, headers, n);
}
