#include "supervisor/rights.h"

#include <stdio.h>

#include "build_config.h"
#include "ipc/message.h"

struct right {
    const char *name, *program, *user, *heritage, *calls, *files, *network, *in, *out;
};

#define RIGHTS(name, program, user, heritage, calls, files, network, in, out)                      \
    {#name, program, user, heritage, calls, files, network, in, out},
static const struct right rights[] = {
#include "ipc/rights.def"
};
#undef RIGHTS

struct call {
    const char *name, *who, *condition, *reason;
};

#define SYSCALL(name, who, condition, reason) {#name, #who, #condition, reason},
static const struct call calls[] = {
#include "agent/syscalls.def"
};
#undef SYSCALL

static void print_processes(void) {
    for (size_t i = 0; i < COUNT_OF(rights); i++)
        printf("%s (%s, user %s)\n  descriptors   %s\n  system calls  %s\n  files         %s\n"
               "  network       %s\n  messages      %s; %s\n",
               rights[i].name, rights[i].program, rights[i].user, rights[i].heritage,
               rights[i].calls, rights[i].files, rights[i].network, rights[i].in, rights[i].out);
}

static void print_calls(void) {
    printf("\nSystem calls of agents and turns; any other ends the process\n");
    for (size_t i = 0; i < COUNT_OF(calls); i++)
        printf("%-18s %-13s %s\n%-33s(%s)\n", calls[i].name, calls[i].who, calls[i].condition, "",
               calls[i].reason);
}

void rights_print(void) {
    print_processes();
    print_calls();
    printf("\nMessages; any other ends the channel\n");
    msg_print_table();
}
