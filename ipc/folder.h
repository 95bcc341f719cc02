/* Folders that root gives to a program's user, inside others that such users may write to: whoever
 * has the folder above may have put a link in its place. */
#ifndef CLOISTER_IPC_FOLDER_H
#define CLOISTER_IPC_FOLDER_H

#include "ipc/base.h"

/* Owner and mode of the folder that is at `path` itself. 0 or -errno: -ENOTDIR or -ELOOP when that
 * is a link or anything else. */
int folder_give(const char *path, uid_t uid, gid_t gid, mode_t mode) MUST_CHECK;

#endif
