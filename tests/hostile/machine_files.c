/* The machine: files, mounts and roots. */
#include <fcntl.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "tests/hostile/attempt.h"

/* The empty root and Landlock are two walls around the same thing; the filter is a third where it
 * knows the call. */
ATTEMPT(machine, open_host_file, BOTH, "empty-root landlock", "read /etc/passwd") {
    return tried(raw_call(SYS_openat, AT_FDCWD, "/etc/passwd", O_RDONLY, 0));
}
