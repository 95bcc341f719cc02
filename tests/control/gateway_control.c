/* Around two functions of cloister-gateway, by the linker's --wrap, for rules in rules-off
 * (switch.h). RETURN_TO: every address is listed for every frontend. CROSS_SITE: the gateway does
 * not see what a browser says about where a request was made. */
#include <string.h>

#include "gateway/frontends.h"
#include "gateway/strict.h"
#include "tests/control/switch.h"

bool __wrap_frontend_may_return(const struct frontend *frontend, const char *url);
bool __real_frontend_may_return(const struct frontend *frontend, const char *url);
const struct slice *__wrap_strict_find(const struct strict_head *head, const char *name);
const struct slice *__real_strict_find(const struct strict_head *head, const char *name);

bool __wrap_frontend_may_return(const struct frontend *frontend, const char *url) {
    return switched_off("RETURN_TO") || __real_frontend_may_return(frontend, url);
}

const struct slice *__wrap_strict_find(const struct strict_head *head, const char *name) {
    bool asked = strcmp(name, "origin") == 0 || strcmp(name, "sec-fetch-site") == 0;
    return asked && switched_off("CROSS_SITE") ? NULL : __real_strict_find(head, name);
}
