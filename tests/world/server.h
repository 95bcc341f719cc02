/* The listeners: TLS for Google and the models, plain HTTP for the admin API and, when wanted, for
 * Google's pages alone, so that a browser needs no certificate of ours. */
#ifndef CLOISTER_WORLD_SERVER_H
#define CLOISTER_WORLD_SERVER_H

#include "tests/world/certs.h"
#include "tests/world/exchange.h"

enum site { SITE_GOOGLE, SITE_MODEL, SITE_ADMIN, SITE_CONSENT, SITE_MAX };

struct server;
/* Listens on "address:port"; `certs` NULL for plain HTTP (kept by reference). 0 or -errno;
 * *ret_port is the port in use. */
int server_new(struct world *world, enum site site, const char *listen, const struct certs *certs,
               struct server **ret, int *ret_port) MUST_CHECK;
void server_free(struct server *server);

/* Finds out what a request is for: sets service and account. */
void route_classify(struct exchange *x, enum site site);
/* Runs the handler, which answers. */
void route_handle(struct exchange *x);
/* Answers with the error body that this service would send. */
void route_error(struct exchange *x, int status, const char *reason);

#endif
