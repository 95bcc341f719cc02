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

/* Names of sockets fit 107 bytes; the longest below runtime.dir is agents/ and an id of 32. */
#define SOCKET_NAME_MAX 107
#define RUNTIME_DIR_MAX 67

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
/* "section.key"; static. */
const char *config_name(enum config_key key);

/* ---- changes while running ---- */

enum config_effect { EFFECT_LIVE, EFFECT_TURNS, EFFECT_RESTART };
/* When a change of `key` takes effect (config_effect.def); *ret_programs: what to restart for it,
 * "" when nothing. */
enum config_effect config_effect(enum config_key key, const char **ret_programs);
/* `running` has the value of `fresh` for `key` from now on. Values that were read before stay valid
 * as long as `running`. 0 or -ENOMEM. */
int config_adopt(struct config *running, const struct config *fresh,
                 enum config_key key) MUST_CHECK;

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
/* The absolute path of the file that config_from_args read, for reading it again: a link stays one,
 * since it may lead elsewhere by then. NULL with errno; the caller frees it. */
char *config_file(void) MUST_CHECK;

/* --self-check was among the arguments: an upgrade asks whether this program would start. It goes
 * up its ladder without touching what the running one has (sockets, stores), and ends confined with
 * config_self_checked: what it is on stdout, status 0. */
bool config_is_self_check(void);
void config_self_checked(const char *program) NORETURN;
/* That self-check does not run in its unit, which alone is given the credentials: secrets that may
 * come so are not missed. */
bool config_is_without_credentials(void);

#endif
