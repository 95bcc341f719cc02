#include "supervisor/ctl_local.h"

#include <getopt.h>
#include <stdio.h>

#include "supervisor/ctl_ask.h"

#define EVERY_MOST 3600

static void no_such(const char *command) {
    fprintf(stderr, "cloisterctl %s: Try 'cloisterctl --help'.\n", command);
    exit(CTL_USAGE);
}

int ctl_local_options(int argc, char **argv, struct ctl_options *options, bool *once,
                      unsigned *every) {
    static const struct option known[] = {{"config", required_argument, NULL, 'c'},
                                          {"socket", required_argument, NULL, 's'},
                                          {"json", no_argument, NULL, 'j'},
                                          {"help", no_argument, NULL, 'h'},
                                          {"once", no_argument, NULL, 'o'},
                                          {"every", required_argument, NULL, 'e'},
                                          {NULL, 0, NULL, 0}};
    optind = 0; /* glibc: begin anew, on another argv */
    for (int c; (c = getopt_long(argc, argv, "c:s:jh", known, NULL)) != -1;) {
        uint64_t number;
        if (c == 'c') {
            options->config = optarg;
        } else if (c == 's') {
            options->socket = optarg;
        } else if (c == 'j') {
            options->json = true;
        } else if (c == 'h') {
            ctl_print_help();
            exit(ctl_output_end(CTL_DONE));
        } else if (c == 'o' && once != NULL) {
            *once = true;
        } else if (c == 'e' && every != NULL) {
            if (parse_u64(optarg, 1, EVERY_MOST, &number) < 0)
                ctl_usage("--every takes a whole number of seconds: ", optarg);
            *every = (unsigned)number;
        } else {
            no_such(argv[0]);
        }
    }
    return optind;
}
