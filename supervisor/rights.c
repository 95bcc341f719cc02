#include "supervisor/rights.h"

#include <stdio.h>
#include <string.h>

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
static const struct call zygote_calls[] = {
#include "agent/syscalls_zygote.def"
};
#undef SYSCALL

static void print_processes(void) {
    for (size_t i = 0; i < COUNT_OF(rights); i++)
        printf("%s (%s, user %s)\n  descriptors   %s\n  system calls  %s\n  files         %s\n"
               "  network       %s\n  messages      %s; %s\n",
               rights[i].name, rights[i].program, rights[i].user, rights[i].heritage,
               rights[i].calls, rights[i].files, rights[i].network, rights[i].in, rights[i].out);
}

/* Rows for one call stand together. */
static unsigned different(bool refused) {
    unsigned n = 0;
    for (size_t i = 0; i < COUNT_OF(calls); i++)
        if ((strncmp(calls[i].condition, "FAIL(", 5) == 0) == refused &&
            (i == 0 || strcmp(calls[i].name, calls[i - 1].name) != 0))
            n++;
    return n;
}

static void print_calls(const struct call *list, size_t n) {
    for (size_t i = 0; i < n; i++)
        printf("%-22s %-13s %s\n%-37s(%s)\n", list[i].name, list[i].who, list[i].condition, "",
               list[i].reason);
}

static void print_all_calls(void) {
    printf("\nSystem calls of agents and turns; any other ends the process\n"
           "%u different ones are done, %u are answered with an error\n",
           different(false), different(true));
    print_calls(calls, COUNT_OF(calls));
    printf("\nSystem calls of the zygote beside those; any other is answered with EPERM\n");
    print_calls(zygote_calls, COUNT_OF(zygote_calls));
}

void rights_print(void) {
    print_processes();
    print_all_calls();
    printf("\nMessages; any other ends the channel\n");
    msg_print_table();
}
