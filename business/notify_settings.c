#include "business/notify_settings.h"

#include <errno.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

PRINTF_LIKE(3, 4)
static int refuse(char *why, size_t why_len, const char *format, ...) {
    va_list args;
    va_start(args, format);
    (void)vsnprintf(why, why_len, format, args);
    va_end(args);
    return -EINVAL;
}

/* ---- secrets ---- */

static ssize_t read_secret(const char *path, const char *credential, char *out, size_t cap) {
    const char *folder = getenv("CREDENTIALS_DIRECTORY");
    char passed[512];
    if (path[0] == '\0') {
        int n = folder == NULL ? -1 : snprintf(passed, sizeof(passed), "%s/%s", folder, credential);
        if (n < 0 || (size_t)n >= sizeof(passed) || access(passed, F_OK) < 0)
            return 0;
        path = passed;
    }
    ssize_t len = file_read(path, (uint8_t *)out, cap - 1);
    while (len > 0 && (out[len - 1] == '\n' || out[len - 1] == '\r'))
        len--;
    if (len >= 0)
        out[len] = '\0';
    return len >= 0 && strlen(out) != (size_t)len ? -EINVAL : len;
}

/* "Name <address>" or the address alone. */
static int read_from(const char *text, struct notify_settings *s) {
    const char *open = strchr(text, '<'), *close = strchr(text, '>');
    if (open == NULL) {
        (void)snprintf(s->from, sizeof(s->from), "%s", text);
    } else {
        size_t name = (size_t)(open - text);
        if (close == NULL || close < open || close[1] != '\0' || name >= sizeof(s->from_name) ||
            (size_t)(close - open) > sizeof(s->from))
            return -EINVAL;
        memcpy(s->from_name, text, name);
        while (name > 0 && (s->from_name[name - 1] == ' ' || s->from_name[name - 1] == '"'))
            name--;
        s->from_name[name] = '\0';
        memmove(s->from_name, s->from_name + (s->from_name[0] == '"'),
                strlen(s->from_name + (s->from_name[0] == '"')) + 1);
        (void)snprintf(s->from, sizeof(s->from), "%.*s", (int)(close - open - 1), open + 1);
    }
    return notify_address_valid(s->from) && utf8_valid(s->from_name, strlen(s->from_name))
               ? 0
               : -EINVAL;
}

/* As the Standard Webhooks specification writes keys, or plain hex digits. */
int hook_key_read(const char *text, struct hook_key *ret) {
    const char *base64 = strncmp(text, "whsec_", 6) == 0 ? text + 6 : NULL;
    size_t len = strlen(text);
    if (base64 != NULL) {
        const char *end = NULL;
        if (sodium_base642bin(ret->bytes, sizeof(ret->bytes), base64, strlen(base64), NULL,
                              &ret->len, &end, sodium_base64_VARIANT_ORIGINAL) != 0 ||
            *end != '\0')
            return -EINVAL;
    } else {
        if (len % 2 != 0 || len / 2 > sizeof(ret->bytes) ||
            hex_decode(text, ret->bytes, len / 2) < 0)
            return -EINVAL;
        ret->len = len / 2;
    }
    return ret->len >= 24 ? 0 : -EINVAL;
}

static int load_mail(const struct config *config, struct notify_settings *s, char *why,
                     size_t why_len) {
    const char *url = config_str(config, CONFIG_notify_smtp_url);
    const char *path = config_str(config, CONFIG_notify_smtp_password_file);
    s->mail = url[0] != '\0';
    s->user = config_str(config, CONFIG_notify_smtp_user);
    if (!s->mail)
        return 0;
    if (url_parse_smtp(url, &s->smtp) < 0)
        return refuse(why, why_len,
                      "notify.smtp_url must be smtp://host:port or smtps://host:port");
    if (read_from(config_str(config, CONFIG_notify_mail_from), s) < 0)
        return refuse(why, why_len,
                      "notify.mail_from must be an address, or Name <address>: mails come from it");
    ssize_t len = read_secret(path, "cloister-smtp-password", s->password, sizeof(s->password));
    if (len < 0)
        return refuse(why, why_len, "notify.smtp_password_file: %s: %s", path, strerror((int)-len));
    if (s->user[0] != '\0' && len == 0 && !config_is_without_credentials())
        return refuse(why, why_len, "notify.smtp_user needs notify.smtp_password_file");
    return 0;
}

static int load_hook(const struct config *config, struct notify_settings *s, char *why,
                     size_t why_len) {
    char text[NOTIFY_SECRET_MAX * 2 + 1];
    const char *path = config_str(config, CONFIG_notify_webhook_secret_file);
    s->hook_to.url = config_str(config, CONFIG_notify_webhook_url);
    s->hook = s->hook_to.url[0] != '\0';
    if (!s->hook)
        return 0;
    if (hook_url_parse(s->hook_to.url, &s->hook_to.at) < 0)
        return refuse(why, why_len,
                      "notify.webhook_url must be an https address (http to this machine alone)");
    ssize_t len = read_secret(path, "cloister-webhook-secret", text, sizeof(text));
    if (len == 0 && path[0] == '\0' && config_is_without_credentials())
        return 0;
    int r = len < 0 ? (int)len : hook_key_read(text, &s->hook_to.key);
    sodium_memzero(text, sizeof(text));
    if (len < 0)
        return refuse(why, why_len, "notify.webhook_secret_file: %s: %s", path,
                      strerror((int)-len));
    if (r < 0)
        return refuse(why, why_len,
                      "notify.webhook_secret_file must hold whsec_ and at least 24 "
                      "bytes in base64, or 48 hex digits and more");
    return 0;
}

int notify_settings_load(const struct config *config, struct notify_settings *ret, char *why,
                         size_t why_len) {
    *ret = (struct notify_settings){
        .config = config,
        .ca_file = config_str(config, CONFIG_notify_ca_file),
        .timeout_ms = config_u64(config, CONFIG_notify_timeout_ms),
        .retry_ms = config_u64(config, CONFIG_notify_retry_ms),
        .tries = (unsigned)config_u64(config, CONFIG_notify_tries),
    };
    if (config_runtime_path(config, "egress/egress.sock", ret->egress, sizeof(ret->egress)) < 0)
        return refuse(why, why_len, "runtime.dir is too long");
    if (ret->ca_file[0] != '\0' && access(ret->ca_file, R_OK) < 0)
        return refuse(why, why_len, "notify.ca_file: %s: %s", ret->ca_file, strerror(errno));
    int r = load_mail(config, ret, why, why_len);
    return r < 0 ? r : load_hook(config, ret, why, why_len);
}

void notify_settings_wipe(struct notify_settings *settings) {
    sodium_memzero(settings, sizeof(*settings));
}
