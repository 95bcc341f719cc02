#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ipc/base.h"
#include "supervisor/ctl_ask.h"
#include "supervisor/ctl_top.h"

#define CELL_MAX   64
#define LINE_MAX_B 512

static long long number_of(const json_t *json, const char *key) {
    return (long long)json_integer_value(json_object_get(json, key));
}

static const char *text_of(const json_t *json, const char *key) {
    const char *text = json_string_value(json_object_get(json, key));
    return text != NULL ? text : "";
}

/* ---- the summary ---- */

/* Estimated from those whose memory was read; null when that was none. */
static json_t *memory_of_agents(const json_t *agents) {
    long long sum = 0, read = 0, all = 0;
    size_t i;
    const json_t *agent;
    json_array_foreach(agents, i, agent) {
        const json_t *pss = json_object_get(agent, "pss_kib");
        all += json_is_integer(json_object_get(agent, "pid"));
        read += json_is_integer(pss);
        sum += json_integer_value(pss);
    }
    return read > 0 ? json_integer(sum * all / read) : json_null();
}

static json_t *copy(const json_t *from, const char *key) {
    json_t *value = json_object_get(from, key);
    return value == NULL ? json_null() : json_deep_copy(value);
}

json_t *ctl_top_summary(const json_t *status, const json_t *agents) {
    const json_t *recent = json_object_get(status, "recent");
    json_t *queue = json_pack("{s:o, s:o}", "turns", copy(recent, "queued"), "agents",
                              copy(recent, "agents_waiting"));
    json_t *turns =
        json_pack("{s:o, s:o, s:o, s:o, s:o}", "per_second", copy(recent, "per_second"),
                  "last_minute", copy(recent, "turns"), "failed", copy(recent, "failed"), "p50_ms",
                  copy(recent, "p50_ms"), "p99_ms", copy(recent, "p99_ms"));
    json_t *memory = json_pack("{s:o, s:o, s:o, s:o}", "agents_pss_kib", memory_of_agents(agents),
                               "notes_bytes", copy(json_object_get(status, "sessions"), "bytes"),
                               "available_kib", ctl_kib("/proc/meminfo", "MemAvailable"),
                               "total_kib", ctl_kib("/proc/meminfo", "MemTotal"));
    return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "ready",
                     copy(status, "ready"), "reasons", copy(status, "reasons"), "version",
                     copy(status, "version"), "since", copy(status, "since"), "agents",
                     copy(status, "agents"), "turns", turns, "queue", queue, "memory", memory,
                     "providers", copy(recent, "providers"));
}

/* ---- for eyes ---- */

struct page {
    FILE *out;
    unsigned rows, columns, used; /* rows 0: no limit */
    const char *eol;
};

static void line(struct page *page, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void line(struct page *page, const char *format, ...) {
    char text[LINE_MAX_B];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    if (page->columns > 0 && page->columns < sizeof(text))
        text[page->columns] = '\0'; /* all of it is ASCII */
    fprintf(page->out, "%s%s", text, page->eol);
    page->used++;
}

static const char *size_text(const json_t *kib, char *out, size_t cap) {
    double value = (double)json_integer_value(kib) / 1024;
    if (!json_is_integer(kib))
        (void)snprintf(out, cap, "?");
    else if (value < 10240)
        (void)snprintf(out, cap, "%.*f MiB", value < 100 ? 1 : 0, value);
    else
        (void)snprintf(out, cap, "%.1f GiB", value / 1024);
    return out;
}

static void print_ready(struct page *page, const json_t *summary) {
    char reasons[128] = "";
    size_t i;
    const json_t *reason;
    json_array_foreach(json_object_get(summary, "reasons"), i, reason) {
        size_t used = strlen(reasons);
        (void)snprintf(reasons + used, sizeof(reasons) - used, "%s%s", i > 0 ? ", " : "",
                       json_string_value(reason));
    }
    bool ready = json_is_true(json_object_get(summary, "ready"));
    line(page, "Cloister %s, since %s: %s%s", text_of(summary, "version"),
         text_of(summary, "since"), ready ? "ready" : "NOT READY: ", reasons);
}

static void print_providers(struct page *page, const json_t *providers) {
    const char *name;
    const json_t *provider;
    json_object_foreach((json_t *)providers, name, provider) {
        long long failed = number_of(provider, "failed");
        if (failed > 0)
            line(page, "%-8s %s: %lld turns failed by it in the last minute", name,
                 text_of(provider, "health"), failed);
        else
            line(page, "%-8s %s", name, text_of(provider, "health"));
    }
}

static void print_head(struct page *page, const json_t *summary) {
    const json_t *agents = json_object_get(summary, "agents"),
                 *turns = json_object_get(summary, "turns"),
                 *queue = json_object_get(summary, "queue"),
                 *memory = json_object_get(summary, "memory");
    char pss[32], available[32], total[32];
    print_ready(page, summary);
    line(page, "agents   %lld busy  %lld idle  %lld starting  %lld ending  of %lld",
         number_of(agents, "busy"), number_of(agents, "idle"), number_of(agents, "starting"),
         number_of(agents, "ending"), number_of(agents, "max"));
    line(page, "turns    %.1f/s  p50 %lld ms  p99 %lld ms  (last minute: %lld, %lld failed)",
         json_number_value(json_object_get(turns, "per_second")), number_of(turns, "p50_ms"),
         number_of(turns, "p99_ms"), number_of(turns, "last_minute"), number_of(turns, "failed"));
    line(page, "queue    %lld turns, %lld agents wait for room", number_of(queue, "turns"),
         number_of(queue, "agents"));
    line(page, "memory   agents %s  notes %.1f MiB  machine %s free of %s",
         size_text(json_object_get(memory, "agents_pss_kib"), pss, sizeof(pss)),
         (double)number_of(memory, "notes_bytes") / 1048576,
         size_text(json_object_get(memory, "available_kib"), available, sizeof(available)),
         size_text(json_object_get(memory, "total_kib"), total, sizeof(total)));
    print_providers(page, json_object_get(summary, "providers"));
}

static int rank(const json_t *agent) {
    static const char *const order[] = {"busy", "starting", "ending", "idle"};
    for (int i = 0; i < (int)COUNT_OF(order); i++)
        if (strcmp(text_of(agent, "state"), order[i]) == 0)
            return i;
    return (int)COUNT_OF(order);
}

/* Those at work first, then those that were last. */
static int by_work(const void *a, const void *b) {
    const json_t *x = *(json_t *const *)a, *y = *(json_t *const *)b;
    if (rank(x) != rank(y))
        return rank(x) - rank(y);
    long long p = number_of(x, "idle_ms"), q = number_of(y, "idle_ms");
    return (p > q) - (p < q);
}

static void print_agent(struct page *page, const json_t *agent) {
    char pss[CELL_MAX] = "-", pid[CELL_MAX] = "-";
    const json_t *kib = json_object_get(agent, "pss_kib"), *has_pid = json_object_get(agent, "pid");
    if (json_is_integer(kib))
        (void)snprintf(pss, sizeof(pss), "%lld", (long long)json_integer_value(kib));
    if (json_is_integer(has_pid))
        (void)snprintf(pid, sizeof(pid), "%lld", (long long)json_integer_value(has_pid));
    line(page, "%-32s  %-9s  %-8s  %7s  %6lld  %6lld  %7.1f  %8s", text_of(agent, "user"),
         text_of(agent, "origin"), text_of(agent, "state"), pid, number_of(agent, "turns"),
         number_of(agent, "queued"), (double)number_of(agent, "idle_ms") / 1000, pss);
}

void ctl_top_print(FILE *out, const json_t *summary, const json_t *agents, unsigned rows,
                   unsigned columns, const char *eol) {
    struct page page = {out, rows, columns, 0, eol};
    size_t n = json_array_size(agents);
    SCOPE_FREE json_t **sorted = calloc(n + 1, sizeof(json_t *));
    print_head(&page, summary);
    if (sorted == NULL || n == 0)
        return;
    for (size_t i = 0; i < n; i++)
        sorted[i] = json_array_get(agents, i);
    qsort(sorted, n, sizeof(*sorted), by_work);
    line(&page, "%s", "");
    line(&page, "%-32s  %-9s  %-8s  %7s  %6s  %6s  %7s  %8s", "USER", "ORIGIN", "STATE", "PID",
         "TURNS", "QUEUED", "IDLE s", "PSS KiB");
    for (size_t i = 0; i < n && (rows == 0 || page.used + 1 < rows); i++)
        print_agent(&page, sorted[i]);
}
