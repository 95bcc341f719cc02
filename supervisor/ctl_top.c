/* `cloisterctl top`: asks again and again. In a terminal it draws over its last picture, with the
 * few control sequences that every terminal knows; elsewhere it prints one and ends. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "supervisor/ctl_ask.h"
#include "supervisor/ctl_local.h"
#include "supervisor/ctl_top.h"

#define EVERY_S       2
#define MEMORY_SAMPLE 200 /* agents whose memory is read for each picture */
#define SCREEN_ON     "\033[?1049h\033[?25l"
#define SCREEN_OFF    "\033[?25h\033[?1049l"
#define SCREEN_HOME   "\033[H"
#define LINE_END      "\033[K\n" /* clears what an older picture left on the line */
#define SCREEN_REST   "\033[J"

static volatile sig_atomic_t told_to_stop;

static void on_stop(int signal) {
    (void)signal;
    told_to_stop = 1;
}

/* False: the person at the terminal has had enough. */
static bool wait_for_key(int wait_ms) {
    struct pollfd keys = {STDIN_FILENO, POLLIN, 0};
    char key;
    int n = poll(&keys, 1, wait_ms);
    if (n > 0 && (read(STDIN_FILENO, &key, 1) != 1 || key == 'q' || key == 'Q'))
        told_to_stop = 1;
    return told_to_stop == 0;
}

/* Also of waiting for a cloisterd that does not answer. */
static bool has_enough(void *ctx) {
    (void)ctx;
    return !wait_for_key(0);
}

static enum ctl_exit ask_one(const char *socket, const char *command, bool live, json_t **ret,
                             char *why, size_t why_len) {
    struct ctl_question question = {
        .socket = socket, .command = ctl_command_find(command), .enough = live ? has_enough : NULL};
    enum ctl_exit status = ctl_ask(&question, ret, why, why_len);
    const char *error = json_string_value(json_object_get(*ret, "error"));
    if (status == CTL_DONE)
        return status;
    if (error != NULL)
        (void)snprintf(why, why_len, "%s", error);
    json_decref(*ret);
    *ret = NULL;
    return status;
}

/* *ret_summary and *ret_agents are the caller's, both or none: none with CTL_DONE when a `live` one
 * is wanted no more. */
static enum ctl_exit look(const char *socket, bool live, json_t **ret_summary, json_t **ret_agents,
                          char *why, size_t why_len) {
    json_t *status, *agents = NULL;
    *ret_summary = *ret_agents = NULL;
    enum ctl_exit r = ask_one(socket, "status", live, &status, why, why_len);
    if (status == NULL)
        return r;
    r = ask_one(socket, "list", live, &agents, why, why_len);
    if (agents != NULL) {
        ctl_add_memory(agents, MEMORY_SAMPLE);
        *ret_summary = ctl_top_summary(status, agents);
        *ret_agents = agents;
    }
    json_decref(status);
    return r;
}

static int one_picture(const char *socket, bool as_json) {
    char why[256];
    json_t *summary, *agents;
    enum ctl_exit r = look(socket, false, &summary, &agents, why, sizeof(why));
    if (r != CTL_DONE) {
        fprintf(stderr, "cloisterctl: %s\n", why);
        return r;
    }
    if (as_json) {
        (void)json_dumpf(summary, stdout, JSON_COMPACT);
        (void)putchar('\n');
    } else {
        ctl_top_print(stdout, summary, agents, 0, 0, "\n");
    }
    json_decref(summary);
    json_decref(agents);
    return ctl_output_end(CTL_DONE);
}

static void draw(const char *socket) {
    char why[256];
    json_t *summary, *agents;
    struct winsize size = {.ws_row = 24, .ws_col = 80};
    (void)ioctl(STDOUT_FILENO, TIOCGWINSZ, &size);
    enum ctl_exit r = look(socket, true, &summary, &agents, why, sizeof(why));
    if (r == CTL_DONE && summary == NULL)
        return;
    (void)fputs(SCREEN_HOME, stdout);
    if (r == CTL_DONE) {
        ctl_top_print(stdout, summary, agents, size.ws_row, size.ws_col, LINE_END);
        json_decref(summary);
        json_decref(agents);
    } else {
        printf("%s: trying again" LINE_END, why);
    }
    (void)fputs(SCREEN_REST, stdout);
    (void)fflush(stdout);
}

static int live(const char *socket, unsigned every) {
    struct sigaction stop = {.sa_handler = on_stop};
    struct termios before, raw;
    bool typed = tcgetattr(STDIN_FILENO, &before) == 0;
    (void)sigaction(SIGINT, &stop, NULL);
    (void)sigaction(SIGTERM, &stop, NULL);
    (void)sigaction(SIGHUP, &stop, NULL);
    if (typed) {
        raw = before;
        raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
        (void)tcsetattr(STDIN_FILENO, TCSANOW, &raw);
    }
    (void)fputs(SCREEN_ON, stdout);
    do
        draw(socket);
    while (told_to_stop == 0 && wait_for_key((int)every * 1000));
    (void)fputs(SCREEN_OFF, stdout);
    (void)fflush(stdout);
    if (typed)
        (void)tcsetattr(STDIN_FILENO, TCSANOW, &before);
    return CTL_DONE;
}

int ctl_top(int argc, char **argv, struct ctl_options options) {
    bool once = false;
    unsigned every = EVERY_S;
    char socket[108];
    if (ctl_local_options(argc, argv, &options, &once, &every) < argc)
        ctl_usage("top takes no arguments", "");
    ctl_find_socket(&options, socket, sizeof(socket));
    if (!options.json)
        return once || isatty(STDOUT_FILENO) == 0 || isatty(STDIN_FILENO) == 0
                   ? one_picture(socket, false)
                   : live(socket, every);
    int status = one_picture(socket, true);
    while (!once && status == CTL_DONE && isatty(STDOUT_FILENO) != 0 && sleep(every) == 0)
        status = one_picture(socket, true);
    return status;
}
