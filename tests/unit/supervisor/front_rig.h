/* cloisterd's part of the business front door, with cloister-business played beside it: what it was
 * asked and told is in `shop`, what it says is set there. The agents are fake_agent.c. */
#ifndef CLOISTER_TESTS_FRONT_RIG_H
#define CLOISTER_TESTS_FRONT_RIG_H

#include "chat_rig.h"
#include "supervisor/front_answers.h"
#include "supervisor/front_cells.h"

struct shop {
    struct nng_end *end;
    struct business_link *link;
    struct front_cells *cells;
    struct front_answers *answers;
    bool up, silent;
    unsigned hellos, calls, cancels, results, downs;
    char operation[64], arguments[256], user[64], origin[32], business[64], key[64], channel[32];
    bool by_agent;
    /* what it says: begin_chat has its own answer */
    unsigned status;
    const char *code;
    size_t result_len;
    /* the last CELL_RESULT */
    char cell_code[64], text[256];
    size_t intervals, account_len;
    uint8_t account[64];
    bool has_done, exists, retryable, unknown;
};
extern struct shop shop;

/* Fixtures: the gateway that is played is the owners', or the public one. */
void front_setup_owner(void);
void front_setup_public(void);
void front_teardown(void);

/* cloister-business begins to listen (again). */
void open_shop(void);
void shop_say(Cloister__Message *message);

/* Runs the loop until cloister-business has had so many hellos, calls or results. */
bool is_hello(void *ctx);
bool is_call(void *ctx);
bool is_result(void *ctx);
void until(bool (*done)(void *ctx), unsigned n);
void until_looked_up(unsigned n); /* or the database so many questions */

#endif
