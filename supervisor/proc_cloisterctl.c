/* cloisterctl: the operators' side of cloisterd's control socket, and of the files that say who may
 * call.
 *
 * Exit status: 0 done, 1 failed, 2 no such user, agent or frontend, 3 not permitted, 4 cloisterd
 * cannot be reached, 100 wrong usage. */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "build_config.h"
#include "ipc/config.h"
#include "ipc/message.h"
#include "supervisor/control.h"
#include "supervisor/ctl_frontend.h"
#include "supervisor/ctl_table.h"

#define ANSWER_MAX     (64u << 20)
#define ANSWER_WAIT_MS 60000
#define DEFAULT_CONFIG "/etc/cloister/cloister.conf"

static void print_help(void) {
    printf(
        "Usage: cloisterctl [OPTIONS] COMMAND [ARGUMENT]\n\n"
        "Shows and steers the agents of a running Cloister, and says which frontends may call it.\n"
        "Never shows any content.\n\n"
        "Commands to a running cloisterd:\n");
    const struct ctl_command *command;
    for (size_t i = 0; (command = ctl_command_at(i)) != NULL; i++) {
        char left[40];
        (void)snprintf(left, sizeof(left), "%s %s", command->name, command->arguments);
        printf("  %-14s %s%s\n", left, command->help,
               command->role == CTL_LOOK ? "" : " (operators)");
    }
    printf("\nCommands on the files of this machine (more: cloisterctl frontend --help):\n");
    ctl_frontend_print_commands();
    printf("\nOptions:\n"
           "  --config FILE  find socket and files by this configuration (default %s)\n"
           "  --socket PATH  the control socket itself\n"
           "  --json         print the answer as JSON\n"
           "  --help         show this text\n"
           "  --version      show the version\n\n"
           "Root and members of the group in [control] group are operators; members of\n"
           "[control] observer_group may look. USER is an id as 'list' shows it.\n\n"
           "Exit status: 0 done, 1 failed, 2 no such user, agent or frontend,\n"
           "3 not permitted, 4 cloisterd cannot be reached, 100 wrong usage.\n",
           DEFAULT_CONFIG);
}

static void usage(const char *why, const char *what) NORETURN;
static void usage(const char *why, const char *what) {
    fprintf(stderr, "cloisterctl: %s%s\nTry 'cloisterctl --help'.\n", why, what);
    exit(CTL_USAGE);
}

/* `words`: "+" ends at the first word that is no option, "" takes options behind the words as well.
 */
static void parse_options(int argc, char **argv, const char *words, struct ctl_options *ret) {
    static const struct option options[] = {
        {"config", required_argument, NULL, 'c'}, {"socket", required_argument, NULL, 's'},
        {"json", no_argument, NULL, 'j'},         {"help", no_argument, NULL, 'h'},
        {"version", no_argument, NULL, 'v'},      {NULL, 0, NULL, 0}};
    char letters[16];
    (void)snprintf(letters, sizeof(letters), "%sc:s:jh", words);
    optind = 0; /* glibc: begin anew */
    for (int c; (c = getopt_long(argc, argv, letters, options, NULL)) != -1;) {
        if (c == 'c') {
            ret->config = optarg;
        } else if (c == 's') {
            ret->socket = optarg;
        } else if (c == 'j') {
            ret->json = true;
        } else if (c == 'h') {
            print_help();
            exit(CTL_DONE);
        } else if (c == 'v') {
            printf("cloisterctl %s\n", CLOISTER_VERSION);
            exit(CTL_DONE);
        } else {
            fprintf(stderr, "Try 'cloisterctl --help'.\n");
            exit(CTL_USAGE);
        }
    }
}

/* Who may use the socket may not read the configuration: then the usual place is tried. */
static void find_socket(const struct ctl_options *options, char *out, size_t cap) {
    struct config *config = NULL;
    char why[512];
    int n = 0;
    if (options->socket != NULL) {
        n = snprintf(out, cap, "%s", options->socket);
    } else if (config_load(options->config, &config, why, sizeof(why)) == 0) {
        const char *named = config_str(config, CONFIG_control_socket);
        n = named[0] != '\0'
                ? snprintf(out, cap, "%s", named)
                : snprintf(out, cap, "%s/control.sock", config_str(config, CONFIG_runtime_dir));
        config_free(config);
    } else if (options->config != NULL) {
        fprintf(stderr, "cloisterctl: %s\n", why);
        exit(CTL_FAILED);
    } else {
        n = snprintf(out, cap, "/run/cloister/control.sock");
    }
    if (n < 0 || (size_t)n >= cap)
        usage("the socket's name is too long", "");
}

static int connect_to(const char *path) {
    int fd = seq_connect(path);
    if (fd == -EACCES || fd == -EPERM) {
        fprintf(stderr, "cloisterctl: %s: not permitted\n", path);
        exit(CTL_FORBIDDEN);
    }
    if (fd < 0) {
        fprintf(stderr, "cloisterctl: %s: %s (is cloisterd running?)\n", path, strerror(-fd));
        exit(CTL_UNREACHABLE);
    }
    return fd;
}

static void unreachable(int error) NORETURN;
static void unreachable(int error) {
    fprintf(stderr, "cloisterctl: no answer from cloisterd: %s\n", strerror(-error));
    exit(CTL_UNREACHABLE);
}

/* The whole answer, malloc'd. */
static char *ask(int fd, char *command, char **arguments, size_t n, int *ret_exit) {
    Cloister__CtlRequest request = CLOISTER__CTL_REQUEST__INIT;
    request.protocol = PROTOCOL_VERSION;
    request.command = command;
    request.arguments = arguments;
    request.n_arguments = n;
    Cloister__Message message = MSG_OF(CTL_REQUEST, ctl_request, &request);
    int r = seq_send(fd, &message, -1);
    if (r == -EMSGSIZE)
        usage("an argument is too long", "");
    if (r < 0)
        unreachable(r);
    struct msg_peer peer = {ROLE_SUPERVISOR, ROLE_CTL, PHASE_READY, {0}};
    char *text = NULL;
    size_t len = 0;
    for (bool more = true; more;) {
        SCOPE_MSG Cloister__Message *reply = NULL;
        r = seq_recv_wait(fd, &peer, ANSWER_WAIT_MS, &reply, NULL);
        if (r < 0)
            unreachable(r);
        size_t size = strlen(reply->ctl_reply->json);
        char *longer = len + size < ANSWER_MAX ? realloc(text, len + size + 1) : NULL;
        if (longer == NULL)
            unreachable(-ENOMEM);
        memcpy(longer + len, reply->ctl_reply->json, size + 1);
        text = longer;
        len += size;
        more = reply->ctl_reply->more;
        *ret_exit = reply->ctl_reply->exit;
    }
    return text;
}

/* Agents are not dumpable, so only root may read this: that is why cloisterd does not. */
static json_t *pss_kib(json_int_t pid) {
    char path[64], line[256];
    long long kib;
    json_t *value = NULL;
    (void)snprintf(path, sizeof(path), "/proc/%lld/smaps_rollup", (long long)pid);
    FILE *file = fopen(path, "re");
    while (file != NULL && value == NULL && fgets(line, sizeof(line), file) != NULL)
        if (sscanf(line, "Pss: %lld kB", &kib) == 1)
            value = json_integer(kib);
    if (file != NULL)
        (void)fclose(file);
    return value != NULL ? value : json_null();
}

static void add_memory(json_t *agents) {
    size_t i;
    json_t *agent;
    if (geteuid() != 0 || !json_is_array(agents))
        return;
    json_array_foreach(agents, i, agent) {
        json_t *pid = json_object_get(agent, "pid");
        if (json_is_integer(pid))
            (void)json_object_set_new(agent, "pss_kib", pss_kib(json_integer_value(pid)));
    }
}

static int print_answer(json_t *answer, int exit_status, bool as_json) {
    const char *error = json_string_value(json_object_get(answer, "error"));
    if (exit_status != CTL_DONE && error != NULL)
        fprintf(stderr, "cloisterctl: %s\n", error);
    else if (json_is_array(answer) && json_array_size(answer) == 0 && !as_json)
        printf("no agents\n");
    else if (!as_json)
        ctl_table_print(stdout, answer);
    if (as_json) {
        (void)json_dumpf(answer, stdout, JSON_INDENT(2));
        (void)putchar('\n');
    }
    return fflush(stdout) != 0 ? CTL_FAILED : exit_status;
}

int main(int argc, char **argv) {
    struct ctl_options options = {0};
    char path[108];
    parse_options(argc, argv, "+", &options);
    if (optind < argc && strcmp(argv[optind], "frontend") == 0)
        return ctl_frontend(argc - optind, argv + optind, options);
    parse_options(argc, argv, "", &options);
    if (optind == argc)
        usage("a command is missing", "");
    const struct ctl_command *command = ctl_command_find(argv[optind]);
    size_t n = (size_t)(argc - optind - 1);
    if (command == NULL)
        usage("no such command: ", argv[optind]);
    if (n < command->min || n > command->max)
        usage(n < command->min ? "an argument is missing: " : "too many arguments: ",
              command->name);
    find_socket(&options, path, sizeof(path));
    SCOPE_FD int fd = connect_to(path);
    int exit_status = CTL_FAILED;
    SCOPE_FREE char *text = ask(fd, argv[optind], argv + optind + 1, n, &exit_status);
    json_error_t error;
    json_t *answer = json_loads(text, JSON_DECODE_ANY, &error);
    if (answer == NULL)
        unreachable(-EPROTO);
    add_memory(answer);
    exit_status = print_answer(answer, exit_status, options.json);
    json_decref(answer);
    return exit_status;
}
