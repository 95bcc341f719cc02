/* cloister.conf: one file for every program, INI as systemd writes it, table in config.def.
 * Precedence: environment CLOISTER_<SECTION>_<KEY>, then the file, then the default.
 * An unknown section or key, a value of the wrong type, or a secret given inline is an error that
 * names the file, the line and what to write instead. */
#ifndef CLOISTER_IPC_CONFIG_H
#define CLOISTER_IPC_CONFIG_H

#include "ipc/base.h"

#define SETTING(section, key, type, fallback, help) CONFIG_##section##_##key,
enum config_key {
#include "ipc/config.def"
    CONFIG_MAX
};
#undef SETTING

struct config;

/* Reads `path` (NULL: /etc/cloister/cloister.conf). On failure returns -errno and puts a sentence
 * for the operator into `why` (cut to `why_len`). The caller frees *ret with config_free. */
int config_load(const char *path, struct config **ret, char *why, size_t why_len) MUST_CHECK;
void config_free(struct config *config);

/* Never NULL; "" when empty. Valid as long as `config`. */
const char *config_str(const struct config *config, enum config_key key);
/* Only for U64 settings. */
uint64_t config_u64(const struct config *config, enum config_key key);
/* Calls `each` for every word of a LIST; stops when it returns non-zero and returns that. */
int config_list(const struct config *config, enum config_key key,
                int (*each)(const char *word, void *ctx), void *ctx);
/* "section.key" to its number. 0 or -ENOENT. */
int config_key_of(const char *name, enum config_key *ret) MUST_CHECK;
/* True when the file or the environment gives it, false when the default holds. */
bool config_is_set(const struct config *config, enum config_key key);
/* True when "NAME=VALUE" names a setting: what a launcher passes on to the programs. */
bool config_is_environment(const char *assignment);
/* "<runtime dir>/<name>" into `out`. 0 or -ENAMETOOLONG. */
int config_runtime_path(const struct config *config, const char *name, char *out,
                        size_t cap) MUST_CHECK;

/* The common command line: --config FILE, -n (check and exit 0), --version, --help. Exits on its
 * own for those and on errors (status 100 for usage, 1 for a bad file); otherwise returns the
 * loaded configuration. `*ret_rest` is the index of the first argument that is not an option. */
struct config *config_from_args(int argc, char **argv, const char *program, const char *about,
                                int *ret_rest);

#endif
