/* The network, without help: sockets of every family that this kernel has, and what is done with
 * them. `port` is a listener on every loopback address outside. */
#include <arpa/inet.h>
#include <linux/netlink.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "tests/hostile/attempt.h"
#include "tests/hostile/egress.h"

static int makes(int family, int type, int protocol) {
    return tried(raw_call(SYS_socket, family, type, protocol));
}

ATTEMPT(network, socket_unix, BOTH, "seccomp", "socket: unix") {
    return makes(AF_UNIX, SOCK_STREAM, 0);
}
ATTEMPT(network, socket_inet, BOTH, "seccomp", "socket: IPv4") {
    return makes(AF_INET, SOCK_STREAM, 0);
}
ATTEMPT(network, socket_inet6, BOTH, "seccomp", "socket: IPv6") {
    return makes(AF_INET6, SOCK_STREAM, 0);
}
ATTEMPT(network, socket_datagram, BOTH, "seccomp", "socket: UDP") {
    return makes(AF_INET, SOCK_DGRAM, 0);
}
ATTEMPT(network, socket_netlink, BOTH, "seccomp", "socket: netlink, routes") {
    return makes(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);
}
ATTEMPT(network, socket_audit, BOTH, "seccomp daemon-seccomp", "socket: netlink, kernel events") {
    return makes(AF_NETLINK, SOCK_RAW, NETLINK_KOBJECT_UEVENT);
}
ATTEMPT(network, socket_raw, BOTH, "seccomp daemon-seccomp capabilities own-namespaces",
        "socket: raw") {
    return makes(AF_INET, SOCK_RAW, IPPROTO_ICMP);
}
ATTEMPT(network, socket_raw6, BOTH, "seccomp daemon-seccomp capabilities own-namespaces",
        "socket: raw, IPv6") {
    return makes(AF_INET6, SOCK_RAW, IPPROTO_ICMPV6);
}
ATTEMPT(network, socket_packet, BOTH, "seccomp daemon-seccomp capabilities own-namespaces",
        "socket: packet") {
    return makes(AF_PACKET, SOCK_DGRAM, 0);
}
ATTEMPT(network, socket_vsock, BOTH, "seccomp daemon-seccomp",
        "socket: the virtual machine's host") {
    return makes(AF_VSOCK, SOCK_STREAM, 0);
}
ATTEMPT(network, socket_xdp, BOTH, "seccomp daemon-seccomp capabilities own-namespaces",
        "socket: XDP") {
    return makes(44 /* AF_XDP */, SOCK_RAW, 0);
}

/* ---- with an address ---- */

static struct sockaddr_in listener(const struct scene *scene) {
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)prop_number(scene, "port"))};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
}

ATTEMPT(network, connect_inet, BOTH, "seccomp network-namespace landlock", "connect: TCP") {
    struct sockaddr_in to = listener(scene);
    long fd = raw_call(SYS_socket, AF_INET, SOCK_STREAM, 0);
    return tried(fd < 0 ? fd : raw_call(SYS_connect, fd, &to, sizeof(to)));
}
ATTEMPT(network, send_datagram, BOTH, "seccomp network-namespace",
        "sendto: a datagram to an address") {
    struct sockaddr_in to = listener(scene);
    long fd = raw_call(SYS_socket, AF_INET, SOCK_DGRAM, 0);
    return tried(fd < 0 ? fd : raw_call(SYS_sendto, fd, "x", 1, 0, &to, sizeof(to)));
}
ATTEMPT(network, send_message, BOTH, "seccomp network-namespace",
        "sendmsg: a datagram to an address") {
    struct sockaddr_in to = listener(scene);
    struct iovec data = {(char[]){"x"}, 1};
    struct msghdr message = {
        .msg_name = &to, .msg_namelen = sizeof(to), .msg_iov = &data, .msg_iovlen = 1};
    long fd = raw_call(SYS_socket, AF_INET, SOCK_DGRAM, 0);
    return tried(fd < 0 ? fd : raw_call(SYS_sendmsg, fd, &message, 0));
}
ATTEMPT(network, fast_open, BOTH, "seccomp network-namespace",
        "MSG_FASTOPEN: connect while sending") {
    struct sockaddr_in to = listener(scene);
    long fd = raw_call(SYS_socket, AF_INET, SOCK_STREAM, 0);
    return tried(fd < 0 ? fd : raw_call(SYS_sendto, fd, "x", 1, MSG_FASTOPEN, &to, sizeof(to)));
}
ATTEMPT(network, listen_inet, BOTH, "seccomp landlock", "bind, listen") {
    struct sockaddr_in at = {.sin_family = AF_INET};
    long fd = raw_call(SYS_socket, AF_INET, SOCK_STREAM, 0);
    long r = fd < 0 ? fd : raw_call(SYS_bind, fd, &at, sizeof(at));
    return tried(r < 0 ? r : raw_call(SYS_listen, fd, 1));
}
ATTEMPT(network, bind_datagram, BOTH, "seccomp", "bind: a datagram socket") {
    struct sockaddr_in at = {.sin_family = AF_INET};
    long fd = raw_call(SYS_socket, AF_INET, SOCK_DGRAM, 0);
    return tried(fd < 0 ? fd : raw_call(SYS_bind, fd, &at, sizeof(at)));
}

/* ---- the sockets of Cloister's own programs, as a zygote calls them ---- */

static int calls(const struct scene *scene, const char *name) {
    char dir[200];
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    (void)snprintf(to.sun_path, sizeof(to.sun_path), "%s/%s",
                   prop_text(scene, "run", dir, sizeof(dir)), name);
    long fd = raw_call(SYS_socket, AF_UNIX, SOCK_SEQPACKET, 0);
    return tried(fd < 0 ? fd : raw_call(SYS_connect, fd, &to, sizeof(to)));
}
ATTEMPT(network, call_keys, BOTH, "seccomp empty-root",
        "connect: cloister-keys, as a zygote does") {
    return calls(scene, "keys/keys.sock");
}
ATTEMPT(network, call_egress, BOTH, "seccomp empty-root",
        "connect: cloister-egress, as a zygote does") {
    return calls(scene, "egress/egress.sock");
}

/* ---- a connection that egress handed over lives in the host's network ---- */

ATTEMPT(network, redirect_connection, BOTH, "seccomp landlock",
        "a connection from egress, led elsewhere") {
    struct sockaddr nowhere = {.sa_family = AF_UNSPEC};
    struct sockaddr_in to = listener(scene);
    int fd = egress_listed(scene);
    if (fd < 0)
        return egress_failed(fd);
    long r = raw_call(SYS_connect, fd, &nowhere, sizeof(nowhere));
    r = r < 0 ? r : raw_call(SYS_connect, fd, &to, sizeof(to));
    return r == -EINPROGRESS ? OUT : tried(r);
}
ATTEMPT(network, connection_listens, BOTH, "seccomp landlock",
        "a connection from egress, made to listen") {
    struct sockaddr nowhere = {.sa_family = AF_UNSPEC};
    struct sockaddr_in at = {.sin_family = AF_INET};
    int fd = egress_listed(scene);
    if (fd < 0)
        return egress_failed(fd);
    long r = raw_call(SYS_connect, fd, &nowhere, sizeof(nowhere));
    r = r < 0 ? r : raw_call(SYS_bind, fd, &at, sizeof(at));
    return tried(r < 0 ? r : raw_call(SYS_listen, fd, 1));
}
ATTEMPT(network, connection_looks, BOTH, "seccomp",
        "a connection from egress, asked for the host's interfaces") {
    char room[4096];
    struct ifconf list = {.ifc_len = sizeof(room), .ifc_buf = room};
    int fd = egress_listed(scene);
    if (fd < 0)
        return egress_failed(fd);
    return tried(raw_call(SYS_ioctl, fd, SIOCGIFCONF, &list));
}
ATTEMPT(network, connection_option, BOTH, "seccomp",
        "a connection from egress, given a buffer of its own") {
    int bytes = 1 << 22;
    int fd = egress_listed(scene);
    if (fd < 0)
        return egress_failed(fd);
    return tried(raw_call(SYS_setsockopt, fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes)));
}
