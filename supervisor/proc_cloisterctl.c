/* cloisterctl: the operators' side of cloisterd's control socket, and of the files that say who may
 * call.
 *
 * Exit status: as ctl_exit.def says. */
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "build_config.h"
#include "supervisor/ctl_ask.h"
#include "supervisor/ctl_frontend.h"
#include "supervisor/ctl_lines.h"
#include "supervisor/ctl_local.h"
#include "supervisor/ctl_policy.h"
#include "supervisor/ctl_reload.h"
#include "supervisor/ctl_rotate.h"
#include "supervisor/ctl_table.h"

#define RESUME_MS      60000
#define RESUME_STEP_US 200000

static void print_row(const char *name, const char *arguments, const char *help, const char *more) {
    char left[64];
    char typed[CTL_NAME_MAX];
    ctl_command_typed(name, typed);
    int n =
        snprintf(left, sizeof(left), "%s%s%s", typed, arguments[0] != '\0' ? " " : "", arguments);
    if (n > 16) /* too wide for the column */
        printf("  %s\n  %-16s %s%s\n", left, "", help, more);
    else
        printf("  %-16s %s%s\n", left, help, more);
}

void ctl_print_help(void) {
    printf(
        "Usage: cloisterctl [OPTIONS] COMMAND [ARGUMENT]\n\n"
        "Shows and steers the agents of a running Cloister, and says which frontends may call it.\n"
        "Never shows any content.\n\n"
        "Commands to a running cloisterd:\n");
    const struct ctl_command *command;
    for (size_t i = 0; (command = ctl_command_at(i)) != NULL; i++)
        print_row(command->name, command->arguments, command->help,
                  command->role == CTL_LOOK ? "" : " (operators)");
#define LOCAL(name, arguments, help, manual) print_row(#name, arguments, help, "");
#include "supervisor/ctl_local.def"
    printf("\nCommands on the files of this machine (more: cloisterctl frontend --help):\n");
    ctl_frontend_print_commands();
    printf("\nCommands that ask nobody:\n");
    print_row("show policy", "",
              "what turns may do: tool, on whose behalf, before / after reading\n"
              "                   other people's text",
              "");
    printf("\nOptions:\n");
#define OPTION(words, text) print_row(words, "", text, "");
#include "supervisor/ctl_options.def"
#undef OPTION
    printf("\nRoot and members of the group in [control] group are operators; members of\n"
           "[control] observer_group may look. USER is an id as 'list' shows it.\n\n"
           "Exit status:\n");
#define EXIT(name, number, text) printf("  %3d  %s\n", number, text);
#include "supervisor/ctl_exit.def"
#undef EXIT
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
            ctl_print_help();
            exit(ctl_output_end(CTL_DONE));
        } else if (c == 'v') {
            printf("cloisterctl %s\n", CLOISTER_VERSION);
            exit(ctl_output_end(CTL_DONE));
        } else {
            fprintf(stderr, "Try 'cloisterctl --help'.\n");
            exit(CTL_USAGE);
        }
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
    return ctl_output_end(exit_status);
}

static int print_policy(bool as_json) {
    json_t *policy = ctl_policy(!as_json);
    if (!as_json)
        printf(
            "What a turn may do, by who it is for (owner, scheduler, customer). Where there are "
            "two "
            "words, the\nfirst holds until the turn has read what other people wrote, the second "
            "from then on.\n\n");
    int status = policy == NULL ? CTL_FAILED : print_answer(policy, CTL_DONE, as_json);
    json_decref(policy);
    return status;
}

struct lines {
    bool as_json, heard;
    bool gap; /* the next one comes after one */
};

static bool on_line(void *ctx, const json_t *line) {
    struct lines *lines = ctx;
    if (lines->gap)
        ctl_print_resumed(lines->as_json);
    lines->gap = false;
    lines->heard = true;
    return ctl_print_line(&lines->as_json, line);
}

/* Whoever watches goes on when cloisterd was restarted or upgraded. */
static enum ctl_exit ask_on(const struct ctl_question *question, struct lines *lines,
                            json_t **answer, char *why, size_t why_len) {
    uint64_t since = clock_ms();
    for (;;) {
        enum ctl_exit status = ctl_ask(question, answer, why, why_len);
        if (lines->heard)
            since = clock_ms();
        lines->gap = lines->gap || lines->heard;
        lines->heard = false;
        if (question->command->kind != CTL_STREAM || status != CTL_UNREACHABLE || !lines->gap ||
            clock_ms() - since > RESUME_MS)
            return status;
        (void)usleep(RESUME_STEP_US);
    }
}

static int ask(const struct ctl_command *command, char **arguments, size_t n,
               const struct ctl_options *options) {
    char path[108], why[256];
    ctl_find_socket(options, path, sizeof(path));
    struct lines lines = {.as_json = options->json};
    struct ctl_question question = {path, command, arguments, n, on_line, &lines};
    json_t *answer;
    enum ctl_exit status = ask_on(&question, &lines, &answer, why, sizeof(why));
    if (answer == NULL && status == CTL_USAGE)
        ctl_usage(why, "");
    if (answer == NULL && status != CTL_DONE && options->json)
        answer = json_pack("{s:s}", "error", why); /* a program reads standard output */
    else if (answer == NULL && status != CTL_DONE)
        fprintf(stderr, "cloisterctl: %s\n", why);
    if (answer == NULL)
        return ctl_output_end((int)status);
    ctl_add_memory(answer, 0);
    status = (enum ctl_exit)print_answer(answer, status, options->json);
    json_decref(answer);
    return status;
}

/* Both halves of a reload; a mistake in either is found before anything changes. */
static int reload(const struct ctl_command *command, const struct ctl_options *options) {
    char path[108], why[512] = "", untaken[512] = "";
    struct ctl_reload *secrets = NULL;
    json_t *answer = NULL;
    if (ctl_reload_open(options, &secrets, why, sizeof(why)) < 0) {
        fprintf(stderr, "cloisterctl: not reloaded, nothing has changed: %s\n", why);
        return CTL_FAILED;
    }
    const int handed = ctl_reload_hand_over(secrets, untaken, sizeof(untaken));
    ctl_find_socket(options, path, sizeof(path));
    char *host = (char *)(uintptr_t)ctl_reload_host(secrets);
    struct ctl_question question = {path, command, &host, host != NULL, NULL, NULL};
    enum ctl_exit status = ctl_ask(&question, &answer, why, sizeof(why));
    if (status == CTL_DONE && answer != NULL)
        ctl_reload_finish(secrets, answer);
    ctl_reload_free(secrets);
    if (status != CTL_DONE && why[0] != '\0')
        fprintf(stderr, "cloisterctl: %s\n", why);
    if (handed < 0)
        fprintf(stderr, "cloisterctl: %s\n", untaken);
    if (handed < 0 && status == CTL_DONE)
        status = CTL_FAILED;
    if (answer == NULL)
        return status;
    status = (enum ctl_exit)print_answer(answer, status, options->json);
    json_decref(answer);
    return status;
}

static int run_command(char **words, size_t n, const struct ctl_options *options) {
    const struct ctl_command *command = ctl_command_find(words[0]);
    if (command == NULL)
        ctl_usage("no such command: ", words[0]);
    if (n < command->min || n > command->max)
        ctl_usage(n < command->min ? "an argument is missing: " : "too many arguments: ",
                  command->name);
    if (strcmp(command->name, "show") == 0 && strcmp(words[1], "policy") == 0)
        return print_policy(options->json);
    if (strcmp(command->name, "reload") == 0 && n > 0)
        ctl_usage("too many arguments: ", command->name);
    if (strcmp(command->name, "reload") == 0)
        return reload(command, options);
    return ask(command, words + 1, n, options);
}

static const struct {
    const char *name;
    ctl_local *run;
} locals[] = {
    {"frontend", ctl_frontend},
#define LOCAL(name, ...) {#name, ctl_##name},
#include "supervisor/ctl_local.def"
};

int main(int argc, char **argv) {
    struct ctl_options options = {0};
    parse_options(argc, argv, "+", &options);
    for (size_t i = 0; i < COUNT_OF(locals) && optind < argc; i++)
        if (strcmp(argv[optind], locals[i].name) == 0)
            return locals[i].run(argc - optind, argv + optind, options);
    parse_options(argc, argv, "", &options);
    if (optind == argc)
        ctl_usage("a command is missing", "");
    if (strcmp(argv[optind], "rotate-key") == 0) {
        if (argc - optind > 2)
            ctl_usage("too many arguments: ", argv[optind]);
        return ctl_rotate(&options, argv[optind + 1]); /* NULL behind the last */
    }
    return run_command(argv + optind, (size_t)(argc - optind - 1), &options);
}
