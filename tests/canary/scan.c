/* canary-scan: looks for secrets in processes and files. Takes commands on its input, a line each:
 *
 * - text NAME HEX: a secret that is UTF-8 text, looked for in every form
 * - bytes NAME HEX: the same for bytes
 * - tree PID: a process and all below it
 * - dir PATH: a file or folder
 * - skip PATH: what is left out of a folder
 * - forget: trees, folders and skips
 * - scan: looks everywhere; a line "found NAME, tab, FORM, tab, PLACE" for each find, then "done"
 * with counts
 * - scan-all: the same, also pages of libraries that are still as their file has them
 * - list: the processes that it would look at, "process PID NAME" each, then "done"
 *
 * The others are answered with nothing; a command that is none ends the program with an error.
 * Needs root. Its own memory holds all secrets, so it is no part of what it looks at. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "tests/canary/places_files.h"
#include "tests/canary/places_process.h"

#define MANY  64
#define TREE  4096
#define FINDS 200000 /* lines of one scan; what would be left out would be taken for not there */

struct scanner {
    struct search *search;
    char **names; /* of secrets */
    size_t n_names;
    char *dirs[MANY], *skips[MANY + 1];
    size_t n_dirs, n_skips, n_trees, finds;
    pid_t trees[MANY];
};

static void die(const char *why) {
    (void)fprintf(stderr, "canary-scan: %s\n", why);
    exit(1);
}

struct place {
    struct scan *scan;
    const char *name;
};

static void on_hit(void *ctx, size_t offset, const struct needle *needle) {
    const struct place *place = ctx;
    (void)offset;
    place->scan->found(place->scan->ctx, place->name, needle);
}

void scan_bytes(struct scan *scan, const char *place, const uint8_t *data, size_t len) {
    struct place at = {scan, place};
    scan->bytes += len;
    search_run(scan->search, data, len, on_hit, &at);
}

static void on_found(void *ctx, const char *place, const struct needle *needle) {
    struct scanner *scanner = ctx;
    if (scanner->finds++ >= FINDS)
        die("more is found than can be told");
    printf("found %s\t%s\t%s\n", scanner->names[needle->secret], needle->form, place);
}

static void on_needle(void *ctx, const struct needle *needle) {
    search_add(ctx, needle);
}

static void secret(struct scanner *scanner, char *words, bool text) {
    char *hex = strchr(words, ' ');
    if (hex == NULL)
        die("a secret without a value");
    *hex++ = '\0';
    size_t len = strlen(hex) / 2;
    SCOPE_FREE uint8_t *bytes = malloc(len + 1);
    scanner->names = reallocarray(scanner->names, scanner->n_names + 1, sizeof(*scanner->names));
    if (bytes == NULL || scanner->names == NULL || hex_decode(hex, bytes, len) < 0)
        die("a value that is not hex");
    scanner->names[scanner->n_names] = strdup(words);
    if (needles_of(bytes, len, text, (unsigned)scanner->n_names, on_needle, scanner->search) < 0)
        die("a secret that is too short or no UTF-8");
    scanner->n_names++;
}

static size_t everybody(const struct scanner *scanner, pid_t *pids) {
    size_t n = 0;
    for (size_t i = 0; i < scanner->n_trees; i++)
        n += process_tree(scanner->trees[i], pids + n, TREE - n);
    return n;
}

static void look(struct scanner *scanner, struct scan *scan, bool whole) {
    static pid_t pids[TREE];
    uint64_t began = clock_ms();
    scanner->finds = 0;
    frames_clear(scan->frames);
    *scan = (struct scan){.search = scanner->search,
                          .found = on_found,
                          .ctx = scanner,
                          .whole = whole,
                          .frames = scan->frames,
                          .kept = scan->kept};
    size_t n = everybody(scanner, pids);
    for (size_t i = 0; i < n; i++)
        scan_process(scan, pids[i]);
    for (size_t i = 0; i < scanner->n_dirs; i++)
        scan_files(scan, scanner->dirs[i], (const char *const *)scanner->skips);
    printf("done finds=%zu processes=%zu pages=%zu shared_pages=%zu file_pages=%zu files=%zu "
           "kept_files=%zu "
           "sockets=%zu pipes=%zu bytes=%zu "
           "unreadable=%zu secrets=%zu needles=%zu ms=%llu\n",
           scanner->finds, scan->processes, scan->pages, scan->shared_pages, scan->file_pages,
           scan->files, scan->kept_files, scan->sockets, scan->pipes, scan->bytes, scan->unreadable,
           scanner->n_names, search_count(scanner->search),
           (unsigned long long)(clock_ms() - began));
    (void)fflush(stdout);
}

static void list(const struct scanner *scanner) {
    static pid_t pids[TREE];
    size_t n = everybody(scanner, pids);
    for (size_t i = 0; i < n; i++)
        printf("process %s\n", process_name(pids[i]));
    printf("done\n");
    (void)fflush(stdout);
}

static void forget(struct scanner *scanner) {
    while (scanner->n_dirs > 0)
        free(scanner->dirs[--scanner->n_dirs]);
    while (scanner->n_skips > 0) {
        free(scanner->skips[--scanner->n_skips]);
        scanner->skips[scanner->n_skips] = NULL;
    }
    scanner->n_trees = 0;
}

static void command(struct scanner *scanner, struct scan *scan, char *line) {
    char *rest = strchr(line, ' ');
    if (rest != NULL)
        *rest++ = '\0';
    if (rest == NULL && strcmp(line, "scan") == 0)
        look(scanner, scan, false);
    else if (rest == NULL && strcmp(line, "scan-all") == 0)
        look(scanner, scan, true);
    else if (rest == NULL && strcmp(line, "list") == 0)
        list(scanner);
    else if (rest == NULL && strcmp(line, "forget") == 0)
        forget(scanner);
    else if (rest != NULL && strcmp(line, "text") == 0)
        secret(scanner, rest, true);
    else if (rest != NULL && strcmp(line, "bytes") == 0)
        secret(scanner, rest, false);
    else if (rest != NULL && strcmp(line, "tree") == 0 && scanner->n_trees < MANY)
        scanner->trees[scanner->n_trees++] = (pid_t)atoi(rest);
    else if (rest != NULL && strcmp(line, "dir") == 0 && scanner->n_dirs < MANY)
        scanner->dirs[scanner->n_dirs++] = strdup(rest);
    else if (rest != NULL && strcmp(line, "skip") == 0 && scanner->n_skips < MANY)
        scanner->skips[scanner->n_skips++] = strdup(rest);
    else
        die("a command that is none");
}

int main(void) {
    static struct scanner scanner;
    char *line = NULL;
    size_t room = 0;
    ssize_t n;
    scanner.search = search_new();
    struct scan scan = {.frames = frames_new(), .kept = kept_new()};
    while ((n = getline(&line, &room, stdin)) > 0) {
        line[n - 1] = '\0';
        command(&scanner, &scan, line);
    }
    free(line);
    return 0;
}
