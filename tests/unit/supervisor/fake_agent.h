/* Inside of the played agent: fake_agent.c does what it is told, fake_agent_says.c puts it into
 * messages. Any failure ends the process. */
#ifndef CLOISTER_TESTS_UNIT_SUPERVISOR_FAKE_AGENT_H
#define CLOISTER_TESTS_UNIT_SUPERVISOR_FAKE_AGENT_H

#include "ipc/message.h"
#include "ipc/sp.h"

extern struct sp *sp; /* to cloisterd */

/* Strings are the caller's; numbers and settings in words are parts of what the test wrote. */
void send_message(Cloister__Message *message);
void send_delta(const char *turn, const char *text);
void send_done(const char *turn, const char *notes);
void send_error(const char *turn, const char *code);
void send_unanswered(const char *turn);
void send_used(const char *turn, const char *numbers);
void send_tool(const char *turn, const char *name);
void send_exited(const char *turn);
void send_put_preference(const char *turn);
void send_put_token(const char *turn);
void send_business(const char *turn, const char *operation);
void say_business(const Cloister__HostReply *reply);
void send_mark_broken(const char *turn);
/* Whole turns, told by an event's title and by what is sealed in a proposal. */
void run_front(const Cloister__TurnStart *start);
void run_decision(const Cloister__TurnStart *start);
void send_hello(void);
/* It begins so. */
bool is(const char *message, const char *word);
void send_garbage(const char *message);
/* A frame that promises 2^60 bytes. */
void send_huge_frame(void);
void send_proposals(const char *turn, unsigned n, const char *sealed);
void send_given(const Cloister__TurnStart *start);
/* A plain yes that carries out the first one given, and the end of that. */
void begin_write(const Cloister__TurnStart *start);
void end_write(const char *turn);
void send_settled(const Cloister__TurnStart *start, const char *other);

#endif
