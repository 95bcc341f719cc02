#include "supervisor/ctl_reload.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "supervisor/ctl_keys.h"
#include "supervisor/ctl_upgrade_manager.h"
#include "supervisor/egress/allow.h"
#include "supervisor/keys/secrets.h"

static const struct {
    const char *name, *credential;
    enum config_key file;
} secrets[] = {
    {SECRET_GOOGLE, "cloister-google-client-secret", CONFIG_google_client_secret_file},
    {SECRET_MODEL, "cloister-model-api-key", CONFIG_model_api_key_file},
};

struct ctl_reload {
    struct config *config;
    char host[URL_PAIR_SIZE];   /* whom the model's key is for */
    bool handed;                /* it was taken */
    json_t *list;               /* what was taken */
    int fds[COUNT_OF(secrets)]; /* an empty file where there is none */
    bool none[COUNT_OF(secrets)];
};

void ctl_reload_free(struct ctl_reload *reload) {
    if (reload == NULL)
        return;
    for (size_t i = 0; i < COUNT_OF(secrets); i++)
        if (reload->fds[i] >= 0)
            (void)close(reload->fds[i]);
    json_decref(reload->list);
    config_free(reload->config);
    free(reload);
}

/* Like cloister-keys at its start: the credential where systemd is the provider or no file is
 * named. */
static int open_secret(const struct config *config, size_t i, char *why, size_t why_len) {
    const char *path = config_str(config, secrets[i].file);
    struct stat st;
    if (path[0] == '\0' || strcmp(config_str(config, CONFIG_keys_provider), "systemd") == 0) {
        int fd = ctl_credential_open(secrets[i].credential, why, why_len);
        if (fd != -ENOENT || path[0] == '\0')
            return fd;
    }
    SCOPE_FD int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd < 0 || fstat(fd, &st) < 0) {
        (void)snprintf(why, why_len, "%s cannot be opened: %m", path);
        return -EIO; /* a file that is named must be there */
    }
    if (!S_ISREG(st.st_mode) || st.st_size == 0 || st.st_size > OPERATOR_SECRET_MAX + 2) {
        (void)snprintf(why, why_len, "%s holds no secret (%lld bytes)", path,
                       (long long)st.st_size);
        return -EINVAL;
    }
    return take_fd(&fd);
}

/* What cloister-egress could not read it would only log. */
static int check_destinations(const struct config *config, char *why, size_t why_len) {
    struct allow *allow = NULL;
    int r = allow_new(config, &allow, why, why_len);
    allow_free(allow);
    return r;
}

static int open_all(struct ctl_reload *reload, char *why, size_t why_len) {
    for (size_t i = 0; i < COUNT_OF(secrets); i++) {
        int fd = open_secret(reload->config, i, why, why_len);
        reload->none[i] = fd == -ENOENT;
        if (fd < 0 && !reload->none[i])
            return fd;
        /* The message carries a descriptor in any case. */
        reload->fds[i] = reload->none[i] ? open("/dev/null", O_RDONLY | O_CLOEXEC) : fd;
        if (reload->fds[i] < 0) {
            (void)snprintf(why, why_len, "/dev/null cannot be opened: %m");
            return -EIO;
        }
    }
    return 0;
}

int ctl_reload_open(const struct ctl_options *options, struct ctl_reload **ret, char *why,
                    size_t why_len) {
    *ret = NULL;
    if (geteuid() != 0)
        return 0;
    struct ctl_reload *reload = calloc(1, sizeof(*reload));
    if (reload == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < COUNT_OF(secrets); i++)
        reload->fds[i] = -1;
    int r = config_load(options->config, &reload->config, why, why_len);
    if (r >= 0)
        r = check_destinations(reload->config, why, why_len);
    if (r >= 0)
        r = url_pair_of(config_str(reload->config, CONFIG_model_base_url), reload->host);
    if (r >= 0)
        r = open_all(reload, why, why_len);
    if (r < 0) {
        ctl_reload_free(reload);
        return r;
    }
    *ret = reload;
    return 0;
}

/* -errno: nothing more can be said to cloister-keys. What it refuses is *ret_error, with `why`. */
static int hand_over(struct ctl_reload *reload, int keys, size_t i, int *ret_error, char *why,
                     size_t why_len) {
    Cloister__SecretOffer offer = CLOISTER__SECRET_OFFER__INIT;
    Cloister__Message question = MSG_OF(SECRET_OFFER, secret_offer, &offer);
    SCOPE_MSG Cloister__Message *answer = NULL;
    const bool model = secrets[i].file == CONFIG_model_api_key_file;
    offer.name = (char *)(uintptr_t)secrets[i].name;
    offer.none = reload->none[i];
    if (model)
        offer.host = reload->host;
    int r = ctl_keys_ask(keys, &question, reload->fds[i], &answer);
    if (r < 0) {
        (void)snprintf(why, why_len, "cloister-keys: %s", strerror(-r));
        return r;
    }
    *ret_error = -answer->keys_state->error;
    if (*ret_error != 0) {
        (void)snprintf(why, why_len, "%s", answer->keys_state->detail);
        return 0;
    }
    reload->handed = reload->handed || model;
    (void)json_array_append_new(reload->list,
                                json_pack("{s:s, s:b}", "secret", secrets[i].name, "changed",
                                          (int)answer->keys_state->changed));
    return 0;
}

int ctl_reload_hand_over(struct ctl_reload *reload, char *why, size_t why_len) {
    if (reload == NULL)
        return 0;
    reload->list = json_array();
    SCOPE_FD int keys = ctl_keys_connect(reload->config, why, why_len);
    int r = keys < 0 ? keys : 0, first = 0;
    for (size_t i = 0; r == 0 && i < COUNT_OF(secrets); i++) {
        char reason[256] = "";
        int error = 0;
        r = hand_over(reload, keys, i, &error, reason, sizeof(reason));
        if ((r < 0 || error < 0) && first == 0)
            (void)snprintf(why, why_len, "%s", reason);
        first = first == 0 ? error : first;
    }
    return r < 0 ? r : first;
}

const char *ctl_reload_host(const struct ctl_reload *reload) {
    return reload != NULL && reload->handed ? reload->host : NULL;
}

/* It has no channel to operators, and whom it connects is nothing that cloisterd decides. */
static bool tell_egress(const struct config *config) {
    struct manager manager;
    struct manager_view view;
    if (manager_find(config, &manager) < 0 || manager_look(&manager, &view) < 0)
        return false;
    for (size_t i = 0; i < MANAGER_SERVICES; i++)
        if (strcmp(manager_services[i], "cloister-egress") == 0)
            return view.of[i].pid > 0 && kill(view.of[i].pid, SIGHUP) == 0;
    return false;
}

void ctl_reload_finish(struct ctl_reload *reload, json_t *answer) {
    if (reload == NULL) {
        (void)json_object_set_new(answer, "secrets",
                                  json_string("not read again: run this as root"));
        (void)json_object_set_new(answer, "destinations",
                                  json_string("not read again: run this as root"));
        return;
    }
    (void)json_object_set(answer, "secrets", reload->list);
    (void)json_object_set_new(answer, "destinations",
                              json_string(tell_egress(reload->config)
                                              ? "read again"
                                              : "cloister-egress could not be told: restart it"));
}
