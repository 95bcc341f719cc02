#include "business/availability.h"

#include <errno.h>
#include <string.h>

#define LONGEST_S 86400 /* no appointment is longer */

struct grid { /* hours as stated, hours joined, busy times joined */
    struct span *stated, *open, *busy;
    size_t n_stated, n_open, n_busy;
};

static int64_t number(const json_t *service, const char *name, int64_t fallback) {
    const json_t *value = json_object_get(service, name);
    return json_is_integer(value) ? json_integer_value(value) : fallback;
}

int service_rules_read(const json_t *service, struct service_rules *ret) {
    struct service_rules rules = {
        .duration = number(service, "duration_minutes", 0) * 60,
        .step = number(service, "step_minutes", 15) * 60,
        .before = number(service, "buffer_before_minutes", 0) * 60,
        .after = number(service, "buffer_after_minutes", 0) * 60,
        .notice = number(service, "notice_minutes", 0) * 60,
        .horizon = number(service, "horizon_days", 60) * 86400,
    };
    if (rules.duration <= 0 || rules.duration > LONGEST_S || rules.step < 60 || rules.before < 0 ||
        rules.after < 0 || rules.notice < 0 || rules.horizon < 0)
        return -EINVAL;
    *ret = rules;
    return 0;
}

static void grid_free(struct grid *grid) {
    free(grid->stated);
    free(grid->open);
    free(grid->busy);
}

static int spans_copy(const struct span *spans, size_t n, struct span **ret) {
    *ret = calloc(n + 1, sizeof(**ret));
    if (*ret == NULL)
        return -ENOMEM;
    if (n > 0)
        memcpy(*ret, spans, n * sizeof(*spans));
    return 0;
}

static int grid_make(const struct availability *ask, int64_t from, int64_t until,
                     struct grid *ret) {
    struct grid grid = {0};
    int error = hours_spans(ask->hours, from, until + LONGEST_S, &grid.stated, &grid.n_stated);
    if (error == 0)
        error = spans_copy(grid.stated, grid.n_stated, &grid.open);
    if (error == 0)
        error = spans_copy(ask->busy, ask->n_busy, &grid.busy);
    if (error != 0) {
        grid_free(&grid);
        return error;
    }
    grid.n_open = spans_join(grid.open, grid.n_stated);
    grid.n_busy = spans_join(grid.busy, ask->n_busy);
    *ret = grid;
    return 0;
}

/* The first of joined spans that ends after `moment`, or n. */
static size_t spans_after(const struct span *spans, size_t n, int64_t moment) {
    size_t low = 0, high = n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (spans[middle].end > moment)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

static bool within_hours(const struct grid *grid, int64_t start, int64_t end) {
    size_t i = spans_after(grid->open, grid->n_open, start);
    return i < grid->n_open && grid->open[i].start <= start && end <= grid->open[i].end;
}

static bool is_busy(const struct grid *grid, int64_t start, int64_t end) {
    size_t i = spans_after(grid->busy, grid->n_busy, start);
    return i < grid->n_busy && grid->busy[i].start < end;
}

static bool begins_then(const struct grid *grid, int64_t step, int64_t start) {
    for (size_t i = 0; i < grid->n_stated; i++) {
        const struct span *stated = &grid->stated[i];
        if (stated->start <= start && start < stated->end && (start - stated->start) % step == 0)
            return true;
    }
    return false;
}

static enum slot_state state_of(const struct availability *ask, const struct grid *grid,
                                int64_t start) {
    const struct service_rules *rules = &ask->rules;
    int64_t end = start + rules->duration;
    if (start < ask->now + rules->notice)
        return SLOT_TOO_SOON;
    if (start > ask->now + rules->horizon)
        return SLOT_BEYOND_HORIZON;
    if (!within_hours(grid, start, end) || !begins_then(grid, rules->step, start))
        return SLOT_OUTSIDE_HOURS;
    return is_busy(grid, start - rules->before, end + rules->after) ? SLOT_TAKEN : SLOT_FREE;
}

/* The next start at or after `moment` on any interval's grid, or INT64_MAX. */
static int64_t next_start(const struct grid *grid, int64_t step, int64_t moment) {
    int64_t best = INT64_MAX;
    for (size_t i = 0; i < grid->n_stated && grid->stated[i].start < best; i++) {
        const struct span *stated = &grid->stated[i];
        int64_t behind = moment > stated->start ? moment - stated->start : 0;
        int64_t start = stated->start + (behind + step - 1) / step * step;
        if (start < stated->end && start < best)
            best = start;
    }
    return best;
}

ssize_t availability_list(const struct availability *ask, int64_t from, int64_t until,
                          struct span *out, size_t cap, int64_t *ret_next) {
    struct grid grid;
    size_t n = 0;
    int64_t earliest = ask->now + ask->rules.notice, latest = ask->now + ask->rules.horizon;
    *ret_next = 0;
    if (from < earliest)
        from = earliest;
    if (until > latest + 1)
        until = latest + 1;
    if (from >= until)
        return 0;
    int error = grid_make(ask, from, until, &grid);
    if (error != 0)
        return error;
    for (int64_t start = next_start(&grid, ask->rules.step, from); start < until;
         start = next_start(&grid, ask->rules.step, start + 1)) {
        if (state_of(ask, &grid, start) != SLOT_FREE)
            continue;
        if (n == cap) {
            *ret_next = start;
            break;
        }
        out[n++] = (struct span){start, start + ask->rules.duration};
    }
    grid_free(&grid);
    return (ssize_t)n;
}

int availability_check(const struct availability *ask, int64_t start, enum slot_state *ret) {
    struct grid grid;
    int error = grid_make(ask, start, start + 1, &grid);
    if (error != 0)
        return error;
    *ret = state_of(ask, &grid, start);
    grid_free(&grid);
    return 0;
}
