#include "ipc/kept.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "ipc/service.h"

#define MAGIC UINT64_C(0x315450454b534c43) /* another one when the header changes */
#define SEALS (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)

struct header {
    uint64_t magic, layout;
    uint64_t size; /* of all */
    uint64_t ready;
    uint64_t unused[4];
};

static struct header *map(int fd, size_t size) {
    void *at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    return at == MAP_FAILED ? NULL : at;
}

/* What the manager passed, if it is of this size and layout. */
static struct header *map_passed(int fd, uint64_t layout, size_t size) {
    struct stat st;
    int seals = fcntl(fd, F_GET_SEALS); /* with vm.memfd_noexec, the kernel's own, too */
    if (seals < 0 || (seals & SEALS) != SEALS || fstat(fd, &st) < 0 || st.st_size != (off_t)size)
        return NULL;
    struct header *header = map(fd, size);
    if (header == NULL || (header->magic == MAGIC && header->layout == layout &&
                           header->size == size && header->ready == 1))
        return header;
    (void)munmap(header, size);
    return NULL;
}

static int map_new(const char *name, uint64_t layout, size_t size, struct header **ret) {
    SCOPE_FD int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd < 0 || ftruncate(fd, (off_t)size) < 0 || fcntl(fd, F_ADD_SEALS, SEALS) < 0)
        return -errno;
    struct header *header = map(fd, size);
    if (header == NULL)
        return -errno;
    *header = (struct header){.magic = MAGIC, .layout = layout, .size = size};
    int r = service_store(name, fd);
    if (r < 0 && r != -ENOENT) {
        (void)munmap(header, size);
        return r;
    }
    *ret = header;
    return 0;
}

int kept_open(const char *name, uint64_t layout, size_t size, struct kept *ret) {
    /* Stays open: sd_listen_fds(3) wants all that were passed each time that it is asked. */
    int passed = service_passed(name);
    size_t all = sizeof(struct header) + size;
    struct header *header = passed < 0 ? NULL : map_passed(passed, layout, all);
    bool found = header != NULL;
    int r = found ? 0 : map_new(name, layout, all, &header);
    if (r < 0)
        return r;
    *ret = (struct kept){header + 1, size, found};
    return 0;
}

void kept_ready(const struct kept *kept) {
    ((struct header *)kept->at - 1)->ready = 1;
}
