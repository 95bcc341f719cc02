/* What cloisterd does of reloading and of changing the key-encryption key. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "ipc/log.h"
#include "supervisor/operators.h"
#include "supervisor/reload_rules.h"

static void use_limits(struct daemon *daemon) {
    const struct config *config = daemon->config;
    turns_set_limits(daemon->turns, config_u64(config, CONFIG_agents_max),
                     config_u64(config, CONFIG_agents_idle_park_ms),
                     (unsigned)config_u64(config, CONFIG_agents_turns_queued_per_user));
}

static bool differs(const struct daemon *daemon, const struct config *fresh, enum config_key key) {
    return strcmp(config_str(daemon->config, key), config_str(fresh, key)) != 0;
}

/* What needs a restart stays different from the file, and so is told at every reload until then. */
static int change(struct daemon *daemon, const struct config *fresh, enum config_key key,
                  bool may_renew, json_t *changed) {
    const char *programs = "";
    enum config_effect effect = config_effect(key, &programs);
    const bool live = effect == EFFECT_LIVE || (effect == EFFECT_TURNS && may_renew);
    int r = live ? config_adopt(daemon->config, fresh, key) : 0;
    if (r < 0)
        return r;
    if (live)
        log_info("%s changed: it holds from now on", config_name(key));
    else
        log_warn("%s changed: it holds after a restart of %s", config_name(key), programs);
    (void)json_array_append_new(changed, json_pack("{s:s, s:s, s:s}", "setting", config_name(key),
                                                   "takes_effect", live ? "now" : "after a restart",
                                                   "restart", live ? "" : programs));
    return 0;
}

static int change_all(struct daemon *daemon, const struct config *fresh, const char *keyed,
                      json_t *changed) {
    const bool may_renew = reload_may_renew(daemon->config, fresh, keyed);
    bool renew = false;
    for (enum config_key key = 0; key < CONFIG_MAX; key++) {
        const char *ignored;
        if (!differs(daemon, fresh, key))
            continue;
        int r = change(daemon, fresh, key, may_renew, changed);
        if (r < 0)
            return r;
        renew = renew || (may_renew && config_effect(key, &ignored) == EFFECT_TURNS);
    }
    if (renew)
        turns_renew(daemon->turns, model_provider_of(daemon->config));
    return 0;
}

json_t *daemon_reload(struct daemon *daemon, const char *keyed, char *why, size_t why_len) {
    struct config *fresh = NULL;
    json_t *changed = json_array();
    int r = config_load(daemon->config_path, &fresh, why, why_len);
    if (r < 0) {
        log_error("not reloaded, nothing has changed: %s", why);
        events_note(daemon->events, EVENT_RELOADED, .code = "refused");
        json_decref(changed);
        return NULL;
    }
    r = change_all(daemon, fresh, keyed, changed);
    config_free(fresh);
    use_limits(daemon);
    if (r < 0) {
        (void)snprintf(why, why_len, "not all was changed: %s", strerror(-r));
        json_decref(changed);
        return NULL;
    }
    events_note(daemon->events, EVENT_RELOADED, .code = "done", .count = json_array_size(changed));
    log_info("reloaded: %zu settings differ from what was running", json_array_size(changed));
    return json_pack("{s:o}", "changed", changed);
}

void operators_reload(struct daemon *daemon, struct ctl_call *call, char *const *arguments,
                      size_t n) {
    char why[512] = "";
    json_t *answer = daemon_reload(daemon, n > 0 ? arguments[0] : NULL, why, sizeof(why));
    if (answer == NULL)
        operators_fail(call, CTL_FAILED, why);
    else
        control_answer(call, CTL_DONE, answer);
}

/* cloisterctl does this by itself, as root, with cloister-keys: no key goes through cloisterd. */
void operators_rotate_key(struct daemon *daemon, struct ctl_call *call, char *const *arguments,
                          size_t n) {
    (void)daemon, (void)arguments, (void)n;
    operators_fail(call, CTL_FORBIDDEN, "cloisterd has no key: run cloisterctl rotate-key as root");
}
