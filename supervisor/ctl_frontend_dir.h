/* The directory of frontends' files: locked against a second writer, each file replaced whole or
 * not at all. Failures come back as negative errno. */
#ifndef CLOISTER_SUPERVISOR_CTL_FRONTEND_DIR_H
#define CLOISTER_SUPERVISOR_CTL_FRONTEND_DIR_H

#include "ipc/base.h"

struct frontend_dir {
    int fd, lock; /* -1: not there */
};

/* To be read only, or locked for writing (-EBUSY when another one holds it for five seconds).
 * `make`: made when it is not there. Close with frontend_dir_close, also after a failure. */
int frontend_dir_open(const char *path, bool write, bool make, struct frontend_dir *ret) MUST_CHECK;
void frontend_dir_close(struct frontend_dir *dir);

/* The text of NAME.conf, malloc'd. -ENOENT, -ELOOP for a symbolic link, -EFBIG … */
int frontend_dir_read(const struct frontend_dir *dir, const char *name, char **ret) MUST_CHECK;
/* Written to the disk, then put in place at once. `fresh`: -EEXIST when there is one; the gateway's
 * user may read the new file. Otherwise owner and mode stay what they were. */
int frontend_dir_write(const struct frontend_dir *dir, const char *name, const char *text,
                       bool fresh) MUST_CHECK;
int frontend_dir_remove(const struct frontend_dir *dir, const char *name) MUST_CHECK;
/* Names of all files NAME.conf, sorted, usable or not. `*ret` and each name malloc'd. */
int frontend_dir_names(const struct frontend_dir *dir, char ***ret, size_t *ret_n) MUST_CHECK;

/* Writes `text` to a file that only the caller may read, beside its place; frontend_secret_place
 * puts it there, replacing what was, frontend_secret_drop takes it away again. */
int frontend_secret_write(const char *path, const char *text) MUST_CHECK;
int frontend_secret_place(const char *path) MUST_CHECK;
void frontend_secret_drop(const char *path);

#endif
