#include "ipc/config.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <ini.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "build_config.h"
#include "ipc/message.h"
#include "ipc/log.h"

enum setting_type { TYPE_STR, TYPE_PATH, TYPE_URL, TYPE_ORIGIN, TYPE_ADDR, TYPE_U64, TYPE_LIST };

struct setting {
    const char *section, *key, *fallback, *help;
    enum setting_type type;
};

/* A value that was replaced: somebody may still hold it. */
struct config_past {
    struct config_past *next;
    char *value;
};

#define TEN_YEARS_MS                                UINT64_C(315360000000)
#define DEFAULT_FILE                                "/etc/cloister/cloister.conf"
#define SETTING(section, key, type, fallback, help) {#section, #key, fallback, help, TYPE_##type},
static const struct setting settings[] = {
#include "ipc/config.def"
};
#undef SETTING
static_assert(COUNT_OF(settings) == CONFIG_MAX, "one row per key");

struct config {
    char *values[CONFIG_MAX]; /* NULL: the default holds */
    struct config_past *past;
    char *why;
    size_t why_len;
    bool failed;
};

static const char *type_advice(enum setting_type type) {
    switch (type) {
    case TYPE_STR:
        return "text";
    case TYPE_PATH:
        return "an absolute path";
    case TYPE_URL:
        return "an address that starts with https:// or http:// and a host, perhaps with :port";
    case TYPE_ORIGIN:
        return "https://host or http://host, perhaps with :port, and no path behind it";
    case TYPE_ADDR:
        return "host:port";
    case TYPE_U64:
        return "a whole number";
    case TYPE_LIST:
        return "words separated by blanks";
    }
    return "?";
}

/* "host", "host:port" or "[::1]:port" of `len` bytes. Whether there is such a host is seen later.
 */
static bool authority_fits(const char *at, size_t len) {
    char port[6] = "";
    size_t host = 0;
    uint64_t ignored;
    while (host < len && (isalnum((unsigned char)at[host]) || strchr("-._", at[host]) != NULL))
        host++;
    if (len > 0 && at[0] == '[')
        host = strspn(at + 1, "0123456789abcdefABCDEF:.") + 2;
    if (host == 0 || host > len || (at[0] == '[' && at[host - 1] != ']'))
        return false;
    if (host == len)
        return true;
    if (at[host] != ':' || len - host - 1 >= sizeof(port))
        return false;
    memcpy(port, at + host + 1, len - host - 1);
    return parse_u64(port, 1, 65535, &ignored) == 0;
}

static bool url_fits(const char *value) {
    if (strncmp(value, "https://", 8) != 0 && strncmp(value, "http://", 7) != 0)
        return false;
    const char *host = strstr(value, "://") + 3;
    for (const char *c = value; *c != '\0'; c++)
        if ((unsigned char)*c <= ' ' || *c == 0x7f)
            return false;
    return authority_fits(host, strcspn(host, "/?#"));
}

static bool origin_fits(const char *value) {
    if (!url_fits(value))
        return false;
    const char *host = strstr(value, "://") + 3;
    size_t len = strcspn(host, "/?#");
    return host[len] == '\0' || strcmp(host + len, "/") == 0;
}

static bool value_fits(enum setting_type type, const char *value) {
    uint64_t ignored;
    const char *colon = strrchr(value, ':');
    switch (type) {
    case TYPE_STR:
    case TYPE_LIST:
        return true;
    case TYPE_PATH:
        return value[0] == '\0' || value[0] == '/';
    case TYPE_URL:
        return url_fits(value);
    case TYPE_ORIGIN:
        return origin_fits(value);
    case TYPE_ADDR:
        return colon != NULL && colon != value && parse_u64(colon + 1, 0, 65535, &ignored) == 0;
    case TYPE_U64:
        return parse_u64(value, 0, UINT64_MAX, &ignored) == 0;
    }
    return false;
}

/* What a setting that is a choice must be, or NULL when `value` is one of it. */
static const char *choice_advice(size_t key, const char *value) {
    static const struct {
        size_t key;
        const char *words[3], *advice;
    } choices[] = {
        {CONFIG_keys_provider, {"file", "systemd", "aws-kms"}, "file, systemd or aws-kms"},
        {CONFIG_model_provider, {"anthropic", "openai"}, "anthropic or openai"},
    };
    for (size_t i = 0; i < COUNT_OF(choices); i++) {
        if (choices[i].key != key)
            continue;
        for (size_t k = 0; k < COUNT_OF(choices[i].words); k++)
            if (choices[i].words[k] != NULL && strcmp(choices[i].words[k], value) == 0)
                return NULL;
        return choices[i].advice;
    }
    return NULL;
}

struct range {
    size_t key;
    const char *ending; /* of the key's name, where no row has the key */
    uint64_t least, most;
    const char *advice;
};

static bool ends_in(const char *name, const char *ending) {
    size_t len = strlen(name), tail = strlen(ending);
    return len >= tail && strcmp(name + len - tail, ending) == 0;
}

/* What is more than any of these is a slip of the finger, and would overflow where times and sums
 * are made of it: a time of endless length would be over at once. */
static const struct range *usual_range(size_t key) {
    static const struct range usual[] = {
        {0, "_ms", 0, TEN_YEARS_MS, "a time in ms, at most 315360000000 (ten years)"},
        {0, "_days", 0, 36500, "a number of days, at most 36500"},
        {0, "_percent", 0, 100, "a number from 0 to 100"},
        {0, "", 0, UINT64_C(1000000000000000), "a number, at most 1000000000000000"},
    };
    size_t i = 0;
    while (!ends_in(settings[key].key, usual[i].ending))
        i++;
    return &usual[i];
}

/* What a number must be that would keep every turn from being answered, or NULL when it is that. */
static const char *number_advice(size_t key, const char *value) {
    static const struct range numbers[] = {
        {CONFIG_agents_max, NULL, 1, 1000000, "a number from 1 to 1000000"},
        {CONFIG_model_turn_timeout_ms, NULL, 1, 86400000,
         "a time in ms, from 1 to 86400000 (a day)"},
        {CONFIG_notify_timeout_ms, NULL, 100, 600000,
         "a time in ms, from 100 to 600000 (ten minutes)"},
        {CONFIG_notify_retry_ms, NULL, 10, 3600000, "a time in ms, from 10 to 3600000 (an hour)"},
        {CONFIG_notify_tries, NULL, 1, 100, "a number from 1 to 100"},
        {CONFIG_model_max_output_tokens, NULL, 1, 10000000, "a number from 1 to 10000000"},
        {CONFIG_agents_turns_queued_per_user, NULL, 0, 1000, "a number from 0 to 1000"},
        {CONFIG_gateway_grant_ms, NULL, 1, TEN_YEARS_MS, "a time in ms, from 1"},
        {CONFIG_gateway_session_idle_ms, NULL, 1, TEN_YEARS_MS, "a time in ms, from 1"},
        {CONFIG_gateway_session_max_ms, NULL, 1, TEN_YEARS_MS, "a time in ms, from 1"},
    };
    if (settings[key].type != TYPE_U64)
        return NULL;
    uint64_t ignored;
    const struct range *range = usual_range(key);
    for (size_t i = 0; i < COUNT_OF(numbers); i++)
        if (numbers[i].key == key)
            range = &numbers[i];
    return parse_u64(value, range->least, range->most, &ignored) < 0 ? range->advice : NULL;
}

/* Folders and files that no program can do without, and whose names bound those of sockets. */
static const char *path_advice(size_t key, const char *value) {
    bool needed = key == CONFIG_runtime_dir || key == CONFIG_keys_keyring ||
                  key == CONFIG_gateway_frontends_dir;
    if (needed && value[0] == '\0')
        return "named: leave the line out for the default";
    if (key == CONFIG_runtime_dir && strlen(value) > RUNTIME_DIR_MAX)
        return "shorter, at most 67 bytes: sockets' names must fit 107";
    if (key == CONFIG_control_socket && strlen(value) > SOCKET_NAME_MAX)
        return "shorter: sockets' names must fit 107 bytes";
    return NULL;
}

PRINTF_LIKE(2, 3) static void config_fail(struct config *config, const char *format, ...) {
    if (config->failed)
        return;
    config->failed = true;
    va_list args;
    va_start(args, format);
    (void)vsnprintf(config->why, config->why_len, format, args);
    va_end(args);
    /* A name may be anything, and this is read on terminals. */
    for (char *c = config->why; *c != '\0'; c++)
        if ((unsigned char)*c < ' ' || *c == 0x7f)
            *c = '?';
}

static int config_put(struct config *config, size_t key, const char *value, const char *where) {
    const struct setting *setting = &settings[key];
    const char *advice = choice_advice(key, value);
    if (!value_fits(setting->type, value) && strcmp(value, setting->fallback) != 0)
        advice = type_advice(setting->type);
    if (advice == NULL)
        advice = number_advice(key, value);
    if (advice == NULL)
        advice = path_advice(key, value);
    if (advice != NULL) {
        config_fail(config, "%s: %s.%s must be %s", where, setting->section, setting->key, advice);
        return -EINVAL;
    }
    char *old = config->values[key], *copy;
    if (setting->type == TYPE_LIST && old != NULL) {
        if (asprintf(&copy, "%s %s", old, value) < 0)
            copy = NULL;
    } else {
        copy = strdup(value);
    }
    if (copy == NULL)
        return -ENOMEM;
    free(old);
    config->values[key] = copy;
    return 0;
}

/* What stands before a comment. inih knows of those that begin with ";" alone, and not in what it
 * never saw. */
static char *without_comment(const char *value) {
    value += strspn(value, " \t");
    size_t len = strlen(value);
    for (size_t i = 0; i < len; i++)
        if ((value[i] == '#' && i == 0) ||
            (i > 0 && strchr("#;", value[i]) != NULL && isspace((unsigned char)value[i - 1])))
            len = i;
    while (len > 0 && isspace((unsigned char)value[len - 1]))
        len--;
    return strndup(value, len);
}

#define LINE_MOST 16384
#define LONG_MARK "\x01" /* stands for a value that inih has no room for */

struct lines {
    struct config *config;
    FILE *file;
    char *text;       /* the line as it is */
    const char *kept; /* its value when inih got the mark for it, else NULL */
    int n, too_long;  /* which; 0: none */
};

static int config_line(void *ctx, const char *section, const char *name, const char *value) {
    const struct lines *lines = ctx;
    struct config *config = lines->config;
    if (lines->kept != NULL && value != NULL && strcmp(value, LONG_MARK) == 0)
        value = lines->kept;
    for (size_t i = 0; i < CONFIG_MAX; i++)
        if (strcmp(section, settings[i].section) == 0 && strcmp(name, settings[i].key) == 0) {
            SCOPE_FREE char *said = without_comment(value == NULL ? "" : value);
            /* A LIST starts anew with its first line in the file, then adds. */
            return said != NULL && config_put(config, i, said, "configuration file") == 0;
        }
    if (section[0] == '\0')
        config_fail(config, "'%s' stands below no section: a line [SECTION] has to come first",
                    name);
    else
        config_fail(config, "configuration file: there is no setting %s.%s (see cloister.conf(5))",
                    section, name);
    return 0;
}

#define ENVIRONMENT_NAME_MAX 96

static void environment_name(const struct setting *setting, char name[ENVIRONMENT_NAME_MAX]) {
    (void)snprintf(name, ENVIRONMENT_NAME_MAX, "CLOISTER_%s_%s", setting->section, setting->key);
    for (char *c = name; *c != '\0'; c++)
        *c = (char)toupper((unsigned char)*c);
}

bool config_is_environment(const char *assignment) {
    for (size_t i = 0; i < CONFIG_MAX; i++) {
        char name[ENVIRONMENT_NAME_MAX];
        environment_name(&settings[i], name);
        size_t len = strlen(name);
        if (strncmp(assignment, name, len) == 0 && assignment[len] == '=')
            return true;
    }
    return false;
}

static int config_environment(struct config *config) {
    for (size_t i = 0; i < CONFIG_MAX; i++) {
        char name[ENVIRONMENT_NAME_MAX];
        environment_name(&settings[i], name);
        const char *value = getenv(name);
        if (value == NULL)
            continue;
        free(take_ptr(config->values[i])); /* the environment replaces, also lists */
        int r = config_put(config, i, value, name);
        if (r < 0)
            return r;
    }
    return 0;
}

/* A budget of money that nothing counts against would hold nothing back. */
static int config_agree(struct config *config, const char *path) {
    static const enum config_key budgets[] = {CONFIG_budgets_user_spend_per_day,
                                              CONFIG_budgets_frontend_spend_per_day,
                                              CONFIG_budgets_spend_per_day};
    if (config_u64(config, CONFIG_budgets_input_price) > 0 ||
        config_u64(config, CONFIG_budgets_output_price) > 0)
        return 0;
    for (size_t i = 0; i < COUNT_OF(budgets); i++)
        if (config_u64(config, budgets[i]) > 0) {
            config_fail(config,
                        "%s: budgets.%s needs prices: set budgets.input_price and output_price, "
                        "or a budget of tokens instead",
                        path, settings[budgets[i]].key);
            return -EINVAL;
        }
    return 0;
}

/* inih reads lines of 198 bytes and would take a longer one for two: its value waits here. False:
 * what is in front of the value has no room either. */
static bool shorten(struct lines *lines, char *out, size_t size) {
    const bool goes_on = isspace((unsigned char)lines->text[0]); /* of the value before */
    size_t key = goes_on ? 0 : strcspn(lines->text, "=:");
    if (strchr("#;", lines->text[0]) != NULL) {
        (void)snprintf(out, size, "\n");
        return true;
    }
    if (lines->text[0] == '[' || lines->text[key] == '\0' || key + 4 > size)
        return false;
    (void)snprintf(out, size, "%.*s%s" LONG_MARK "\n", (int)key, lines->text, goes_on ? " " : "=");
    lines->kept = lines->text + key + 1;
    return true;
}

static char *next_line(char *out, int size, void *ctx) {
    struct lines *lines = ctx;
    size_t room = 0;
    free(take_ptr(lines->text));
    lines->kept = NULL;
    ssize_t len = size < 8 ? -1 : getline(&lines->text, &room, lines->file);
    if (len < 0)
        return NULL;
    lines->n++;
    if (len < size) {
        memcpy(out, lines->text, (size_t)len);
        out[len] = '\0';
        return out;
    }
    if (len <= LINE_MOST && shorten(lines, out, (size_t)size))
        return out;
    lines->too_long = lines->n;
    return NULL;
}

/* 0, the line that is wrong (said in config->why), or -errno. */
static int config_read(struct config *config, const char *path) {
    struct lines lines = {.config = config, .file = fopen(path, "re")};
    if (lines.file == NULL)
        return -errno;
    int line = ini_parse_stream(next_line, &lines, config_line, &lines);
    bool failed = ferror(lines.file) != 0; /* as of a directory */
    (void)fclose(lines.file);
    free(lines.text);
    if (line == 0 && failed)
        return -EIO;
    if (line != 0 || lines.too_long == 0)
        return line < 0 ? -ENOMEM : line;
    config_fail(config,
                "it is longer than %d bytes; a list can be written as several lines with the same "
                "key",
                LINE_MOST);
    return lines.too_long;
}

int config_load(const char *path, struct config **ret, char *why, size_t why_len) {
    if (path == NULL)
        path = DEFAULT_FILE;
    struct config *config = calloc(1, sizeof(*config));
    if (config == NULL)
        return -ENOMEM;
    config->why = why;
    config->why_len = why_len;
    int line = config_read(config, path), r = 0;
    if (line < 0) {
        config_fail(config, "%s: %s", path, strerror(-line));
        r = line;
    } else if (line > 0) {
        char detail[256];
        (void)snprintf(detail, sizeof(detail), "%s", config->failed ? why : "not a KEY=VALUE line");
        (void)snprintf(why, why_len, "%s line %d: %s", path, line, detail);
        r = -EINVAL;
    } else {
        r = config_environment(config);
        if (r == 0)
            r = config_agree(config, path);
    }
    if (r < 0) {
        config_free(config);
        return r;
    }
    *ret = config;
    return 0;
}

void config_free(struct config *config) {
    if (config == NULL)
        return;
    for (size_t i = 0; i < CONFIG_MAX; i++)
        free(config->values[i]);
    for (struct config_past *past = config->past, *next; past != NULL; past = next) {
        next = past->next;
        free(past->value);
        free(past);
    }
    free(config);
}

const char *config_str(const struct config *config, enum config_key key) {
    return config->values[key] != NULL ? config->values[key] : settings[key].fallback;
}

uint64_t config_u64(const struct config *config, enum config_key key) {
    uint64_t value = 0;
    if (settings[key].type != TYPE_U64 ||
        parse_u64(config_str(config, key), 0, UINT64_MAX, &value) < 0)
        panic("%s.%s is no number", settings[key].section, settings[key].key);
    return value;
}

int config_list(const struct config *config, enum config_key key,
                int (*each)(const char *word, void *ctx), void *ctx) {
    SCOPE_FREE char *copy = strdup(config_str(config, key));
    char *save = NULL;
    if (copy == NULL)
        return -ENOMEM;
    for (char *word = strtok_r(copy, " ,\t", &save); word != NULL;
         word = strtok_r(NULL, " ,\t", &save)) {
        int r = each(word, ctx);
        if (r != 0)
            return r;
    }
    return 0;
}

int config_key_of(const char *name, enum config_key *ret) {
    for (size_t i = 0; i < CONFIG_MAX; i++) {
        size_t section = strlen(settings[i].section);
        if (strncmp(name, settings[i].section, section) == 0 && name[section] == '.' &&
            strcmp(name + section + 1, settings[i].key) == 0) {
            *ret = (enum config_key)i;
            return 0;
        }
    }
    return -ENOENT;
}

const char *config_name(enum config_key key) {
#define SETTING(section, key, type, fallback, help) #section "." #key,
    static const char *const names[] = {
#include "ipc/config.def"
    };
#undef SETTING
    return names[key];
}

int config_adopt(struct config *running, const struct config *fresh, enum config_key key) {
    char *value = NULL;
    struct config_past *past = calloc(1, sizeof(*past));
    if (past != NULL && fresh->values[key] != NULL)
        value = strdup(fresh->values[key]);
    if (past == NULL || (fresh->values[key] != NULL && value == NULL)) {
        free(past);
        return -ENOMEM;
    }
    *past = (struct config_past){running->past, running->values[key]};
    running->past = past;
    running->values[key] = value;
    return 0;
}

bool config_is_set(const struct config *config, enum config_key key) {
    return config->values[key] != NULL;
}

int config_runtime_path(const struct config *config, const char *name, char *out, size_t cap) {
    int n = snprintf(out, cap, "%s/%s", config_str(config, CONFIG_runtime_dir), name);
    return n < 0 || (size_t)n >= cap ? -ENAMETOOLONG : 0;
}

static void print_help(const char *program, const char *about) {
    printf("Usage: %s [--config FILE] [-n]\n\n%s\n\n", program, about);
#define OPTION(words, text) printf("  %-13s  %s\n", words, text);
#include "ipc/options.def"
#undef OPTION
}

static bool self_check;
static const char *given_file;

bool config_is_self_check(void) {
    return self_check;
}

void config_self_checked(const char *program) {
    printf("%s %s, protocol %u\n", program, CLOISTER_VERSION, PROTOCOL_VERSION);
    exit(fflush(stdout) == 0 ? 0 : 1);
}

bool config_is_without_credentials(void) {
    return self_check && getenv("CREDENTIALS_DIRECTORY") == NULL;
}

struct config *config_from_args(int argc, char **argv, const char *program, const char *about,
                                int *ret_rest) {
    static const struct option options[] = {{"config", required_argument, NULL, 'c'},
                                            {"help", no_argument, NULL, 'h'},
                                            {"version", no_argument, NULL, 'v'},
                                            {"self-check", no_argument, NULL, 's'},
                                            {NULL, 0, NULL, 0}};
    const char *path = NULL;
    bool check = false;
    for (int c; (c = getopt_long(argc, argv, "+nc:h", options, NULL)) != -1;) {
        if (c == 'c') {
            path = optarg;
        } else if (c == 'n') {
            check = true;
        } else if (c == 's') {
            self_check = true;
        } else if (c == 'h') {
            print_help(program, about);
            exit(0);
        } else if (c == 'v') {
            printf("%s %s\n", program, CLOISTER_VERSION);
            exit(0);
        } else {
            fprintf(stderr, "Try '%s --help'.\n", program);
            exit(100);
        }
    }
    char why[512];
    struct config *config = NULL;
    given_file = path;
    if (config_load(path, &config, why, sizeof(why)) < 0) {
        fprintf(stderr, "%s: %s\n", program, why);
        exit(1);
    }
    if (check) {
        printf("%s: configuration is good\n", program);
        exit(0);
    }
    if (ret_rest != NULL)
        *ret_rest = optind;
    return config;
}

char *config_file(void) {
    const char *file = given_file != NULL ? given_file : DEFAULT_FILE;
    char *path = NULL;
    if (access(file, F_OK) < 0)
        return NULL;
    if (file[0] == '/')
        return strdup(file);
    SCOPE_FREE char *here = getcwd(NULL, 0);
    return here == NULL || asprintf(&path, "%s/%s", here, file) < 0 ? NULL : path;
}
