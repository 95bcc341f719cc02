#include "supervisor/keys/secrets.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "build_config.h"
#include "ipc/confine.h"

#define KEK_DIGITS (2 * SEAL_KEY_LEN)

struct reader {
    char *why;
    size_t why_len;
};

PRINTF_LIKE(3, 4)
static int refuse(const struct reader *reader, int error, const char *format, ...) {
    va_list args;
    va_start(args, format);
    (void)vsnprintf(reader->why, reader->why_len, format, args);
    va_end(args);
    return error;
}

/* A key that others can read or change is no key. systemd guards its credentials itself, by access
 * lists that show up as group bits. */
static int check_private(const struct reader *reader, const char *path, const struct stat *st) {
    uid_t uid = 0;
    gid_t gid = 0;
    if ((st->st_mode & 077) != 0)
        return refuse(reader, -EPERM, "%s must be readable by its owner alone: chmod 600 %s", path,
                      path);
    if (st->st_uid != 0 && st->st_uid != geteuid() &&
        (user_lookup(CLOISTER_USER_KEYS, &uid, &gid) < 0 || st->st_uid != uid))
        return refuse(reader, -EPERM, "%s must belong to root or to %s", path, CLOISTER_USER_KEYS);
    return 0;
}

static int read_into(const struct reader *reader, const char *path, int fd, char *out, size_t cap,
                     size_t *ret_len) {
    size_t len = 0;
    for (;;) {
        ssize_t n = read(fd, out + len, cap - len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return refuse(reader, -errno, "%s cannot be read: %m", path);
        if (n == 0)
            break;
        len += (size_t)n;
        if (len == cap)
            return refuse(reader, -EFBIG, "%s is larger than a secret may be (%zu bytes)", path,
                          cap - 1);
    }
    while (len > 0 && (out[len - 1] == '\n' || out[len - 1] == '\r'))
        len--;
    if (len == 0)
        return refuse(reader, -ENODATA, "%s is empty", path);
    if (memchr(out, '\0', len) != NULL)
        return refuse(reader, -EINVAL, "%s is no text", path);
    out[len] = '\0';
    *ret_len = len;
    return 0;
}

static int read_secret(const struct reader *reader, const char *path, bool private, size_t max,
                       struct secret_text *ret) {
    struct stat st;
    SCOPE_FD int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd < 0 || fstat(fd, &st) < 0)
        return refuse(reader, -errno, "%s cannot be opened: %m", path);
    if (!S_ISREG(st.st_mode))
        return refuse(reader, -EINVAL, "%s is no plain file", path);
    int r = private ? check_private(reader, path, &st) : 0;
    if (r < 0)
        return r;
    SCOPE_SECRET char *text = secret_alloc(max + 3); /* line end, and one byte to see "too long" */
    if (text == NULL)
        return refuse(reader, -ENOMEM, "memory for secrets cannot be locked: raise LimitMEMLOCK");
    size_t len = 0;
    r = read_into(reader, path, fd, text, max + 3, &len);
    if (r < 0)
        return r;
    ret->text = take_ptr(text);
    ret->len = len;
    return 0;
}

static int read_kek(const struct reader *reader, const char *path, bool private,
                    struct secrets *secrets) {
    struct secret_text digits = {NULL, 0};
    int r = read_secret(reader, path, private, KEK_DIGITS, &digits);
    if (r < 0)
        return r;
    secrets->kek = secret_alloc(SEAL_KEY_LEN);
    if (secrets->kek == NULL)
        r = refuse(reader, -ENOMEM, "memory for secrets cannot be locked: raise LimitMEMLOCK");
    else if (hex_decode(digits.text, secrets->kek, SEAL_KEY_LEN) < 0)
        r = refuse(reader, -EINVAL, "%s must hold %d hex digits (openssl rand -hex %d)", path,
                   KEK_DIGITS, SEAL_KEY_LEN);
    secret_free(digits.text);
    return r;
}

/* NULL outside systemd's provider, or when the unit has no such credential. */
static const char *credential(const char *name, char *space, size_t cap) {
    const char *dir = getenv("CREDENTIALS_DIRECTORY");
    if (dir == NULL || dir[0] != '/')
        return NULL;
    int n = snprintf(space, cap, "%s/%s", dir, name);
    return n < 0 || (size_t)n >= cap || access(space, F_OK) < 0 ? NULL : space;
}

static int read_operator_secret(const struct reader *reader, const char *credential_path,
                                const char *configured, struct secret_text *ret) {
    const char *path = credential_path != NULL ? credential_path : configured;
    return path[0] == '\0' ? 0 : read_secret(reader, path, false, OPERATOR_SECRET_MAX, ret);
}

int secrets_load(const struct config *config, struct secrets *secrets, char *why, size_t why_len) {
    const struct reader reader = {why, why_len};
    const char *provider = config_str(config, CONFIG_keys_provider);
    const bool systemd = strcmp(provider, "systemd") == 0;
    char kek_space[512], google_space[512], model_space[512];
    const char *kek_path = config_str(config, CONFIG_keys_key_file), *google = NULL, *model = NULL;
    *secrets = (struct secrets){0};
    if (strcmp(provider, "aws-kms") == 0)
        return refuse(
            &reader, -ENOTSUP,
            "keys.provider=aws-kms is not available in this version; use file or systemd");
    if (!systemd && strcmp(provider, "file") != 0)
        return refuse(&reader, -EINVAL, "keys.provider must be file, systemd or aws-kms");
    if (systemd) {
        kek_path = credential("cloister-kek", kek_space, sizeof(kek_space));
        google = credential("cloister-google-client-secret", google_space, sizeof(google_space));
        model = credential("cloister-model-api-key", model_space, sizeof(model_space));
        if (kek_path == NULL)
            return refuse(&reader, -ENOENT,
                          "keys.provider=systemd needs the credential cloister-kek "
                          "(LoadCredentialEncrypted= in the unit)");
    }
    int r = read_kek(&reader, kek_path, !systemd, secrets);
    if (r == 0)
        r = read_operator_secret(&reader, google,
                                 config_str(config, CONFIG_google_client_secret_file),
                                 &secrets->google_client_secret);
    if (r == 0)
        r = read_operator_secret(&reader, model, config_str(config, CONFIG_model_api_key_file),
                                 &secrets->model_api_key);
    return r;
}

void secrets_free(struct secrets *secrets) {
    secret_free(take_ptr(secrets->kek));
    secret_free(take_ptr(secrets->google_client_secret.text));
    secret_free(take_ptr(secrets->model_api_key.text));
}
