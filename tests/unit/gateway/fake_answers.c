/* Who may ask, and what the played supervisor answers. */
#include "tests/unit/gateway/fake_parts.h"

#include <stdio.h>
#include <string.h>

#include "ipc/metrics.h"

void fake_note(char *to, size_t cap, const char *from) {
    (void)snprintf(to, cap, "%s", from);
}

void fake_link(struct fake *fake, const Cloister__ConnectLinkCreate *create) {
    Cloister__ConnectLink body = CLOISTER__CONNECT_LINK__INIT;
    struct fake_seen *seen = fake->seen;
    fake_note(seen->last_return, sizeof(seen->last_return), create->return_to);
    seen->last_switch = create->switch_account;
    seen->last_features[0] = '\0';
    for (size_t i = 0; i < create->n_features; i++) {
        size_t used = strlen(seen->last_features);
        (void)snprintf(seen->last_features + used, sizeof(seen->last_features) - used, "%s ",
                       create->features[i]);
    }
    body.request = create->request;
    body.url = (char *)"http://127.0.0.1/connect/abc";
    body.expires_at_ms = 1767225600000;
    Cloister__Message message = MSG_OF(CONNECT_LINK, connect_link, &body);
    fake_put(fake, &message);
}

static void redirect(struct fake *fake, uint64_t request, const char *to, const char *cookie,
                     const char *session) {
    Cloister__ConnectRedirect body = CLOISTER__CONNECT_REDIRECT__INIT;
    body.session = (char *)(uintptr_t)session;
    body.session_s = 3600;
    body.request = request;
    body.location = (char *)(uintptr_t)to;
    body.cookie = (char *)(uintptr_t)cookie;
    Cloister__Message message = MSG_OF(CONNECT_REDIRECT, connect_redirect, &body);
    fake_put(fake, &message);
}

void fake_open(struct fake *fake, const Cloister__ConnectOpen *open) {
    fake_note(fake->seen->last_cookie, sizeof(fake->seen->last_cookie), open->cookie);
    if (strcmp(open->link, "used") == 0)
        fake_fail(fake, open->request, 410, "link_expired", false);
    else
        redirect(fake, open->request, "https://accounts.example/auth?state=s", "fresh-cookie", "");
}

void fake_sign_in(struct fake *fake, const Cloister__SignInBegin *begin) {
    fake->seen->sign_ins++;
    fake->seen->last_choose = begin->choose_account;
    redirect(fake, begin->request, "https://accounts.example/auth?state=in", "login-1", "");
}

/* "fail.CODE.STATUS[.web]" */
static void fail_as_told(struct fake *fake, uint64_t request, const char *code) {
    char word[64];
    Cloister__Failure body = CLOISTER__FAILURE__INIT;
    (void)snprintf(word, sizeof(word), "%.*s", (int)strcspn(code, "."), code);
    const char *status = code + strlen(word) + 1;
    body.request = request;
    body.status = (uint32_t)strtoul(status, NULL, 10);
    body.code = word;
    body.detail = (char *)"In plain words.";
    body.action_url =
        strstr(status, ".web") != NULL
            ? (char *)"http://127.0.0.1:8420/?error=x"
            : (char *)(strstr(status, ".app") != NULL ? "http://app.example/?e=x" : "");
    Cloister__Message message = MSG_OF(FAILURE, failure, &body);
    fake_put(fake, &message);
}

void fake_callback(struct fake *fake, const Cloister__ConnectCallback *callback) {
    struct fake_seen *seen = fake->seen;
    fake_lock();
    fake_note(seen->last_cookie, sizeof(seen->last_cookie), callback->cookie);
    fake_note(seen->last_code, sizeof(seen->last_code), callback->code);
    fake_note(seen->last_login, sizeof(seen->last_login), callback->login);
    fake_note(seen->last_session, sizeof(seen->last_session), callback->session);
    seen->callbacks++;
    fake_unlock();
    if (callback->error[0] != '\0')
        fake_fail(fake, callback->request, 409, "consent_refused", false);
    else if (fake_begins(callback->code, "fail."))
        fail_as_told(fake, callback->request, callback->code + 5);
    else if (strcmp(callback->code, "sign-in") != 0)
        redirect(fake, callback->request, "http://app.example/back?code=c", "", "");
    else if (strcmp(callback->login, "login-1") == 0)
        redirect(fake, callback->request, "http://127.0.0.1:8420/", "", "young-session");
    else
        fake_fail(fake, callback->request, 403, "wrong_browser", false);
}

void fake_session(struct fake *fake, uint64_t request, const char *cookie) {
    Cloister__SessionState body = CLOISTER__SESSION_STATE__INIT;
    body.request = request;
    body.csrf = (char *)"good-csrf";
    body.account = (char *)"ann<b>&\"@example.org";
    body.cookie = (char *)(strcmp(cookie, "aging-session") == 0 ? "young-session" : "");
    body.session_s = 7200;
    Cloister__Message message = MSG_OF(SESSION_STATE, session_state, &body);
    fake_put(fake, &message);
}

static void renew(struct fake *fake, uint64_t request) {
    Cloister__GrantRenewed body = CLOISTER__GRANT_RENEWED__INIT;
    body.request = request;
    body.grant = (char *)"fresh-grant";
    Cloister__Message message = MSG_OF(GRANT_RENEWED, grant_renewed, &body);
    fake_put(fake, &message);
}

void fake_redeem(struct fake *fake, const Cloister__Redeem *redeem) {
    char *scopes[] = {(char *)"openid", (char *)"email"};
    Cloister__Redeemed body = CLOISTER__REDEEMED__INIT;
    body.request = redeem->request;
    body.grant = (char *)"g1";
    body.scopes = scopes;
    body.n_scopes = 2;
    Cloister__Message message = MSG_OF(REDEEMED, redeemed, &body);
    fake_put(fake, &message);
}

void fake_state(struct fake *fake, uint64_t request, bool session) {
    char *words[] = {(char *)"events"};
    Cloister__ConnectionState body = CLOISTER__CONNECTION_STATE__INIT;
    body.request = request;
    body.state = (char *)(session ? "active" : "broken");
    body.features = words;
    body.n_features = 1;
    body.connected_at_ms = 1767225600123;
    body.action_url = (char *)"https://cloister.example/connect/x";
    Cloister__Message message = MSG_OF(CONNECTION_STATE, connection_state, &body);
    fake_put(fake, &message);
}

void fake_memory(struct fake *fake, uint64_t request) {
    Cloister__Memory item = CLOISTER__MEMORY__INIT;
    Cloister__Memory *items[] = {&item};
    item.id = (char *)RIG_MEMORY;
    item.text = (char *)"mornings <only> & \"early\"";
    item.created_at_ms = 1767225600000;
    Cloister__Memories body = CLOISTER__MEMORIES__INIT;
    body.request = request;
    body.items = items;
    body.n_items = 1;
    Cloister__Message message = MSG_OF(MEMORIES, memories, &body);
    fake_put(fake, &message);
}

void fake_correct(struct fake *fake, const Cloister__MemoryPut *put) {
    Cloister__Memory item = CLOISTER__MEMORY__INIT;
    Cloister__Memory *items[] = {&item};
    fake_lock();
    fake_note(fake->seen->last_memory, sizeof(fake->seen->last_memory), put->id);
    fake_note(fake->seen->last_message, sizeof(fake->seen->last_message), put->text);
    fake_unlock();
    if (strcmp(put->text, "gone") == 0) {
        fake_fail(fake, put->request, 404, "not_found", false);
        return;
    }
    item.id = put->id;
    item.text = put->text;
    item.created_at_ms = 1767225600000;
    Cloister__Memories body = CLOISTER__MEMORIES__INIT;
    body.request = put->request;
    body.items = items;
    body.n_items = 1;
    Cloister__Message message = MSG_OF(MEMORIES, memories, &body);
    fake_put(fake, &message);
}

void fake_disconnect(struct fake *fake, uint64_t request) {
    Cloister__ConnectionDeleted body = CLOISTER__CONNECTION_DELETED__INIT;
    body.request = request;
    body.revoked = true;
    Cloister__Message message = MSG_OF(CONNECTION_DELETED, connection_deleted, &body);
    fake_put(fake, &message);
}

/* 3 agents are idle; its word on a row of the gateway's is not asked for. */
void fake_metrics(struct fake *fake, uint64_t request) {
    static struct metrics all;
    static uint64_t cells[METRICS_CELLS];
    metrics_set(&all, METRIC_AGENTS, STATE_OF_IDLE, 3);
    metrics_set(&all, METRIC_FRONTENDS, 0, 999);
    Cloister__Metrics body = CLOISTER__METRICS__INIT;
    body.request = request;
    body.table = metrics_table();
    body.cells = cells;
    body.n_cells = metrics_pack(
        &all, TELLER_SUPERVISOR | TELLER_KEYS | TELLER_EGRESS | TELLER_BUSINESS | TELLER_NOTIFY,
        cells);
    Cloister__Message message = MSG_OF(METRICS, metrics, &body);
    fake_put(fake, &message);
}

void fake_health(struct fake *fake, uint64_t request) {
    Cloister__Health body = CLOISTER__HEALTH__INIT;
    body.request = request;
    body.ready = true;
    Cloister__Message message = MSG_OF(HEALTH, health, &body);
    fake_put(fake, &message);
}

static bool session_lives(struct fake *fake, uint64_t request, const Cloister__Caller *caller,
                          bool changes) {
    if (strcmp(caller->session, "good-session") != 0 &&
        strcmp(caller->session, "aging-session") != 0)
        fake_fail(fake, request, 401, "session_invalid", false);
    else if (changes && strcmp(caller->csrf, "good-csrf") != 0)
        fake_fail(fake, request, 403, "csrf_invalid", false);
    else
        return true;
    return false;
}

/* Who asks, and may they? Grants are renewed on the way, also those of sessions. */
bool fake_asks(struct fake *fake, uint64_t request, const Cloister__Caller *caller, bool changes) {
    struct fake_seen *seen = fake->seen;
    bool fine = false;
    fake_lock();
    fake_note(seen->last_user, sizeof(seen->last_user), caller->user);
    fake_note(seen->last_grant, sizeof(seen->last_grant), caller->grant);
    fake_note(seen->last_frontend, sizeof(seen->last_frontend), caller->frontend);
    fake_note(seen->last_session, sizeof(seen->last_session), caller->session);
    fake_note(seen->last_csrf, sizeof(seen->last_csrf), caller->csrf);
    fake_unlock();
    if (caller->session[0] != '\0')
        fine = session_lives(fake, request, caller, changes);
    else if (strcmp(caller->user, "nobody") == 0)
        fake_fail(fake, request, 404, "unknown_user", false);
    else if (strcmp(caller->grant, "bad-grant") == 0)
        fake_fail(fake, request, 401, "grant_invalid", false);
    else
        fine = true;
    if (fine && (strcmp(caller->grant, "old-grant") == 0 || caller->session[0] != '\0'))
        renew(fake, request);
    fake_lock();
    seen->changes += fine && changes;
    fake_unlock();
    return fine;
}

bool fake_known(struct fake *fake, uint64_t request, const Cloister__Caller *caller) {
    return fake_asks(fake, request, caller, true);
}
