#include "gateway/pages.h"

#include <stdio.h>
#include <string.h>

#include "gateway/assets.h"
#include "gateway/html.h"
#include "gateway/query.h"

const struct page_kind page_kinds[PAGES_COUNT] = {
    [PAGE_CHAT] = {"chat.html", 3, {"csrf", "account", "notice"}},
    [PAGE_LANDING] = {"landing.html", 1, {"notice"}},
    [PAGE_CONNECT] = {"connect.html",
                      5,
                      {"csrf", "account", "availability_state", "events_state", "switch"}},
    [PAGE_MEMORY] = {"memory.html", 5, {"csrf", "account", "notice", "notes", "count"}},
    [PAGE_MEMORY_NOTE] = {"memory_note.html", 4, {"csrf", "id", "text", "day"}},
    [PAGE_RESULT] = {"result.html",
                     4,
                     {"title", "text", "link", "link_text", "home", "other", "other_text", "kept",
                      "target"}},
    [PAGE_OFFICE] = {"office.html",
                     8,
                     {"title", "csrf", "account", "notice", "main", "tab_businesses",
                      "tab_bookings", "tab_inquiries"}},
    [PAGE_FRONT] = {"front.html", 5, {"title", "description", "robots", "kind", "main"}},
};

/* scheme://host:port of an address as browsers write it (RFC 6454 section 6): in lower case,
 * without the scheme's own port. What is no address has none. */
static void origin_of(const char *url, char *out, size_t cap) {
    const char *host = strstr(url, "://");
    size_t len = host == NULL ? 0 : (size_t)(host - url) + 3 + strcspn(host + 3, "/?#");
    (void)snprintf(out, cap, "%.*s", (int)len, url);
    for (char *c = out; *c != '\0'; c++)
        *c = (char)(*c >= 'A' && *c <= 'Z' ? *c + 32 : *c);
    size_t used = strlen(out);
    if (strncmp(out, "https://", 8) == 0 && used > 4 && strcmp(out + used - 4, ":443") == 0)
        out[used - 4] = '\0';
    if (strncmp(out, "http://", 7) == 0 && used > 3 && strcmp(out + used - 3, ":80") == 0)
        out[used - 3] = '\0';
}

static bool starts(const char *text, const char *with) {
    return strncmp(text, with, strlen(with)) == 0;
}

/* This machine's own addresses need no TLS: nobody is in between. */
static bool is_loopback(const char *origin) {
    static const char *const hosts[] = {"http://127.0.0.1", "http://localhost", "http://[::1]"};
    for (size_t i = 0; i < COUNT_OF(hosts); i++) {
        size_t len = strlen(hosts[i]);
        if (starts(origin, hosts[i]) && (origin[len] == '\0' || origin[len] == ':'))
            return true;
    }
    return false;
}

void pages_prepare(struct gateway *gateway) {
    char google[256];
    char *origin = gateway->public_origin;
    origin_of(gateway->public_url, origin, sizeof(gateway->public_origin));
    origin_of(config_str(gateway->config, CONFIG_google_auth_url), google, sizeof(google));
    size_t len = strlen(gateway->public_url);
    while (len > 0 && gateway->public_url[len - 1] == '/')
        len--;
    (void)snprintf(gateway->home_url, sizeof(gateway->home_url), "%.*s/", (int)len,
                   gateway->public_url);
    gateway->secure_cookies = starts(origin, "https://");
    gateway->can_sign_in = gateway->secure_cookies || is_loopback(origin);
    /* A form that leads to Google by redirects needs every stop allowed; customers' lead nowhere.
     */
    bool leads = gateway->instance == INSTANCE_OWNER;
    (void)snprintf(gateway->page_policy, sizeof(gateway->page_policy),
                   "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
                   "connect-src 'self'; form-action 'self'%s%s%s%s; base-uri 'none'; "
                   "frame-ancestors 'none'",
                   leads ? " " : "", leads ? google : "", leads ? " " : "", leads ? origin : "");
}

#define PAGE_HEADERS 10
static size_t page_headers(const struct call *call, const struct call_header *more, size_t n,
                           struct call_header out[static PAGE_HEADERS]) {
    size_t used = 0;
    out[used++] = (struct call_header){"Content-Security-Policy", call->gateway->page_policy};
    out[used++] = (struct call_header){"X-Frame-Options", "DENY"};
    out[used++] = (struct call_header){"Cross-Origin-Opener-Policy", "same-origin"};
    out[used++] = (struct call_header){
        "Permissions-Policy", "accelerometer=(), camera=(), display-capture=(), geolocation=(), "
                              "gyroscope=(), magnetometer=(), microphone=(), midi=(), payment=(), "
                              "usb=()"};
    for (size_t i = 0; i < n && used < PAGE_HEADERS; i++)
        out[used++] = more[i];
    return used;
}

static void page_send(struct call *call, unsigned status, const char *html, size_t len,
                      const struct call_header *more, size_t more_count) {
    struct call_header headers[PAGE_HEADERS];
    size_t n = page_headers(call, more, more_count, headers);
    call_answer(call, status, "text/html; charset=utf-8", html, len, headers, n);
}

const char *page_notice_of(const struct call *call, const struct page_notice *notices, size_t n) {
    char word[16];
    if (query_get(call->query, "done", word, sizeof(word)) == 1)
        for (size_t i = 0; i < n; i++)
            if (strcmp(notices[i].word, word) == 0)
                return notices[i].text;
    return "";
}

void page_whole(struct call *call, const char *html, size_t len) {
    page_send(call, 200, html, len, NULL, 0);
}

void page_show(struct call *call, unsigned status, enum page page, const struct place *places,
               size_t n, const struct call_header *more, size_t more_count) {
    const struct asset *asset = asset_find(page_kinds[page].file);
    struct evbuffer *out = evbuffer_new();
    int r =
        asset == NULL || out == NULL ? -1 : template_fill(out, asset->data, asset->len, places, n);
    size_t len = r == 0 ? evbuffer_get_length(out) : 0;
    unsigned char *html = r == 0 ? evbuffer_pullup(out, -1) : NULL;
    if (html == NULL) {
        struct problem problem = {
            .status = 500, .code = "internal", .detail = "The page could not be written."};
        call_problem(call, &problem);
    } else {
        page_send(call, status, (const char *)html, len, more, more_count);
        explicit_bzero(html, len); /* the session's token was in it */
    }
    if (out != NULL)
        evbuffer_free(out);
}

/* ---- failures ---- */

enum next { NEXT_CONNECT, NEXT_LOGIN, NEXT_HOME };

static const struct words {
    const char *code;
    enum next next;
    const char *title, *text;
} all_words[] = {
#define WORDS(code, next, title, text) {#code, NEXT_##next, title, text},
#include "gateway/pages_words.def"
#undef WORDS
};

static const struct words *words_of(const char *code) {
    for (size_t i = 0; i < COUNT_OF(all_words); i++)
        if (strcmp(all_words[i].code, code) == 0)
            return &all_words[i];
    return &all_words[COUNT_OF(all_words) - 1];
}

struct button {
    const char *link, *text;
};

static const struct button to_login = {"/login", "Sign in with Google"},
                           to_connect = {"/connect", "Try again"},
                           to_home = {"/", "Go to the start page"};

/* An address of the web pages themselves leads to the page, without what else it says: the way was
 * one of theirs, not another frontend's. NULL: it is none, or its page is for the words to tell. */
static const struct button *page_of(const struct call *call, const char *url, bool *ret_ours) {
    const char *origin = call->gateway->public_origin;
    const char *path = url != NULL && starts(url, origin) ? url + strlen(origin) : "";
    bool login = starts(path, "/login"), connect = starts(path, "/connect");
    *ret_ours = login || connect || strcmp(path, "/") == 0 || starts(path, "/?");
    return login ? &to_login : connect ? &to_connect : NULL;
}

static bool is_form_of_another_page(const struct call *call) {
    return call->route != NULL && call->route->body == BODY_FORM &&
           strcmp(call->route->pattern, "/connect") != 0;
}

/* Where the button leads. */
static struct button button_of(const struct call *call, const struct problem *problem,
                               const struct words *words) {
    bool ours;
    const struct button *page = page_of(call, problem->action_url, &ours);
    if (page != NULL)
        return *page;
    if (!ours && web_address(problem->action_url))
        return (struct button){problem->action_url, "Continue"};
    switch (words->next) {
    case NEXT_LOGIN:
        return to_login;
    case NEXT_CONNECT:
        if (is_form_of_another_page(call))
            break;
        return ours || call->session[0] != '\0' ? to_connect : to_home;
    case NEXT_HOME:
        break;
    }
    return to_home;
}

/* ---- what was typed into a form that failed ---- */

/* What people write; the rest of a form is chosen, or its page's own. */
static bool is_typed(const char *name, const json_t *value) {
    static const char *const names[] = {
        "text",        "message",   "note",   "reason",      "name",       "email",
        "phone",       "street",    "city",   "postal_code", "category",   "summary",
        "description", "languages", "emails", "website",     "attributes", "webhook_url"};
    const char *text = json_string_value(value);
    for (size_t i = 0; i < COUNT_OF(names); i++)
        if (strcmp(names[i], name) == 0)
            return text != NULL && text[0] != '\0';
    return false;
}

static bool has_typed(const struct call *call) {
    const char *name;
    json_t *value;
    bool any = false;
    json_object_foreach(call->body, name, value) any = any || is_typed(name, value);
    return any && call->route->body == BODY_FORM;
}

static void put_kept(struct html *html, json_t *form) {
    const char *name;
    json_t *value;
    int n = 0;
    html_put(html, "<section class=\"kept\" aria-labelledby=\"kept\">\n<h2 id=\"kept\">What you "
                   "wrote</h2>\n<p>Copy what you need before you leave this page.</p>\n");
    json_object_foreach(form, name, value) {
        if (!is_typed(name, value))
            continue;
        SCOPE_FREE char *words = strdup(name);
        for (char *c = words; c != NULL && *c != '\0'; c++)
            *c = *c == '_' ? ' ' : *c;
        n++;
        html_put(html,
                 "<div><label for=\"kept-%d\">%s</label>\n<textarea id=\"kept-%d\" rows=\"2\" ", n,
                 words, n);
        html_put(html, "dir=\"auto\" readonly>%s</textarea></div>\n", json_string_value(value));
    }
    html_put(html, "</section>\n");
}

static bool readable(const char *text) {
    return text != NULL && text[0] != '\0' && utf8_valid(text, strlen(text));
}

/* `kept`: markup, or NULL. */
static void show_failure(struct call *call, const struct problem *problem, const char *kept,
                         const struct call_header *more, size_t more_count) {
    const struct words *words = words_of(problem->code);
    struct button button = button_of(call, problem, words);
    bool known = strcmp(words->code, problem->code) == 0 && words->text[0] != '\0';
    bool other = strcmp(problem->code, "wrong_account") == 0 && button.link[0] == '/';
    const struct place places[] = {
        {"title", words->title},
        {"text", !known && readable(problem->detail) ? problem->detail : words->text},
        {"link", button.link},
        {"link_text", button.text},
        {"home", "/"},
        {"other", other ? "/connect?switch=1" : ""},
        {"other_text", other ? "Use the other account" : ""},
        {"kept", kept != NULL ? kept : "", true},
        {"target", kept != NULL ? "_blank" : "_self"}, /* what was kept is on this page alone */
    };
    struct call_header headers[4];
    char seconds[24];
    size_t n = 0;
    if (problem->retry_after_ms > 0) {
        (void)snprintf(seconds, sizeof(seconds), "%llu",
                       (unsigned long long)((problem->retry_after_ms + 999) / 1000));
        headers[n++] = (struct call_header){"Retry-After", seconds};
    }
    if (problem->status == 401)
        headers[n++] =
            (struct call_header){"WWW-Authenticate", "Cloister-Session realm=\"cloister\""};
    for (size_t i = 0; i < more_count && n < COUNT_OF(headers); i++)
        headers[n++] = more[i];
    page_show(call, problem->status < 400 || problem->status > 599 ? 500 : problem->status,
              PAGE_RESULT, places, COUNT_OF(places), headers, n);
}

void page_failure(struct call *call, const struct problem *problem, const struct call_header *more,
                  size_t more_count) {
    struct html kept = {.out = NULL};
    if (has_typed(call) && html_begin(&kept) == 0)
        put_kept(&kept, call->body);
    show_failure(call, problem, kept.out == NULL ? NULL : html_text(&kept), more, more_count);
    html_done(&kept);
}
