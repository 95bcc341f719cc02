/* Google's authorization endpoint: whether a page is shown, what was decided on it, the way back.
 * The form posts back to its own address, so curl works with the page's URL alone: -d account=demo
 * -d decision=allow (no scope field: all that was asked for; -d granular=1: only the scope fields
 * that are sent). */
#include <event2/buffer.h>
#include <stdio.h>
#include <string.h>

#include "tests/world/accounts.h"
#include "tests/world/browser.h"
#include "tests/world/consent.h"
#include "tests/world/google.h"

#define CODE_S 300

/* ---- answers by redirect ---- */

static void add_query(struct evbuffer *out, const char *name, const char *value) {
    if (!value)
        return;
    char *safe = evhttp_uriencode(value, -1, 0);
    evbuffer_add_printf(out, "&%s=%s", name, safe ? safe : "");
    free(safe);
}

static void redirect(struct exchange *x, const struct ask *ask, const char *error, const char *code,
                     const char *scope) {
    struct evbuffer *to = evbuffer_new();
    evbuffer_add_printf(to, "%s%s", ask->redirect, strchr(ask->redirect, '?') ? "" : "?x=1");
    size_t cut = evbuffer_get_length(to);
    add_query(to, "error", error);
    add_query(to, "state", ask->state);
    add_query(to, "code", code);
    add_query(to, "scope", scope);
    if (code)
        evbuffer_add_printf(to, "&authuser=0&prompt=%s", ask->prompt ? "consent" : "none");
    evbuffer_add(to, "", 1);
    char *text = (char *)evbuffer_pullup(to, -1);
    /* "?x=1&state=…" becomes "?state=…" */
    if (!strchr(ask->redirect, '?'))
        memmove(text + cut - 3, text + cut + 1, strlen(text + cut + 1) + 1);
    answer_header(x, "Location", text);
    answer_header(x, "Cache-Control", "no-store");
    answer_text(x, 302, "text/html; charset=utf-8", "");
    evbuffer_free(to);
}

static const char *full_scope(const char *scope) {
    if (strcmp(scope, "email") == 0)
        return "https://www.googleapis.com/auth/userinfo.email";
    if (strcmp(scope, "profile") == 0)
        return "https://www.googleapis.com/auth/userinfo.profile";
    return scope;
}

/* Gives the code for what was granted; `granted` is a blank-separated list. */
static void grant(struct exchange *x, const struct ask *ask, json_t *account, const char *granted) {
    struct world *w = x->world;
    snprintf(x->account, sizeof(x->account), "%s", account_text(account, "name"));
    browser_remember(x, x->account);
    json_t *known = json_object_get(account, "granted");
    SCOPE_FREE char *list = NULL;
    SCOPE_FREE char *copy = strdup(granted);
    char *save = NULL;
    for (char *s = strtok_r(copy, " ", &save); s; s = strtok_r(NULL, " ", &save)) {
        const char *full = full_scope(s);
        list = scope_add(list, full, strlen(full));
        json_object_set_new(known, full, json_true());
    }
    const char *before;
    json_t *yes;
    if (ask->incremental)
        json_object_foreach(known, before, yes) list = scope_add(list, before, strlen(before));
    bool first = !json_is_true(json_object_get(account, "offline"));
    bool again = ask->prompt && scope_has(ask->prompt, "consent");
    bool refresh = ask->offline && (first || again);
    if (ask->offline)
        json_object_set_new(account, "offline", json_true());
    char code[96], hex[65];
    random_hex(hex, 48);
    snprintf(code, sizeof(code), "4/0A%s", hex);
    json_object_set_new(
        w->codes, code,
        json_pack("{s:s,s:s,s:s,s:s,s:s*,s:s*,s:s*,s:b,s:I}", "account",
                  account_text(account, "name"), "client", ask->client, "redirect", ask->redirect,
                  "scope", list ? list : "", "nonce", ask->nonce, "challenge", ask->challenge,
                  "method", ask->challenge ? (ask->method ? ask->method : "plain") : NULL,
                  "refresh", refresh, "expires", (json_int_t)(world_now_s(w) + CODE_S)));
    world_touch(w);
    redirect(x, ask, NULL, code, list);
}

/* All asked-for scopes were granted before. */
static bool all_granted(const json_t *account, const char *scopes) {
    const json_t *known = json_object_get(account, "granted");
    SCOPE_FREE char *copy = strdup(scopes);
    char *save = NULL;
    for (char *s = strtok_r(copy, " ", &save); s; s = strtok_r(NULL, " ", &save))
        if (!json_object_get(known, full_scope(s)))
            return false;
    return true;
}

static void decide(struct exchange *x, const struct ask *ask) {
    struct evkeyvalq form;
    form_parse(x, &form);
    const char *decision = form_value(&form, "decision"), *who = form_value(&form, "account");
    bool granular = form_value(&form, "granular") != NULL || form_value(&form, "scope") != NULL;
    const char *pick = form_value(&form, "pick");
    if (!who || !*who)
        who = pick && *pick ? pick : ask->hint;
    json_t *account = account_get(x->world, who);
    if (decision && strcmp(decision, "deny") == 0) {
        redirect(x, ask, "access_denied", NULL, NULL);
    } else if (!decision || strcmp(decision, "allow") != 0 || !account) {
        consent_refuse(x, "invalid_request",
                       account ? "decision is allow or deny" : "choose an account");
    } else {
        SCOPE_FREE char *granted = NULL;
        SCOPE_FREE char *copy = strdup(ask->scope);
        char *save = NULL;
        for (char *s = strtok_r(copy, " ", &save); s; s = strtok_r(NULL, " ", &save)) {
            bool ticked = !granular || scope_is_sign_in(s);
            for (const struct evkeyval *f = form.tqh_first; f && !ticked; f = f->next.tqe_next)
                ticked = strcmp(f->key, "scope") == 0 && scope_has(f->value, s);
            if (ticked)
                granted = scope_add(granted, s, strlen(s));
        }
        grant(x, ask, account, granted ? granted : "");
    }
    evhttp_clear_headers(&form);
}

/* ---- the request ---- */

static bool loopback_callback(const char *uri) {
    return strncmp(uri, "http://127.0.0.1", 16) == 0 || strncmp(uri, "http://localhost", 16) == 0;
}

static bool registered(const struct options *opt, const char *uri) {
    for (size_t i = 0; i < opt->redirect_count; i++)
        if (strcmp(opt->redirects[i], uri) == 0)
            return true;
    return opt->redirect_count == 0 && loopback_callback(uri);
}

static bool truthy(const char *text) {
    return text && strcmp(text, "true") == 0;
}

static bool scopes_known(const char *scopes) {
    SCOPE_FREE char *copy = strdup(scopes);
    char *save = NULL;
    for (char *s = strtok_r(copy, " ", &save); s; s = strtok_r(NULL, " ", &save))
        if (!scope_is_sign_in(s) && strncmp(s, "https://www.googleapis.com/auth/", 32) != 0)
            return false;
    return true;
}

/* NULL when the request may go on, otherwise the error to show. */
static const char *ask_check(const struct exchange *x, const struct ask *a, const char **detail) {
    const char *type = exchange_query(x, "response_type");
    const char *access = exchange_query(x, "access_type");
    *detail = "The request is missing or misuses a parameter.";
    if (!a->client || strcmp(a->client, x->world->opt.client_id) != 0) {
        *detail = "The OAuth client was not found.";
        return a->client ? "invalid_client" : "invalid_request";
    }
    if (!a->redirect || !registered(&x->world->opt, a->redirect)) {
        *detail = "The redirect address is not registered for this client.";
        return a->redirect ? "redirect_uri_mismatch" : "invalid_request";
    }
    if (!type || strcmp(type, "code") != 0)
        return type ? "unsupported_response_type" : "invalid_request";
    if (!a->scope || !*a->scope)
        return "invalid_request";
    if (!scopes_known(a->scope))
        return "invalid_scope";
    if (access && strcmp(access, "offline") != 0 && strcmp(access, "online") != 0)
        return "invalid_request";
    if (a->method && (strcmp(a->method, "S256") != 0 && strcmp(a->method, "plain") != 0))
        return "invalid_request";
    if (a->challenge && (strlen(a->challenge) < 43 || strlen(a->challenge) > 128))
        return "invalid_request";
    if (a->method && !a->challenge)
        return "invalid_request";
    if (a->prompt && scope_has(a->prompt, "none") && strcmp(a->prompt, "none") != 0)
        return "invalid_request";
    return NULL;
}

/* Who goes on without being asked who they are: the hinted account when it signed in in this
 * browser, else the only one that did. NULL: somebody has to choose. */
static json_t *account_here(const struct exchange *x, const struct ask *ask) {
    const json_t *mine = browser_accounts(x);
    if (ask->hint) {
        json_t *hinted = account_find(x->world, ask->hint);
        return hinted && browser_has(x, account_text(hinted, "name")) ? hinted : NULL;
    }
    return json_array_size(mine) == 1
               ? account_find(x->world, json_string_value(json_array_get(mine, 0)))
               : NULL;
}

void consent_handle(struct exchange *x) {
    struct ask ask = {
        .client = exchange_query(x, "client_id"),
        .redirect = exchange_query(x, "redirect_uri"),
        .scope = exchange_query(x, "scope"),
        .state = exchange_query(x, "state"),
        .prompt = exchange_query(x, "prompt"),
        .hint = exchange_query(x, "login_hint"),
        .challenge = exchange_query(x, "code_challenge"),
        .method = exchange_query(x, "code_challenge_method"),
        .nonce = exchange_query(x, "nonce"),
        .incremental = truthy(exchange_query(x, "include_granted_scopes")),
    };
    const char *access = exchange_query(x, "access_type"), *detail = NULL;
    ask.offline = access && strcmp(access, "offline") == 0;
    const char *error = ask_check(x, &ask, &detail);
    if (error) {
        consent_refuse(x, error, detail);
        return;
    }
    if (strcmp(x->method, "POST") == 0) {
        decide(x, &ask);
        return;
    }
    bool silent = ask.prompt && strcmp(ask.prompt, "none") == 0;
    json_t *account = account_here(x, &ask);
    if (account && (!ask.prompt || silent) && all_granted(account, ask.scope))
        grant(x, &ask, account, ask.scope);
    else if (silent)
        redirect(x, &ask, account ? "interaction_required" : "login_required", NULL, NULL);
    else
        consent_page(x, &ask);
}
