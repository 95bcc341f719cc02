#include "tests/hostile/attempt.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static char notes[256];

void note(const char *format, ...) {
    va_list args;
    va_start(args, format);
    (void)vsnprintf(notes, sizeof(notes), format, args);
    va_end(args);
}

const char *prop_text(const struct scene *scene, const char *key, char *out, size_t len) {
    size_t n = strlen(key);
    out[0] = '\0';
    for (const char *at = scene->props; *at != '\0'; at += strcspn(at, " "), at += *at == ' ')
        if (strncmp(at, key, n) == 0 && at[n] == '=')
            (void)snprintf(out, len, "%.*s", (int)strcspn(at + n + 1, " "), at + n + 1);
    return out;
}

long prop_number(const struct scene *scene, const char *key) {
    char text[32];
    uint64_t value = 0;
    if (parse_u64(prop_text(scene, key, text, sizeof(text)), 0, INT64_MAX, &value) < 0)
        return 0;
    return (long)value;
}

void attempt_tell(const char *id, const struct scene *scene, char *out, size_t len) {
    ATTEMPTS_EACH(at) {
        if (strcmp((*at)->id, id) != 0)
            continue;
        notes[0] = '\0';
        int r = (*at)->run(scene);
        const char *error = r < 0 ? strerrorname_np(-r) : "";
        (void)snprintf(out, len, "%s%s%s%s%s", r == OUT ? "out" : "stopped", r < 0 ? " " : "",
                       error != NULL ? error : "?", notes[0] != '\0' ? ": " : "", notes);
        return;
    }
    (void)snprintf(out, len, "unknown attempt");
}
