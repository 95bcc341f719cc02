#include "tests/unit/gateway/fake_parts.h"

#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

void fake_lock(void) {
    (void)pthread_mutex_lock(&lock);
}

void fake_unlock(void) {
    (void)pthread_mutex_unlock(&lock);
}

void fake_put(struct fake *fake, Cloister__Message *message) {
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
    fake_put(fake, &message);
}

static void text(struct fake *fake, uint64_t request, const char *words) {
    Cloister__ChatDelta body = CLOISTER__CHAT_DELTA__INIT;
    body.request = request;
    body.text = (char *)(uintptr_t)words;
    Cloister__Message message = MSG_OF(CHAT_DELTA, chat_delta, &body);
    fake_put(fake, &message);
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
    fake_put(fake, &message);
}

static void propose(struct fake *fake, uint64_t request) {
    Cloister__ChatProposal body = CLOISTER__CHAT_PROPOSAL__INIT;
    body.request = request;
    body.id = (char *)"p1";
    body.summary = (char *)"Move lunch";
    body.arguments = (char *)"{\"event\":\"e1\"}";
    body.expires_at = (char *)"2026-01-01T00:00:00Z";
    Cloister__Message message = MSG_OF(CHAT_PROPOSAL, chat_proposal, &body);
    fake_put(fake, &message);
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
    char *shown[] = {(char *)"message", (char *)"titles"}, *settled[] = {(char *)"p0"};
    body.shown = shown;
    body.n_shown = COUNT_OF(shown);
    body.settled = settled;
    body.n_settled = COUNT_OF(settled);
    Cloister__Message message = MSG_OF(CHAT_DONE, chat_done, &body);
    fake_put(fake, &message);
}

void fake_fail(struct fake *fake, uint64_t request, unsigned status, const char *code,
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
    fake_put(fake, &message);
}

void fake_ok(struct fake *fake, uint64_t request) {
    Cloister__Ok body = CLOISTER__OK__INIT;
    body.request = request;
    Cloister__Message message = MSG_OF(OK, ok, &body);
    fake_put(fake, &message);
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

bool fake_begins(const char *words, const char *word) {
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
    if (fake_begins(words, "silent"))
        return;
    accepted(fake, id);
    if (fake_begins(words, "say ")) {
        tool(fake, id, "list_events", "running");
        tool(fake, id, "list_events", "done");
        for (const char *at = words + 4; *at != '\0';) { /* a delta has its cap */
            char piece[8001];
            at += snprintf(piece, sizeof(piece), "%.8000s", at) > 8000 ? 8000 : (int)strlen(piece);
            text(fake, id, piece);
        }
        done(fake, id);
    } else if (fake_begins(words, "flood ")) {
        struct flood *flood = flood_of(fake, 0);
        if (flood == NULL)
            abort();
        *flood = (struct flood){id, strtoull(words + 6, NULL, 10), chat->credit};
        flood_go(fake, flood);
    } else if (fake_begins(words, "overrun")) {
        struct flood flood = {id, (uint64_t)chat->credit * 100, (uint64_t)chat->credit * 100};
        flood_go(fake, &flood);
    } else if (fake_begins(words, "split")) {
        text(fake, id, "caf\xc3");
        text(fake, id, "\xa9!\xff?");
        done(fake, id);
    } else if (fake_begins(words, "break")) {
        text(fake, id, "half an ans");
        fake_fail(fake, id, 502, "agent_lost", true);
    } else if (fake_begins(words, "tools ")) {
        for (unsigned long n = strtoul(words + 6, NULL, 10); n > 0; n--)
            tool(fake, id, "get_event", "running");
        done(fake, id);
    } else if (fake_begins(words, "propose")) {
        propose(fake, id);
        done(fake, id);
    } else if (fake_begins(words, "die")) {
        static const struct timeval soon = {0, 200000}; /* what was said is through by then */
        text(fake, id, "half");
        (void)event_base_once(fake->base, -1, EV_TIMEOUT, on_drop, fake, &soon);
    }
}

/* What becomes of a proposal is told by the end of its id. */
static void on_decision(struct fake *fake, const Cloister__ChatRequest *chat) {
    static const struct {
        const char *id, *code;
        unsigned status;
    } rows[] = {{RIG_PROPOSAL_USED, "proposal_used", 409},
                {RIG_PROPOSAL_GONE, "proposal_gone", 404},
                {RIG_PROPOSAL_OLD, "proposal_expired", 410}};
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        if (strcmp(chat->proposal, rows[i].id) == 0) {
            fake_fail(fake, chat->request, rows[i].status, rows[i].code, false);
            return;
        }
    accepted(fake, chat->request);
    text(fake, chat->request, chat->confirm ? "Done." : "Left as it was.");
    done(fake, chat->request);
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
        fake_note(seen->last_key, sizeof(seen->last_key), m->chat_request->idempotency_key);
        fake_note(seen->last_zone, sizeof(seen->last_zone), m->chat_request->timezone);
        fake_note(seen->last_conversation, sizeof(seen->last_conversation),
                  m->chat_request->conversation);
        fake_note(seen->last_proposal, sizeof(seen->last_proposal), m->chat_request->proposal);
        fake_note(seen->last_message, sizeof(seen->last_message), m->chat_request->message);
        fake_unlock();
        if (!fake_known(fake, m->chat_request->request, m->chat_request->caller))
            return;
        if (m->chat_request->proposal[0] != '\0')
            on_decision(fake, m->chat_request);
        else
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
        if (fake_known(fake, m->session_delete->request, m->session_delete->caller)) {
            fake_note(seen->last_conversation, sizeof(seen->last_conversation),
                      m->session_delete->conversation);
            fake_ok(fake, m->session_delete->request);
        }
        return;
    case CLOISTER__MESSAGE__BODY_MEMORY_LIST:
        if (fake_asks(fake, m->memory_list->request, m->memory_list->caller, false))
            fake_memory(fake, m->memory_list->request);
        return;
    case CLOISTER__MESSAGE__BODY_MEMORY_PUT:
        if (fake_known(fake, m->memory_put->request, m->memory_put->caller))
            fake_correct(fake, m->memory_put);
        return;
    case CLOISTER__MESSAGE__BODY_MEMORY_DELETE:
        fake_lock();
        fake_note(seen->last_memory, sizeof(seen->last_memory), m->memory_delete->id);
        fake_unlock();
        if (fake_known(fake, m->memory_delete->request, m->memory_delete->caller))
            fake_ok(fake, m->memory_delete->request);
        return;
    case CLOISTER__MESSAGE__BODY_CONNECT_LINK_CREATE:
        if (fake_known(fake, m->connect_link_create->request, m->connect_link_create->caller))
            fake_link(fake, m->connect_link_create);
        return;
    case CLOISTER__MESSAGE__BODY_CONNECT_OPEN:
        fake_open(fake, m->connect_open);
        return;
    case CLOISTER__MESSAGE__BODY_CONNECT_CALLBACK:
        fake_callback(fake, m->connect_callback);
        return;
    case CLOISTER__MESSAGE__BODY_REDEEM:
        if (fake_known(fake, m->redeem->request, m->redeem->caller))
            fake_redeem(fake, m->redeem);
        return;
    case CLOISTER__MESSAGE__BODY_CONNECTION_GET:
        if (fake_asks(fake, m->connection_get->request, m->connection_get->caller, false))
            fake_state(fake, m->connection_get->request,
                       m->connection_get->caller->session[0] != '\0');
        return;
    case CLOISTER__MESSAGE__BODY_CONNECTION_DELETE:
        if (fake_known(fake, m->connection_delete->request, m->connection_delete->caller))
            fake_disconnect(fake, m->connection_delete->request);
        return;
    case CLOISTER__MESSAGE__BODY_GRANTS_REVOKE:
        if (fake_known(fake, m->grants_revoke->request, m->grants_revoke->caller))
            fake_ok(fake, m->grants_revoke->request);
        return;
    case CLOISTER__MESSAGE__BODY_SIGN_IN_BEGIN:
        fake_sign_in(fake, m->sign_in_begin);
        return;
    case CLOISTER__MESSAGE__BODY_BUSINESS_CALL:
        if (fake_asks(fake, m->business_call->request, m->business_call->caller,
                      !fake_begins(m->business_call->operation, "list_") &&
                          !fake_begins(m->business_call->operation, "get_")))
            fake_business(fake, m->business_call);
        return;
    case CLOISTER__MESSAGE__BODY_SESSION_SHOW:
        if (fake_asks(fake, m->session_show->request, m->session_show->caller, false))
            fake_session(fake, m->session_show->request, m->session_show->caller->session);
        return;
    case CLOISTER__MESSAGE__BODY_SESSION_END:
        seen->last_everywhere = m->session_end->everywhere;
        if (fake_known(fake, m->session_end->request, m->session_end->caller))
            fake_ok(fake, m->session_end->request);
        return;
    case CLOISTER__MESSAGE__BODY_METRICS_ASK:
        fake_metrics(fake, m->metrics_ask->request);
        return;
    case CLOISTER__MESSAGE__BODY_HEALTH_ASK:
        fake_health(fake, m->health_ask->request);
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
