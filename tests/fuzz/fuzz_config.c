/* cloister.conf and the list of destinations that egress takes from it: what loads has values of
 * their types and hosts that can be dialled; what does not says why, in one short text. */
#include <sys/mman.h>

#include "fuzz.h"
#include "ipc/config.h"
#include "supervisor/egress/allow.h"

#define SETTING(section, key, type, fallback, help)                                                \
    {#section "." #key, #type, sizeof(fallback) == 1},
static const struct {
    const char *name, *type;
    bool optional; /* empty says that there is none */
} settings[] = {
#include "ipc/config.def"
};
#undef SETTING

static int on_word(const char *word, void *ctx) {
    (void)ctx;
    MUST(word[0] != '\0' && strpbrk(word, " ,\t\n") == NULL);
    return 0;
}

static void values_fit(const struct config *config) {
    for (enum config_key key = 0; key < CONFIG_MAX; key++) {
        const char *text = config_str(config, key), *type = settings[key].type;
        enum config_key found;
        MUST(text != NULL && config_key_of(settings[key].name, &found) == 0 && found == key);
        if (strcmp(type, "U64") == 0)
            (void)config_u64(config, key); /* panics on what is none */
        if (strcmp(type, "PATH") == 0)
            MUST(text[0] == '\0' || text[0] == '/');
        if (strcmp(type, "URL") == 0)
            MUST((text[0] == '\0' && settings[key].optional) || strncmp(text, "http://", 7) == 0 ||
                 strncmp(text, "https://", 8) == 0);
        if (strcmp(type, "ADDR") == 0)
            MUST(strrchr(text, ':') > text);
        if (strcmp(type, "LIST") == 0)
            MUST(config_list(config, key, on_word, NULL) == 0);
    }
}

static void destinations_fit(const struct config *config) {
    struct allow *allow = NULL;
    char why[64] = "";
    if (allow_new(config, &allow, why, sizeof(why)) < 0) {
        MUST(allow == NULL && why[0] != '\0');
        return;
    }
    for (size_t i = 0; i < allow_count(allow); i++) {
        const struct destination *d = allow_at(allow, i);
        MUST(d->index == i && url_host_valid(d->host) && d->port != 0);
        MUST(allow_find(allow, d->host, d->port) == d);
    }
    allow_free(allow);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len) {
    char path[64], why[160] = "";
    struct config *config = NULL;
    int fd = memfd_create("config", MFD_CLOEXEC);
    MUST(fd >= 0 && write_all(fd, data, len) == 0);
    (void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    int r = config_load(path, &config, why, sizeof(why));
    (void)close(fd);
    MUST((r == 0) == (config != NULL) && memchr(why, '\0', sizeof(why)) != NULL);
    if (r < 0) {
        MUST(why[0] != '\0');
        return 0;
    }
    values_fit(config);
    destinations_fit(config);
    config_free(config);
    return 0;
}
