/* Freed memory is wiped before it goes back to glibc: in a program that text passes through, a
 * buffer's end is the text's end. Linked into the programs that relay messages; the kernel zeroes
 * pages before it gives them to anybody else, so only what stays mapped matters, and that is what
 * this wipes.
 *
 * glibc lets a program replace the whole family (its manual, "Replacing malloc"); each call here
 * ends in glibc's own. realloc never lets glibc move a block, which would leave the old copy
 * unwiped. */
#include <errno.h>
#include <malloc.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* glibc's own entry points, exported for this use. */
extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_memalign(size_t alignment, size_t size);
extern void *__libc_valloc(size_t size);
extern void *__libc_pvalloc(size_t size);
extern void __libc_free(void *pointer);

#define EXPORTED __attribute__((visibility("default"), used))

EXPORTED void *malloc(size_t size) {
    return __libc_malloc(size);
}

EXPORTED void *calloc(size_t count, size_t size) {
    return __libc_calloc(count, size);
}

EXPORTED void free(void *pointer) {
    if (pointer == NULL)
        return;
    explicit_bzero(pointer, malloc_usable_size(pointer));
    __libc_free(pointer);
}

EXPORTED void *realloc(void *pointer, size_t size) {
    if (pointer == NULL)
        return __libc_malloc(size);
    if (size == 0) {
        free(pointer);
        return NULL;
    }
    const size_t usable = malloc_usable_size(pointer);
    /* Stays in place while it fits and does not waste more than half; the tail is wiped now. */
    if (size <= usable && size >= usable / 2) {
        explicit_bzero((uint8_t *)pointer + size, usable - size);
        return pointer;
    }
    void *moved = __libc_malloc(size);
    if (moved == NULL)
        return NULL;
    memcpy(moved, pointer, size < usable ? size : usable);
    free(pointer);
    return moved;
}

EXPORTED void *reallocarray(void *pointer, size_t count, size_t size) {
    size_t bytes;
    if (__builtin_mul_overflow(count, size, &bytes)) {
        errno = ENOMEM;
        return NULL;
    }
    return realloc(pointer, bytes);
}

EXPORTED void *memalign(size_t alignment, size_t size) {
    return __libc_memalign(alignment, size);
}

EXPORTED void *aligned_alloc(size_t alignment, size_t size) {
    return __libc_memalign(alignment, size);
}

EXPORTED int posix_memalign(void **ret, size_t alignment, size_t size) {
    if (alignment % sizeof(void *) != 0 || alignment == 0 || (alignment & (alignment - 1)) != 0)
        return EINVAL;
    int saved = errno;
    void *block = __libc_memalign(alignment, size);
    errno = saved;
    if (block == NULL)
        return ENOMEM;
    *ret = block;
    return 0;
}

EXPORTED void *valloc(size_t size) {
    return __libc_valloc(size);
}

EXPORTED void *pvalloc(size_t size) {
    return __libc_pvalloc(size);
}
