#include "turns_rig.h"

#include <check.h>
#include <sys/wait.h>

struct rig rig;

void setup(void) {
    rig_prepare(&rig, "normal");
    rig_start(&rig);
}

void teardown(void) {
    rig_stop(&rig);
    /* Nothing is left: every child was reaped. */
    ck_assert_int_eq(waitpid(-1, NULL, WNOHANG), -1);
}

struct turns_status status(void) {
    struct turns_status now;
    turns_status(rig.turns, &now);
    return now;
}

bool is_idle(void *ctx) {
    (void)ctx;
    struct turns_status now = status();
    return now.idle == 1 && now.starting + now.busy + now.ending == 0;
}

bool is_empty(void *ctx) {
    (void)ctx;
    struct turns_status now = status();
    return now.starting + now.idle + now.busy + now.ending == 0;
}

void ask(const char *user, const char *message, struct heard *heard) {
    ck_assert(rig_submit(&rig, user, "owner", message, CREDIT, heard));
    rig_until(&rig, heard_over, heard);
}

void still_serves(void) {
    struct heard heard;
    ask(USER_B, "say fine", &heard);
    ck_assert_uint_eq(heard.done, 1);
    ck_assert_str_eq(heard.text, "fine");
}
