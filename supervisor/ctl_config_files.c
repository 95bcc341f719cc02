/* Who may read what: by the mode bits, for the user of each program. */
#include <dirent.h>
#include <errno.h>
#include <grp.h>
#include <libgen.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "build_config.h"
#include "gateway/frontend_file.h"
#include "supervisor/ctl_config.h"
#include "supervisor/ctl_frontend_dir.h"

#define GROUPS_MAX 64

/* `bits`: of S_IROTH and S_IXOTH, those wanted. */
static bool may(const struct stat *st, const struct passwd *user, mode_t bits) {
    gid_t groups[GROUPS_MAX];
    int n = GROUPS_MAX;
    if (user->pw_uid == 0)
        return true;
    if (st->st_uid == user->pw_uid)
        return (st->st_mode & (bits << 6)) == bits << 6;
    if (getgrouplist(user->pw_name, user->pw_gid, groups, &n) < 0)
        n = 0;
    for (int i = 0; i < n; i++)
        if (groups[i] == st->st_gid)
            return (st->st_mode & (bits << 3)) == bits << 3;
    return (st->st_mode & bits) == bits;
}

/* Every directory on the way as well. */
static bool may_reach(const char *path, const struct passwd *user, mode_t bits) {
    char part[PATH_MAX];
    struct stat st;
    if (stat(path, &st) < 0 || !may(&st, user, bits))
        return false;
    (void)snprintf(part, sizeof(part), "%s", path);
    for (char *dir = dirname(part); strcmp(dir, "/") != 0 && strcmp(dir, ".") != 0;
         dir = dirname(dir))
        if (stat(dir, &st) < 0 || !may(&st, user, S_IXOTH))
            return false;
    return true;
}

static void need_reader(struct findings *findings, const char *where, const char *path,
                        const char *name, mode_t bits) {
    char what[PATH_MAX + 128];
    const struct passwd *user = getpwnam(name);
    if (user == NULL || may_reach(path, user, bits))
        return; /* that there is no such user is said elsewhere */
    (void)snprintf(what, sizeof(what), "%s: the user %s cannot read it", path, name);
    finding_add(findings, true, where, what,
                "chmod o+r (o+rx for a directory), also each directory on the way, or give it to a "
                "group of that user");
}

/* Present, a file, and not writable by anybody. */
static bool sound(struct findings *findings, const char *where, const char *path) {
    char what[PATH_MAX + 128];
    struct stat st;
    if (stat(path, &st) < 0) {
        (void)snprintf(what, sizeof(what), "%s: %s", path, strerror(errno));
        finding_add(findings, errno != EACCES || geteuid() == 0, where, what,
                    errno == EACCES ? "ask root to check" : "make it, or correct its name");
        return false;
    }
    if (!S_ISREG(st.st_mode)) {
        (void)snprintf(what, sizeof(what), "%s is not a file", path);
        finding_add(findings, true, where, what, "name a file");
        return false;
    }
    if ((st.st_mode & S_IWOTH) != 0) {
        (void)snprintf(what, sizeof(what), "%s: everybody may write to it", path);
        finding_add(findings, true, where, what, "chmod o-w");
    }
    return true;
}

/* Otherwise cloister-launch does, and cloister-keys reads its files as root. */
static bool is_run_by_systemd(void) {
    return access("/run/systemd/system", F_OK) == 0;
}

static bool is_credential(const char *name) {
    char path[256];
    (void)snprintf(path, sizeof(path), "/etc/credstore.encrypted/%s", name);
    return access(path, F_OK) == 0;
}

/* `strict`: its program does not start with one that others may read. */
static void check_private(struct findings *findings, const char *where, const char *path,
                          const struct stat *st, bool strict) {
    char what[PATH_MAX + 128];
    if ((st->st_mode & 077) == 0)
        return;
    (void)snprintf(what, sizeof(what), "%s: others than its owner may read it (mode %04o)", path,
                   (unsigned)(st->st_mode & 07777));
    finding_add(findings, strict, where, what, "chmod 0600");
}

/* Of a program that begins as its own user. */
static void check_own_secret(struct findings *findings, const char *where, const char *path,
                             const char *name, bool strict) {
    char what[PATH_MAX + 128], todo[128];
    struct stat st;
    const struct passwd *user = getpwnam(name);
    if (!sound(findings, where, path) || stat(path, &st) < 0)
        return;
    check_private(findings, where, path, &st, strict);
    if (user == NULL || may_reach(path, user, S_IROTH))
        return; /* that there is no such user is said elsewhere */
    (void)snprintf(what, sizeof(what), "%s: the user %s cannot read it", path, name);
    (void)snprintf(todo, sizeof(todo), "chown %s, and let it pass each directory on the way", name);
    finding_add(findings, true, where, what, todo);
}

/* `strict`: as above. */
static void check_secret(struct findings *findings, const char *where, const char *path,
                         bool strict) {
    char what[PATH_MAX + 128];
    struct stat st;
    if (path[0] == '\0' || !sound(findings, where, path) || stat(path, &st) < 0)
        return;
    if (st.st_size == 0) {
        (void)snprintf(what, sizeof(what), "%s is empty", path);
        finding_add(findings, true, where, what, "write the secret into it");
    }
    check_private(findings, where, path, &st, strict);
    const struct passwd *keys = getpwnam(CLOISTER_USER_KEYS);
    if (keys != NULL && is_run_by_systemd() && !may_reach(path, keys, S_IROTH)) {
        (void)snprintf(
            what, sizeof(what),
            "%s: systemd starts cloister-keys as " CLOISTER_USER_KEYS ", who cannot read it", path);
        finding_add(findings, true, where, what, "chown " CLOISTER_USER_KEYS ", chmod 0400");
    } else if (st.st_uid != 0 && (keys == NULL || st.st_uid != keys->pw_uid)) {
        (void)snprintf(what, sizeof(what), "%s belongs neither to root nor to " CLOISTER_USER_KEYS,
                       path);
        finding_add(findings, strict, where, what, "chown " CLOISTER_USER_KEYS);
    }
}

static void check_ca(struct findings *findings, const char *where, const char *path,
                     const char *name) {
    if (path[0] != '\0' && sound(findings, where, path))
        need_reader(findings, where, path, name, S_IROTH);
}

/* ---- the front door ---- */

static void check_links_key(struct findings *findings, const struct config *config) {
    static const char where[] = "business.secret_file";
    const char *path = config_str(config, CONFIG_business_secret_file);
    const bool set = config_is_set(config, CONFIG_business_secret_file);
    if (!set && is_credential("business-secret"))
        return;
    if (set || access(path, F_OK) == 0)
        check_own_secret(findings, where, path, CLOISTER_USER_BUSINESS, true);
    else
        finding_add(findings, false, where, "there is none: cloister-business does not start",
                    "make it, or do without the front door: front-door.md says how");
}

/* `wanted`: it does not start without. */
static void check_notify_secret(struct findings *findings, const struct config *config,
                                const char *where, enum config_key key, const char *credential,
                                bool wanted) {
    const char *path = config_str(config, key);
    if (path[0] != '\0')
        check_own_secret(findings, where, path, CLOISTER_USER_NOTIFY, false);
    else if (wanted && !is_credential(credential))
        finding_add(findings, true, where, "nothing is named: cloister-notify does not start",
                    "name the file that holds it, or make it a credential of systemd");
}

static void check_notify(struct findings *findings, const struct config *config) {
    if (config_str(config, CONFIG_notify_smtp_url)[0] != '\0')
        check_notify_secret(findings, config, "notify.smtp_password_file",
                            CONFIG_notify_smtp_password_file, "cloister-smtp-password",
                            config_str(config, CONFIG_notify_smtp_user)[0] != '\0');
    if (config_str(config, CONFIG_notify_webhook_url)[0] != '\0')
        check_notify_secret(findings, config, "notify.webhook_secret_file",
                            CONFIG_notify_webhook_secret_file, "cloister-webhook-secret", true);
    check_ca(findings, "notify.ca_file", config_str(config, CONFIG_notify_ca_file),
             CLOISTER_USER_NOTIFY);
}

/* ---- frontends ---- */

static void check_frontend(struct findings *findings, const struct frontend_dir *dir,
                           const char *folder, const char *name) {
    char path[PATH_MAX];
    SCOPE_FREE char *text = NULL;
    struct frontend *frontend = frontend_new(name);
    (void)snprintf(path, sizeof(path), "%s/%s" FRONTEND_SUFFIX, folder, name);
    int r = frontend_dir_read(dir, name, &text);
    const char *why = r < 0              ? strerror(-r)
                      : frontend == NULL ? "out of memory"
                                         : frontend_parse(text, frontend);
    frontend_free(frontend);
    if (why != NULL)
        finding_add(findings, true, path, why,
                    "correct it, or make a new one with cloisterctl frontend add");
    need_reader(findings, path, path, CLOISTER_USER_GATEWAY, S_IROTH);
    need_reader(findings, path, path, CLOISTER_USER_SUPERVISOR, S_IROTH);
}

static void check_frontends(struct findings *findings, const char *folder) {
    static const char where[] = "gateway.frontends_dir";
    struct frontend_dir dir;
    char what[PATH_MAX + 128], **names = NULL;
    size_t n = 0;
    int r = frontend_dir_open(folder, false, false, &dir);
    if (r == 0)
        r = frontend_dir_names(&dir, &names, &n);
    if (r < 0) {
        (void)snprintf(what, sizeof(what), "%s: %s", folder, strerror(-r));
        finding_add(findings, true, where, what,
                    "make it: cloisterctl frontend add NAME --return-to URL");
        frontend_dir_close(&dir);
        return;
    }
    if (n == 0)
        finding_add(findings, false, where, "no frontend may call yet (the web pages need none)",
                    "cloisterctl frontend add NAME --return-to URL");
    need_reader(findings, where, folder, CLOISTER_USER_GATEWAY, S_IROTH | S_IXOTH);
    need_reader(findings, where, folder, CLOISTER_USER_SUPERVISOR, S_IROTH | S_IXOTH);
    for (size_t i = 0; i < n; i++) {
        check_frontend(findings, &dir, folder, names[i]);
        free(names[i]);
    }
    free(names);
    frontend_dir_close(&dir);
}

void config_check_files(struct findings *findings, const struct config *config, const char *path) {
    static const char *const readers[] = {CLOISTER_USER_SUPERVISOR, CLOISTER_USER_AGENT,
                                          CLOISTER_USER_EGRESS,     CLOISTER_USER_GATEWAY,
                                          CLOISTER_USER_PUBLIC,     CLOISTER_USER_BUSINESS,
                                          CLOISTER_USER_NOTIFY};
    if (sound(findings, path, path))
        for (size_t i = 0; i < COUNT_OF(readers); i++)
            need_reader(findings, path, path, readers[i], S_IROTH);
    if (strcmp(config_str(config, CONFIG_keys_provider), "file") == 0)
        check_secret(findings, "keys.key_file", config_str(config, CONFIG_keys_key_file), true);
    check_secret(findings, "google.client_secret_file",
                 config_str(config, CONFIG_google_client_secret_file), false);
    check_secret(findings, "model.api_key_file", config_str(config, CONFIG_model_api_key_file),
                 false);
    check_ca(findings, "google.ca_file", config_str(config, CONFIG_google_ca_file),
             CLOISTER_USER_AGENT);
    check_ca(findings, "model.ca_file", config_str(config, CONFIG_model_ca_file),
             CLOISTER_USER_AGENT);
    check_links_key(findings, config);
    check_notify(findings, config);
    check_frontends(findings, config_str(config, CONFIG_gateway_frontends_dir));
}
