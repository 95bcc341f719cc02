/* `cloisterctl show policy`: what turns may do, from agent/policy.def as it was built in. No
 * program has to run. */
#ifndef CLOISTER_SUPERVISOR_CTL_POLICY_H
#define CLOISTER_SUPERVISOR_CTL_POLICY_H

#include <jansson.h>
#include <stdbool.h>

/* {"tools": […], "changes": […], "limits": […]}: tool × origin × taint, kinds of changed events,
 * and what one turn may do at most. A verdict is {"clean": WORD, "tainted": WORD}, or `for_people`
 * one text of both. A new reference; NULL: no memory. */
json_t *ctl_policy(bool for_people);

#endif
