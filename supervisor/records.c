#include "supervisor/records.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/queue.h>

#include "ipc/log.h"
#include "ipc/spend.h"
#include "supervisor/store_turns.h"

#define SETTLE_MS 2000
#define INPUT_MOST                                                                                 \
    UINT64_C(10000000)    /* an honest turn makes 10 model calls of at most a million              \
                           */
#define OUTPUT_CALLS 4    /* it says four times model.max_output_tokens at most, */
#define OUTPUT_OVER  5    /* and a provider may count a little more than it was told */
#define COUNT_MOST   1000 /* of reads, writes, calls; its limits allow far fewer */
#define FRONTEND_MAX 64
#define DAY_MS       86400000

struct record {
    STAILQ_ENTRY(record) next;
    struct store_turn turn;
    char frontend[FRONTEND_MAX + 1];
};

/* What stays of a record that was written. */
struct written {
    char user[ID_LEN + 1], frontend[FRONTEND_MAX + 1];
    struct store_used used;
    int64_t day;
    uint64_t turns; /* the day's, with this one; 0: never written */
};

struct records {
    const struct config *config;
    struct store *store;
    STAILQ_HEAD(, record) queue;
    struct written written[RECORDS_WRITTEN]; /* a ring */
    unsigned nwritten;                       /* how many were ever put there */
    unsigned len, tries, lost;
    bool asked; /* the first of the queue is under way */
    bool
        sure; /* the newest written one's number is the database's own, but for what is under way */
    struct event *again, *late;
    void (*settled)(void *ctx);
    void *settled_ctx;
};

static void write_next(struct records *records);

/* ---- the queue ---- */

static void drop_first(struct records *records) {
    struct record *record = STAILQ_FIRST(&records->queue);
    STAILQ_REMOVE_HEAD(&records->queue, next);
    records->len--;
    free(record);
}

static void tell_lost(struct records *records) {
    if (records->lost > 0)
        log_warn("%u records of turns were lost; what they used is not counted", records->lost);
    records->lost = 0;
}

static void settle(struct records *records) {
    void (*settled)(void *ctx) = take_ptr(records->settled);
    if (settled == NULL)
        return;
    (void)event_del(records->late);
    settled(records->settled_ctx);
}

static void on_late(evutil_socket_t fd, short what, void *ctx) {
    (void)fd, (void)what;
    settle(ctx);
}

static struct store_used used_by(const struct store_turn *turn) {
    return (struct store_used){turn->input_tokens + turn->output_tokens, turn->spend};
}

/* Sessions that were asked for before may be answered after. */
static void keep_written(struct records *records, const struct record *record, uint64_t turns) {
    struct written *written = &records->written[records->nwritten++ % RECORDS_WRITTEN];
    memcpy(written->user, record->turn.user, sizeof(written->user));
    memcpy(written->frontend, record->frontend, sizeof(written->frontend));
    written->used = used_by(&record->turn);
    written->day = record->turn.began_ms / DAY_MS;
    written->turns = turns;
    records->sure = true;
}

static void on_written(void *ctx, int error, uint64_t turns) {
    struct records *records = ctx;
    records->asked = false;
    records->sure = false;
    if (error == -EAGAIN) {
        uint64_t wait = backoff_ms(records->tries++, 200, 30000);
        struct timeval after = {(time_t)(wait / 1000), (suseconds_t)(wait % 1000 * 1000)};
        (void)evtimer_add(records->again, &after);
        return;
    }
    records->tries = 0;
    records->lost += error != 0; /* it would be refused again */
    if (turns > 0)
        keep_written(records, STAILQ_FIRST(&records->queue), turns);
    drop_first(records);
    if (STAILQ_EMPTY(&records->queue)) {
        tell_lost(records);
        settle(records);
    } else {
        write_next(records);
    }
}

static void write_next(struct records *records) {
    if (records->asked || STAILQ_EMPTY(&records->queue))
        return;
    records->asked = true;
    store_turn_put(records->store, &STAILQ_FIRST(&records->queue)->turn, on_written, records);
}

static void on_again(evutil_socket_t fd, short what, void *ctx) {
    (void)fd, (void)what;
    write_next(ctx);
}

/* ---- what a turn says, as far as it can be so ---- */

static uint64_t at_most(uint64_t value, uint64_t most) {
    return value < most ? value : most;
}

static const char *kind_word(Cloister__TurnKind kind) {
    switch (kind) {
    case CLOISTER__TURN_KIND__TURN_CHAT:
        return "chat";
    case CLOISTER__TURN_KIND__TURN_CONNECT:
        return "connect";
    case CLOISTER__TURN_KIND__TURN_REVOKE:
        return "revoke";
    case CLOISTER__TURN_KIND__TURN_MEMORY_LIST:
        return "memory_list";
    case CLOISTER__TURN_KIND__TURN_SIGN_IN:
        return "sign_in";
    case CLOISTER__TURN_KIND__TURN_DECIDE:
        return "decide";
    case CLOISTER__TURN_KIND__TURN_MEMORY_PUT:
        return "memory_put";
    case CLOISTER__TURN_KIND__TURN_FRONT:
        return "front";
    case _CLOISTER__TURN_KIND_IS_INT_SIZE:
        break;
    }
    return "other";
}

static void take_usage(const struct records *records, const struct turn_past *past,
                       struct store_turn *turn) {
    const Cloister__Usage *usage = past->usage;
    uint64_t most = at_most(config_u64(records->config, CONFIG_model_max_output_tokens), 1000000);
    turn->reported = usage != NULL;
    if (usage != NULL) {
        turn->input_tokens = at_most(usage->input_tokens, INPUT_MOST);
        turn->output_tokens = at_most(usage->output_tokens, most * OUTPUT_OVER);
        turn->model_calls = (uint32_t)at_most(usage->model_calls, COUNT_MOST);
        turn->tool_calls = (uint32_t)at_most(usage->tool_calls, COUNT_MOST);
    } else if (past->kind == CLOISTER__TURN_KIND__TURN_CHAT) {
        turn->output_tokens = most * OUTPUT_CALLS;
    }
    turn->spend = spend_of(config_u64(records->config, CONFIG_budgets_input_price),
                           config_u64(records->config, CONFIG_budgets_output_price),
                           turn->input_tokens, turn->output_tokens);
}

static void take_audit(const Cloister__Audit *audit, struct store_turn *turn) {
    if (audit == NULL)
        return;
    turn->tainted = audit->tainted;
    turn->refreshed = audit->refreshed;
    turn->shown = audit->shown;
    turn->reads = (uint32_t)at_most(audit->calendar_reads, COUNT_MOST);
    turn->writes = (uint32_t)at_most(audit->calendar_writes, COUNT_MOST);
    turn->proposals = (uint32_t)at_most(audit->proposals, COUNT_MOST);
}

#define COPY(out, text) ((void)snprintf((out), sizeof(out), "%s", (text)))

void records_note(struct records *records, const struct turn_past *past) {
    if (past->user[0] == '\0')
        return;
    struct record *record = records->len < RECORDS_MOST ? calloc(1, sizeof(*record)) : NULL;
    if (record == NULL) {
        records->lost++;
        return;
    }
    struct store_turn *turn = &record->turn;
    COPY(record->frontend, past->frontend);
    COPY(turn->id, past->id);
    COPY(turn->user, past->user);
    COPY(turn->connection, past->connection);
    COPY(turn->origin, strcmp(past->origin, "front") == 0 ? "customer" : past->origin);
    COPY(turn->kind, kind_word(past->kind));
    COPY(turn->outcome, past->outcome);
    turn->began_ms = past->began_ms;
    turn->took_ms = (uint32_t)at_most(past->took_ms, INT32_MAX);
    take_usage(records, past, turn);
    take_audit(past->audit, turn);
    STAILQ_INSERT_TAIL(&records->queue, record, next);
    records->len++;
    if (!event_pending(records->again, EV_TIMEOUT, NULL))
        write_next(records);
}

static void add(struct store_used *sum, struct store_used used) {
    sum->tokens += used.tokens;
    sum->spend += used.spend;
}

static void add_all(struct records_waiting *sum, struct store_used used, bool frontends,
                    bool users) {
    add(&sum->server, used);
    if (frontends)
        add(&sum->frontend, used);
    if (users)
        add(&sum->user, used);
}

/* Newest first. Their numbers of one day only fall on the way back. Returns the newest one's. */
static uint64_t add_written(const struct records *records, const char *user, const char *frontend,
                            int64_t today, uint64_t turns_today, struct records_waiting *sum) {
    uint64_t newest = 0;
    for (unsigned i = 1; i <= RECORDS_WRITTEN && i <= records->nwritten; i++) {
        const struct written *written =
            &records->written[(records->nwritten - i) % RECORDS_WRITTEN];
        if (written->day != today)
            continue;
        if (newest == 0)
            newest = written->turns;
        if (written->turns <= turns_today)
            break;
        add_all(sum, written->used, strcmp(written->frontend, frontend) == 0,
                strcmp(written->user, user) == 0);
    }
    return newest;
}

struct records_waiting records_waiting(const struct records *records, const char *user,
                                       const char *frontend, uint64_t turns_today) {
    struct records_waiting waiting = {0};
    const struct record *record;
    int64_t today = wall_ms() / DAY_MS;
    uint64_t newest = add_written(records, user, frontend, today, turns_today, &waiting);
    STAILQ_FOREACH(record, &records->queue, next) {
        if (record->turn.began_ms / DAY_MS != today)
            continue;
        /* Written, and only not answered for yet: nobody else counts turns. */
        bool seen = record == STAILQ_FIRST(&records->queue) && records->asked && records->sure &&
                    newest > 0 && turns_today > newest;
        if (!seen)
            add_all(&waiting, used_by(&record->turn), strcmp(record->frontend, frontend) == 0,
                    strcmp(record->turn.user, user) == 0);
    }
    return waiting;
}

size_t records_len(const struct records *records) {
    return records->len;
}

void records_settle(struct records *records, void (*settled)(void *ctx), void *ctx) {
    if (STAILQ_EMPTY(&records->queue)) {
        settled(ctx);
        return;
    }
    struct timeval limit = {SETTLE_MS / 1000, SETTLE_MS % 1000 * 1000};
    records->settled = settled;
    records->settled_ctx = ctx;
    (void)evtimer_add(records->late, &limit);
}

int records_new(struct event_base *base, const struct config *config, struct store *store,
                struct records **ret) {
    struct records *records = calloc(1, sizeof(*records));
    if (records == NULL)
        return -ENOMEM;
    records->config = config;
    records->store = store;
    STAILQ_INIT(&records->queue);
    records->again = evtimer_new(base, on_again, records);
    records->late = evtimer_new(base, on_late, records);
    if (records->again == NULL || records->late == NULL) {
        records_free(records);
        return -ENOMEM;
    }
    *ret = records;
    return 0;
}

void records_free(struct records *records) {
    if (records == NULL)
        return;
    records->lost += records->len;
    tell_lost(records);
    while (!STAILQ_EMPTY(&records->queue))
        drop_first(records);
    if (records->again != NULL)
        event_free(records->again);
    if (records->late != NULL)
        event_free(records->late);
    free(records);
}
