/* The stand-in's pages for people: one column, system fonts, labels, light and dark, no script. */
#include <event2/buffer.h>
#include <event2/http.h>
#include <string.h>

#include "tests/world/accounts.h"
#include "tests/world/browser.h"
#include "tests/world/consent.h"

#define OTHERS_MAX 6 /* accounts offered that never signed in in this browser */

static const char style[] =
    ":root{color-scheme:light dark;--page:#f2f3f5;--card:#fff;--ink:#1f2328;--soft:#5a626c;"
    "--line:#c9ced6;--act:#1d4fbf;--on:#fff}"
    "@media(prefers-color-scheme:dark){:root{--page:#16181c;--card:#202329;--ink:#eceef1;"
    "--soft:#a9b1bc;--line:#444b55;--act:#9db8ff;--on:#10131a}}"
    "*{box-sizing:border-box}"
    "body{margin:0;background:var(--page);color:var(--ink);font:1rem/1.5 system-ui,sans-serif}"
    "main{max-width:30rem;margin:0 auto;padding:1.25rem}"
    ".card{background:var(--card);border:1px solid var(--line);border-radius:1rem;padding:1.5rem}"
    ".note{margin:0 0 1rem;padding:.6rem .9rem;border:1px dashed var(--line);border-radius:.6rem;"
    "color:var(--soft);font-size:.9rem}"
    "h1{margin:0 0 .25rem;font-size:1.5rem;line-height:1.25;overflow-wrap:anywhere}"
    "p{margin:.5rem 0;overflow-wrap:anywhere}"
    "fieldset{margin:1.25rem 0 0;padding:0;border:0}legend{padding:0;font-weight:600}"
    ".row{display:flex;gap:.75rem;align-items:center;min-height:2.75rem;padding:.4rem 0;"
    "border-bottom:1px solid var(--line);overflow-wrap:anywhere}"
    ".row input{flex:none;width:1.25rem;height:1.25rem;accent-color:var(--act)}"
    ".other{display:block;margin-top:.9rem}"
    ".other input{display:block;width:100%;min-height:2.75rem;margin-top:.25rem;padding:.4rem "
    ".7rem;"
    "font:inherit;color:inherit;background:transparent;border:1px solid var(--soft);"
    "border-radius:.5rem}"
    ".acts{display:flex;flex-wrap:wrap;gap:.75rem;margin-top:1.5rem}"
    "button{flex:1 1 8rem;min-height:2.75rem;font:inherit;font-weight:600;border-radius:.6rem;"
    "border:1px solid var(--act);background:transparent;color:var(--act);cursor:pointer}"
    "button.main{background:var(--act);color:var(--on)}"
    ":focus-visible{outline:3px solid var(--act);outline-offset:2px}";

static void html_text(struct evbuffer *out, const char *text) {
    char *safe = evhttp_htmlescape(text ? text : "");
    evbuffer_add_printf(out, "%s", safe ? safe : "");
    free(safe);
}

static void answer_page(struct exchange *x, int status, struct evbuffer *page) {
    evbuffer_add_printf(page, "</div></main></body></html>\n");
    evbuffer_add(page, "", 1);
    answer_header(x, "Cache-Control", "no-store");
    answer_header(x, "X-Frame-Options", "DENY");
    answer_header(x, "X-Content-Type-Options", "nosniff");
    answer_header(x, "Referrer-Policy", "no-referrer");
    answer_header(x, "Content-Security-Policy",
                  "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; "
                  "frame-ancestors 'none'");
    answer_text(x, status, "text/html; charset=utf-8", (const char *)evbuffer_pullup(page, -1));
    evbuffer_free(page);
}

static struct evbuffer *page_new(const char *title) {
    struct evbuffer *page = evbuffer_new();
    evbuffer_add_printf(
        page,
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">"
        "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">"
        "<title>%s (stand-in for Google)</title><style>%s</style></head><body><main>"
        "<p class=\"note\">This is a <strong>stand-in for Google</strong>, for trying things out. "
        "No real account and no real calendar is behind it, and there are no passwords.</p>"
        "<div class=\"card\"><h1>%s</h1>",
        title, style, title);
    return page;
}

void consent_refuse(struct exchange *x, const char *error, const char *detail) {
    struct evbuffer *page = page_new("Access blocked: authorization error");
    evbuffer_add_printf(page, "<p>Error 400: <b>%s</b></p><p>%s</p>", error, detail);
    answer_page(x, 400, page);
}

/* ---- scopes ---- */

static const char *scope_words(const char *scope) {
    static const char *const words[][2] = {
        {"calendar.events", "View and edit events on all your calendars"},
        {"calendar.freebusy", "View your availability in your calendars"},
        {"calendar.readonly", "See and download any calendar you can access"},
        {"calendar.events.readonly", "View events on all your calendars"},
        {"calendar.calendarlist.readonly", "See the list of calendars you’re subscribed to"},
        {"calendar.settings.readonly", "View your Calendar settings"},
        {"calendar", "See, edit, share and delete all your calendars"},
    };
    const char *name = strrchr(scope, '/');
    for (size_t i = 0; name && i < COUNT_OF(words); i++)
        if (strcmp(name + 1, words[i][0]) == 0)
            return words[i][1];
    return scope;
}

bool scope_is_sign_in(const char *scope) {
    return strcmp(scope, "openid") == 0 || strcmp(scope, "email") == 0 ||
           strcmp(scope, "profile") == 0 || strstr(scope, "/userinfo.") != NULL;
}

static bool only_sign_in(const char *scopes) {
    SCOPE_FREE char *copy = strdup(scopes);
    char *save = NULL;
    for (char *s = strtok_r(copy, " ", &save); s; s = strtok_r(NULL, " ", &save))
        if (!scope_is_sign_in(s))
            return false;
    return true;
}

static void scope_boxes(struct evbuffer *page, const char *scopes) {
    evbuffer_add_printf(page, "<fieldset><legend>What it may do</legend>");
    SCOPE_FREE char *copy = strdup(scopes);
    char *save = NULL;
    for (char *s = strtok_r(copy, " ", &save); s; s = strtok_r(NULL, " ", &save)) {
        if (scope_is_sign_in(s))
            continue;
        evbuffer_add_printf(
            page, "<label class=\"row\"><input type=\"checkbox\" name=\"scope\" checked value=\"");
        html_text(page, s);
        evbuffer_add_printf(page, "\"> ");
        html_text(page, scope_words(s));
        evbuffer_add_printf(page, "</label>");
    }
    evbuffer_add_printf(page, "</fieldset>");
}

/* ---- accounts ---- */

struct choice {
    struct evbuffer *page;
    const char *selected; /* account name */
    size_t shown;
};

static void account_row(struct choice *choice, const json_t *account) {
    const char *email = account_text(account, "email");
    bool on = choice->selected && strcmp(choice->selected, account_text(account, "name")) == 0;
    evbuffer_add_printf(choice->page,
                        "<label class=\"row\"><input type=\"radio\" name=\"pick\"%s value=\"",
                        on ? " checked" : "");
    html_text(choice->page, email);
    evbuffer_add_printf(choice->page, "\"> ");
    html_text(choice->page, email);
    evbuffer_add_printf(choice->page, "</label>");
    choice->shown++;
}

/* Who is preselected: the hint's account, else the browser's latest, else the world's first. */
static const char *preselect(struct exchange *x, const struct ask *ask) {
    const json_t *hinted = account_find(x->world, ask->hint);
    const char *latest = json_string_value(json_array_get(browser_accounts(x), 0));
    if (hinted)
        return account_text(hinted, "name");
    if (latest)
        return latest;
    return json_object_iter_key(json_object_iter(x->world->accounts));
}

static void account_choice(struct exchange *x, struct evbuffer *page, const struct ask *ask) {
    struct choice choice = {.page = page, .selected = preselect(x, ask)};
    const json_t *mine = browser_accounts(x), *name;
    json_t *account;
    const char *key;
    size_t i, others = 0;
    bool hint_is_new = ask->hint && !account_find(x->world, ask->hint);
    evbuffer_add_printf(page, "<fieldset><legend>Choose an account</legend>");
    json_array_foreach(mine, i, name) {
        if (account_find(x->world, json_string_value(name)))
            account_row(&choice, account_find(x->world, json_string_value(name)));
    }
    if (choice.selected && !browser_has(x, choice.selected))
        account_row(&choice, account_find(x->world, choice.selected));
    json_object_foreach(x->world->accounts, key, account) {
        bool there = browser_has(x, key) || (choice.selected && strcmp(key, choice.selected) == 0);
        if (!there && others++ < OTHERS_MAX)
            account_row(&choice, account);
    }
    evbuffer_add_printf(page,
                        "<label class=\"other\">%s<input name=\"account\" autocomplete=\"off\" "
                        "autocapitalize=\"none\" spellcheck=\"false\" value=\"",
                        choice.shown ? "Another account (any name)" : "Account (any name)");
    html_text(page, hint_is_new ? ask->hint : "");
    evbuffer_add_printf(page, "\"></label></fieldset>");
}

void consent_page(struct exchange *x, const struct ask *ask) {
    bool sign_in = only_sign_in(ask->scope);
    struct evbuffer *page = page_new(sign_in ? "Sign in" : "Sign in and choose what to allow");
    evbuffer_add_printf(page, "<p>to continue to <b>");
    html_text(page, ask->client);
    evbuffer_add_printf(page, "</b></p><form method=\"post\" action=\"");
    html_text(page, evhttp_request_get_uri(x->req));
    evbuffer_add_printf(page, "\"><input type=\"hidden\" name=\"granular\" value=\"1\">");
    account_choice(x, page, ask);
    if (sign_in)
        evbuffer_add_printf(page, "<p>It will learn your e-mail address.</p>");
    else
        scope_boxes(page, ask->scope);
    evbuffer_add_printf(page,
                        "<div class=\"acts\">"
                        "<button class=\"main\" name=\"decision\" value=\"allow\">%s</button>"
                        "<button name=\"decision\" value=\"deny\">%s</button></div></form>",
                        sign_in ? "Continue" : "Allow", sign_in ? "Cancel" : "Deny");
    answer_page(x, 200, page);
}
