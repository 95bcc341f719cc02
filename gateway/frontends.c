#include "gateway/frontends.h"

#include <dirent.h>
#include <errno.h>
#include <ini.h>
#include <limits.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define FILE_MAX 65536
#define LOOPBACK "loopback" /* as a return_to line */

struct frontends {
    size_t count;
    struct frontend *list[FRONTENDS_MAX];
};

struct loading {
    struct frontend *frontend;
    const char *why; /* static; NULL: good so far */
};

static void frontend_free(struct frontend *frontend) {
    if (frontend == NULL)
        return;
    for (size_t i = 0; i < frontend->returns; i++)
        free(frontend->return_to[i]);
    free(frontend);
}

void frontends_free(struct frontends *frontends) {
    if (frontends == NULL)
        return;
    for (size_t i = 0; i < frontends->count; i++)
        frontend_free(frontends->list[i]);
    free(frontends);
}

static const char *put_key(struct frontend *frontend, const char *value) {
    if (frontend->keys == FRONTEND_KEYS_MAX)
        return "at most two key_sha256 lines may hold at once; take the oldest out";
    if (hex_decode(value, frontend->key_sha256[frontend->keys], 32) < 0)
        return "key_sha256 must be 64 hex digits: printf %s KEY | sha256sum";
    frontend->keys++;
    return NULL;
}

static const char *put_return(struct frontend *frontend, const char *value) {
    if (frontend->returns == FRONTEND_RETURNS_MAX)
        return "too many return_to lines";
    bool web = strncmp(value, "https://", 8) == 0 || strncmp(value, "http://", 7) == 0;
    if ((!web && strcmp(value, LOOPBACK) != 0) || strlen(value) > 2000)
        return "return_to must be an http(s) address, or the word loopback";
    for (const char *c = value; *c != '\0'; c++)
        if (*c <= 0x20 || *c >= 0x7f || *c == '#')
            return "return_to may hold neither blanks, a fragment nor non-ASCII characters";
    frontend->return_to[frontend->returns] = strdup(value);
    if (frontend->return_to[frontend->returns] == NULL)
        return "out of memory";
    frontend->returns++;
    return NULL;
}

static const char *put_number(uint32_t *number, const char *value) {
    uint64_t parsed;
    if (parse_u64(value, 1, 1000000, &parsed) < 0)
        return "requests_per_second and burst must be whole numbers from 1 to 1000000";
    *number = (uint32_t)parsed;
    return NULL;
}

static int on_line(void *ctx, const char *section, const char *name, const char *value) {
    struct loading *loading = ctx;
    struct frontend *frontend = loading->frontend;
    if (section[0] != '\0' || value == NULL)
        loading->why = "lines must be KEY=VALUE, without sections";
    else if (strcmp(name, "key_sha256") == 0)
        loading->why = put_key(frontend, value);
    else if (strcmp(name, "return_to") == 0)
        loading->why = put_return(frontend, value);
    else if (strcmp(name, "requests_per_second") == 0)
        loading->why = put_number(&frontend->rate, value);
    else if (strcmp(name, "burst") == 0)
        loading->why = put_number(&frontend->burst, value);
    else
        loading->why = "unknown key (known: key_sha256, return_to, requests_per_second, burst)";
    return loading->why == NULL;
}

/* The name part of NAME.conf, or false for a file that is none of ours. */
static bool name_of(const char *file, char out[static FRONTEND_NAME_MAX + 1]) {
    size_t len = strlen(file);
    if (file[0] == '.' || len <= 5 || len - 5 > FRONTEND_NAME_MAX ||
        strcmp(file + len - 5, ".conf") != 0)
        return false;
    (void)snprintf(out, FRONTEND_NAME_MAX + 1, "%.*s", (int)(len - 5), file);
    return strspn(out, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") ==
           len - 5;
}

static const char *load_one(const char *dir, const char *file, struct frontend *frontend) {
    char path[PATH_MAX];
    static uint8_t text[FILE_MAX + 1];
    if (snprintf(path, sizeof(path), "%s/%s", dir, file) >= (int)sizeof(path))
        return "the path is too long";
    ssize_t len = file_read(path, text, FILE_MAX);
    if (len < 0)
        return "the file cannot be read by the gateway's user";
    text[len] = '\0';
    struct loading loading = {.frontend = frontend};
    int line = ini_parse_string((const char *)text, on_line, &loading);
    if (loading.why != NULL)
        return loading.why;
    if (line != 0)
        return "a line is not KEY=VALUE";
    return frontend->keys == 0 ? "it has no key_sha256 line" : NULL;
}

int frontends_load(const char *dir, frontends_report *report, struct frontends **ret) {
    DIR *open_dir = opendir(dir);
    if (open_dir == NULL)
        return -errno;
    struct frontends *frontends = calloc(1, sizeof(*frontends));
    struct dirent *entry;
    char name[FRONTEND_NAME_MAX + 1];
    while (frontends != NULL && (entry = readdir(open_dir)) != NULL) {
        if (!name_of(entry->d_name, name))
            continue;
        struct frontend *frontend = calloc(1, sizeof(*frontend));
        const char *why = frontend == NULL ? "out of memory" : "there are too many frontends";
        if (frontend != NULL && frontends->count < FRONTENDS_MAX) {
            frontend->rate = 500;
            frontend->burst = 2000;
            (void)snprintf(frontend->name, sizeof(frontend->name), "%s", name);
            why = load_one(dir, entry->d_name, frontend);
        }
        if (why == NULL) {
            frontends->list[frontends->count++] = frontend;
            continue;
        }
        report(name, why);
        frontend_free(frontend);
    }
    (void)closedir(open_dir);
    if (frontends == NULL)
        return -ENOMEM;
    *ret = frontends;
    return 0;
}

size_t frontends_count(const struct frontends *frontends) {
    return frontends->count;
}

uint64_t frontends_stamp(const char *dir) {
    DIR *open_dir = opendir(dir);
    struct dirent *entry;
    struct stat st;
    if (open_dir == NULL)
        return 0;
    uint64_t stamp = 1; /* a sum: the order of readdir does not matter */
    while ((entry = readdir(open_dir)) != NULL) {
        char name[FRONTEND_NAME_MAX + 1];
        if (!name_of(entry->d_name, name) || fstatat(dirfd(open_dir), entry->d_name, &st, 0) < 0)
            continue;
        uint64_t one = (uint64_t)st.st_ino * UINT64_C(0x9e3779b97f4a7c15) ^
                       (uint64_t)st.st_mtim.tv_sec * UINT64_C(0xc2b2ae3d27d4eb4f) ^
                       (uint64_t)st.st_mtim.tv_nsec * UINT64_C(0x165667b19e3779f9) ^
                       (uint64_t)st.st_size;
        stamp += one;
    }
    (void)closedir(open_dir);
    return stamp;
}

const struct frontend *frontends_by_key(const struct frontends *frontends, const char *key,
                                        size_t len) {
    uint8_t digest[crypto_hash_sha256_BYTES];
    const struct frontend *found = NULL;
    (void)crypto_hash_sha256(digest, (const uint8_t *)key, len);
    for (size_t i = 0; i < frontends->count; i++)
        for (size_t k = 0; k < frontends->list[i]->keys; k++)
            if (sodium_memcmp(digest, frontends->list[i]->key_sha256[k], sizeof(digest)) == 0)
                found = frontends->list[i];
    return found;
}

const struct frontend *frontends_by_name(const struct frontends *frontends, const char *name) {
    for (size_t i = 0; i < frontends->count; i++)
        if (strcmp(frontends->list[i]->name, name) == 0)
            return frontends->list[i];
    return NULL;
}

/* http, a loopback host, perhaps a port, then only what a path and a query are made of. */
static bool is_loopback(const char *url) {
    static const char *const hosts[] = {"http://127.0.0.1", "http://[::1]", "http://localhost"};
    for (size_t i = 0; i < COUNT_OF(hosts); i++) {
        size_t len = strlen(hosts[i]);
        if (strncmp(url, hosts[i], len) != 0)
            continue;
        const char *rest = url + len;
        if (*rest == ':')
            rest += 1 + strspn(rest + 1, "0123456789");
        if (*rest != '\0' && *rest != '/' && *rest != '?')
            return false;
        for (; *rest != '\0'; rest++)
            if (*rest <= 0x20 || *rest >= 0x7f || strchr("#\\\"<>", *rest) != NULL)
                return false;
        return true;
    }
    return false;
}

bool frontend_may_return(const struct frontend *frontend, const char *url) {
    for (size_t i = 0; i < frontend->returns; i++) {
        const char *line = frontend->return_to[i];
        if (strcmp(line, LOOPBACK) == 0 ? is_loopback(url) : strcmp(line, url) == 0)
            return true;
    }
    return false;
}
