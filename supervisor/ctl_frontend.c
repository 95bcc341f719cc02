#include "supervisor/ctl_frontend.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "ipc/config.h"
#include "supervisor/ctl_ask.h"
#include "supervisor/ctl_frontend_acts.h"

static const struct act {
    const char *name;
    int (*run)(struct work *work);
    const char *arguments, *help;
} acts[] = {
#define FRONTEND(name, act, arguments, help) {name, act, arguments, help},
#include "supervisor/ctl_local.def"
};

void ctl_frontend_print_commands(void) {
    for (size_t i = 0; i < COUNT_OF(acts); i++)
        printf("  frontend %s%s%s\n                 %s\n", acts[i].name,
               acts[i].arguments[0] != '\0' ? " " : "", acts[i].arguments, acts[i].help);
}

static void print_help(void) {
    printf("Usage: cloisterctl [--config FILE] frontend COMMAND [NAME] [OPTIONS]\n\n"
           "The chat frontends that may call Cloister, one NAME.conf each in [gateway] "
           "frontends_dir.\n"
           "Each has a key and users of its own. Works on the files directly, with your own "
           "rights; the\n"
           "gateway sees a change within two seconds.\n\nCommands:\n");
    ctl_frontend_print_commands();
    printf(
        "\nOptions of add:\n"
        "  --return-to URL  where browsers may be sent back to, letter by letter; repeat for "
        "more.\n"
        "                   'loopback': any http address on the browser's own machine\n"
        "  --may WORDS      what the key may be used for, some of: chat connect memory disconnect "
        "business\n"
        "                   (default: all of them)\n"
        "  --requests-per-second N, --burst N\n"
        "                   its share (default %d and %d)\n"
        "  --tokens-per-day N, --spend-per-day N\n"
        "                   what all its users together may use in a day, in model tokens and in\n"
        "                   millionths of your currency; 0: no limit (default: as [budgets] says)\n"
        "\nOptions of add and rotate:\n"
        "  --key-file FILE  write the key there, readable by you alone, and do not print it\n"
        "\nOptions of rotate:\n"
        "  --finish         no new key: the newest one alone holds from now on\n"
        "\nOptions of all:\n"
        "  --config FILE    the configuration that names the directory\n"
        "  --json           print JSON\n"
        "  --help           show this text\n\n"
        "A key is shown once; only its SHA-256 is kept. To change it without a gap: rotate, give "
        "the\n"
        "frontend the new key, rotate --finish.\n\n"
        "Exit status: 0 done, 1 failed, 2 no such frontend, 3 not permitted, 100 wrong usage.\n",
        FRONTEND_RATE, FRONTEND_BURST);
}

static void usage(const char *why, const char *what) NORETURN;
static void usage(const char *why, const char *what) {
    fprintf(stderr, "cloisterctl: %s%s\nTry 'cloisterctl frontend --help'.\n", why, what);
    exit(CTL_USAGE);
}

enum {
    OPT_RETURN = 256,
    OPT_RATE,
    OPT_BURST,
    OPT_MAY,
    OPT_KEY_FILE,
    OPT_FINISH,
    OPT_TOKENS,
    OPT_SPEND
};

static void one_option(struct work *work, int option) {
    uint64_t number;
    unsigned rights;
    if (option == 'c') {
        work->options.config = optarg;
    } else if (option == 'j') {
        work->options.json = true;
    } else if (option == 'h') {
        print_help();
        exit(ctl_output_end(CTL_DONE));
    } else if (option == OPT_RETURN) {
        if (work->wish.returns == FRONTEND_RETURNS_MAX)
            usage("too many --return-to", "");
        work->return_to[work->wish.returns++] = optarg;
    } else if (option == OPT_RATE || option == OPT_BURST) {
        if (parse_u64(optarg, 1, 1000000, &number) < 0)
            usage("not a whole number from 1 to 1000000: ", optarg);
        *(option == OPT_RATE ? &work->wish.rate : &work->wish.burst) = optarg;
    } else if (option == OPT_TOKENS || option == OPT_SPEND) {
        if (parse_u64(optarg, 0, FRONTEND_BUDGET_MOST, &number) < 0)
            usage("not a whole number: ", optarg);
        *(option == OPT_TOKENS ? &work->wish.tokens : &work->wish.spend) = optarg;
    } else if (option == OPT_MAY) {
        if (frontend_rights_parse(optarg, &rights) < 0)
            usage("--may takes some of the words chat, connect, memory, disconnect, business: ",
                  optarg);
        work->wish.may = optarg;
    } else if (option == OPT_KEY_FILE) {
        work->key_file = optarg;
    } else if (option == OPT_FINISH) {
        work->finish = true;
    } else {
        fprintf(stderr, "Try 'cloisterctl frontend --help'.\n");
        exit(CTL_USAGE);
    }
}

static void parse_options(int argc, char **argv, struct work *work) {
    static const struct option options[] = {
        {"config", required_argument, NULL, 'c'},
        {"json", no_argument, NULL, 'j'},
        {"help", no_argument, NULL, 'h'},
        {"return-to", required_argument, NULL, OPT_RETURN},
        {"requests-per-second", required_argument, NULL, OPT_RATE},
        {"burst", required_argument, NULL, OPT_BURST},
        {"tokens-per-day", required_argument, NULL, OPT_TOKENS},
        {"spend-per-day", required_argument, NULL, OPT_SPEND},
        {"may", required_argument, NULL, OPT_MAY},
        {"key-file", required_argument, NULL, OPT_KEY_FILE},
        {"finish", no_argument, NULL, OPT_FINISH},
        {NULL, 0, NULL, 0}};
    optind = 0; /* glibc: begin anew, on another argv */
    for (int c; (c = getopt_long(argc, argv, "c:jh", options, NULL)) != -1;)
        one_option(work, c);
}

/* Which command; refuses what does not belong to it. */
static const struct act *parse_words(int argc, char **argv, struct work *work) {
    const struct act *act = NULL;
    if (optind == argc)
        usage("a command is missing: frontend add, rotate, remove or list", "");
    for (size_t i = 0; i < COUNT_OF(acts); i++)
        if (strcmp(acts[i].name, argv[optind]) == 0)
            act = &acts[i];
    if (act == NULL)
        usage("no such command: frontend ", argv[optind]);
    int names = act->run == frontend_act_list ? 0 : 1;
    if (argc - optind - 1 < names)
        usage("a name is missing: frontend ", act->name);
    if (argc - optind - 1 > names)
        usage("too many arguments: frontend ", act->name);
    if (act->run == frontend_act_add && work->wish.returns == 0)
        usage("--return-to is missing: where may browsers be sent back to? (or: loopback)", "");
    work->name = names == 1 ? argv[optind + 1] : NULL;
    if (act->run == frontend_act_add && strcmp(work->name, FRONTEND_WEB) == 0)
        usage("the name is kept for Cloister's own pages: ", work->name);
    if (work->name != NULL && !frontend_name_valid(work->name) &&
        strcmp(work->name, FRONTEND_WEB) != 0)
        usage("a name has letters, digits and . _ - only, at most 64: ", work->name);
    bool adds = act->run == frontend_act_add, rotates = act->run == frontend_act_rotate;
    const struct frontend_wish *wish = &work->wish;
    if (!adds && (wish->returns > 0 || wish->rate != NULL || wish->burst != NULL ||
                  wish->may != NULL || wish->tokens != NULL || wish->spend != NULL))
        usage("--return-to, --may and limits belong to 'frontend add'; later, edit the file", "");
    if ((work->finish && (!rotates || work->key_file != NULL)) ||
        (work->key_file != NULL && !adds && !rotates))
        usage("--key-file belongs to add and rotate, --finish to rotate without a new key", "");
    return act;
}

int ctl_frontend(int argc, char **argv, struct ctl_options options) {
    struct work work = {.options = options, .dir = {-1, -1}};
    char why[512];
    parse_options(argc, argv, &work);
    const struct act *act = parse_words(argc, argv, &work);
    struct config *config = NULL;
    int r = config_load(work.options.config, &config, why, sizeof(why));
    if (r < 0) {
        fprintf(stderr, "cloisterctl: %s\n", why);
        return r == -EACCES ? CTL_FORBIDDEN : CTL_FAILED;
    }
    work.path = config_str(config, CONFIG_gateway_frontends_dir);
    int status = act->run(&work);
    frontend_dir_close(&work.dir);
    config_free(config);
    return status;
}
