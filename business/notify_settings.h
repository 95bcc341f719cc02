/* What cloister-notify delivers by: the mail server and the webhook, with their secrets. Read once,
 * at the start, before the process is confined. */
#ifndef CLOISTER_BUSINESS_NOTIFY_SETTINGS_H
#define CLOISTER_BUSINESS_NOTIFY_SETTINGS_H

#include "business/reach.h"

#define NOTIFY_SECRET_MAX 512

struct hook_key {
    uint8_t bytes[NOTIFY_SECRET_MAX];
    size_t len;
};

/* A webhook: where it is, and what it is signed with. */
struct hook {
    const char *url;
    struct url at;
    struct hook_key key;
};

struct notify_settings {
    const struct config *config;
    bool mail, hook; /* configured */
    /* mail */
    struct url smtp;
    const char *user; /* "": without signing in */
    char password[NOTIFY_SECRET_MAX + 1];
    char from_name[128], from[NOTIFY_ADDRESS_MAX + 1];
    /* webhook */
    struct hook hook_to;
    /* both */
    const char *ca_file; /* "": the system's */
    char egress[256];    /* its socket */
    uint64_t timeout_ms, retry_ms;
    unsigned tries;
    uid_t business; /* cloister-business's user: set by whoever knows users, -1: none */
};

/* 0, or -errno with a sentence in `why`. Strings are those of `config`. The passwords come from
 * their files, or from the credentials cloister-smtp-password and cloister-webhook-secret of
 * systemd. */
int notify_settings_load(const struct config *config, struct notify_settings *ret, char *why,
                         size_t why_len) MUST_CHECK;
void notify_settings_wipe(struct notify_settings *settings);

/* As the Standard Webhooks specification writes keys (whsec_ and base64), or plain hex digits; 24
 * bytes at least. 0 or -EINVAL. */
int hook_key_read(const char *text, struct hook_key *ret) MUST_CHECK;

#endif
