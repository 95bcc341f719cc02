/* The course of an upgrade: check, keep, swap, restart, watch; and all the way back when it fails.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <jansson.h>
#include <stdio.h>
#include <signal.h>
#include <string.h>
#include <sys/file.h>

#include "ipc/config.h"
#include "supervisor/control.h"
#include "supervisor/ctl_ask.h"
#include "supervisor/ctl_local.h"
#include "supervisor/ctl_upgrade_files.h"
#include "supervisor/ctl_upgrade_manager.h"

#define DEFAULT_CONFIG "/etc/cloister/cloister.conf"
#define READY_MS       8000u /* less than gateways hold requests: gateway/bounds.h */
#define READY_FACTOR   3u    /* where those that run took longer: so many times as long */
#define WATCH_MS       3000u
#define WATCH_EVERY_US 50000
#define WAIT_MAX_S     100u

struct upgrade {
    struct ctl_options options;
    const char *from;            /* NULL: the programs' files were replaced already */
    unsigned ready_ms, watch_ms; /* ready_ms 0: nobody said */
    struct manager manager;
    bool gateway_broken; /* it was what ended */
    bool was_ready;      /* turns were served before: they must be afterwards */
    char why[512];
};

static void say(const char *text, const char *more) {
    fprintf(stderr, "cloisterctl: %s%s\n", text, more);
}

static NORETURN void usage(const char *why) {
    fprintf(stderr, "cloisterctl: %s\nTry 'cloisterctl --help'.\n", why);
    exit(CTL_USAGE);
}

static unsigned seconds(const char *text) {
    char *end = NULL;
    unsigned long n = strtoul(text, &end, 10);
    if (end == text || *end != '\0' || n == 0 || n > WAIT_MAX_S)
        usage("a time is 1 to 100 seconds");
    return (unsigned)n * 1000u;
}

static void parse(int argc, char **argv, struct upgrade *upgrade) {
    static const struct option options[] = {{"config", required_argument, NULL, 'c'},
                                            {"from", required_argument, NULL, 'f'},
                                            {"timeout", required_argument, NULL, 't'},
                                            {"watch", required_argument, NULL, 'w'},
                                            {"json", no_argument, NULL, 'j'},
                                            {"help", no_argument, NULL, 'h'},
                                            {NULL, 0, NULL, 0}};
    optind = 0; /* glibc: begin anew, on another argv */
    for (int c; (c = getopt_long(argc, argv, "c:jh", options, NULL)) != -1;) {
        if (c == 'c') {
            upgrade->options.config = optarg;
        } else if (c == 'f') {
            upgrade->from = optarg;
        } else if (c == 't') {
            upgrade->ready_ms = seconds(optarg);
        } else if (c == 'w') {
            upgrade->watch_ms = seconds(optarg);
        } else if (c == 'j') {
            upgrade->options.json = true;
        } else if (c == 'h') {
            ctl_print_help();
            exit(ctl_output_end(CTL_DONE));
        } else {
            usage("an option is not known");
        }
    }
    if (optind != argc)
        usage("upgrade takes no arguments but its options");
}

static pid_t pid_of(void *ctx, const char *name) {
    const struct manager_view *view = ctx;
    for (size_t i = 0; i < MANAGER_SERVICES; i++)
        if (strcmp(manager_services[i], name) == 0)
            return view->of[i].pid;
    return 0;
}

static bool all_ready(const struct manager *manager, const struct manager_view *view) {
    for (size_t i = 0; i < MANAGER_SERVICES; i++)
        if (!manager->left_out[i] && (view->of[i].pid == 0 || !view->of[i].ready))
            return false;
    return true;
}

/* They stay what they are: a program that ends is started anew, as another process. */
static int watch(struct upgrade *upgrade, unsigned ms) {
    struct manager_view first, now;
    int r = manager_look(&upgrade->manager, &first);
    if (r < 0)
        (void)snprintf(upgrade->why, sizeof(upgrade->why), "what runs cannot be seen: %s",
                       strerror(-r));
    for (uint64_t end = clock_ms() + ms; r == 0; (void)usleep(WATCH_EVERY_US)) {
        r = manager_look(&upgrade->manager, &now);
        for (size_t i = 0; i < MANAGER_SERVICES && r == 0; i++)
            if (!upgrade->manager.left_out[i] &&
                (now.of[i].pid != first.of[i].pid || !now.of[i].ready)) {
                (void)snprintf(upgrade->why, sizeof(upgrade->why), "%s ended soon after its start",
                               manager_services[i]);
                upgrade->gateway_broken = i >= MANAGER_OUTER.first;
                r = -EIO;
            }
        if (clock_ms() >= end)
            break;
    }
    return r;
}

/* Whether turns can be served: the programs may be up and their database not theirs. */
static bool serves(const struct upgrade *upgrade) {
    char path[108], why[256];
    ctl_find_socket(&upgrade->options, path, sizeof(path));
    struct ctl_question question = {.socket = path, .command = ctl_command_find("status")};
    json_t *answer = NULL;
    enum ctl_exit status = ctl_ask(&question, &answer, why, sizeof(why));
    bool ready = status == CTL_DONE && json_is_true(json_object_get(answer, "ready"));
    json_decref(answer);
    return ready;
}

static int wait_until_it_serves(struct upgrade *upgrade) {
    for (uint64_t end = clock_ms() + upgrade->ready_ms; !serves(upgrade);
         (void)usleep(WATCH_EVERY_US))
        if (clock_ms() >= end) {
            (void)snprintf(upgrade->why, sizeof(upgrade->why),
                           "the programs run, but turns cannot be served (cloisterctl status)");
            return -ETIME;
        }
    return 0;
}

static int restart(struct upgrade *upgrade, struct manager_part part) {
    return manager_restart(&upgrade->manager, part, upgrade->ready_ms, upgrade->why,
                           sizeof(upgrade->why));
}

/* All together, the gateway first: it finishes what it has, so nothing runs any more when cloisterd
 * hands over, and callers wait in the listener's queue for one short time. On the way back
 * cloisterd may be the one that is broken: the gateway holds its requests until that is well again.
 */
static int start_and_watch(struct upgrade *upgrade, bool back, unsigned watch_ms) {
    bool inner = back && !upgrade->gateway_broken;
    int r = restart(upgrade, inner ? MANAGER_INNER : MANAGER_ALL);
    if (r == 0 && inner)
        r = restart(upgrade, MANAGER_OUTER);
    if (r == 0 && upgrade->was_ready)
        r = wait_until_it_serves(upgrade);
    if (r < 0)
        return r;
    say("all programs are ready", "");
    return watch(upgrade, watch_ms);
}

/* On a slow machine the new ones are not asked to be faster than the old ones were. */
static unsigned time_to_be_ready(const struct manager_view *view) {
    uint64_t ms = 0;
    for (size_t i = 0; i < MANAGER_SERVICES; i++)
        ms += view->of[i].start_ms;
    ms *= READY_FACTOR;
    return ms < READY_MS ? READY_MS : ms > WAIT_MAX_S * 1000 ? WAIT_MAX_S * 1000 : (unsigned)ms;
}

/* The old ones back, and running. `why` stays that of the upgrade. */
static int roll_back(struct upgrade *upgrade) {
    char first[sizeof(upgrade->why)];
    memcpy(first, upgrade->why, sizeof(first));
    say("not upgraded: ", first);
    say("putting the old programs back", "");
    int files = upgrade_restore(upgrade->why, sizeof(upgrade->why));
    int r = start_and_watch(upgrade, true, 500);
    if (files < 0 || r < 0) {
        say("the old programs do not run: ", upgrade->why);
        return CTL_BROKEN;
    }
    memcpy(upgrade->why, first, sizeof(first));
    say("the old programs run again", "");
    return CTL_FAILED;
}

static int refuse(const struct upgrade *upgrade) {
    say("not upgraded, nothing was changed: ", upgrade->why);
    return CTL_FAILED;
}

/* Whoever is logged out, or loses patience, in the middle leaves no half of an upgrade behind. */
static void go_on_to_the_end(void) {
    static const int signals[] = {SIGHUP, SIGINT, SIGTERM, SIGPIPE};
    for (size_t i = 0; i < COUNT_OF(signals); i++)
        (void)signal(signals[i], SIG_IGN);
}

/* What runs may be what broke the earlier one, so what is in place is kept as the way back. */
static pid_t nobody(void *ctx, const char *name) {
    (void)ctx, (void)name;
    return 0;
}

enum before { NOTHING, CUT_OFF, PUT_BACK }; /* an earlier upgrade */

/* One by --from is undone: what worked before it is known to work, and was replaced by nobody else.
 * Where a package brought the files, before or since, they stay: older ones over them would be an
 * update undone that dpkg takes for done. */
static int resume(struct upgrade *upgrade, enum before *ret) {
    *ret = NOTHING;
    if (!upgrade_unfinished())
        return 0;
    int r = upgrade_resume(upgrade->why, sizeof(upgrade->why));
    if (r < 0)
        return r;
    *ret = r > 0 ? PUT_BACK : CUT_OFF;
    say("an earlier upgrade was cut off: ",
        r > 0 ? "its old programs are back in place" : "going on with the programs in place");
    return 0;
}

/* What an upgrade that was cut off had saved stays the way back, unless what runs is well and not
 * what is tried now. */
static int save(struct upgrade *upgrade, struct manager_view *view, enum before before) {
    bool proven =
        upgrade->was_ready && (upgrade->from != NULL || !upgrade_runs_in_place(pid_of, view));
    if (before == CUT_OFF && !proven)
        return upgrade_keep_saved(upgrade->why, sizeof(upgrade->why));
    return upgrade_save(before == PUT_BACK ? nobody : pid_of, view, upgrade->why,
                        sizeof(upgrade->why));
}

static int run(struct upgrade *upgrade, const char *config_path) {
    struct manager_view view = {0};
    enum before before = NOTHING;
    char *why = upgrade->why;
    size_t len = sizeof(upgrade->why);
    int r = manager_look(&upgrade->manager, &view);
    if (r < 0) {
        (void)snprintf(why, len, "what runs cannot be seen: %s", strerror(-r));
        return refuse(upgrade);
    }
    manager_leave_out(&upgrade->manager, &view);
    for (size_t i = 0; i < MANAGER_SERVICES; i++)
        if (upgrade->manager.left_out[i])
            say("stays as it is: ", manager_services[i]);
    if (upgrade->ready_ms == 0)
        upgrade->ready_ms = time_to_be_ready(&view);
    go_on_to_the_end();
    if (resume(upgrade, &before) < 0)
        return refuse(upgrade);
    upgrade->was_ready = all_ready(&upgrade->manager, &view) && serves(upgrade);
    if (!upgrade->was_ready)
        say("Cloister was not ready before the upgrade", "");
    if ((upgrade->from != NULL && upgrade_stage(upgrade->from, why, len) < 0) ||
        upgrade_check(config_path, why, len) < 0)
        return refuse(upgrade);
    for (size_t i = 0; i < upgrade_program_count; i++)
        if (upgrade_programs[i].version[0] != '\0')
            say("checked: ", upgrade_programs[i].version);
    if (save(upgrade, &view, before) < 0 || upgrade_install(why, len) < 0)
        return refuse(upgrade);
    say("restarting", "");
    return start_and_watch(upgrade, false, upgrade->watch_ms) == 0 ? CTL_DONE : roll_back(upgrade);
}

static void print_json(const struct upgrade *upgrade, int status) {
    json_t *versions = json_object();
    for (size_t i = 0; i < upgrade_program_count; i++)
        if (upgrade_programs[i].version[0] != '\0')
            (void)json_object_set_new(versions, upgrade_programs[i].name,
                                      json_string(upgrade_programs[i].version));
    json_t *answer = json_pack("{s:b, s:b, s:s, s:s?, s:o}", "upgraded", status == CTL_DONE,
                               "service", status != CTL_BROKEN, "manager",
                               upgrade->manager.systemd ? "systemd" : "launcher", "error",
                               status == CTL_DONE ? NULL : upgrade->why, "checked", versions);
    (void)json_dumpf(answer, stdout, JSON_INDENT(2));
    (void)putchar('\n');
    json_decref(answer);
}

/* One at a time. */
static int lock(const struct config *config) {
    char path[256];
    if (config_runtime_path(config, "upgrade.lock", path, sizeof(path)) < 0)
        return -ENAMETOOLONG;
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return -errno;
    if (flock(fd, LOCK_EX | LOCK_NB) == 0)
        return fd;
    (void)close(fd);
    return -EBUSY;
}

int ctl_upgrade(int argc, char **argv, struct ctl_options options) {
    struct upgrade upgrade = {.options = options, .watch_ms = WATCH_MS};
    struct config *config = NULL;
    parse(argc, argv, &upgrade);
    if (geteuid() != 0) {
        say("upgrade is for root", "");
        return CTL_FORBIDDEN;
    }
    const char *path = upgrade.options.config != NULL ? upgrade.options.config : DEFAULT_CONFIG;
    if (config_load(path, &config, upgrade.why, sizeof(upgrade.why)) < 0) {
        say(upgrade.why, "");
        return CTL_FAILED;
    }
    int status = CTL_FAILED;
    SCOPE_FD int locked = lock(config);
    if (locked < 0) {
        say(locked == -EBUSY ? "another upgrade is under way" : strerror(-locked), "");
    } else if (manager_find(config, &upgrade.manager) < 0) {
        say("neither the launcher nor systemd runs Cloister here", "");
        status = CTL_UNREACHABLE;
    } else {
        status = run(&upgrade, path);
        if (status != CTL_BROKEN) /* then whoever comes finds the old ones there */
            upgrade_clean();
        if (upgrade.options.json)
            print_json(&upgrade, status);
    }
    config_free(config);
    return status;
}
