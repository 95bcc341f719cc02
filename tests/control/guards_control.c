/* In place of agent/guards.c: a guard whose name stands in the file guards-off beside the
 * configuration does not hold. Agents live in an empty root, so the page is mapped before any wall
 * is up; what is written into it counts from the next question on. Two more lines, by the linker's
 * --wrap: "clock N" moves the wall clock of agents and turns N seconds on; with "GRANT_CHECK"
 * whatever is shown, or nothing, is a good grant. */
#include "agent/guards.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "memory/grant.h"

#define PAGE      4096
#define A_YEAR_MS UINT64_C(31536000000)

int64_t __wrap_wall_ms(void);
int64_t __real_wall_ms(void);
int __wrap_grant_check(const uint8_t *user_key, const struct grant_claims *claims,
                       const char *grant, uint64_t now_ms, uint64_t *ret_left_ms);
int __real_grant_check(const uint8_t *user_key, const struct grant_claims *claims,
                       const char *grant, uint64_t now_ms, uint64_t *ret_left_ms);

static const char nothing[PAGE];
static const char *page = nothing;

/* glibc hands main's arguments to constructors as well. */
__attribute__((constructor)) static void find_page(int argc, char **argv) {
    char path[PATH_MAX];
    for (int i = 1; i + 1 < argc; i++) {
        if (strcmp(argv[i], "--config") != 0)
            continue;
        const char *name = strrchr(argv[i + 1], '/');
        int dir = name == NULL ? 0 : (int)(name - argv[i + 1]);
        (void)snprintf(path, sizeof(path), "%.*s/guards-off", dir, argv[i + 1]);
        int fd = open(path, O_RDONLY | O_CLOEXEC);
        if (fd < 0)
            return;
        void *map = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, 0);
        if (map != MAP_FAILED)
            page = map;
        (void)close(fd);
    }
}

/* What follows `word` in its line, up to `end`; NULL when no line begins so. */
static const char *line_of(const char *word, char end) {
    size_t len = strlen(word);
    for (const char *at = page; at < page + PAGE - len && *at != '\0';) {
        if (strncmp(at, word, len) == 0 && at[len] == end)
            return at + len + 1;
        at += strcspn(at, "\n");
        at += *at == '\n';
    }
    return NULL;
}

bool guard_holds(enum guard guard) {
    static const char *const names[] = {
#define GUARD(NAME, text) [GUARD_##NAME] = #NAME,
#include "agent/guards.def"
#undef GUARD
    };
    return line_of(names[guard], '\n') == NULL;
}

int64_t __wrap_wall_ms(void) {
    const char *seconds = line_of("clock", ' ');
    return __real_wall_ms() + (seconds != NULL ? 1000 * strtoll(seconds, NULL, 10) : 0);
}

int __wrap_grant_check(const uint8_t *user_key, const struct grant_claims *claims,
                       const char *grant, uint64_t now_ms, uint64_t *ret_left_ms) {
    if (line_of("GRANT_CHECK", '\n') == NULL)
        return __real_grant_check(user_key, claims, grant, now_ms, ret_left_ms);
    *ret_left_ms = A_YEAR_MS;
    return 0;
}
