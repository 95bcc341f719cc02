/* A whole world around a real cloister-agent program: fake keys, egress and cloisterd in one
 * process. Needs root: the program is copied, owned by another uid and set-user-ID, as it is
 * installed. */
#ifndef CLOISTER_TESTS_UNIT_AGENT_HARNESS_H
#define CLOISTER_TESTS_UNIT_AGENT_HARNESS_H

#include <event2/event.h>
#include <sys/types.h>

#include "ipc/message.h"
#include "ipc/nng_end.h"

#define LOG_BYTES 65536

struct harness_agent {
    struct harness *harness;
    struct nng_end *end;
    struct msg_peer peer;
    char socket[ID_LEN + 1];
    pid_t pid, peer_pid;
    uid_t peer_uid;
    int pidfd, keys_fd, egress_fd; /* the service's ends of its channels */
    bool up, down, hello;
    Cloister__Message *last; /* last message that is no TURN_DELTA */
    unsigned messages, pongs;
    char text[4096]; /* deltas of the current turn, cut */
    size_t text_bytes;
};

struct harness {
    char dir[64];
    struct event_base *base;
    int keys_listener, egress_listener, keys_fd, egress_fd, zygote_fd, log_fd, zygote_pidfd;
    int log_write_fd; /* given to the zygote and, as their own, to all agents */
    pid_t zygote;
    uid_t agent_uid, starter;
    struct msg_peer from_zygote;
    Cloister__Message *hello;
    char log[LOG_BYTES];
    size_t log_len;
};

/* Starts a zygote; `settings` are further lines of its configuration. Waits for its hello unless it
 * ends before (then ->hello is NULL). */
struct harness *harness_new(const char *settings);
/* The same by somebody else of cloisterd's group. */
struct harness *harness_new_by(const char *settings, uid_t starter);
void harness_free(struct harness *harness);
/* Asks for an agent and waits for its hello. `kinds` as in SPAWN. */
void harness_spawn(struct harness *harness, struct harness_agent *agent);
void harness_agent_free(struct harness_agent *agent);
/* Runs the loop until *flag, 10 s at most; false when the time was up. */
bool harness_wait(struct harness *harness, const bool *flag);
bool harness_wait_count(struct harness *harness, const unsigned *count, unsigned want);
/* Reads what the agents logged so far. */
const char *harness_log(struct harness *harness);

int harness_send(struct harness_agent *agent, Cloister__Message *message);
/* Starts a turn whose message is `what`. */
void harness_turn(struct harness_agent *agent, const char *id, const char *what,
                  uint64_t deadline_ms);
/* Waits for the next message that is no delta. */
Cloister__Message *harness_next(struct harness_agent *agent);
/* Waits until the process has ended. */
bool harness_ended(int pidfd, int timeout_ms);

#endif
