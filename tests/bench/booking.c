/* Bookings through cloister-business alone, without a calendar: how many are confirmed in a second.
 *
 *   bench-booking serve CONFIG           the program's parts, for peers of the user it runs as
 *   bench-booking load CONFIG N WINDOW   makes a business for each of eight owners, then N
 * bookings, WINDOW at a time; front cells answer at once that the event is there. Prints
 * {"bookings", "seconds"}
 *
 * Both speak over the program's own sockets, as a gateway and cloisterd do. */
#include <err.h>
#include <inttypes.h>
#include <jansson.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "business/server.h"
#include "ipc/log.h"
#include "tests/unit/business/peer.h"

#define OWNERS 8u
#define SLOT_S (15 * 60)

static struct event_base *base;

static struct config *load(const char *path) {
    struct config *config;
    char why[256];
    if (config_load(path, &config, why, sizeof(why)) != 0)
        errx(1, "%s", why);
    return config;
}

static int serve(const char *path) {
    static struct business_server server;
    char why[256] = "";
    struct config *config = load(path);
    const struct business_peers peers = {geteuid(), geteuid(), geteuid()};
    randombytes_buf(server.secret, sizeof(server.secret));
    if (business_start(base, config, &server) != 0 ||
        business_links_new(&server, &peers, why, sizeof(why)) != 0)
        errx(1, "cannot start: %s", why);
    (void)event_base_dispatch(base);
    return 1;
}

/* ---- the load ---- */

static void on_message(const Cloister__Message *message);
static struct played_peer gateway = {.name = "public", .role = ROLE_GATEWAY, .got = on_message},
                          cloisterd = {
                              .name = "supervisor", .role = ROLE_SUPERVISOR, .got = on_message};
static uint64_t requests, wanted, window, begun, done, published;
static uint64_t started_us;
static int64_t first; /* start of the first slot */

static void call(struct played_peer *end, const char *operation, const char *arguments,
                 const char *user) {
    Cloister__BusinessCall ask = CLOISTER__BUSINESS_CALL__INIT;
    Cloister__Client client = CLOISTER__CLIENT__INIT;
    char key[32];
    (void)snprintf(key, sizeof(key), "key-%" PRIu64, ++requests);
    client.address = "192.0.2.1";
    client.channel = "http";
    ask.request = requests;
    ask.operation = (char *)(uintptr_t)operation;
    ask.arguments = (char *)(uintptr_t)arguments;
    ask.idempotency_key = key;
    ask.client = &client;
    ask.user = (char *)(uintptr_t)user;
    ask.origin = *user != '\0' ? "owner" : "";
    Cloister__Message message = MSG_OF(BUSINESS_CALL, business_call, &ask);
    peer_send(end, &message);
}

static void publish(unsigned i) {
    static const char profile[] =
        "{\"slug\":\"shop-%u\",\"publish\":true,\"profile\":{\"name\":\"Shop %u\",\"category\":"
        "\"hairdresser\",\"summary\":\"Cuts\",\"description\":\"Cuts.\",\"address\":{\"city\":"
        "\"Berlin\",\"country\":\"DE\"},\"services\":[{\"id\":\"cut\",\"name\":\"Cut\","
        "\"duration_minutes\":15,\"step_minutes\":15,\"horizon_days\":365,\"mode\":"
        "\"at_business\"}],\"hours\":{\"timezone\":\"UTC\",\"weekly\":[{\"days\":[\"mon\","
        "\"tue\",\"wed\",\"thu\",\"fri\",\"sat\",\"sun\"],\"opens\":\"00:00\",\"closes\":"
        "\"24:00\"}]},\"features\":{\"booking\":true}}}";
    char text[1024], user[ID_LEN + 1];
    (void)snprintf(text, sizeof(text), profile, i, i);
    (void)snprintf(user, sizeof(user), "%032x", i + 1);
    call(&cloisterd, "put_business", text, user);
}

static void book(void) {
    char text[512], stamp[32];
    time_t start = (time_t)(first + (int64_t)(begun / OWNERS) * SLOT_S);
    struct tm utc;
    (void)gmtime_r(&start, &utc);
    (void)strftime(stamp, sizeof(stamp), "%Y-%m-%dT%H:%M:%SZ", &utc);
    (void)snprintf(text, sizeof(text),
                   "{\"business\":\"shop-%u\",\"service\":\"cut\",\"start\":\"%s\",\"customer\":{"
                   "\"name\":\"Bob Kunde\",\"email\":\"bob%" PRIu64 "@example.test\"}}",
                   (unsigned)(begun % OWNERS), stamp, begun);
    begun++;
    call(&gateway, "create_booking", text, "");
}

static void on_soon(evutil_socket_t fd, short what, void *ctx) {
    (void)fd;
    (void)what;
    (void)ctx;
    publish((unsigned)published);
}

static void on_result(const Cloister__BusinessResult *result) {
    static const struct timeval soon = {0, 20000};
    if (result->status == 503 && published == 0) { /* its database is not ready yet */
        (void)event_base_once(base, -1, EV_TIMEOUT, on_soon, NULL, &soon);
        return;
    }
    if (result->status != 200)
        errx(1, "%u %s: %s", result->status, result->code, result->detail);
    if (published < OWNERS) {
        if (++published < OWNERS) {
            publish((unsigned)published);
            return;
        }
        started_us = clock_us();
        while (begun < window && begun < wanted)
            book();
        return;
    }
    if (++done == wanted)
        (void)event_base_loopbreak(base);
    else if (begun < wanted)
        book();
}

/* A front cell whose calendar is always free, and takes no time. */
static void on_cell(const Cloister__CellCall *ask) {
    Cloister__CellResult answer = CLOISTER__CELL_RESULT__INIT;
    Cloister__FrontDone event = CLOISTER__FRONT_DONE__INIT;
    event.exists = true;
    event.start = ask->step->event->start;
    event.end = ask->step->event->end;
    answer.request = ask->request;
    answer.done = &event;
    Cloister__Message message = MSG_OF(CELL_RESULT, cell_result, &answer);
    peer_send(&cloisterd, &message);
}

static void on_message(const Cloister__Message *message) {
    if (message->body_case == CLOISTER__MESSAGE__BODY_BUSINESS_RESULT)
        on_result(message->business_result);
    else if (message->body_case == CLOISTER__MESSAGE__BODY_CELL_CALL)
        on_cell(message->cell_call);
}

static int run(const char *path, const char *n, const char *at_once) {
    struct config *config = load(path);
    if (parse_u64(n, 1, 200000, &wanted) != 0 || parse_u64(at_once, 1, 1000, &window) != 0)
        errx(1, "N is 1 to 200000, WINDOW 1 to 1000");
    first = (wall_ms() / 1000 / SLOT_S + 8) * SLOT_S;
    peer_connect(&gateway, base, config);
    peer_connect(&cloisterd, base, config);
    publish(0);
    (void)event_base_dispatch(base);
    printf("{\"bookings\": %" PRIu64 ", \"seconds\": %.3f}\n", done,
           (double)(clock_us() - started_us) / 1e6);
    return done == wanted ? 0 : 1;
}

int main(int argc, char **argv) {
    if (sodium_init() < 0 || (base = event_base_new()) == NULL)
        errx(1, "cannot start");
    log_open("bench-booking");
    if (argc == 3 && strcmp(argv[1], "serve") == 0)
        return serve(argv[2]);
    if (argc == 5 && strcmp(argv[1], "load") == 0)
        return run(argv[2], argv[3], argv[4]);
    errx(2, "see the head of tests/bench/booking.c");
}
