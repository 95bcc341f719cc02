#include "tests/unit/business/rig.h"

#include <libpq-fe.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "business/cells.h"
#include "ipc/log.h"
#include "tests/unit/business/peer.h"

struct event_base *base;
struct business_server server;
unsigned rig_status, rig_changes;
char rig_code[64], rig_detail[1100], rig_changed[80];
uint64_t rig_retry_ms, rig_cell, rig_cell_timeout_ms;
bool rig_cell_does, rig_cell_absent, rig_cell_deleted;
const char *rig_cell_account, *rig_cell_fails;
static bool keeps;
static uint64_t kept;
const char *rig_key;

static struct config *config;
static char settings[1024];
static json_t *last_result;
static uint64_t last_request, answered;

static PGconn *holder; /* of rig_hold; NULL: none */

static void on_message(const Cloister__Message *message);
static struct played_peer gateway = {.name = "public", .role = ROLE_GATEWAY, .got = on_message},
                          cloisterd = {
                              .name = "supervisor", .role = ROLE_SUPERVISOR, .got = on_message};

/* Who asks. */
static struct {
    struct played_peer *end;
    const char *address, *client, *user, *origin, *business;
    bool by_agent;
} who;

static void on_result(const Cloister__BusinessResult *result) {
    if (result->request != last_request)
        return;
    answered = result->request;
    rig_status = result->status;
    rig_retry_ms = result->retry_after_ms;
    snprintf(rig_code, sizeof(rig_code), "%s", result->code);
    snprintf(rig_detail, sizeof(rig_detail), "%s", result->detail);
    json_decref(last_result);
    last_result = result->result[0] == '\0' ? NULL : json_loads(result->result, 0, NULL);
}

static void do_step(const Cloister__CellCall *call) {
    Cloister__FrontDone done = CLOISTER__FRONT_DONE__INIT;
    Cloister__CellResult result = CLOISTER__CELL_RESULT__INIT;
    const Cloister__FrontStep *step = call->step;
    if (step != NULL && step->event != NULL) {
        done.exists = step->kind != CLOISTER__FRONT_KIND__FRONT_REMOVE && !rig_cell_absent &&
                      !rig_cell_deleted;
        done.confirmed_gone = !done.exists;
        done.absent = rig_cell_absent;
        done.start = step->event->start;
        done.end = step->event->end;
    }
    result.request = call->request;
    result.code = (char *)(uintptr_t)(rig_cell_fails != NULL ? rig_cell_fails : "");
    result.done = rig_cell_fails != NULL ? NULL : &done;
    result.account =
        (ProtobufCBinaryData){strlen(rig_cell_account), (uint8_t *)(uintptr_t)rig_cell_account};
    Cloister__Message message = MSG_OF(CELL_RESULT, cell_result, &result);
    peer_send(&cloisterd, &message);
}

static void on_message(const Cloister__Message *message) {
    if (message->body_case == CLOISTER__MESSAGE__BODY_BUSINESS_RESULT) {
        on_result(message->business_result);
    } else if (message->body_case == CLOISTER__MESSAGE__BODY_BUSINESS_CHANGED) {
        rig_changes++;
        snprintf(rig_changed, sizeof(rig_changed), "%s", message->business_changed->slug);
    } else if (message->body_case == CLOISTER__MESSAGE__BODY_CELL_CALL) {
        rig_cell = message->cell_call->request;
        rig_cell_timeout_ms = message->cell_call->timeout_ms;
        const Cloister__FrontStep *step = message->cell_call->step;
        if (keeps && step != NULL && step->kind == CLOISTER__FRONT_KIND__FRONT_BOOK) {
            kept = rig_cell;
            keeps = false;
        } else if (rig_cell_does) {
            do_step(message->cell_call);
        }
    }
}

/* ---- beginning and end ---- */

void rig_settings(const char *text) {
    snprintf(settings, sizeof(settings), "%s", text);
}

static void load_config(void) {
    char path[128], why[256];
    snprintf(path, sizeof(path), "%s/cloister.conf", postgres_dir());
    FILE *file = fopen(path, "we");
    ck_assert_ptr_nonnull(file);
    fprintf(file,
            "[runtime]\ndir=%s\n[gateway]\npublic_pages_url=https://shops.test\n"
            "[business]\ndatabase_url=host=%s dbname=cloister user=business\n%s",
            postgres_dir(), postgres_dir(), settings);
    (void)fclose(file);
    ck_assert_msg(config_load(path, &config, why, sizeof(why)) == 0, "%s", why);
}

static void start(void) {
    char why[256] = "";
    memset(&server, 0, sizeof(server));
    memset(server.secret, 7, sizeof(server.secret));
    ck_assert_int_eq(business_start(base, config, &server), 0);
    const struct business_peers peers = {geteuid(), geteuid(), geteuid()};
    ck_assert_msg(business_links_new(&server, &peers, why, sizeof(why)) == 0, "%s", why);
    peer_connect(&gateway, base, config);
    peer_connect(&cloisterd, base, config);
    loop_until(base, business_ready(&server));
}

static void stop(void) {
    loop_until(base, business_flush(&server));
    peer_close(&gateway);
    peer_close(&cloisterd);
    business_end(&server);
}

void rig_begin(void) {
    char folder[256];
    PQfinish(take_ptr(holder)); /* of a test that failed; nothing for NULL */
    ck_assert_int_ge(sodium_init(), 0);
    log_open("business_test");
    base = event_base_new();
    (void)postgres_sql("DO $$ BEGIN CREATE ROLE business LOGIN; EXCEPTION WHEN duplicate_object"
                       " THEN NULL; END $$");
    (void)postgres_sql("CREATE EXTENSION IF NOT EXISTS pg_trgm SCHEMA public;"
                       " CREATE EXTENSION IF NOT EXISTS btree_gist SCHEMA public;"
                       " DROP SCHEMA IF EXISTS business CASCADE;"
                       " CREATE SCHEMA business AUTHORIZATION business");
    snprintf(folder, sizeof(folder), "%s/business", postgres_dir());
    (void)mkdir(folder, 0755);
    load_config();
    rig_changes = 0;
    rig_cell_does = rig_cell_absent = rig_cell_deleted = keeps = false;
    rig_cell_account = "first";
    rig_cell_fails = NULL;
    rig_key = "key-1";
    rig_changed[0] = '\0';
    start();
    rig_public("192.0.2.1", "test");
}

void rig_end(void) {
    stop();
    json_decref(take_ptr(last_result));
    config_free(take_ptr(config));
    event_base_free(base);
    settings[0] = '\0';
}

void rig_restart(void) {
    stop();
    start();
}

void rig_cell_keeps(void) {
    keeps = true;
    kept = 0;
}

uint64_t rig_cell_kept(void) {
    return kept;
}

static void cell_answer(uint64_t request, const char *code, bool unknown) {
    Cloister__CellResult result = CLOISTER__CELL_RESULT__INIT;
    result.unknown_writes = unknown;
    result.request = request;
    result.code = (char *)code;
    Cloister__Message message = MSG_OF(CELL_RESULT, cell_result, &result);
    peer_send(&cloisterd, &message);
}

void rig_cell_answer(uint64_t request, const char *code) {
    cell_answer(request, code, false);
}

void rig_cell_lost(uint64_t request) {
    cell_answer(request, "google_unavailable", true);
}

void rig_cloisterd_gone(void) {
    peer_close(&cloisterd);
    loop_until(base, !cells_up(server.cells));
}

void rig_cloisterd_back(void) {
    peer_connect(&cloisterd, base, config);
    loop_until(base, cells_up(server.cells));
}

/* ---- who asks ---- */

void rig_public(const char *address, const char *client) {
    memset(&who, 0, sizeof(who));
    who.end = &gateway;
    who.address = address;
    who.client = client;
}

static void as(const char *origin, const char *user, bool by_agent) {
    memset(&who, 0, sizeof(who));
    who.end = &cloisterd;
    who.origin = origin;
    who.user = user;
    who.by_agent = by_agent;
}

void rig_owner(const char *user) {
    as("owner", user, false);
}

void rig_agent_of(const char *user) {
    as("owner", user, true);
}

void rig_cloisterd(void) {
    as("cloisterd", NULL, false);
}

void rig_customers_turn(const char *user, const char *business) {
    as("customer", user, true);
    who.business = business;
}

/* ---- asking ---- */

void rig_send(const char *operation, json_t *arguments) {
    Cloister__BusinessCall call = CLOISTER__BUSINESS_CALL__INIT;
    Cloister__Client client = CLOISTER__CLIENT__INIT;
    char *text = json_dumps(arguments, JSON_ENCODE_ANY);
    json_decref(arguments);
    client.address = (char *)(who.address != NULL ? who.address : "");
    client.channel = "mcp";
    client.name = (char *)(who.client != NULL ? who.client : "");
    client.version = "1.0";
    call.request = ++last_request;
    call.operation = (char *)operation;
    call.arguments = text;
    call.idempotency_key = (char *)rig_key;
    if (who.address != NULL)
        call.client = &client;
    call.user = (char *)(who.user != NULL ? who.user : "");
    call.origin = (char *)(who.origin != NULL ? who.origin : "");
    call.business = (char *)(who.business != NULL ? who.business : "");
    call.by_agent = who.by_agent;
    Cloister__Message message = MSG_OF(BUSINESS_CALL, business_call, &call);
    peer_send(who.end, &message);
    free(text);
}

json_t *rig_ask(const char *operation, json_t *arguments) {
    rig_send(operation, arguments);
    loop_until(base, answered == last_request);
    return last_result;
}

json_t *json_of(const char *text) {
    json_error_t error;
    char *copy = strdup(text);
    for (char *at = copy; *at != '\0'; at++)
        if (*at == '\'')
            *at = '"';
    json_t *value = json_loads(copy, 0, &error);
    ck_assert_msg(value != NULL, "%s: %s", copy, error.text);
    free(copy);
    return value;
}

json_t *rig_call(const char *operation, const char *arguments) {
    return rig_ask(operation, json_of(arguments));
}

json_t *rig_profile(const char *name, const char *category, const char *city, const char *country,
                    const char *more) {
    json_t *profile = json_pack(
        "{s:s s:s s:s s:{s:s s:s} s:[{s:s s:s s:i}] s:{s:s s:[{s:[sssss] s:s s:s}]} s:{s:b s:b}}",
        "name", name, "category", category, "summary", "What one needs.", "address", "city", city,
        "country", country, "services", "id", "visit", "name", "First visit", "duration_minutes",
        30, "hours", "timezone", "Europe/Berlin", "weekly", "days", "mon", "tue", "wed", "thu",
        "fri", "opens", "09:00", "closes", "17:00", "features", "booking", 1, "inquiries", 1);
    if (more[0] != '\0')
        ck_assert_int_eq(json_object_update_new(profile, json_of(more)), 0);
    return profile;
}

void rig_publish(const char *user, const char *slug, json_t *profile) {
    rig_owner(user);
    (void)rig_ask("put_business",
                  json_pack("{s:s s:o s:b}", "slug", slug, "profile", profile, "publish", 1));
    ck_done();
    rig_public("192.0.2.1", "test");
}

json_t *at_path(json_t *value, const char *path) {
    char name[80];
    while (value != NULL && *path != '\0') {
        size_t len = strcspn(path, ".");
        snprintf(name, sizeof(name), "%.*s", (int)len, path);
        value = json_is_array(value) ? json_array_get(value, (size_t)atoi(name))
                                     : json_object_get(value, name);
        path += len + (path[len] == '.');
    }
    return value;
}

const char *text_at(json_t *value, const char *path) {
    const char *text = json_string_value(at_path(value, path));
    return text != NULL ? text : "";
}

const char *rig_sql(const char *sql) {
    char whole[2048];
    snprintf(whole, sizeof(whole), "SET search_path = business, public; %s", sql);
    return postgres_sql("%s", whole);
}

static void hold_run(const char *sql) {
    PGresult *result = PQexec(holder, sql);
    ExecStatusType status = PQresultStatus(result);
    ck_assert_msg(status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK, "%s: %s", sql,
                  PQerrorMessage(holder));
    PQclear(result);
}

void rig_hold(const char *sql) {
    char conninfo[256];
    (void)snprintf(conninfo, sizeof(conninfo), "host=%s dbname=cloister user=admin",
                   postgres_dir());
    holder = PQconnectdb(conninfo);
    hold_run("SET search_path = business, public");
    hold_run("BEGIN");
    hold_run(sql);
}

void rig_let_go(void) {
    hold_run("COMMIT");
    PQfinish(take_ptr(holder));
}

unsigned rig_waiting(const char *begin) {
    char sql[512];
    (void)snprintf(sql, sizeof(sql),
                   "SELECT count(*) FROM pg_stat_activity WHERE application_name = "
                   "'cloister-business' AND state = 'active' AND wait_event_type = 'Lock' AND "
                   "starts_with(query, '%s')",
                   begin);
    return (unsigned)atoi(rig_sql(sql));
}
