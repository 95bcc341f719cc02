#include "business/reach.h"

#include <errno.h>
#include <string.h>

#include "business/api/mail_name.h"

bool notify_address_valid(const char *text) {
    const char *at = strrchr(text, '@');
    size_t len = strlen(text);
    return at != NULL && len <= NOTIFY_ADDRESS_MAX && mail_name_fits(text, (size_t)(at - text)) &&
           url_host_valid(at + 1);
}

static bool is_here(const char *host) {
    return strcmp(host, "localhost") == 0 || strcmp(host, "::1") == 0 ||
           (strncmp(host, "127.", 4) == 0 && url_host_is_address(host));
}

int hook_url_parse(const char *text, struct url *ret) {
    int r = url_parse(text, ret);
    return r < 0 || ret->tls || is_here(ret->host) ? r : -EINVAL;
}

static int is_it(const char *word, void *ctx) {
    const struct url *url = ctx;
    char host[URL_HOST_MAX + 1];
    uint16_t port;
    return url_parse_pair(word, host, &port) == 0 && port == url->port &&
           strcmp(host, url->host) == 0;
}

bool hook_url_listed(const struct config *config, const struct url *url) {
    struct url wanted = *url;
    return config_list(config, CONFIG_notify_owner_webhook_hosts, is_it, &wanted) == 1;
}
