/* The life of an agent: one table says what each event does in each state. Loop thread. */
#ifndef CLOISTER_SUPERVISOR_LIFECYCLE_H
#define CLOISTER_SUPERVISOR_LIFECYCLE_H

/* Each state is also the list in `struct turns` that holds the agent; only agent_change_state moves
 * it.
 *   STARTING   waits for room, the zygote, its pidfd or its hello
 *   IDLE       ready, holds nothing (list: longest idle first)
 *   BUSY       one turn runs
 *   ENDING     killed, or to be killed as soon as its pidfd comes; waits to be reaped */
#define AGENT_STATES(X) X(STARTING, "starting") X(IDLE, "idle") X(BUSY, "busy") X(ENDING, "ending")
enum agent_state {
#define X(state, name) AGENT_##state,
    AGENT_STATES(X)
#undef X
        AGENT_STATE_MAX
};

/*   READY      pidfd, peer pid and hello agree
 *   SUBMITTED  a turn joined its queue
 *   TURN_OVER  the running turn said its last word
 *   FAULT      it broke the protocol, hung up, or missed a deadline
 *   PARK       end it when it is idle          STOP     end it now, with its turns
 *   EXITED     its process was reaped, or there never was one */
#define AGENT_EVENTS(X) X(READY) X(SUBMITTED) X(TURN_OVER) X(FAULT) X(PARK) X(STOP) X(EXITED)
enum agent_event {
#define X(event) AGENT_EVENT_##event,
    AGENT_EVENTS(X)
#undef X
        AGENT_EVENT_MAX
};

const char *agent_state_name(enum agent_state state);

#endif
