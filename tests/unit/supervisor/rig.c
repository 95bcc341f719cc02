#include "rig.h"

#include <check.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

static void on_line(void *ctx, enum log_level level, const char *text) {
    (void)ctx;
    log_line(level, "agent: %s", text);
}

void rig_set_mode(struct rig *rig, const char *mode) {
    FILE *file = fopen(rig->config, "we");
    ck_assert_ptr_nonnull(file);
    ck_assert_int_ge(fprintf(file, "%s\n", mode), 0);
    ck_assert_int_eq(fclose(file), 0);
}

void rig_prepare(struct rig *rig, const char *mode) {
    *rig = (struct rig){0};
    strcpy(rig->dir, "/tmp/cloister-turns.XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(rig->dir));
    (void)snprintf(rig->agents, sizeof(rig->agents), "%s/agents", rig->dir);
    (void)snprintf(rig->config, sizeof(rig->config), "%s/conf", rig->dir);
    ck_assert_int_eq(mkdir(rig->agents, 0700), 0);
    rig->agents_fd = open(rig->agents, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    rig_set_mode(rig, mode);
    rig->setup = (struct turns_setup){.agents_dir = rig->agents,
                                      .agent_uid = getuid(),
                                      .max = 8,
                                      .idle_park_ms = 60000,
                                      .full_wait_ms = 5000,
                                      .full_waiting = 100,
                                      .turn_timeout_ms = 20000,
                                      .notes_bytes = 1024,
                                      .queued_per_user = 2,
                                      .drain_ms = 5000};
}

void rig_start(struct rig *rig) {
    log_open("test");
    rig->base = event_base_new();
    ck_assert_ptr_nonnull(rig->base);
    ck_assert_int_eq(log_pipe_new(rig->base, on_line, NULL, &rig->logs), 0);
    struct zygote_setup zygote = {FAKE_AGENT, rig->config, log_pipe_fd(rig->logs), rig->agents_fd,
                                  .max_age_ms = rig->zygote_age_ms};
    ck_assert_int_eq(zygote_new(rig->base, &zygote, &rig->zygote), 0);
    ck_assert_int_eq(turns_new(rig->base, rig->zygote, &rig->setup, &rig->turns), 0);
}

void rig_stop(struct rig *rig) {
    turns_free(rig->turns); /* may be NULL */
    zygote_free(rig->zygote);
    log_pipe_free(rig->logs);
    event_base_free(rig->base);
    (void)close(rig->agents_fd);
    (void)unlink(rig->config);
    /* Every socket was removed by its agent's connection or end. */
    ck_assert_int_eq(rmdir(rig->agents), 0);
    (void)rmdir(rig->dir);
}

static void on_timer(evutil_socket_t fd, short what, void *arg) {
    (void)fd, (void)what;
    *(bool *)arg = true;
}

void rig_until(struct rig *rig, bool (*done)(void *ctx), void *ctx) {
    bool late = false;
    struct timeval limit = {10, 0};
    struct event *timer = evtimer_new(rig->base, on_timer, &late);
    (void)event_add(timer, &limit);
    while (!done(ctx)) {
        ck_assert_int_eq(event_base_loop(rig->base, EVLOOP_ONCE), 0);
        ck_assert_msg(!late, "waited 10 s in vain");
    }
    event_free(timer);
}

static void on_started(void *ctx, const char *turn_id) {
    struct heard *heard = ctx;
    ck_assert(id_valid(turn_id));
    heard->started++;
}

static void on_event(void *ctx, const Cloister__Message *message) {
    struct heard *heard = ctx;
    ck_assert(!heard->over);
    if (message->body_case == CLOISTER__MESSAGE__BODY_TURN_DELTA)
        strncat(heard->text, message->turn_delta->text,
                sizeof(heard->text) - strlen(heard->text) - 1);
}

static void on_host_call(void *ctx, const Cloister__HostCall *call) {
    struct heard *heard = ctx;
    heard->calls++;
    if (heard->answer_calls)
        turn_host_reply(heard->turn, call->call, -28, "");
}

static void end(struct heard *heard) {
    ck_assert_msg(!heard->over, "ended twice");
    static unsigned ended;
    heard->over = true;
    heard->order = ++ended;
    heard->turn = NULL;
}

static void on_done(void *ctx, const Cloister__TurnDone *done) {
    struct heard *heard = ctx;
    heard->done++;
    (void)snprintf(heard->notes, sizeof(heard->notes), "%.*s", (int)done->notes.len,
                   (const char *)done->notes.data);
    end(heard);
}

static void on_error(void *ctx, const Cloister__TurnError *error) {
    struct heard *heard = ctx;
    heard->errors++;
    (void)snprintf(heard->code, sizeof(heard->code), "%s", error->code);
    end(heard);
}

static void take_failure(struct heard *heard, const struct turn_failure *failure) {
    (void)snprintf(heard->code, sizeof(heard->code), "%s", failure->code);
    heard->status = failure->status;
    heard->retryable = failure->retryable;
    heard->unknown_writes = failure->unknown_writes;
}

static void on_failed(void *ctx, const struct turn_failure *failure) {
    struct heard *heard = ctx;
    heard->failed++;
    take_failure(heard, failure);
    end(heard);
}

const struct turn_ops heard_ops = {on_started, on_event, on_host_call,
                                   on_done,    on_error, on_failed};

bool heard_started(void *heard) {
    return ((struct heard *)heard)->started > 0;
}

bool heard_over(void *heard) {
    return ((struct heard *)heard)->over;
}

bool rig_submit(struct rig *rig, const char *user, const char *origin, const char *message,
                uint32_t credit, struct heard *heard) {
    *heard = (struct heard){.answer_calls = true};
    Cloister__SealedState state = CLOISTER__SEALED_STATE__INIT;
    state.notes = (ProtobufCBinaryData){6, (uint8_t *)"sealed"};
    Cloister__TurnStart start = CLOISTER__TURN_START__INIT;
    start.message = (char *)message;
    start.credit = credit;
    start.state = &state;
    struct turn_failure refused;
    heard->turn = turns_submit(rig->turns, user, origin, "", &start, &heard_ops, heard, &refused);
    if (heard->turn == NULL)
        take_failure(heard, &refused);
    ck_assert_msg(!heard->over && heard->started == 0, "told before submit returned");
    return heard->turn != NULL;
}

static void take_pid(void *ctx, const struct agent_view *view) {
    *(pid_t *)ctx = view->pid;
}

pid_t rig_pid(struct rig *rig, const char *user) {
    pid_t pid = 0;
    turns_each(rig->turns, user, take_pid, &pid);
    return pid;
}
