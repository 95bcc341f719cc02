#include "fake.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "agent/calendar.h"
#include "providers/json_get.h"

struct fake *fake_world;

static void seal_text(struct fake *fake, const char *purpose, const char *subject, uint64_t epoch,
                      uint64_t version, const char *plain, ProtobufCBinaryData *ret) {
    struct seal_label label = {purpose, subject, epoch, version};
    ck_assert_int_eq(
        seal_box(fake->connection_key, &label, plain, strlen(plain), &ret->data, &ret->len), 0);
}

struct fake *fake_new(void) {
    static const char *scopes[] = {"openid", "email", GOOGLE_SCOPE_EVENTS, GOOGLE_SCOPE_FREEBUSY};
    struct fake *fake = calloc(1, sizeof(*fake));
    ck_assert_int_eq(seal_init(), 0);
    fake->events = json_object();
    fake->kept = json_object();
    fake->busy = "{\"busy\":[]}";
    fake->calendar_zone = "Europe/Berlin";
    fake->timeout_ms = 20000;
    fake->egress_fd = -1;
    fake->client_secret = "secret";
    fake->model_key = "apikey";
    fake->verifier = "verifier";
    memset(fake->user_key, 1, 32);
    memset(fake->connection_key, 2, 32);
    memset(fake->subject_key, 3, 32);
    fake->user_epoch = 7;
    cloister__turn_start__init(&fake->start);
    cloister__sealed_state__init(&fake->state);
    fake->start.turn = (char *)"0123456789abcdef0123456789abcdef";
    fake->start.user = (char *)"00000000000000000000000000000001";
    fake->start.origin = (char *)"owner";
    fake->start.frontend = (char *)"demo";
    fake_grant(fake, FAKE_GRANT_MS);
    fake->start.timezone = (char *)"Europe/Berlin";
    fake->start.credit = 65536;
    fake->start.state = &fake->state;
    fake->state.connection = (char *)"00000000000000000000000000000002";
    fake->state.scopes = (char **)scopes;
    fake->state.n_scopes = COUNT_OF(scopes);
    seal_text(fake, "google-refresh", fake->state.connection, 3, 1, "RT-secret",
              &fake->state.refresh);
    fake->world.google = (struct google_settings){.client_id = "client",
                                                  .token_url = "https://token.test/token",
                                                  .revoke_url = "https://token.test/revoke",
                                                  .calendar_url = "https://cal.test/v3"};
    fake->world.model = (struct model_settings){
        .dialect = &model_anthropic, .url = (char *)"https://model.test/v1/messages", .model = "m"};
    strcpy(fake->world.model_host, "model.test:443");
    fake->world.max_output_tokens = 1000;
    fake->world.notes_bytes = 16384;
    fake->world.grant_ms = FAKE_GRANT_MS;
    fake_world = fake;
    return fake;
}

void fake_grant(struct fake *fake, uint64_t left_ms) {
    const struct grant_claims claims = {fake->start.user, fake->start.frontend, "owner",
                                        fake->user_epoch};
    grant_mint(fake->user_key, &claims, (uint64_t)wall_ms() + left_ms, fake->grant);
    fake->start.grant = fake->grant;
}

static void fake_reset(struct fake *fake) {
    msg_free(fake->last);
    fake->last = NULL;
    fake->text[0] = fake->tools[0] = '\0';
    for (size_t i = 0; i < FAKE_MODEL_CALLS; i++) {
        json_decref(fake->asked[i]);
        fake->asked[i] = NULL;
    }
    fake->model_calls = 0;
    for (size_t i = 0; i < fake->asked_business; i++)
        json_decref(fake->business_arguments[i]);
    fake->asked_business = 0;
    fake->operations[0] = '\0';
}

static void drop_proposal(struct fake *fake, size_t at);

void fake_free(struct fake *fake) {
    fake_reset(fake);
    msg_free(fake->put_token);
    json_decref(fake->events);
    json_decref(fake->kept);
    free(fake->state.refresh.data);
    free(fake->state.notes.data);
    free(fake->state.access.data);
    for (size_t i = 0; i < fake->state.n_preferences; i++) {
        free(fake->state.preferences[i]->id);
        free(fake->state.preferences[i]->sealed.data);
        free(fake->state.preferences[i]);
    }
    free(fake->state.preferences);
    while (fake->state.n_proposals > 0)
        drop_proposal(fake, 0);
    free(fake->state.proposals);
    free(fake);
}

static void *run_turn(void *ctx) {
    struct fake *fake = ctx;
    int *fds = (int[]){fake->agent_fd, fake->keys_fd};
    struct turn_setup setup = {.agent_fd = fds[0],
                               .keys_fd = fds[1],
                               .egress_fd = fake->egress_fd,
                               .start = &fake->start,
                               .deadline = clock_ms() + fake->timeout_ms,
                               .world = &fake->world};
    (void)turn_run(&setup);
    return NULL;
}

static ProtobufCBinaryData bytes_of(const char *text) {
    return (ProtobufCBinaryData){strlen(text), (uint8_t *)text};
}

static void answer_subject(struct fake *fake, int fd, const char *subject) {
    uint8_t tag[32];
    Cloister__KeyResult result = CLOISTER__KEY_RESULT__INIT;
    Cloister__Message m = MSG_OF(KEY_RESULT, key_result, &result);
    key_mac(fake->subject_key, subject, strlen(subject), tag, sizeof(tag));
    result.digest = (ProtobufCBinaryData){sizeof(tag), tag};
    ck_assert_int_eq(seq_send(fd, &m, -1), 0);
}

static void answer_keys(struct fake *fake, int fd) {
    struct msg_peer peer = {.from = ROLE_TURN, .to = ROLE_KEYS, .phase = PHASE_READY};
    SCOPE_MSG Cloister__Message *ask = NULL;
    ck_assert_int_eq(seq_recv(fd, &peer, &ask, NULL), 0);
    if (ask->body_case == CLOISTER__MESSAGE__BODY_TOKEN_COMMIT) {
        Cloister__KeyResult result = CLOISTER__KEY_RESULT__INIT;
        Cloister__Message m = MSG_OF(KEY_RESULT, key_result, &result);
        fake->committed++;
        ck_assert_int_eq(seq_send(fd, &m, -1), 0);
        return;
    }
    if (ask->body_case == CLOISTER__MESSAGE__BODY_SUBJECT_ASK) {
        answer_subject(fake, fd, ask->subject_ask->subject);
        return;
    }
    Cloister__KeyGrant grant = CLOISTER__KEY_GRANT__INIT;
    grant.error = fake->key_error;
    grant.connection_key = (ProtobufCBinaryData){32, fake->connection_key};
    grant.user_key = (ProtobufCBinaryData){32, fake->user_key};
    grant.epoch = 3;
    grant.token_version = fake->floor;
    grant.user = (char *)(fake->bound_user != NULL ? fake->bound_user : fake->start.user);
    grant.origin = (char *)(fake->bound_origin != NULL ? fake->bound_origin : fake->start.origin);
    grant.user_epoch = fake->user_epoch;
    if (strcmp(grant.origin, "customer") == 0)
        grant.user_key.len = 0;
    if (strcmp(grant.origin, "front") == 0) { /* as supervisor/keys/origins.c has it */
        grant.user_key.len = 0;
        key_derive(fake->user_key, "booking-event", fake->booking_key);
        grant.booking_key = (ProtobufCBinaryData){32, fake->booking_key};
    }
    if (strcmp(grant.origin, "customer") != 0)
        grant.google_client_secret = bytes_of(fake->client_secret);
    grant.model_api_key = bytes_of(fake->model_key);
    grant.model_host =
        fake->model_key_host != NULL ? (char *)fake->model_key_host : ask->key_ask->model_host;
    if (*ask->key_ask->state_token != '\0')
        grant.pkce_verifier = bytes_of(fake->verifier);
    Cloister__Message m = MSG_OF(KEY_GRANT, key_grant, &grant);
    ck_assert_int_eq(seq_send(fd, &m, -1), 0);
}

static void seal_of(const Cloister__PutPreference *put, ProtobufCBinaryData *sealed) {
    free(sealed->data);
    sealed->len = put->sealed.len;
    sealed->data = malloc(put->sealed.len);
    memcpy(sealed->data, put->sealed.data, put->sealed.len);
}

/* 0, or the errno that cloisterd answers. */
static int keep_preference(struct fake *fake, const Cloister__PutPreference *put) {
    size_t n = fake->state.n_preferences;
    fake->puts++;
    for (size_t i = 0; i < n; i++)
        if (strcmp(fake->state.preferences[i]->id, put->id) == 0) {
            seal_of(put, &fake->state.preferences[i]->sealed);
            return 0;
        }
    if (put->correct)
        return ENOENT;
    fake->state.n_preferences++;
    fake->state.preferences = reallocarray(fake->state.preferences, n + 1, sizeof(void *));
    Cloister__SealedItem *item = calloc(1, sizeof(*item));
    cloister__sealed_item__init(item);
    item->id = strdup(put->id);
    seal_of(put, &item->sealed);
    fake->state.preferences[n] = item;
    return 0;
}

static Cloister__BusinessResult answer_business(struct fake *fake,
                                                const Cloister__BusinessCall *call) {
    Cloister__BusinessResult result = CLOISTER__BUSINESS_RESULT__INIT;
    size_t n = fake->asked_business++;
    ck_assert_uint_lt(n, COUNT_OF(fake->business));
    fake->business_arguments[n] = json_loads(call->arguments, 0, NULL);
    ck_assert_ptr_nonnull(fake->business_arguments[n]);
    size_t len = strlen(fake->operations);
    (void)snprintf(fake->operations + len, sizeof(fake->operations) - len, "%s ", call->operation);
    (void)snprintf(fake->business_keys[n], sizeof(fake->business_keys[n]), "%s",
                   call->idempotency_key);
    result.status = fake->business[n].status != 0 ? fake->business[n].status : 200;
    result.code = (char *)(fake->business[n].code != NULL ? fake->business[n].code : "");
    result.detail = "As the test says.";
    result.result = (char *)(fake->business[n].result != NULL ? fake->business[n].result : "{}");
    return result;
}

static void answer_host(struct fake *fake, int fd, Cloister__Message **message) {
    const Cloister__HostCall *call = (*message)->host_call;
    Cloister__HostReply reply = CLOISTER__HOST_REPLY__INIT;
    reply.turn = fake->start.turn;
    reply.call = call->call;
    if (call->op_case == CLOISTER__HOST_CALL__OP_MARK_BROKEN)
        fake->broken++;
    if (call->op_case == CLOISTER__HOST_CALL__OP_PUT_PREFERENCE)
        reply.error =
            fake->put_error != 0 ? fake->put_error : keep_preference(fake, call->put_preference);
    Cloister__BusinessResult business;
    if (call->op_case == CLOISTER__HOST_CALL__OP_BUSINESS) {
        business = answer_business(fake, call->business);
        reply.business = &business;
    }
    if (call->op_case == CLOISTER__HOST_CALL__OP_PUT_TOKEN)
        fake->put_token = take_ptr(*message);
    Cloister__Message m = MSG_OF(HOST_REPLY, host_reply, &reply);
    ck_assert_int_eq(seq_send(fd, &m, -1), 0);
}

static void cancel(struct fake *fake, int fd) {
    Cloister__TurnCancel body = CLOISTER__TURN_CANCEL__INIT;
    body.turn = fake->start.turn;
    Cloister__Message m = MSG_OF(TURN_CANCEL, turn_cancel, &body);
    ck_assert_int_eq(seq_send(fd, &m, -1), 0);
}

static void give_credit(struct fake *fake, int fd) {
    Cloister__TurnCredit body = CLOISTER__TURN_CREDIT__INIT;
    body.turn = fake->start.turn;
    body.bytes = fake->more_credit;
    Cloister__Message m = MSG_OF(TURN_CREDIT, turn_credit, &body);
    ck_assert_int_eq(seq_send(fd, &m, -1), 0);
}

/* One message of the turn; true when it was the last. */
static bool take_message(struct fake *fake, int fd) {
    struct msg_peer peer = {
        .from = ROLE_TURN, .to = ROLE_SUPERVISOR | ROLE_AGENT, .phase = PHASE_TURN};
    SCOPE_MSG Cloister__Message *message = NULL;
    int r = seq_recv(fd, &peer, &message, NULL);
    ck_assert_msg(r == 0, "the turn's message: %s", strerror(-r));
    Cloister__Message__BodyCase body = message->body_case;
    if (body == CLOISTER__MESSAGE__BODY_TURN_DELTA) {
        ck_assert_uint_le(strlen(message->turn_delta->text), 4096);
        ck_assert(utf8_valid(message->turn_delta->text, strlen(message->turn_delta->text)));
        strcat(fake->text, message->turn_delta->text);
        if (fake->more_credit > 0)
            give_credit(fake, fd);
    } else if (body == CLOISTER__MESSAGE__BODY_TURN_TOOL) {
        size_t len = strlen(fake->tools);
        (void)snprintf(fake->tools + len, sizeof(fake->tools) - len, "%s:%s ",
                       message->turn_tool->name, message->turn_tool->state);
        if (fake->cancel_on_tool != NULL &&
            strcmp(fake->cancel_on_tool, message->turn_tool->name) == 0) {
            fake->cancel_on_tool = NULL;
            cancel(fake, fd);
        }
    } else if (body == CLOISTER__MESSAGE__BODY_HOST_CALL) {
        answer_host(fake, fd, &message);
    } else if (body != CLOISTER__MESSAGE__BODY_TURN_SESSIONS) { /* those are its agent's */
        fake->last = take_ptr(message);
        return true;
    }
    return false;
}

/* Another connection's, as far as the turn could tell. */
static void answer_earlier(int fd) {
    Cloister__KeyGrant grant = CLOISTER__KEY_GRANT__INIT;
    Cloister__Message m = MSG_OF(KEY_GRANT, key_grant, &grant);
    grant.error = EKEYREVOKED;
    ck_assert_int_eq(seq_send(fd, &m, -1), 0);
}

void fake_run(struct fake *fake, Cloister__TurnKind kind) {
    int agent[2], keys[2];
    pthread_t thread;
    fake_reset(fake);
    fake->start.kind = kind;
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, agent), 0);
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, keys), 0);
    fake->agent_fd = agent[1];
    fake->keys_fd = keys[1];
    if (fake->keys_stale)
        answer_earlier(keys[0]);
    ck_assert_int_eq(pthread_create(&thread, NULL, run_turn, fake), 0);
    for (bool over = false; !over;) {
        struct pollfd wait[] = {{agent[0], POLLIN, 0}, {keys[0], POLLIN, 0}};
        ck_assert_int_gt(poll(wait, 2, 60000), 0);
        if (wait[1].revents != 0)
            answer_keys(fake, keys[0]);
        if (wait[0].revents != 0)
            over = take_message(fake, agent[0]);
    }
    ck_assert_int_eq(pthread_join(thread, NULL), 0);
    for (int i = 0; i < 2; i++) {
        (void)close(agent[i]);
        (void)close(keys[i]);
    }
}

void fake_chat(struct fake *fake, const char *message) {
    fake->start.message = (char *)message;
    fake_run(fake, CLOISTER__TURN_KIND__TURN_CHAT);
}

static void carry(const ProtobufCBinaryData *from, ProtobufCBinaryData *to) {
    if (from->len == 0)
        return;
    free(to->data);
    to->len = from->len;
    to->data = malloc(from->len);
    memcpy(to->data, from->data, from->len);
}

size_t fake_proposals(const struct fake *fake) {
    return fake->last->body_case == CLOISTER__MESSAGE__BODY_TURN_DONE
               ? fake->last->turn_done->n_proposals
               : 0;
}

const Cloister__Proposal *fake_proposal(const struct fake *fake, size_t n) {
    ck_assert_uint_lt(n, fake_proposals(fake));
    return fake->last->turn_done->proposals[n];
}

bool fake_settled(const struct fake *fake, const char *id) {
    bool done = fake->last->body_case == CLOISTER__MESSAGE__BODY_TURN_DONE;
    size_t n = done ? fake->last->turn_done->n_settled : fake->last->turn_error->n_settled;
    char **ids = done ? fake->last->turn_done->settled : fake->last->turn_error->settled;
    for (size_t i = 0; i < n; i++)
        if (strcmp(ids[i], id) == 0)
            return true;
    return false;
}

static void free_item(Cloister__SealedItem *item) {
    free(item->id);
    free(item->sealed.data);
    free(item);
}

static void drop_proposal(struct fake *fake, size_t at) {
    free_item(fake->state.proposals[at]);
    fake->state.proposals[at] = fake->state.proposals[--fake->state.n_proposals];
}

static void keep_proposal(struct fake *fake, const Cloister__Proposal *made) {
    size_t n = fake->state.n_proposals++;
    fake->state.proposals = reallocarray(fake->state.proposals, n + 1, sizeof(void *));
    Cloister__SealedItem *item = calloc(1, sizeof(*item));
    cloister__sealed_item__init(item);
    item->id = strdup(made->id);
    carry(&made->sealed, &item->sealed);
    fake->state.proposals[n] = item;
}

void fake_settle(struct fake *fake, const char *id) {
    for (size_t i = 0; i < fake->state.n_proposals; i++)
        if (strcmp(fake->state.proposals[i]->id, id) == 0)
            drop_proposal(fake, i--);
}

void fake_decide(struct fake *fake, const char *id, bool confirm) {
    Cloister__SealedItem **all = fake->state.proposals, *one = NULL;
    size_t n = fake->state.n_proposals;
    for (size_t i = 0; i < n; i++)
        if (strcmp(all[i]->id, id) == 0)
            one = all[i];
    fake->state.proposals = &one;
    fake->state.n_proposals = one != NULL;
    fake->start.message = (char *)"";
    fake->start.confirm = confirm;
    fake_run(fake, CLOISTER__TURN_KIND__TURN_DECIDE);
    fake->state.proposals = all;
    fake->state.n_proposals = n;
}

void fake_carry(struct fake *fake) {
    bool done = fake->last->body_case == CLOISTER__MESSAGE__BODY_TURN_DONE;
    carry(done ? &fake->last->turn_done->notes : &fake->last->turn_error->notes,
          &fake->state.notes);
    carry(done ? &fake->last->turn_done->access : &fake->last->turn_error->access,
          &fake->state.access);
    for (size_t i = 0; i < fake->state.n_proposals;)
        if (fake_settled(fake, fake->state.proposals[i]->id))
            drop_proposal(fake, i);
        else
            i++;
    for (size_t i = 0; i < fake_proposals(fake); i++)
        keep_proposal(fake, fake_proposal(fake, i));
}

void fake_event(struct fake *fake, const char *id, const char *json, bool own) {
    json_t *event = json_loads(json, 0, NULL);
    ck_assert_ptr_nonnull(event);
    (void)json_object_set_new(event, "id", json_string(id));
    (void)json_object_set_new(event, "etag", json_string("\"1\""));
    if (own) {
        char mac[EVENT_ID_LEN + 1];
        event_mac_make(fake->user_key, id, mac);
        (void)json_object_set_new(event, "extendedProperties",
                                  json_pack("{s:{s:s}}", "private", EVENT_PROP_MAC, mac));
    }
    (void)json_object_set_new(fake->events, id, event);
}

void fake_handle(struct fake *fake, const char *handle, const char *id) {
    char subject[256];
    uint8_t key[SEAL_KEY_LEN];
    struct notes *notes = NULL;
    (void)snprintf(subject, sizeof(subject), "%s:owner:%s", fake->start.user,
                   fake->start.conversation);
    const struct seal_label label = {"notes", subject, 3, 1};
    key_mac(fake->user_key, fake->connection_key, SEAL_KEY_LEN, key, sizeof(key));
    ck_assert_int_eq(notes_open(key, &label, fake->state.notes.data, fake->state.notes.len, &notes),
                     0);
    notes_handle_add(notes, handle, id);
    free(fake->state.notes.data);
    ck_assert_int_eq(notes_seal(key, &label, notes, fake->world.notes_bytes,
                                &fake->state.notes.data, &fake->state.notes.len),
                     0);
    notes_free(notes);
}

const char *fake_code(const struct fake *fake) {
    return fake->last->body_case == CLOISTER__MESSAGE__BODY_TURN_ERROR
               ? fake->last->turn_error->code
               : "";
}

bool fake_unknown(const struct fake *fake) {
    return fake->last->body_case == CLOISTER__MESSAGE__BODY_TURN_ERROR &&
           fake->last->turn_error->unknown_writes;
}

json_t *fake_result(const struct fake *fake, size_t asked, size_t n) {
    const json_t *messages = json_object_get(fake->asked[asked], "messages");
    const json_t *last = json_array_get(messages, json_array_size(messages) - 1);
    const json_t *block = json_array_get(json_object_get(last, "content"), n);
    return json_loads(json_text(block, "content"), 0, NULL);
}
