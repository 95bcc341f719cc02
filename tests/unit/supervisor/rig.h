/* A registry of turns over the fake agent, and a listener that writes down what it hears. */
#ifndef CLOISTER_TESTS_SUPERVISOR_RIG_H
#define CLOISTER_TESTS_SUPERVISOR_RIG_H

#include "supervisor/log_pipe.h"
#include "supervisor/turns_operate.h"

#define USER_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define USER_B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"

struct rig {
    struct event_base *base;
    struct log_pipe *logs;
    struct zygote *zygote;
    struct turns *turns;
    struct turns_setup setup;
    char dir[64], agents[80], config[80];
    int agents_fd;
    uint64_t zygote_age_ms; /* set before rig_start; 0: it lives for ever */
};

/* `mode` is the fake zygote's. Settings in rig->setup may be changed before rig_start. */
void rig_prepare(struct rig *rig, const char *mode);
void rig_set_mode(struct rig *rig, const char *mode);
void rig_start(struct rig *rig);
void rig_stop(struct rig *rig);
/* Runs the loop until `done` says so; fails the test after 10 s. */
void rig_until(struct rig *rig, bool (*done)(void *ctx), void *ctx);

struct heard {
    struct turn *turn;
    unsigned started, done, errors, failed, calls;
    bool answer_calls, over;
    unsigned order; /* among all that were over, from 1 */
    char text[16384], code[64], notes[64];
    unsigned status;
    bool retryable, unknown_writes;
};
extern const struct turn_ops heard_ops;
bool heard_started(void *heard), heard_over(void *heard);
/* Submits a chat turn; false when refused, with heard->code. */
bool rig_submit(struct rig *rig, const char *user, const char *origin, const char *message,
                uint32_t credit, struct heard *heard);
/* The pid of the user's only agent, 0 when there is none. */
pid_t rig_pid(struct rig *rig, const char *user);

#endif
