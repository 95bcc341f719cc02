#include "supervisor/reload_rules.h"

#include <string.h>

#include "ipc/metrics.h"
#include "providers/url.h"

static int is_listed(const char *word, void *ctx) {
    const struct url *url = ctx;
    char host[URL_HOST_MAX + 1];
    uint16_t port;
    return url_parse_pair(word, host, &port) == 0 && port == url->port &&
           strcmp(host, url->host) == 0;
}

/* By both lists: that of cloister-egress is the one or the other while it is told. */
static bool stays_in_reach(const struct config *running, const struct config *fresh,
                           struct url *url) {
    return config_list(running, CONFIG_egress_allow, is_listed, url) == 1 &&
           config_list(fresh, CONFIG_egress_allow, is_listed, url) == 1;
}

static bool is_keyed(const struct config *fresh, const char *keyed) {
    char host[URL_PAIR_SIZE];
    return keyed != NULL && url_pair_of(config_str(fresh, CONFIG_model_base_url), host) == 0 &&
           strcmp(host, keyed) == 0;
}

static bool may_change_host(const struct config *running, const struct config *fresh,
                            const char *keyed) {
    struct url old, new;
    if (url_parse(config_str(running, CONFIG_model_base_url), &old) < 0 ||
        url_parse(config_str(fresh, CONFIG_model_base_url), &new) < 0)
        return false;
    return (old.port == new.port &&strcmp(old.host, new.host) == 0) ||
           (is_keyed(fresh, keyed) && stays_in_reach(running, fresh, &old) &&
            stays_in_reach(running, fresh, &new));
}

static bool waits_for_cloisterd(enum config_key key) {
    const char *programs;
    return config_effect(key, &programs) == EFFECT_RESTART && strstr(programs, "cloisterd") != NULL;
}

bool reload_may_renew(const struct config *running, const struct config *fresh, const char *keyed) {
    for (enum config_key key = 0; key < CONFIG_MAX; key++)
        if (waits_for_cloisterd(key) &&
            strcmp(config_str(running, key), config_str(fresh, key)) != 0)
            return false;
    return may_change_host(running, fresh, keyed);
}

unsigned model_provider_of(const struct config *config) {
    return strcmp(config_str(config, CONFIG_model_provider), "openai") == 0 ? PROVIDER_OPENAI
                                                                            : PROVIDER_ANTHROPIC;
}
