#include "gateway/frontends.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

struct frontends {
    size_t count;
    struct frontend *list[FRONTENDS_MAX];
};

void frontends_free(struct frontends *frontends) {
    if (frontends == NULL)
        return;
    for (size_t i = 0; i < frontends->count; i++)
        frontend_free(frontends->list[i]);
    free(frontends);
}

/* The name part of NAME.conf, or false for a file that is none of ours. */
static bool name_of(const char *file, char out[static FRONTEND_NAME_MAX + 1]) {
    size_t len = strlen(file), tail = strlen(FRONTEND_SUFFIX);
    if (file[0] == '.' || len <= tail || len - tail > FRONTEND_NAME_MAX ||
        strcmp(file + len - tail, FRONTEND_SUFFIX) != 0)
        return false;
    (void)snprintf(out, FRONTEND_NAME_MAX + 1, "%.*s", (int)(len - tail), file);
    return frontend_name_valid(out) || strcmp(out, FRONTEND_WEB) == 0;
}

static const char *load_one(const char *dir, const char *file, struct frontend *frontend) {
    char path[PATH_MAX];
    static uint8_t text[FRONTEND_FILE_MAX + 1];
    if (!frontend_name_valid(frontend->name))
        return "the name is kept for Cloister's own pages; give the file another one";
    if (snprintf(path, sizeof(path), "%s/%s", dir, file) >= (int)sizeof(path))
        return "the path is too long";
    ssize_t len = file_read(path, text, FRONTEND_FILE_MAX);
    if (len < 0)
        return "the file cannot be read by the user of this program";
    text[len] = '\0';
    if (strlen((const char *)text) != (size_t)len)
        return "the file is not text";
    return frontend_parse((char *)text, frontend);
}

/* Adds the file's frontend, or says why not. */
static const char *add_one(struct frontends *frontends, const char *dir, const char *file,
                           const char *name) {
    if (frontends->count == FRONTENDS_MAX)
        return "there are too many frontends";
    struct frontend *frontend = frontend_new(name);
    if (frontend == NULL)
        return "out of memory";
    const char *why = load_one(dir, file, frontend);
    if (why == NULL)
        frontends->list[frontends->count++] = frontend;
    else
        frontend_free(frontend);
    return why;
}

int frontends_load(const char *dir, frontends_report *report, struct frontends **ret) {
    DIR *open_dir = opendir(dir);
    if (open_dir == NULL)
        return -errno;
    struct frontends *frontends = calloc(1, sizeof(*frontends));
    struct dirent *entry;
    char name[FRONTEND_NAME_MAX + 1];
    while (frontends != NULL && (entry = readdir(open_dir)) != NULL) {
        const char *why =
            name_of(entry->d_name, name) ? add_one(frontends, dir, entry->d_name, name) : NULL;
        if (why != NULL)
            report(name, why);
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

const struct frontend *frontends_at(const struct frontends *frontends, size_t index) {
    return index < frontends->count ? frontends->list[index] : NULL;
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
        if (strcmp(line, FRONTEND_LOOPBACK) == 0 ? is_loopback(url) : strcmp(line, url) == 0)
            return true;
    }
    return false;
}
