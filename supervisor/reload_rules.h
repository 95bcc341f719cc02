/* What of a changed configuration can hold without a restart (ipc/config_effect.def). Pure. */
#ifndef CLOISTER_SUPERVISOR_RELOAD_RULES_H
#define CLOISTER_SUPERVISOR_RELOAD_RULES_H

#include "ipc/config.h"

/* Whether another zygote, which has all of `fresh`, would fit what runs by `running`: nothing waits
 * for a restart of cloisterd, and the model's host, if it is another one, is reached by
 * cloister-egress before, meanwhile and afterwards, by turns that began then, and is the one whose
 * key cloister-keys was given: `keyed`, "host:port", NULL when that is not known. */
bool reload_may_renew(const struct config *running, const struct config *fresh, const char *keyed);

/* PROVIDER_… of metrics_labels.h. */
unsigned model_provider_of(const struct config *config);

#endif
