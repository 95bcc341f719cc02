#include "front_rig.h"

/* ---- cloister-business ---- */

struct shop shop;

void shop_say(Cloister__Message *message) {
    static uint8_t data[200000];
    ssize_t len = msg_encode(message, data, sizeof(data));
    ck_assert_int_gt(len, 0);
    ck_assert_int_eq(nng_end_send(shop.end, data, (size_t)len), 0);
}

static void shop_answer(const Cloister__BusinessCall *call) {
    static char result[150000];
    Cloister__BusinessResult body = CLOISTER__BUSINESS_RESULT__INIT;
    body.request = call->request;
    if (strcmp(call->operation, "begin_chat") == 0 && shop.status == 0) {
        body.status = 200;
        body.result = "{\"user\":\"" USER_A "\",\"name\":\"Salon\",\"context\":\"the profile\","
                      "\"timezone\":\"Europe/Berlin\"}";
    } else {
        memset(result, 'x', shop.result_len);
        result[shop.result_len] = '\0';
        body.status = shop.status != 0 ? shop.status : 200;
        body.code = (char *)shop.code;
        body.result = result;
    }
    Cloister__Message message = MSG_OF(BUSINESS_RESULT, business_result, &body);
    shop_say(&message);
}

static void take_call(const Cloister__BusinessCall *call) {
    shop.calls++;
    (void)snprintf(shop.operation, sizeof(shop.operation), "%s", call->operation);
    (void)snprintf(shop.arguments, sizeof(shop.arguments), "%s", call->arguments);
    (void)snprintf(shop.user, sizeof(shop.user), "%s", call->user);
    (void)snprintf(shop.origin, sizeof(shop.origin), "%s", call->origin);
    (void)snprintf(shop.business, sizeof(shop.business), "%s", call->business);
    (void)snprintf(shop.key, sizeof(shop.key), "%s", call->idempotency_key);
    (void)snprintf(shop.channel, sizeof(shop.channel), "%s",
                   call->client != NULL ? call->client->channel : "");
    shop.by_agent = call->by_agent;
    if (!shop.silent)
        shop_answer(call);
}

static void take_result(const Cloister__CellResult *result) {
    shop.results++;
    shop.has_done = result->done != NULL;
    shop.intervals = shop.has_done ? result->done->n_busy : 0;
    shop.exists = shop.has_done && result->done->exists;
    shop.account_len = result->account.len;
    ck_assert_uint_le(shop.account_len, sizeof(shop.account));
    if (shop.account_len > 0)
        memcpy(shop.account, result->account.data, shop.account_len);
    shop.retryable = result->retryable;
    shop.unknown = result->unknown_writes;
    (void)snprintf(shop.cell_code, sizeof(shop.cell_code), "%s", result->code);
    (void)snprintf(shop.text, sizeof(shop.text), "%s", result->text);
}

static bool shop_up(void *ctx, pid_t pid, uid_t uid) {
    (void)ctx, (void)pid, (void)uid;
    return true;
}

static void shop_message(void *ctx, const uint8_t *data, size_t len) {
    (void)ctx;
    struct msg_peer peer = {ROLE_SUPERVISOR, ROLE_BUSINESS, PHASE_START | PHASE_READY, {0}};
    SCOPE_MSG Cloister__Message *message = NULL;
    ck_assert_int_eq(msg_decode(&peer, data, len, 0, &message), 0);
    if (message->body_case == CLOISTER__MESSAGE__BODY_BUSINESS_HELLO) {
        ck_assert_str_eq(message->business_hello->instance, "supervisor");
        shop.hellos++;
    } else if (message->body_case == CLOISTER__MESSAGE__BODY_BUSINESS_CALL) {
        take_call(message->business_call);
    } else if (message->body_case == CLOISTER__MESSAGE__BODY_BUSINESS_CANCEL) {
        shop.cancels++;
    } else if (message->body_case == CLOISTER__MESSAGE__BODY_CELL_RESULT) {
        take_result(message->cell_result);
    }
}

static void shop_down(void *ctx) {
    (void)ctx;
}

static const struct nng_end_ops shop_ops = {shop_up, shop_message, shop_down};

static void on_cell(void *ctx, Cloister__Message *message) {
    (void)ctx;
    if (message->cell_call->answer != NULL)
        front_answers_begin(shop.answers, message);
    else
        front_cells_step(shop.cells, message);
}

static void on_link_down(void *ctx) {
    (void)ctx;
    shop.downs++;
    front_cells_down(shop.cells);
    front_answers_down(shop.answers);
}

void open_shop(void) {
    static char path[96];
    (void)snprintf(path, sizeof(path), "%s/business.sock", rig.dir);
    ck_assert_int_eq(nng_end_listen(rig.base, path, 0600, false, &shop_ops, NULL, &shop.end), 0);
}

static struct business_link *make_link(void) {
    static char path[96];
    memset(&shop, 0, sizeof(shop));
    shop.code = "";
    (void)snprintf(path, sizeof(path), "%s/business.sock", rig.dir);
    const struct business_setup setup = {path, getuid(), on_cell, on_link_down, NULL};
    const struct front_setup cells = {
        .base = rig.base, .turns = rig.turns, .sessions = sessions, .proposals = proposals};
    const struct answers_setup answers = {.base = rig.base, .turns = rig.turns};
    open_shop();
    ck_assert_int_eq(front_cells_new(&cells, &shop.cells), 0);
    ck_assert_int_eq(front_answers_new(&answers, &shop.answers), 0);
    ck_assert_int_eq(business_link_new(rig.base, &setup, &shop.link), 0);
    front_cells_use(shop.cells, shop.link);
    front_answers_use(shop.answers, shop.link);
    return shop.link;
}

/* ---- waiting ---- */

bool is_hello(void *ctx) {
    return shop.hellos >= *(const unsigned *)ctx;
}
bool is_call(void *ctx) {
    return shop.calls >= *(const unsigned *)ctx;
}
bool is_result(void *ctx) {
    return shop.results >= *(const unsigned *)ctx;
}
/* The database here answers one at a time. */
void until_looked_up(unsigned n) {
    while (db.which < n || db.asked_which != NULL)
        ck_assert_int_eq(event_base_loop(rig.base, EVLOOP_ONCE), 0);
}
void until(bool (*done)(void *ctx), unsigned n) {
    rig_until(&rig, done, &n);
}

void front_setup_owner(void) {
    rig_public = false;
    rig_make_link = make_link;
    chat_setup();
    until(is_hello, 1);
}

void front_setup_public(void) {
    rig_public = true;
    rig_make_link = make_link;
    chat_setup();
    until(is_hello, 1);
}

void front_teardown(void) {
    front_cells_down(shop.cells);
    front_answers_down(shop.answers);
    nng_end_close(client.end);
    gateway_free(gateway);
    turns_free(rig.turns);
    rig.turns = NULL;
    answer_admission();
    answer_lookups();
    business_link_free(shop.link);
    front_cells_free(shop.cells);
    front_answers_free(shop.answers);
    nng_end_close(shop.end);
    chats_free(chats);
    sessions_free(sessions);
    proposals_free(proposals);
    event_free(db_event);
    rig_stop(&rig);
}
