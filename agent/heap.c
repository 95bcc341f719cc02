#include "agent/heap.h"

#include <malloc.h>
#include <stdint.h>
#include <stdlib.h>

#include "agent/relax.h"

#define LARGEST  (64u << 10) /* larger blocks are mapped, or found no hole */
#define SMALLEST 16u
#define MOST     (32u << 20) /* only headers are touched; still, not without end */

/* Takes blocks of `size` until one lies behind all others: no hole of that size is left. */
static uintptr_t holes_fill(size_t size, uintptr_t highest, size_t *left) {
    while (*left >= size) {
        uintptr_t block = (uintptr_t)malloc(size); /* kept for ever, by intent */
        *left -= size;
        if (block == 0)
            break;
        if (block > highest)
            return block;
    }
    return highest;
}

void heap_settle(void) {
    if (relax.other_allocator)
        return;
    uintptr_t highest = 0;
    size_t left = MOST;
    (void)mallopt(M_MMAP_THRESHOLD, 2 * LARGEST); /* fixed: it does not grow with what is freed */
    for (size_t size = LARGEST; size >= 2048; size /= 2)
        highest = holes_fill(size, highest, &left);
    for (size_t size = 1024 + SMALLEST; size >= SMALLEST; size -= SMALLEST)
        highest = holes_fill(size + 8, highest, &left);
}

void heap_shrink(void) {
    (void)malloc_trim(0);
}
