/* The program's own secret: read once, at the start. */
#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "business/server.h"

#define DIGITS (2 * BUSINESS_SECRET_LEN)

int business_secret_load(const struct config *config, uint8_t out[static BUSINESS_SECRET_LEN],
                         char *why, size_t why_len) {
    const char *path = config_str(config, CONFIG_business_secret_file);
    const char *folder =
        config_is_set(config, CONFIG_business_secret_file) ? NULL : getenv("CREDENTIALS_DIRECTORY");
    char text[DIGITS + 3] = "", given[512];
    struct stat st;
    if (folder !=
        NULL) { /* systemd.exec(5), LoadCredential=: the folder is there without it, too */
        snprintf(given, sizeof(given), "%s/business-secret", folder);
        if (access(given, F_OK) < 0)
            folder = NULL;
        else
            path = given;
    }
    if (path[0] == '\0') {
        snprintf(why, why_len,
                 "[business] secret_file is not set; make it with: openssl rand -hex 32");
        return -ENOENT;
    }
    SCOPE_FD int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0 && errno == ENOENT && config_is_without_credentials() &&
        !config_is_set(config, CONFIG_business_secret_file))
        return 0;
    if (fd < 0 || fstat(fd, &st) < 0) {
        snprintf(why, why_len, "%s cannot be read: %m", path);
        return -errno;
    }
    /* systemd guards its credentials by access lists, which show as group bits. */
    if (!S_ISREG(st.st_mode) || (folder == NULL && (st.st_mode & 077) != 0)) {
        snprintf(why, why_len, "%s must be readable by its owner alone: chmod 400 %s", path, path);
        return -EPERM;
    }
    ssize_t len = read(fd, text, sizeof(text) - 1);
    while (len > 0 && (text[len - 1] == '\n' || text[len - 1] == '\r'))
        text[--len] = '\0';
    int r = len == DIGITS ? hex_decode(text, out, BUSINESS_SECRET_LEN) : -EINVAL;
    sodium_memzero(text, sizeof(text));
    if (r < 0)
        snprintf(why, why_len, "%s must hold %d hex digits (openssl rand -hex 32)", path, DIGITS);
    return r;
}
