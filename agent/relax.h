/* What a build with sanitizers cannot live without, and why. The product links relax_none.c, which
 * relaxes nothing; the sanitizer build links relax_sanitizer.c instead. */
#ifndef CLOISTER_AGENT_RELAX_H
#define CLOISTER_AGENT_RELAX_H

#include "ipc/base.h"

struct relax {
    const int *calls; /* system calls allowed beyond syscalls.def */
    size_t n_calls;
    bool no_address_space_limit;
    bool other_allocator;          /* the C library's heap is not the one in use */
    const char *accepted_property; /* wall property that is then missing; "" for none */
};
extern const struct relax relax;

#endif
