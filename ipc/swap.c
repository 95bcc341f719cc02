#include "ipc/swap.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

/* proc(5): a line of headings, then a line for each area. */
bool swap_absent(void) {
    uint8_t text[512];
    ssize_t n = file_read("/proc/swaps", text, sizeof(text));
    const uint8_t *heading = n <= 0 ? NULL : memchr(text, '\n', (size_t)n);
    return heading != NULL && heading + 1 == text + n;
}

int swap_lock_out(void) {
    return mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT) < 0 ? -errno : 0;
}
