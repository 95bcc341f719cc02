/* `cloisterctl completion SHELL`: scripts made from the tables, so that they know every command. */
#include <stdio.h>
#include <string.h>

#include "supervisor/ctl_ask.h"
#include "supervisor/ctl_local.h"

/* The small words of "[off]", "USER", "check", "bash|zsh|fish": what may be typed literally. USER
 * stands for the ids of the users who have agents. */
struct word {
    const char *name, *arguments, *help;
};

static const struct word commands[] = {
#define COMMAND(name, kind, role, min, max, arguments, help, manual) {#name, arguments, help},
#include "supervisor/commands.def"
#undef COMMAND
#define LOCAL(name, arguments, help, manual) {#name, arguments, help},
#include "supervisor/ctl_local.def"
    {"frontend", "", "which frontends may call"},
};
static const struct word frontend_commands[] = {
#define FRONTEND(name, act, arguments, help) {name, arguments, help},
#include "supervisor/ctl_local.def"
};
static const char *const options[] = {
#define OPTION(words, text) words,
#include "supervisor/ctl_options.def"
#undef OPTION
};

static void each_literal(const char *arguments, void (*each)(const char *word, void *ctx),
                         void *ctx) {
    char copy[256], *rest = copy;
    (void)snprintf(copy, sizeof(copy), "%s", arguments);
    for (char *word; (word = strsep(&rest, " []|")) != NULL;)
        if (strcmp(word, "USER") == 0 || strncmp(word, "--", 2) == 0 ||
            (word[0] >= 'a' && word[0] <= 'z' &&
             strspn(word, "abcdefghijklmnopqrstuvwxyz-") == strlen(word)))
            each(word, ctx);
}

static void print_word(const char *word, void *ctx) {
    if (strcmp(word, "USER") != 0)
        printf("%s%s", (const char *)ctx, word);
}

static void find_user(const char *word, void *ctx) {
    *(bool *)ctx = *(bool *)ctx || strcmp(word, "USER") == 0;
}

static bool takes_user(const struct word *command) {
    bool user = false;
    each_literal(command->arguments, find_user, &user);
    return user;
}

static const char *typed(const char *name) {
    static char out[CTL_NAME_MAX];
    ctl_command_typed(name, out);
    return out;
}

static void print_names(const struct word *words, size_t n, const char *separator) {
    for (size_t i = 0; i < n; i++)
        printf("%s%s", i > 0 ? separator : "", typed(words[i].name));
}

static void option_name(const char *words, char out[static 32]) {
    size_t len = strcspn(words, " ");
    if (len > 31)
        len = 31;
    memcpy(out, words, len);
    out[len] = '\0';
}

static void print_options(void) {
    char name[32];
    for (size_t i = 0; i < COUNT_OF(options); i++) {
        option_name(options[i], name);
        printf("%s%s", i > 0 ? " " : "", name);
    }
}

#define USERS "$(cloisterctl list 2>/dev/null | awk 'NR > 1 { print $1 }')"

/* ---- bash ---- */

static void print_bash_case(const struct word *command) {
    printf("        %s) words=\"", typed(command->name));
    each_literal(command->arguments, print_word, (char[]){" "});
    printf("%s\" ;;\n", takes_user(command) ? " " USERS : "");
}

static void print_bash(void) {
    printf("# bash completion for cloisterctl\n"
           "_cloisterctl() {\n"
           "    local current=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]} "
           "command= sub= i words=\n"
           "    COMPREPLY=()\n"
           "    case $before in\n"
           "        --config | --socket | --key-file) mapfile -t COMPREPLY < <(compgen -f -- "
           "\"$current\"); return ;;\n"
           "    esac\n"
           "    for ((i = 1; i < COMP_CWORD; i++)); do\n"
           "        case ${COMP_WORDS[i]} in\n"
           "            --config | --socket | --every) ((i++)) ;;\n"
           "            -*) ;;\n"
           "            *) if [ -z \"$command\" ]; then command=${COMP_WORDS[i]}; elif [ -z "
           "\"$sub\" ]; then sub=${COMP_WORDS[i]}; fi ;;\n"
           "        esac\n"
           "    done\n"
           "    case $command in\n"
           "        '') words=\"");
    print_names(commands, COUNT_OF(commands), " ");
    printf("\" ;;\n        frontend) [ -n \"$sub\" ] || words=\"");
    print_names(frontend_commands, COUNT_OF(frontend_commands), " ");
    printf("\" ;;\n");
    for (size_t i = 0; i + 1 < COUNT_OF(commands); i++)
        print_bash_case(&commands[i]);
    printf("    esac\n"
           "    [[ $current != -* ]] || words=\"$words ");
    print_options();
    printf("\"\n"
           "    mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$current\")\n"
           "}\n"
           "complete -F _cloisterctl cloisterctl\n");
}

/* ---- zsh ---- */

/* In single quotes; a colon would end the name that is described. */
static void print_quoted(const char *text) {
    for (; *text != '\0'; text++)
        if (*text == '\'')
            printf("'\\''");
        else
            (void)putchar(*text);
}

static void print_zsh_words(const char *name, const struct word *words, size_t n) {
    printf("    %s=(\n", name);
    for (size_t i = 0; i < n; i++) {
        printf("        '%s:", typed(words[i].name));
        print_quoted(words[i].help);
        printf("'\n");
    }
    printf("    )\n");
}

static void print_zsh(void) {
    char name[32];
    printf("#compdef cloisterctl\n"
           "_cloisterctl() {\n"
           "    local -a commands frontends\n"
           "    local curcontext=$curcontext state line\n");
    print_zsh_words("commands", commands, COUNT_OF(commands));
    print_zsh_words("frontends", frontend_commands, COUNT_OF(frontend_commands));
    printf("    _arguments -C");
    for (size_t i = 0; i < COUNT_OF(options); i++) {
        option_name(options[i], name);
        printf(" \\\n        '%s%s'", name, strchr(options[i], ' ') != NULL ? ":file:_files" : "");
    }
    printf(" \\\n        '1: :->command' '*: :->argument'\n"
           "    case $state in\n"
           "        command) _describe -t commands command commands ;;\n"
           "        argument)\n"
           "            case $words[2] in\n"
           "                frontend) _describe -t commands command frontends ;;\n");
    for (size_t i = 0; i + 1 < COUNT_OF(commands); i++) {
        printf("                %s) compadd --", typed(commands[i].name));
        each_literal(commands[i].arguments, print_word, (char[]){" "});
        printf("%s ;;\n", takes_user(&commands[i]) ? " ${(f)\"" USERS "\"}" : "");
    }
    printf("            esac ;;\n"
           "    esac\n"
           "}\n"
           "if [ \"$funcstack[1]\" = _cloisterctl ]; then _cloisterctl \"$@\"; else compdef "
           "_cloisterctl cloisterctl; fi\n");
}

/* ---- fish ---- */

static void print_fish_words(const struct word *words, size_t n, const char *when) {
    for (size_t i = 0; i < n; i++) {
        printf("complete -c cloisterctl -n '%s' -a %s -d '", when, typed(words[i].name));
        for (const char *c = words[i].help; *c != '\0'; c++)
            printf(*c == '\'' ? "\\'" : "%c", *c);
        printf("'\n");
    }
}

static void print_fish(void) {
    char name[32];
    printf("# fish completion for cloisterctl\ncomplete -c cloisterctl -f\n");
    for (size_t i = 0; i < COUNT_OF(options); i++) {
        option_name(options[i], name);
        printf("complete -c cloisterctl -l %s%s\n", name + 2,
               strchr(options[i], ' ') != NULL ? " -rF" : "");
    }
    print_fish_words(commands, COUNT_OF(commands), "__fish_use_subcommand");
    print_fish_words(frontend_commands, COUNT_OF(frontend_commands),
                     "__fish_seen_subcommand_from frontend");
    for (size_t i = 0; i + 1 < COUNT_OF(commands); i++) {
        if (commands[i].arguments[0] == '\0')
            continue;
        printf("complete -c cloisterctl -n '__fish_seen_subcommand_from %s' -a \"",
               typed(commands[i].name));
        each_literal(commands[i].arguments, print_word, (char[]){" "});
        printf("\"\n");
        if (takes_user(&commands[i]))
            printf("complete -c cloisterctl -n '__fish_seen_subcommand_from %s' -a "
                   "\"(cloisterctl list 2>/dev/null | awk 'NR > 1 { print \\$1 }')\"\n",
                   typed(commands[i].name));
    }
}

int ctl_completion(int argc, char **argv, struct ctl_options given) {
    int at = ctl_local_options(argc, argv, &given, NULL, NULL);
    const char *shell = argc - at == 1 ? argv[at] : "";
    if (strcmp(shell, "bash") == 0)
        print_bash();
    else if (strcmp(shell, "zsh") == 0)
        print_zsh();
    else if (strcmp(shell, "fish") == 0)
        print_fish();
    else
        ctl_usage("completion takes one of the words bash, zsh, fish", "");
    return ctl_output_end(CTL_DONE);
}
