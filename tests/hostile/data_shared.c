/* Other people's data: what processes can share without being related. Outside there is one of
 * each, open to everybody (stage: what the neighbours left open). */
#include <fcntl.h>
#include <linux/keyctl.h>
#include <mqueue.h>
#include <stdio.h>
#include <string.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "tests/hostile/data_keys.h"

#define IPC "seccomp ipc-namespace"
ATTEMPT(data, shared_segment, BOTH, IPC, "System V: another's shared memory") {
    long r = raw_call(SYS_shmat, prop_number(scene, "shm"), NULL, SHM_RDONLY);
    return r < 0 && r > -4096 ? (int)r : OUT;
}
ATTEMPT(data, shared_semaphore, BOTH, IPC, "System V: another's semaphore") {
    return tried(raw_call(SYS_semctl, prop_number(scene, "sem"), 0, GETVAL, 0));
}
ATTEMPT(data, shared_queue, BOTH, IPC, "System V: another's messages") {
    struct msqid_ds found;
    return tried(raw_call(SYS_msgctl, prop_number(scene, "msg"), IPC_STAT, &found));
}
ATTEMPT(data, list_segments, BOTH, IPC, "System V: a list of all shared memory") {
    struct shmid_ds found;
    for (int i = 0; i < 64; i++) {
        long r = raw_call(SYS_shmctl, i, 13 /* SHM_STAT */, &found);
        if (r >= 0 || r == -EACCES) /* there is one */
            return OUT;
        if (r != -EINVAL)
            return (int)r;
    }
    return 0;
}
ATTEMPT(data, posix_queue, BOTH, "seccomp ipc-namespace landlock",
        "POSIX: another's message queue") {
    char name[64];
    return tried(raw_call(SYS_mq_open, prop_text(scene, "queue", name, sizeof(name)), O_RDONLY));
}
ATTEMPT(data, posix_memory, BOTH, "empty-root landlock", "POSIX: another's shared memory") {
    char name[64], path[96];
    (void)snprintf(path, sizeof(path), "/dev/shm/%s",
                   prop_text(scene, "queue", name, sizeof(name)));
    return tried(raw_call(SYS_openat, AT_FDCWD, path, O_RDONLY));
}
ATTEMPT(data, user_keyring, BOTH, "seccomp daemon-seccomp",
        "the keyring that all of one user's processes share") {
    return tried(raw_call(SYS_keyctl, KEYCTL_GET_KEYRING_ID, KEY_SPEC_USER_KEYRING, 1, 0, 0));
}
ATTEMPT(data, session_keyring, BOTH, "seccomp daemon-seccomp", "the keyring of its session") {
    return tried(raw_call(SYS_keyctl, KEYCTL_GET_KEYRING_ID, KEY_SPEC_SESSION_KEYRING, 1, 0, 0));
}

/* ---- sockets of others ---- */

static int dial(struct sockaddr_un *address, size_t len, int type) {
    long fd = raw_call(SYS_socket, AF_UNIX, type | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return (int)fd;
    long r = raw_call(SYS_connect, fd, address, offsetof(struct sockaddr_un, sun_path) + len);
    return r < 0 ? (int)r : (int)fd;
}
ATTEMPT(data, abstract_socket, BOTH, "seccomp network-namespace landlock",
        "an abstract socket of another") {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    (void)prop_text(scene, "queue", address.sun_path + 1, sizeof(address.sun_path) - 1);
    return tried(dial(&address, 1 + strlen(address.sun_path + 1), SOCK_STREAM));
}
ATTEMPT(data, path_socket, BOTH, "seccomp empty-root", "a socket of another by its path") {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    (void)prop_text(scene, "socket", address.sun_path, sizeof(address.sun_path));
    return tried(dial(&address, strlen(address.sun_path) + 1, SOCK_STREAM));
}
ATTEMPT(data, abstract_name, BOTH, "seccomp network-namespace",
        "an abstract name: whether another uses it") {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    long fd = raw_call(SYS_socket, AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return (int)fd;
    (void)prop_text(scene, "queue", address.sun_path + 1, sizeof(address.sun_path) - 1);
    size_t len = offsetof(struct sockaddr_un, sun_path) + 1 + strlen(address.sun_path + 1);
    long r = raw_call(SYS_bind, fd, &address, len);
    return r == -EADDRINUSE ? OUT : (int)r;
}
/* All agents are one user to cloister-keys: only a zygote can make a channel, and there is none to
 * be made from here. */
ATTEMPT(data, keys_as_zygote, BOTH, "seccomp empty-root",
        "cloister-keys as the zygote: a channel for another user") {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    (void)prop_text(scene, "keys", address.sun_path, sizeof(address.sun_path));
    int zygote = dial(&address, strlen(address.sun_path) + 1, SOCK_SEQPACKET);
    if (zygote < 0)
        return zygote;
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
        return -errno;
    int r = keys_bind_on(scene, zygote, ends[1]);
    return r < 0 ? r : keys_theirs_on(scene, ends[0]);
}
