/* Root's half of `cloisterctl reload`: the operator's secrets, which cloisterd must not see and
 * cloister-keys may not open any more, and a word to cloister-egress, that it reads whom it may
 * connect. cloisterd's half, the settings, is a command like others.
 *
 * Secrets go first, the model's key with the host that it is for: when cloisterd turns to that host
 * its key is there, and until then turns have the earlier host's. */
#ifndef CLOISTER_SUPERVISOR_CTL_RELOAD_H
#define CLOISTER_SUPERVISOR_CTL_RELOAD_H

#include <jansson.h>

#include "supervisor/ctl_frontend.h"

struct ctl_reload;

/* Opens what the configuration names, so that a mistake is found before anything changes. 0, also
 * for callers who are not root: they hand nothing over. -errno with a sentence in `why`. */
int ctl_reload_open(const struct ctl_options *options, struct ctl_reload **ret, char *why,
                    size_t why_len) MUST_CHECK;
/* Hands all of it over that cloister-keys takes. -errno with a sentence about the first that it did
 * not take. `reload` may be NULL: 0. */
int ctl_reload_hand_over(struct ctl_reload *reload, char *why, size_t why_len) MUST_CHECK;
/* The word for cloisterd: "host:port" whose model key was handed over, NULL when none was. */
const char *ctl_reload_host(const struct ctl_reload *reload);
/* Once cloisterd has answered: adds what became of secrets, and tells cloister-egress. */
void ctl_reload_finish(struct ctl_reload *reload, json_t *answer);
void ctl_reload_free(struct ctl_reload *reload);

#endif
