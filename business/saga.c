#include "business/saga.h"

#include <stdio.h>
#include <string.h>

#include "business/cells.h"
#include "business/pause.h"
#include "ipc/log.h"

#define ATTEMPT_MS  8000u
#define SHORTEST_MS 500u /* below that an attempt is not worth it */
#define PAUSE_MS    100u
#define PAUSE_MAX   1500u

struct saga {
    struct business_server *server;
    Cloister__FrontKind kind;
    struct booking *booking;
    uint64_t deadline_ms;
    unsigned attempts;
    bool maybe; /* an attempt may have changed the calendar without our knowing */
    struct pause pause;
    saga_done *done;
    void *ctx;
};

static struct booking *booking_copy(const struct booking *booking) {
    struct booking *copy = malloc(sizeof(*copy));
    if (copy != NULL) {
        *copy = *booking;
        json_incref(copy->details);
    }
    return copy;
}

static void saga_finish(struct saga *saga, struct saga_end end) {
    end.certain = !saga->maybe;
    saga_done *done = saga->done;
    void *ctx = saga->ctx;
    pause_end(&saga->pause);
    booking_free(saga->booking);
    free(saga);
    done(ctx, &end);
}

static void saga_failed(struct saga *saga, const char *code) {
    saga_finish(
        saga, (struct saga_end){.outcome = saga->maybe ? SAGA_UNKNOWN : SAGA_FAILED, .code = code});
}

/* The event was made in another account than the one that was looked in, which cannot know it. A
 * deleted one is known to be deleted in its own. */
static bool made_elsewhere(const struct saga *saga, const Cloister__FrontDone *done,
                           const char *account) {
    bool asks_for_it = saga->kind == CLOISTER__FRONT_KIND__FRONT_LOOK ||
                       saga->kind == CLOISTER__FRONT_KIND__FRONT_MOVE;
    return asks_for_it && done->absent && *saga->booking->account != '\0' &&
           strcmp(saga->booking->account, account) != 0;
}

static bool makes(Cloister__FrontKind kind) {
    return kind == CLOISTER__FRONT_KIND__FRONT_BOOK || kind == CLOISTER__FRONT_KIND__FRONT_MOVE;
}

static void saga_answered(struct saga *saga, const Cloister__FrontDone *done, const char *account) {
    /* What the calendar says now says how earlier attempts ended. */
    saga->maybe = saga->maybe && done->conflict;
    struct saga_end end = {.outcome = done->conflict ? SAGA_CONFLICT : SAGA_DONE,
                           .exists = done->exists,
                           .start = done->start,
                           .end = done->end,
                           .gone = done->confirmed_gone,
                           .code = ""};
    (void)snprintf(end.account, sizeof(end.account), "%s", account);
    saga_well(saga->server, saga->booking->owner, account,
              done->exists && !done->conflict && makes(saga->kind));
    saga_finish(saga, end);
}

void saga_account(const Cloister__CellResult *result, char out[static ACCOUNT_TEXT]) {
    size_t len = result->account.len <= ACCOUNT_TEXT / 2 ? result->account.len : 0;
    hex_encode(result->account.data, len, out);
}

static void on_answer(void *ctx, const Cloister__CellResult *result) {
    struct saga *saga = ctx;
    char account[ACCOUNT_TEXT];
    saga_account(result, account);
    if (*result->code == '\0' && result->done != NULL) {
        if (made_elsewhere(saga, result->done, account))
            saga_failed(saga, "other_account");
        else
            saga_answered(saga, result->done, account);
        return;
    }
    saga->maybe |= result->unknown_writes;
    uint64_t now = clock_ms(), pause = backoff_ms(saga->attempts++, PAUSE_MS, PAUSE_MAX);
    /* A calendar that surely said no was asked more than once by the cell. */
    bool given_up = !saga->maybe && saga_trouble(result->code) != NULL;
    if (!result->retryable || given_up || now + pause + SHORTEST_MS > saga->deadline_ms ||
        !pause_begin(&saga->pause, pause))
        saga_failed(saga, *result->code != '\0' ? result->code : "internal");
}

static void event_text(const struct booking *booking, char *title, size_t title_cap, char *words,
                       size_t words_cap) {
    const char *phone = booking_customer(booking, "phone"),
               *email = booking_customer(booking, "email"), *note = booking_detail(booking, "note");
    (void)snprintf(title, title_cap, "%s: %s", booking_detail(booking, "service_name"),
                   booking_customer(booking, "name"));
    (void)snprintf(words, words_cap, "Booking %s, %s.\n%s%s%s%s%s%s", booking->reference,
                   booking_detail(booking, "business_name"), phone, *phone != '\0' ? "\n" : "",
                   email, *email != '\0' ? "\n" : "", *note != '\0' ? "\n" : "", note);
}

static void saga_ask(struct saga *saga) {
    const struct booking *booking = saga->booking;
    char title[1200], words[8192];
    const char *address = booking_detail(booking, "address");
    bool moves = saga->kind == CLOISTER__FRONT_KIND__FRONT_MOVE;
    int64_t start = moves ? booking->move_to : booking->start,
            end = start + (booking->end - booking->start);
    uint64_t now = clock_ms(), left = saga->deadline_ms > now ? saga->deadline_ms - now : 1;
    event_text(booking, title, sizeof(title), words, sizeof(words));
    Cloister__FrontEvent event = CLOISTER__FRONT_EVENT__INIT;
    event.id = (char *)(uintptr_t)booking->event;
    event.title = title;
    event.description = words;
    event.location =
        (char *)(uintptr_t)(*address != '\0' ? address : booking_detail(booking, "place"));
    event.start = start;
    event.end = end;
    event.timezone = (char *)(uintptr_t)booking->zone;
    event.busy_from = start - booking->before;
    event.busy_until = end + booking->after;
    Cloister__FrontStep step = CLOISTER__FRONT_STEP__INIT;
    step.kind = saga->kind;
    step.event = &event;
    (void)cells_step(saga->server->cells, booking->owner, &step,
                     left < ATTEMPT_MS ? left : ATTEMPT_MS, on_answer, saga);
    explicit_bzero(title, sizeof(title));
    explicit_bzero(words, sizeof(words));
}

static void on_pause_over(void *ctx) {
    saga_ask(ctx);
}

void saga_step(struct business_server *server, Cloister__FrontKind kind,
               const struct booking *booking, uint64_t deadline_ms, saga_done *done, void *ctx) {
    struct saga *saga = calloc(1, sizeof(*saga));
    if (saga == NULL)
        fatal("out of memory");
    *saga = (struct saga){.server = server,
                          .kind = kind,
                          .booking = booking_copy(booking),
                          .deadline_ms = deadline_ms,
                          .done = done,
                          .ctx = ctx};
    if (saga->booking == NULL)
        fatal("out of memory");
    pause_init(&saga->pause, server->base, on_pause_over, saga);
    saga_ask(saga);
}
