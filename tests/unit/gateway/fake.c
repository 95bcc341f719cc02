#include "tests/unit/gateway/fake.h"

#include <check.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>

#include "ipc/message.h"
#include "ipc/nng_end.h"

#define FLOODS_MAX 64

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

struct flood {
    uint64_t request, left, credit;
};

struct fake {
    pthread_t thread;
    int stop_fd;
    char path[128];
    struct fake_seen *seen;
    struct event_base *base;
    struct nng_end *end;
    struct msg_peer peer;
    struct flood floods[FLOODS_MAX];
    pthread_barrier_t ready;
};

void fake_lock(void) {
    (void)pthread_mutex_lock(&lock);
}

void fake_unlock(void) {
    (void)pthread_mutex_unlock(&lock);
}

static void put(struct fake *fake, Cloister__Message *message) {
    static uint8_t out[MESSAGE_MAX];
    ssize_t len = msg_encode(message, out, sizeof(out));
    if (len < 0)
        abort();
    (void)!nng_end_send(fake->end, out, (size_t)len);
}

static void accepted(struct fake *fake, uint64_t request) {
    Cloister__ChatAccepted body = CLOISTER__CHAT_ACCEPTED__INIT;
    body.request = request;
    body.turn = (char *)"turn-1";
    Cloister__Message message = MSG_OF(CHAT_ACCEPTED, chat_accepted, &body);
    put(fake, &message);
}

static void text(struct fake *fake, uint64_t request, const char *words) {
    Cloister__ChatDelta body = CLOISTER__CHAT_DELTA__INIT;
    body.request = request;
    body.text = (char *)(uintptr_t)words;
    Cloister__Message message = MSG_OF(CHAT_DELTA, chat_delta, &body);
    put(fake, &message);
    fake_lock();
    fake->seen->sent_bytes += strlen(words);
    fake_unlock();
}

static void tool(struct fake *fake, uint64_t request, const char *name, const char *state) {
    Cloister__ChatTool body = CLOISTER__CHAT_TOOL__INIT;
    body.request = request;
    body.name = (char *)(uintptr_t)name;
    body.state = (char *)(uintptr_t)state;
    Cloister__Message message = MSG_OF(CHAT_TOOL, chat_tool, &body);
    put(fake, &message);
}

static void propose(struct fake *fake, uint64_t request) {
    Cloister__ChatProposal body = CLOISTER__CHAT_PROPOSAL__INIT;
    body.request = request;
    body.id = (char *)"p1";
    body.summary = (char *)"Move lunch";
    body.arguments = (char *)"{\"event\":\"e1\"}";
    body.expires_at = (char *)"2026-01-01T00:00:00Z";
    Cloister__Message message = MSG_OF(CHAT_PROPOSAL, chat_proposal, &body);
    put(fake, &message);
}

static void done(struct fake *fake, uint64_t request) {
    Cloister__Usage usage = CLOISTER__USAGE__INIT;
    usage.input_tokens = 11;
    usage.output_tokens = 7;
    usage.model_calls = 2;
    usage.tool_calls = 1;
    Cloister__ChatDone body = CLOISTER__CHAT_DONE__INIT;
    body.request = request;
    body.turn = (char *)"turn-1";
    body.usage = &usage;
    Cloister__Message message = MSG_OF(CHAT_DONE, chat_done, &body);
    put(fake, &message);
}

static void failure(struct fake *fake, uint64_t request, unsigned status, const char *code,
                    bool retryable) {
    Cloister__Failure body = CLOISTER__FAILURE__INIT;
    body.request = request;
    body.status = status;
    body.code = (char *)(uintptr_t)code;
    body.detail = (char *)"In plain words.";
    body.retryable = retryable;
    body.unknown_writes = retryable;
    body.retry_after_ms = retryable ? 1500 : 0;
    Cloister__Message message = MSG_OF(FAILURE, failure, &body);
    put(fake, &message);
}

static void ok(struct fake *fake, uint64_t request) {
    Cloister__Ok body = CLOISTER__OK__INIT;
    body.request = request;
    Cloister__Message message = MSG_OF(OK, ok, &body);
    put(fake, &message);
}

static void flood_go(struct fake *fake, struct flood *flood) {
    char words[8001];
    while (flood->left > 0 && flood->credit > 0) {
        size_t n = sizeof(words) - 1;
        n = n < flood->left ? n : (size_t)flood->left;
        n = n < flood->credit ? n : (size_t)flood->credit;
        memset(words, 'x', n);
        words[n] = '\0';
        text(fake, flood->request, words);
        flood->left -= n;
        flood->credit -= n;
    }
    if (flood->left == 0) {
        done(fake, flood->request);
        flood->request = 0;
    }
}

static struct flood *flood_of(struct fake *fake, uint64_t request) {
    for (size_t i = 0; i < FLOODS_MAX; i++)
        if (fake->floods[i].request == request)
            return &fake->floods[i];
    return NULL;
}

static bool begins(const char *words, const char *word) {
    return strncmp(words, word, strlen(word)) == 0;
}

static void on_drop(evutil_socket_t fd, short what, void *ctx) {
    (void)fd;
    (void)what;
    struct fake *fake = ctx;
    nng_end_drop(fake->end);
}

static void on_chat(struct fake *fake, const Cloister__ChatRequest *chat) {
    uint64_t id = chat->request;
    const char *words = chat->message;
    if (begins(words, "silent"))
        return;
    accepted(fake, id);
    if (begins(words, "say ")) {
        tool(fake, id, "list_events", "running");
        tool(fake, id, "list_events", "done");
        for (const char *at = words + 4; *at != '\0';) { /* a delta has its cap */
            char piece[8001];
            at += snprintf(piece, sizeof(piece), "%.8000s", at) > 8000 ? 8000 : (int)strlen(piece);
            text(fake, id, piece);
        }
        done(fake, id);
    } else if (begins(words, "flood ")) {
        struct flood *flood = flood_of(fake, 0);
        if (flood == NULL)
            abort();
        *flood = (struct flood){id, strtoull(words + 6, NULL, 10), chat->credit};
        flood_go(fake, flood);
    } else if (begins(words, "overrun")) {
        struct flood flood = {id, (uint64_t)chat->credit * 100, (uint64_t)chat->credit * 100};
        flood_go(fake, &flood);
    } else if (begins(words, "split")) {
        text(fake, id, "caf\xc3");
        text(fake, id, "\xa9!\xff?");
        done(fake, id);
    } else if (begins(words, "break")) {
        text(fake, id, "half an ans");
        failure(fake, id, 502, "agent_lost", true);
    } else if (begins(words, "tools ")) {
        for (unsigned long n = strtoul(words + 6, NULL, 10); n > 0; n--)
            tool(fake, id, "get_event", "running");
        done(fake, id);
    } else if (begins(words, "propose")) {
        propose(fake, id);
        done(fake, id);
    } else if (begins(words, "die")) {
        static const struct timeval soon = {0, 200000}; /* what was said is through by then */
        text(fake, id, "half");
        (void)event_base_once(fake->base, -1, EV_TIMEOUT, on_drop, fake, &soon);
    }
}

static void note(char *to, size_t cap, const char *from) {
    (void)snprintf(to, cap, "%s", from);
}

static void on_link(struct fake *fake, const Cloister__ConnectLinkCreate *create) {
    Cloister__ConnectLink body = CLOISTER__CONNECT_LINK__INIT;
    struct fake_seen *seen = fake->seen;
    note(seen->last_return, sizeof(seen->last_return), create->return_to);
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
    put(fake, &message);
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
    put(fake, &message);
}

static void on_open(struct fake *fake, const Cloister__ConnectOpen *open) {
    note(fake->seen->last_cookie, sizeof(fake->seen->last_cookie), open->cookie);
    if (strcmp(open->link, "used") == 0)
        failure(fake, open->request, 410, "link_expired", false);
    else
        redirect(fake, open->request, "https://accounts.example/auth?state=s", "fresh-cookie", "");
}

static void on_sign_in(struct fake *fake, const Cloister__SignInBegin *begin) {
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
    put(fake, &message);
}

static void on_callback(struct fake *fake, const Cloister__ConnectCallback *callback) {
    struct fake_seen *seen = fake->seen;
    fake_lock();
    note(seen->last_cookie, sizeof(seen->last_cookie), callback->cookie);
    note(seen->last_code, sizeof(seen->last_code), callback->code);
    note(seen->last_login, sizeof(seen->last_login), callback->login);
    note(seen->last_session, sizeof(seen->last_session), callback->session);
    seen->callbacks++;
    fake_unlock();
    if (callback->error[0] != '\0')
        failure(fake, callback->request, 409, "consent_refused", false);
    else if (begins(callback->code, "fail."))
        fail_as_told(fake, callback->request, callback->code + 5);
    else if (strcmp(callback->code, "sign-in") != 0)
        redirect(fake, callback->request, "http://app.example/back?code=c", "", "");
    else if (strcmp(callback->login, "login-1") == 0)
        redirect(fake, callback->request, "http://127.0.0.1:8420/", "", "young-session");
    else
        failure(fake, callback->request, 403, "wrong_browser", false);
}

static void on_session(struct fake *fake, uint64_t request, const char *cookie) {
    Cloister__SessionState body = CLOISTER__SESSION_STATE__INIT;
    body.request = request;
    body.csrf = (char *)"good-csrf";
    body.account = (char *)"ann<b>&\"@example.org";
    body.cookie = (char *)(strcmp(cookie, "aging-session") == 0 ? "young-session" : "");
    body.session_s = 7200;
    Cloister__Message message = MSG_OF(SESSION_STATE, session_state, &body);
    put(fake, &message);
}

static void renew(struct fake *fake, uint64_t request) {
    Cloister__GrantRenewed body = CLOISTER__GRANT_RENEWED__INIT;
    body.request = request;
    body.grant = (char *)"fresh-grant";
    Cloister__Message message = MSG_OF(GRANT_RENEWED, grant_renewed, &body);
    put(fake, &message);
}

static void on_redeem(struct fake *fake, const Cloister__Redeem *redeem) {
    char *scopes[] = {(char *)"openid", (char *)"email"};
    Cloister__Redeemed body = CLOISTER__REDEEMED__INIT;
    body.request = redeem->request;
    body.grant = (char *)"g1";
    body.scopes = scopes;
    body.n_scopes = 2;
    Cloister__Message message = MSG_OF(REDEEMED, redeemed, &body);
    put(fake, &message);
}

static void on_state(struct fake *fake, uint64_t request, bool session) {
    char *words[] = {(char *)"events"};
    Cloister__ConnectionState body = CLOISTER__CONNECTION_STATE__INIT;
    body.request = request;
    body.state = (char *)(session ? "active" : "broken");
    body.features = words;
    body.n_features = 1;
    body.connected_at_ms = 1767225600123;
    body.action_url = (char *)"https://cloister.example/connect/x";
    Cloister__Message message = MSG_OF(CONNECTION_STATE, connection_state, &body);
    put(fake, &message);
}

static void on_memory(struct fake *fake, uint64_t request) {
    Cloister__Memory item = CLOISTER__MEMORY__INIT;
    Cloister__Memory *items[] = {&item};
    item.id = (char *)"m1";
    item.text = (char *)"mornings only";
    item.created_at_ms = 1767225600000;
    Cloister__Memories body = CLOISTER__MEMORIES__INIT;
    body.request = request;
    body.items = items;
    body.n_items = 1;
    Cloister__Message message = MSG_OF(MEMORIES, memories, &body);
    put(fake, &message);
}

static void on_disconnect(struct fake *fake, uint64_t request) {
    Cloister__ConnectionDeleted body = CLOISTER__CONNECTION_DELETED__INIT;
    body.request = request;
    body.revoked = true;
    Cloister__Message message = MSG_OF(CONNECTION_DELETED, connection_deleted, &body);
    put(fake, &message);
}

static void on_health(struct fake *fake, uint64_t request) {
    Cloister__Health body = CLOISTER__HEALTH__INIT;
    body.request = request;
    body.ready = true;
    Cloister__Message message = MSG_OF(HEALTH, health, &body);
    put(fake, &message);
}

static bool session_lives(struct fake *fake, uint64_t request, const Cloister__Caller *caller,
                          bool changes) {
    if (strcmp(caller->session, "good-session") != 0 &&
        strcmp(caller->session, "aging-session") != 0)
        failure(fake, request, 401, "session_invalid", false);
    else if (changes && strcmp(caller->csrf, "good-csrf") != 0)
        failure(fake, request, 403, "csrf_invalid", false);
    else
        return true;
    return false;
}

/* Who asks, and may they? Grants are renewed on the way, also those of sessions. */
static bool asks(struct fake *fake, uint64_t request, const Cloister__Caller *caller,
                 bool changes) {
    struct fake_seen *seen = fake->seen;
    bool fine = false;
    fake_lock();
    note(seen->last_user, sizeof(seen->last_user), caller->user);
    note(seen->last_grant, sizeof(seen->last_grant), caller->grant);
    note(seen->last_frontend, sizeof(seen->last_frontend), caller->frontend);
    note(seen->last_session, sizeof(seen->last_session), caller->session);
    note(seen->last_csrf, sizeof(seen->last_csrf), caller->csrf);
    fake_unlock();
    if (caller->session[0] != '\0')
        fine = session_lives(fake, request, caller, changes);
    else if (strcmp(caller->user, "nobody") == 0)
        failure(fake, request, 404, "unknown_user", false);
    else if (strcmp(caller->grant, "bad-grant") == 0)
        failure(fake, request, 401, "grant_invalid", false);
    else
        fine = true;
    if (fine && (strcmp(caller->grant, "old-grant") == 0 || caller->session[0] != '\0'))
        renew(fake, request);
    fake_lock();
    seen->changes += fine && changes;
    fake_unlock();
    return fine;
}

static bool known(struct fake *fake, uint64_t request, const Cloister__Caller *caller) {
    return asks(fake, request, caller, true);
}

static void count(unsigned *counter) {
    fake_lock();
    (*counter)++;
    fake_unlock();
}

static void on_body(struct fake *fake, const Cloister__Message *m) {
    struct fake_seen *seen = fake->seen;
    struct flood *flood;
    switch ((int)m->body_case) {
    case CLOISTER__MESSAGE__BODY_GATEWAY_HELLO:
        fake->peer.phase = PHASE_READY;
        count(&seen->hellos);
        return;
    case CLOISTER__MESSAGE__BODY_CHAT_REQUEST:
        fake_lock();
        seen->chats++;
        note(seen->last_key, sizeof(seen->last_key), m->chat_request->idempotency_key);
        note(seen->last_zone, sizeof(seen->last_zone), m->chat_request->timezone);
        note(seen->last_conversation, sizeof(seen->last_conversation),
             m->chat_request->conversation);
        fake_unlock();
        if (known(fake, m->chat_request->request, m->chat_request->caller))
            on_chat(fake, m->chat_request);
        return;
    case CLOISTER__MESSAGE__BODY_CHAT_CANCEL:
        flood = flood_of(fake, m->chat_cancel->request);
        if (flood != NULL)
            flood->request = 0;
        count(&seen->cancels);
        return;
    case CLOISTER__MESSAGE__BODY_CHAT_CREDIT:
        fake_lock();
        seen->credits++;
        seen->credit_bytes += m->chat_credit->bytes;
        fake_unlock();
        flood = flood_of(fake, m->chat_credit->request);
        if (flood != NULL) {
            flood->credit += m->chat_credit->bytes;
            flood_go(fake, flood);
        }
        return;
    case CLOISTER__MESSAGE__BODY_SESSION_DELETE:
        if (known(fake, m->session_delete->request, m->session_delete->caller)) {
            note(seen->last_conversation, sizeof(seen->last_conversation),
                 m->session_delete->conversation);
            ok(fake, m->session_delete->request);
        }
        return;
    case CLOISTER__MESSAGE__BODY_MEMORY_LIST:
        if (asks(fake, m->memory_list->request, m->memory_list->caller, false))
            on_memory(fake, m->memory_list->request);
        return;
    case CLOISTER__MESSAGE__BODY_MEMORY_DELETE:
        if (known(fake, m->memory_delete->request, m->memory_delete->caller))
            ok(fake, m->memory_delete->request);
        return;
    case CLOISTER__MESSAGE__BODY_CONNECT_LINK_CREATE:
        if (known(fake, m->connect_link_create->request, m->connect_link_create->caller))
            on_link(fake, m->connect_link_create);
        return;
    case CLOISTER__MESSAGE__BODY_CONNECT_OPEN:
        on_open(fake, m->connect_open);
        return;
    case CLOISTER__MESSAGE__BODY_CONNECT_CALLBACK:
        on_callback(fake, m->connect_callback);
        return;
    case CLOISTER__MESSAGE__BODY_REDEEM:
        if (known(fake, m->redeem->request, m->redeem->caller))
            on_redeem(fake, m->redeem);
        return;
    case CLOISTER__MESSAGE__BODY_CONNECTION_GET:
        if (asks(fake, m->connection_get->request, m->connection_get->caller, false))
            on_state(fake, m->connection_get->request,
                     m->connection_get->caller->session[0] != '\0');
        return;
    case CLOISTER__MESSAGE__BODY_CONNECTION_DELETE:
        if (known(fake, m->connection_delete->request, m->connection_delete->caller))
            on_disconnect(fake, m->connection_delete->request);
        return;
    case CLOISTER__MESSAGE__BODY_GRANTS_REVOKE:
        if (known(fake, m->grants_revoke->request, m->grants_revoke->caller))
            ok(fake, m->grants_revoke->request);
        return;
    case CLOISTER__MESSAGE__BODY_SIGN_IN_BEGIN:
        on_sign_in(fake, m->sign_in_begin);
        return;
    case CLOISTER__MESSAGE__BODY_SESSION_SHOW:
        if (asks(fake, m->session_show->request, m->session_show->caller, false))
            on_session(fake, m->session_show->request, m->session_show->caller->session);
        return;
    case CLOISTER__MESSAGE__BODY_SESSION_END:
        seen->last_everywhere = m->session_end->everywhere;
        if (known(fake, m->session_end->request, m->session_end->caller))
            ok(fake, m->session_end->request);
        return;
    case CLOISTER__MESSAGE__BODY_HEALTH_ASK:
        on_health(fake, m->health_ask->request);
        return;
    default:
        count(&seen->others);
    }
}

static bool on_up(void *ctx, pid_t pid, uid_t uid) {
    (void)pid;
    (void)uid;
    struct fake *fake = ctx;
    fake->peer = (struct msg_peer){ROLE_GATEWAY, ROLE_SUPERVISOR, PHASE_START, {0}};
    memset(fake->floods, 0, sizeof(fake->floods));
    return true;
}

static void on_message(void *ctx, const uint8_t *data, size_t len) {
    struct fake *fake = ctx;
    SCOPE_MSG Cloister__Message *message = NULL;
    if (msg_decode(&fake->peer, data, len, 0, &message) < 0)
        count(&fake->seen->others);
    else
        on_body(fake, message);
}

static void on_down(void *ctx) {
    (void)ctx;
}

static void on_stop(evutil_socket_t fd, short what, void *ctx) {
    (void)fd;
    (void)what;
    struct fake *fake = ctx;
    (void)event_base_loopbreak(fake->base);
}

static void *fake_run(void *ctx) {
    static const struct nng_end_ops ops = {on_up, on_message, on_down};
    struct fake *fake = ctx;
    fake->base = event_base_new();
    struct event *stop = event_new(fake->base, fake->stop_fd, EV_READ, on_stop, fake);
    (void)event_add(stop, NULL);
    if (nng_end_listen(fake->base, fake->path, 0666, false, &ops, fake, &fake->end) < 0)
        abort();
    (void)pthread_barrier_wait(&fake->ready);
    (void)event_base_dispatch(fake->base);
    nng_end_close(fake->end);
    event_free(stop);
    event_base_free(fake->base);
    return NULL;
}

struct fake *fake_start(const char *path, struct fake_seen *seen) {
    struct fake *fake = calloc(1, sizeof(*fake));
    fake->seen = seen;
    fake->stop_fd = eventfd(0, EFD_CLOEXEC);
    (void)snprintf(fake->path, sizeof(fake->path), "%s", path);
    (void)pthread_barrier_init(&fake->ready, NULL, 2);
    ck_assert_int_eq(pthread_create(&fake->thread, NULL, fake_run, fake), 0);
    (void)pthread_barrier_wait(&fake->ready);
    return fake;
}

void fake_stop(struct fake *fake) {
    uint64_t one = 1;
    (void)!write(fake->stop_fd, &one, sizeof(one));
    (void)pthread_join(fake->thread, NULL);
    (void)close(fake->stop_fd);
    (void)pthread_barrier_destroy(&fake->ready);
    free(fake);
}
