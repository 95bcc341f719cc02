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

static int read_open(const struct reader *reader, const char *path, int fd, bool private,
                     size_t max, struct secret_text *ret) {
    struct stat st;
    if (fstat(fd, &st) < 0)
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

static int read_secret(const struct reader *reader, const char *path, bool private, size_t max,
                       struct secret_text *ret) {
    SCOPE_FD int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd < 0)
        return refuse(reader, -errno, "%s cannot be opened: %m", path);
    return read_open(reader, path, fd, private, max, ret);
}

/* Takes the digits over. */
static int kek_from(const struct reader *reader, const char *path, struct secret_text *digits,
                    uint8_t **ret) {
    SCOPE_SECRET uint8_t *kek = secret_alloc(SEAL_KEY_LEN);
    int r = 0;
    if (kek == NULL)
        r = refuse(reader, -ENOMEM, "memory for secrets cannot be locked: raise LimitMEMLOCK");
    else if (hex_decode(digits->text, kek, SEAL_KEY_LEN) < 0)
        r = refuse(reader, -EINVAL, "%s must hold %d hex digits (openssl rand -hex %d)", path,
                   KEK_DIGITS, SEAL_KEY_LEN);
    secret_free(take_ptr(digits->text));
    if (r == 0)
        *ret = take_ptr(kek);
    return r;
}

static int read_kek(const struct reader *reader, const char *path, bool private, uint8_t **ret) {
    struct secret_text digits = {NULL, 0};
    int r = read_secret(reader, path, private, KEK_DIGITS, &digits);
    return r < 0 ? r : kek_from(reader, path, &digits, ret);
}

int secrets_read_kek(int fd, uint8_t **ret, char *why, size_t why_len) {
    const struct reader reader = {why, why_len};
    struct secret_text digits = {NULL, 0};
    int r = read_open(&reader, "the next key", fd, false, KEK_DIGITS, &digits);
    return r < 0 ? r : kek_from(&reader, "the next key", &digits, ret);
}

/* NULL outside a unit, or when the unit has no such credential. */
static const char *credential(const char *name, char *space, size_t cap) {
    const char *dir = getenv("CREDENTIALS_DIRECTORY");
    if (dir == NULL || dir[0] != '/')
        return NULL;
    int n = snprintf(space, cap, "%s/%s", dir, name);
    return n < 0 || (size_t)n >= cap || access(space, F_OK) < 0 ? NULL : space;
}

/* The unit's credential where systemd is the provider or no file is configured. */
static const char *operator_credential(const struct config *config, const char *name,
                                       enum config_key file, char *space, size_t cap) {
    const bool systemd = strcmp(config_str(config, CONFIG_keys_provider), "systemd") == 0;
    return systemd || config_str(config, file)[0] == '\0' ? credential(name, space, cap) : NULL;
}

static const struct {
    const char *credential;
    enum config_key file;
} places[] = {{"cloister-google-client-secret", CONFIG_google_client_secret_file},
              {"cloister-model-api-key", CONFIG_model_api_key_file}};
enum { PLACE_GOOGLE, PLACE_MODEL };

/* A credential is as old as the process. */
static bool from_file(const struct config *config, size_t place) {
    char space[512];
    return operator_credential(config, places[place].credential, places[place].file, space,
                               sizeof(space)) == NULL;
}

static int read_operator_secret(const struct reader *reader, const struct config *config,
                                size_t place, struct secret_text *ret) {
    char space[512];
    const char *path = operator_credential(config, places[place].credential, places[place].file,
                                           space, sizeof(space));
    if (path == NULL)
        path = config_str(config, places[place].file);
    return path[0] == '\0' ? 0 : read_secret(reader, path, false, OPERATOR_SECRET_MAX, ret);
}

/* Whom the model's key is for. */
static int model_host(const struct reader *reader, const struct config *config,
                      char out[static URL_PAIR_SIZE]) {
    return url_pair_of(config_str(config, CONFIG_model_base_url), out) == 0
               ? 0
               : refuse(reader, -EINVAL, "model.base_url is no plain http(s) address");
}

static int put_model_key(const struct reader *reader, struct secrets *secrets, const char *host,
                         struct secret_text *fresh, bool *ret_changed) {
    int r = model_keys_put(&secrets->model, host, fresh, ret_changed);
    return r == 0 ? 0
                  : refuse(reader, r, "keys for %d hosts of models are held already: restart it",
                           MODEL_HOSTS_MAX);
}

static int read_operator_secrets(const struct reader *reader, const struct config *config,
                                 struct secrets *secrets) {
    struct secret_text key = {NULL, 0};
    char host[URL_PAIR_SIZE];
    bool changed;
    int r = model_host(reader, config, host);
    if (r == 0)
        r = read_operator_secret(reader, config, PLACE_GOOGLE, &secrets->google_client_secret);
    if (r == 0)
        r = read_operator_secret(reader, config, PLACE_MODEL, &key);
    return r < 0 ? r : put_model_key(reader, secrets, host, &key, &changed);
}

/* The key in use, and the one that is to follow where there is one. */
static int read_keks(const struct reader *reader, const struct config *config, bool systemd,
                     struct secrets *secrets) {
    char space[512], next_space[4096];
    const char *path = config_str(config, CONFIG_keys_key_file), *next = next_space;
    if (systemd) {
        path = credential("cloister-kek", space, sizeof(space));
        next = credential("cloister-kek-next", next_space, sizeof(next_space));
        if (path == NULL && config_is_without_credentials())
            return 0;
        if (path == NULL)
            return refuse(reader, -ENOENT,
                          "keys.provider=systemd needs the credential cloister-kek "
                          "(LoadCredentialEncrypted= in the unit)");
    } else {
        int n = snprintf(next_space, sizeof(next_space), "%s.next", path);
        if (n < 0 || (size_t)n >= sizeof(next_space) || access(next_space, F_OK) < 0)
            next = NULL;
    }
    int r = read_kek(reader, path, !systemd, &secrets->kek);
    return r < 0 || next == NULL ? r : read_kek(reader, next, !systemd, &secrets->kek_next);
}

int secrets_load(const struct config *config, struct secrets *secrets, char *why, size_t why_len) {
    const struct reader reader = {why, why_len};
    const char *provider = config_str(config, CONFIG_keys_provider);
    const bool systemd = strcmp(provider, "systemd") == 0;
    *secrets = (struct secrets){0};
    if (strcmp(provider, "aws-kms") == 0)
        return refuse(
            &reader, -ENOTSUP,
            "keys.provider=aws-kms is not available in this version; use file or systemd");
    if (!systemd && strcmp(provider, "file") != 0)
        return refuse(&reader, -EINVAL, "keys.provider must be file, systemd or aws-kms");
    int r = read_keks(&reader, config, systemd, secrets);
    return r < 0 ? r : read_operator_secrets(&reader, config, secrets);
}

static bool is_host(const char *text) {
    char host[URL_HOST_MAX + 1];
    uint16_t port;
    return strlen(text) < URL_PAIR_SIZE && url_parse_pair(text, host, &port) == 0;
}

int secrets_take(struct secrets *secrets, const struct secret_offer *offer, bool *ret_changed,
                 char *why, size_t why_len) {
    const struct reader reader = {why, why_len};
    struct secret_text fresh = {NULL, 0};
    const bool model = strcmp(offer->name, SECRET_MODEL) == 0;
    if (!model && strcmp(offer->name, SECRET_GOOGLE) != 0)
        return refuse(&reader, -ENOENT, "there is no such secret");
    if (model && !is_host(offer->host))
        return refuse(&reader, -EINVAL, "the model's key comes without the host that it is for");
    int r = offer->none
                ? 0
                : read_open(&reader, offer->name, offer->fd, false, OPERATOR_SECRET_MAX, &fresh);
    if (r < 0)
        return r;
    if (!model) {
        *ret_changed = secret_exchange(&secrets->google_client_secret, &fresh);
        secrets->google_handed = true;
        return 0;
    }
    r = put_model_key(&reader, secrets, offer->host, &fresh, ret_changed);
    secrets->model_handed = secrets->model_handed || r == 0;
    return r;
}

int secrets_reread(const struct config *config, struct secrets *secrets, unsigned *ret_changed,
                   char *why, size_t why_len) {
    const struct reader reader = {why, why_len};
    struct secret_text google = {NULL, 0}, model = {NULL, 0};
    char host[URL_PAIR_SIZE];
    bool changed = false;
    const bool with_google = !secrets->google_handed && from_file(config, PLACE_GOOGLE),
               with_model = !secrets->model_handed && from_file(config, PLACE_MODEL);
    *ret_changed = 0;
    int r = model_host(&reader, config, host);
    if (r == 0 && with_google)
        r = read_operator_secret(&reader, config, PLACE_GOOGLE, &google);
    if (r == 0 && with_model)
        r = read_operator_secret(&reader, config, PLACE_MODEL, &model);
    if (r == 0 && with_google)
        *ret_changed += secret_exchange(&secrets->google_client_secret, &google);
    if (r == 0 && with_model)
        r = put_model_key(&reader, secrets, host, &model, &changed);
    *ret_changed += changed;
    secret_free(google.text);
    secret_free(model.text);
    return r;
}

void secrets_free(struct secrets *secrets) {
    secret_free(take_ptr(secrets->kek));
    secret_free(take_ptr(secrets->kek_next));
    secret_free(take_ptr(secrets->google_client_secret.text));
    model_keys_free(&secrets->model);
}
