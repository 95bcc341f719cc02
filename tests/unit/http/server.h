/* A small scripted HTTP server in a process of its own: one port for each kind of trouble, the
 * script of an answer chosen by the request's path (server.c lists them). What it saw stands in
 * shared memory. */
#ifndef CLOISTER_TEST_SERVER_H
#define CLOISTER_TEST_SERVER_H

#include <stdatomic.h>
#include <stdint.h>
#include <sys/types.h>

enum server_kind {
    SERVER_GOOD,       /* certificate for localhost and 127.0.0.1 from the trusted authority */
    SERVER_WRONG_HOST, /* for other.example */
    SERVER_UNKNOWN_CA, /* right name, another authority */
    SERVER_EXPIRED,    /* right name, yesterday's */
    SERVER_OLD_TLS,    /* TLS 1.1 at most */
    SERVER_PLAIN,      /* no TLS */
    SERVER_PLAIN_TOO,  /* the same on another port */
    SERVER_MUTE,       /* accepts and says nothing */
    SERVER_SLAMS,      /* accepts and closes at once */
    SERVER_KINDS,
};

struct server_seen {
    atomic_int accepted, open, handshakes, resumed, requests;
    atomic_ullong last_handshake_ns, last_request_ns;
};

struct server {
    pid_t pid;
    uint16_t port[SERVER_KINDS];
    uint16_t closed_port;     /* nobody listens there */
    uint16_t deaf_port;       /* connected by the kernel, and read by nobody */
    struct server_seen *seen; /* [SERVER_KINDS] */
    char ca_file[128];
};

/* Leaves the trusted authority's certificate in `dir`. */
void server_start(struct server *server, const char *dir);
void server_stop(struct server *server);
/* Waits until `*value` is `wanted`, at most 5 s; returns the last value. */
int server_wait(atomic_int *value, int wanted);

#endif
