#include "supervisor/ctl_upgrade_files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "build_config.h"
#include "supervisor/ctl_upgrade_names.h"
#include "supervisor/ctl_upgrade_run.h"

#define CHECK_MS 20000

/* Every .old is there. It goes before any of them does. */
#define SAVED CLOISTER_SBIN_DIR "/.cloister-upgrade"

/* This upgrade's; else that of one that was cut off. */
static bool saved_by_us;

static const char *found_in(const char *from, const struct upgrade_program *program, char *out,
                            size_t cap) {
    static const char *const folders[] = {"", "/sbin", "/bin", "/libexec/cloister"};
    for (size_t i = 0; i < COUNT_OF(folders); i++) {
        struct stat st;
        (void)snprintf(out, cap, "%s%s/%s", from, folders[i], program->name);
        if (stat(out, &st) == 0 && S_ISREG(st.st_mode))
            return out;
    }
    return NULL;
}

int upgrade_stage(const char *from, char *why, size_t why_len) {
    char source[512];
    size_t n = 0;
    for (size_t i = 0; i < upgrade_program_count; i++) {
        struct upgrade_program *program = &upgrade_programs[i];
        if (found_in(from, program, source, sizeof(source)) == NULL)
            continue;
        int r =
            upgrade_copy(source, PATH_OF(program, NEW), PATH_OF(program, IN_PLACE), why, why_len);
        if (r < 0)
            return r;
        program->staged = true;
        n++;
    }
    if (n > 0)
        return 0;
    (void)snprintf(why, why_len, "there is no program of Cloister in %s", from);
    return -ENOENT;
}

static bool anything_staged(void) {
    for (size_t i = 0; i < upgrade_program_count; i++)
        if (upgrade_programs[i].staged)
            return true;
    return false;
}

static int check_one(struct upgrade_program *program, const char *config, char *why,
                     size_t why_len) {
    const char *path = PATH_OF(program, program->staged ? NEW : IN_PLACE);
    bool is_ctl = strcmp(program->name, "cloisterctl") == 0;
    const char *const args[] = {path, is_ctl ? "--version" : "--self-check",
                                is_ctl ? NULL : "--config", config, NULL};
    char said[512];
    int status = upgrade_run(args, CHECK_MS, said, sizeof(said));
    said[strcspn(said, "\n")] = '\0';
    (void)snprintf(program->version, sizeof(program->version), "%.*s", UPGRADE_VERSION_MAX, said);
    if (status == 0)
        return 0;
    (void)snprintf(why, why_len, "%s fails its self-check (status %d): %.200s", program->name,
                   status, status < 0 ? strerror(-status) : said);
    return -ENOEXEC;
}

int upgrade_check(const char *config, char *why, size_t why_len) {
    bool staged = anything_staged();
    for (size_t i = 0; i < upgrade_program_count; i++) {
        struct upgrade_program *program = &upgrade_programs[i];
        struct stat st;
        if (program->staged != staged || (!staged && stat(PATH_OF(program, IN_PLACE), &st) < 0))
            continue;
        int r = check_one(program, config, why, why_len);
        if (r < 0)
            return r;
    }
    return 0;
}

/* The zygote is cloisterd's child, and no service of its own. */
static pid_t child_that_runs(pid_t parent, const char *path) {
    pid_t found = 0;
    DIR *dir = parent > 0 ? opendir("/proc") : NULL;
    for (struct dirent *entry; found == 0 && dir != NULL && (entry = readdir(dir)) != NULL;) {
        char name[64], text[512] = "", exe[512];
        uint64_t of = 0;
        pid_t pid = (pid_t)strtol(entry->d_name, NULL, 10);
        (void)snprintf(name, sizeof(name), "/proc/%d/stat", (int)pid);
        ssize_t len = pid > 0 ? file_read_some(name, text, sizeof(text)) : -1;
        const char *rest = len > 0 ? strrchr(text, ')') : NULL;
        if (rest == NULL || strlen(rest) < strlen(") S 1") ||
            number_read(rest + strlen(") S "), &of) == NULL || of != (uint64_t)parent)
            continue;
        (void)snprintf(name, sizeof(name), "/proc/%d/exe", (int)pid);
        ssize_t n = readlink(name, exe, sizeof(exe) - 1);
        if (n > 0 && strncmp(exe, path, strlen(path)) == 0)
            found = pid;
    }
    if (dir != NULL)
        (void)closedir(dir);
    return found;
}

static pid_t pid_of_program(const struct upgrade_program *program, upgrade_pid_of pid_of,
                            void *ctx) {
    if (strcmp(program->name, "cloister-agent") == 0)
        return child_that_runs(pid_of(ctx, "cloisterd"), PATH_OF(program, IN_PLACE));
    return program->service ? pid_of(ctx, program->name) : 0;
}

/* A second name of the file where it is the one that runs; else a copy of what runs, which the
 * kernel keeps although its name was given to another. */
static int save_one(struct upgrade_program *program, pid_t pid, char *why, size_t why_len) {
    const char *place = PATH_OF(program, IN_PLACE), *old = PATH_OF(program, OLD);
    char exe[64];
    (void)snprintf(exe, sizeof(exe), "/proc/%d/exe", (int)pid);
    bool there = access(place, F_OK) == 0, runs = pid > 0 && access(exe, F_OK) == 0;
    if (!there && !runs)
        return 0; /* it was not installed */
    (void)unlink(old);
    bool same = there && (!runs || upgrade_same_file(place, exe));
    if (same && link(place, old) < 0)
        return upgrade_fail(why, why_len, "cannot keep", place);
    int r = same ? 0 : upgrade_copy(exe, old, there ? place : exe, why, why_len);
    program->saved = r == 0;
    return r;
}

/* The names that were made so far are on disk before the mark that counts on them. */
static int mark_as_saved(char *why, size_t why_len) {
    for (size_t i = 0; i < upgrade_program_count; i++) {
        const char *path = upgrade_programs[i].folder;
        SCOPE_FD int folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (folder < 0 ? errno != ENOENT : fsync(folder) < 0)
            return upgrade_fail(why, why_len, "cannot write", path);
    }
    SCOPE_FD int mark = open(SAVED, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (mark < 0 || fsync(mark) < 0)
        return upgrade_fail(why, why_len, "cannot write", SAVED);
    return 0;
}

int upgrade_save(upgrade_pid_of pid_of, void *ctx, char *why, size_t why_len) {
    if (unlink(SAVED) < 0 && errno != ENOENT)
        return upgrade_fail(why, why_len, "cannot remove", SAVED);
    for (size_t i = 0; i < upgrade_program_count; i++) {
        struct upgrade_program *program = &upgrade_programs[i];
        int r = save_one(program, pid_of_program(program, pid_of, ctx), why, why_len);
        if (r < 0)
            return r;
    }
    int r = mark_as_saved(why, why_len);
    saved_by_us = r == 0;
    return r;
}

int upgrade_keep_saved(char *why, size_t why_len) {
    for (size_t i = 0; i < upgrade_program_count; i++) {
        struct upgrade_program *program = &upgrade_programs[i];
        program->saved = upgrade_exists(PATH_OF(program, OLD));
        int r = program->saved ? 0 : save_one(program, 0, why, why_len);
        if (r < 0)
            return r;
    }
    saved_by_us = true;
    return 0;
}

bool upgrade_runs_in_place(upgrade_pid_of pid_of, void *ctx) {
    for (size_t i = 0; i < upgrade_program_count; i++) {
        const struct upgrade_program *program = &upgrade_programs[i];
        char exe[64];
        (void)snprintf(exe, sizeof(exe), "/proc/%d/exe", (int)pid_of_program(program, pid_of, ctx));
        if (access(exe, F_OK) == 0 && !upgrade_same_file(exe, PATH_OF(program, IN_PLACE)))
            return false;
    }
    return true;
}

/* .new stays as a second name of the file in place: by it whoever resumes knows that file for this
 * upgrade's, and not for one that somebody has put there since. */
static int put(const struct upgrade_program *program) {
    const char *made = PATH_OF(program, PUT);
    (void)unlink(made);
    if (link(PATH_OF(program, NEW), made) < 0)
        return -1;
    return rename(made, PATH_OF(program, IN_PLACE));
}

int upgrade_install(char *why, size_t why_len) {
    for (size_t i = 0; i < upgrade_program_count; i++) {
        struct upgrade_program *program = &upgrade_programs[i];
        if (!program->staged || put(program) == 0)
            continue;
        char ignored[256];
        int r = upgrade_fail(why, why_len, "cannot replace", PATH_OF(program, IN_PLACE));
        return upgrade_restore(ignored, sizeof(ignored)) < 0 ? -EIO : r;
    }
    return 0;
}

int upgrade_restore(char *why, size_t why_len) {
    int failed = 0;
    for (size_t i = 0; i < upgrade_program_count; i++) {
        struct upgrade_program *program = &upgrade_programs[i];
        if (!program->saved)
            continue;
        if (rename(PATH_OF(program, OLD), PATH_OF(program, IN_PLACE)) < 0) {
            failed = upgrade_fail(why, why_len, "cannot put back", PATH_OF(program, IN_PLACE));
            continue;
        }
        (void)unlink(PATH_OF(program, OLD)); /* two names of one file stay two */
        program->saved = false;
    }
    return failed;
}

bool upgrade_unfinished(void) {
    return upgrade_exists(SAVED);
}

int upgrade_resume(char *why, size_t why_len) {
    bool any = false;
    for (size_t i = 0; i < upgrade_program_count; i++) {
        struct upgrade_program *program = &upgrade_programs[i];
        program->saved = upgrade_same_file(PATH_OF(program, NEW), PATH_OF(program, IN_PLACE)) &&
                         upgrade_exists(PATH_OF(program, OLD));
        any |= program->saved;
    }
    int r = upgrade_restore(why, why_len);
    if (r == 0 && any && unlink(SAVED) < 0)
        r = upgrade_fail(why, why_len, "cannot remove", SAVED);
    return r < 0 ? r : any;
}

void upgrade_clean(void) {
    if (saved_by_us)
        (void)unlink(SAVED);
    bool keep = upgrade_unfinished(); /* of one that was cut off; this one did not come so far */
    for (size_t i = 0; i < upgrade_program_count; i++) {
        struct upgrade_program *program = &upgrade_programs[i];
        (void)unlink(PATH_OF(program, NEW));
        (void)unlink(PATH_OF(program, PUT));
        if (!keep)
            (void)unlink(PATH_OF(program, OLD));
        program->staged = program->saved = false;
    }
    saved_by_us = false;
}
