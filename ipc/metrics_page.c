#include "ipc/metrics_page.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

struct page {
    uint64_t table;
    uint64_t resident; /* bytes */
    struct metrics metrics;
};

static struct page *own; /* this process's; NULL: it has none */

int metrics_page_new(const char *path, struct metrics **ret) {
    if (unlink(path) < 0 && errno != ENOENT)
        return -errno;
    SCOPE_FD int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
    if (fd < 0 || fchmod(fd, 0644) < 0 || ftruncate(fd, sizeof(struct page)) < 0)
        return -errno;
    struct page *page = mmap(NULL, sizeof(*page), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (page == MAP_FAILED)
        return -errno;
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    if (fcntl(fd, F_SETLK, &lock) < 0) {
        int error = errno;
        (void)munmap(page, sizeof(*page));
        return -error;
    }
    page->table = metrics_table();
    (void)take_fd(&fd); /* open for as long as the lock is to be held: for life */
    own = page;
    metrics_page_tell();
    *ret = &page->metrics;
    return 0;
}

void metrics_page_tell(void) {
    if (own != NULL)
        own->resident = metrics_resident(0);
}

static int holder_of(int fd, pid_t *ret) {
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    if (fcntl(fd, F_GETLK, &lock) < 0)
        return -errno;
    if (lock.l_type == F_UNLCK)
        return -ESRCH;
    *ret = lock.l_pid;
    return 0;
}

int metrics_page_read(const char *path, uid_t uid, unsigned teller, struct metrics *into,
                      uint64_t *ret_resident) {
    SCOPE_FD int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
    struct stat st;
    if (fd < 0 || fstat(fd, &st) < 0)
        return -errno;
    if (!S_ISREG(st.st_mode) || st.st_uid != uid)
        return -EPERM;
    pid_t pid = 0;
    int r = holder_of(fd, &pid);
    if (r < 0)
        return r;
    SCOPE_FREE struct page *page = malloc(sizeof(*page));
    SCOPE_FREE uint64_t *cells = malloc(METRICS_CELLS * sizeof(*cells));
    if (page == NULL || cells == NULL)
        return -ENOMEM;
    if (pread(fd, page, sizeof(*page), 0) != (ssize_t)sizeof(*page))
        return -EINVAL;
    size_t n = metrics_pack(&page->metrics, teller, cells);
    r = metrics_merge(into, teller, page->table, cells, n);
    if (r < 0)
        return r;
    uint64_t seen = metrics_resident(pid);
    *ret_resident = seen > 0 ? seen : page->resident;
    return 0;
}
