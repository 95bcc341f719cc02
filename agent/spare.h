/* Libraries that come along with libcurl and that plain HTTP over a handed socket never uses:
 * LDAP, Kerberos, SSH, RTMP, another TLS, decoders. Each is five mappings, which every agent and
 * every turn would copy and take down again, and code that somebody who got into a turn could use.
 *
 * Zygote, once everything is set up and before the first agent. From then on a call into one of
 * them ends the process; destructors must not run either, so the zygote ends by _exit. */
#ifndef CLOISTER_AGENT_SPARE_H
#define CLOISTER_AGENT_SPARE_H

/* How many were unmapped. */
unsigned spare_libraries(void);

#endif
