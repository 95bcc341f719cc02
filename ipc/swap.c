#include "ipc/swap.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sysinfo.h>

/* proc(5): a line of headings, then a line for each area. A unit with ProcSubset=pid does not see
 * it: then the kernel's sum, which does not tell an area of no pages from none. */
bool swap_absent(void) {
    uint8_t text[512];
    struct sysinfo sums;
    ssize_t n = file_read("/proc/swaps", text, sizeof(text));
    if (n == -ENOENT)
        return sysinfo(&sums) == 0 && sums.totalswap == 0;
    const uint8_t *heading = n <= 0 ? NULL : memchr(text, '\n', (size_t)n);
    return heading != NULL && heading + 1 == text + n;
}

static int is_leftovers(const char *word, void *ctx) {
    (void)ctx;
    return strcmp(word, "leftovers") == 0;
}

bool swap_harmless(const struct config *config) {
    return swap_absent() ||
           config_list(config, CONFIG_runtime_accept_missing_walls, is_leftovers, NULL) == 1;
}

int swap_lock_out(void) {
    return mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT) < 0 ? -errno : 0;
}
