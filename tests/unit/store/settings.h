/* A configuration for tests: the private server, and addresses that nobody serves. */
#ifndef CLOISTER_TESTS_SETTINGS_H
#define CLOISTER_TESTS_SETTINGS_H

#include <stdio.h>

#include "ipc/config.h"
#include "tests/unit/store/postgres.h"

static inline struct config *settings_load(void) {
    char path[128], why[256];
    struct config *config = NULL;
    snprintf(path, sizeof(path), "%s/cloister.conf", postgres_dir());
    FILE *file = fopen(path, "we");
    if (file == NULL)
        abort();
    fprintf(file,
            "[database]\nurl=%s\n[runtime]\ndir=%s\n"
            "[google]\nclient_id=id & co\nauth_url=https://accounts.test/auth?hl=en\n"
            "[gateway]\npublic_url=https://cloister.test/\n",
            postgres_conninfo(), postgres_dir());
    (void)fclose(file);
    if (config_load(path, &config, why, sizeof(why)) < 0) {
        fprintf(stderr, "%s\n", why);
        abort();
    }
    return config;
}

#endif
