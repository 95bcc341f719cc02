#include "supervisor/ctl_lines.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "ipc/base.h"

static void print_pairs(FILE *out, const json_t *line) {
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)line, key, value) {
        if (strcmp(key, "time") == 0 || strcmp(key, "event") == 0)
            continue;
        if (json_is_string(value))
            fprintf(out, " %s=%s", key, json_string_value(value));
        else if (json_is_integer(value))
            fprintf(out, " %s=%lld", key, (long long)json_integer_value(value));
        else if (json_is_boolean(value))
            fprintf(out, " %s=%s", key, json_is_true(value) ? "yes" : "no");
    }
    (void)fputc('\n', out);
}

bool ctl_print_line(void *ctx, const json_t *line) {
    bool as_json = *(bool *)ctx;
    const char *event = json_string_value(json_object_get(line, "event")),
               *time = json_string_value(json_object_get(line, "time"));
    if (event != NULL && strcmp(event, "alive") == 0)
        return true;
    if (as_json) {
        (void)json_dumpf(line, stdout, JSON_COMPACT);
        (void)putchar('\n');
    } else if (event != NULL) {
        /* Of "2026-05-04T10:11:12.345Z" the time of day: whoever looks on knows the day. */
        const char *clock = time != NULL && strlen(time) > 11 ? time + 11 : "-";
        printf("%s %-15s", clock, event);
        print_pairs(stdout, line);
    } else {
        (void)fputs("cloisterctl:", stderr);
        print_pairs(stderr, line);
    }
    return fflush(stdout) == 0;
}

void ctl_print_resumed(bool as_json) {
    char text[40] = "";
    struct tm t;
    int64_t ms = wall_ms();
    time_t now = (time_t)(ms / 1000);
    if (gmtime_r(&now, &t) != NULL) {
        size_t n = strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &t);
        (void)snprintf(text + n, sizeof(text) - n, ".%03dZ", (int)(ms % 1000));
    }
    json_t *line = json_pack("{s:s, s:s}", "time", text, "event", "resumed");
    (void)ctl_print_line(&as_json, line);
    json_decref(line);
}
