/* What crosses from an ending cloisterd to the next one: sealed notes and access tokens, proposals
 * with what repeats of requests need, and the keys under which their names are kept. In a memfd
 * that the service manager holds in between (sd_notify's FDSTORE=1), sealed against any change, so
 * in RAM alone and gone with the machine. Nothing in it opens a calendar: what is sealed stays
 * sealed under keys that cloisterd does not have.
 *
 * Written in handover.proto, with a version; what is unknown or damaged is left out, never fatal.
 * Nothing here logs. */
#ifndef CLOISTER_SUPERVISOR_HANDOVER_H
#define CLOISTER_SUPERVISOR_HANDOVER_H

#include "supervisor/proposals.h"
#include "supervisor/sessions.h"

#define HANDOVER_NAME "handover" /* in LISTEN_FDNAMES */

struct handover_count {
    uint64_t notes, proposals; /* that crossed */
    uint64_t refused;          /* that could be read and were not taken */
    bool whole;                /* up to the last record */
};

/* An empty memfd. Before confinement, which refuses memfd_create. fd or -errno. */
int handover_new(void) MUST_CHECK;
/* Moves everything out of both into `fd` and seals it. -errno: nothing usable was written. */
int handover_write(int fd, struct sessions *sessions, struct proposals *proposals,
                   struct handover_count *ret) MUST_CHECK;
/* Takes what `fd` has into both, which are still empty. -EBADMSG: it is none, or of another
 * version; -EPERM: it is not sealed. What had been taken until then stays. */
int handover_read(int fd, struct sessions *sessions, struct proposals *proposals,
                  struct handover_count *ret) MUST_CHECK;

#endif
