#include "supervisor/budgets.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "gateway/frontends.h"
#include "ipc/log.h"
#include "supervisor/records.h"

#define LOOK_MS   2000 /* as the gateway does */
#define DAY_MS    86400000
#define MINUTE_MS 60000

struct budgets {
    const struct config *config;
    const struct records *records;
    struct frontends *frontends; /* NULL: the directory was never readable */
    uint64_t stamp;
    bool unreadable; /* said in the log */
    struct event *look;
};

/* ---- the frontends' files ---- */

static void on_report(const char *name, const char *why) {
    log_warn("budgets: frontend %s: %s; the default of [budgets] holds for it", name, why);
}

/* Of the settings' own budgets the configuration makes sure. */
static void warn_of_prices(const struct budgets *budgets) {
    if (config_u64(budgets->config, CONFIG_budgets_input_price) > 0 ||
        config_u64(budgets->config, CONFIG_budgets_output_price) > 0)
        return;
    for (size_t i = 0; i < frontends_count(budgets->frontends); i++) {
        const struct frontend *frontend = frontends_at(budgets->frontends, i);
        if (frontend->spend_per_day != FRONTEND_BUDGET_DEFAULT && frontend->spend_per_day > 0)
            log_warn("budgets: frontend %s has a budget of money, which holds nothing back: "
                     "[budgets] input_price and output_price are not set",
                     frontend->name);
    }
}

static void load_frontends(struct budgets *budgets) {
    const char *dir = config_str(budgets->config, CONFIG_gateway_frontends_dir);
    struct frontends *fresh = NULL;
    budgets->stamp = frontends_stamp(dir); /* before reading: what changes meanwhile is seen then */
    int r = frontends_load(dir, on_report, &fresh);
    if (r == 0) {
        frontends_free(budgets->frontends);
        budgets->frontends = fresh;
        warn_of_prices(budgets);
    } else if (!budgets->unreadable) {
        log_warn("budgets: gateway.frontends_dir cannot be read (%s); the frontends' budgets stay "
                 "as they were",
                 strerror(-r));
    }
    budgets->unreadable = r < 0;
}

static void on_look(evutil_socket_t fd, short what, void *ctx) {
    (void)fd, (void)what;
    struct budgets *budgets = ctx;
    if (frontends_stamp(config_str(budgets->config, CONFIG_gateway_frontends_dir)) !=
        budgets->stamp)
        load_frontends(budgets);
}

int budgets_new(struct event_base *base, const struct config *config, const struct records *records,
                struct budgets **ret) {
    struct budgets *budgets = calloc(1, sizeof(*budgets));
    if (budgets == NULL)
        return -ENOMEM;
    budgets->config = config;
    budgets->records = records;
    budgets->look = event_new(base, -1, EV_PERSIST, on_look, budgets);
    struct timeval every = {LOOK_MS / 1000, LOOK_MS % 1000 * 1000};
    if (budgets->look == NULL || event_add(budgets->look, &every) < 0) {
        budgets_free(budgets);
        return -ENOMEM;
    }
    load_frontends(budgets);
    *ret = budgets;
    return 0;
}

void budgets_free(struct budgets *budgets) {
    if (budgets == NULL)
        return;
    if (budgets->look != NULL)
        event_free(budgets->look);
    frontends_free(budgets->frontends);
    free(budgets);
}

/* ---- judging ---- */

struct budget {
    const char *whose;
    uint64_t tokens, spend; /* limits; 0: none */
    struct store_used used;
};

static uint64_t own_or(uint64_t own, uint64_t fallback) {
    return own == FRONTEND_BUDGET_DEFAULT ? fallback : own;
}

static struct budget budget_of_user(const struct budgets *budgets) {
    return (struct budget){"This user's",
                           config_u64(budgets->config, CONFIG_budgets_user_tokens_per_day),
                           config_u64(budgets->config, CONFIG_budgets_user_spend_per_day),
                           {0}};
}

static struct budget budget_of_frontend(const struct budgets *budgets, const char *name) {
    const struct frontend *frontend =
        budgets->frontends != NULL ? frontends_by_name(budgets->frontends, name) : NULL;
    struct budget budget = {"This frontend's",
                            config_u64(budgets->config, CONFIG_budgets_frontend_tokens_per_day),
                            config_u64(budgets->config, CONFIG_budgets_frontend_spend_per_day),
                            {0}};
    if (frontend != NULL) {
        budget.tokens = own_or(frontend->tokens_per_day, budget.tokens);
        budget.spend = own_or(frontend->spend_per_day, budget.spend);
    }
    return budget;
}

static struct budget budget_of_server(const struct budgets *budgets) {
    return (struct budget){"This server's",
                           config_u64(budgets->config, CONFIG_budgets_tokens_per_day),
                           config_u64(budgets->config, CONFIG_budgets_spend_per_day),
                           {0}};
}

static struct store_used add(struct store_used a, struct store_used b) {
    return (struct store_used){a.tokens + b.tokens, a.spend + b.spend};
}

static void refuse(const struct budget *budget, const char *what, int64_t now_ms,
                   struct budget_refusal *ret) {
    uint64_t wait = (uint64_t)(DAY_MS - now_ms % DAY_MS);
    unsigned minutes = (unsigned)((wait + MINUTE_MS - 1) / MINUTE_MS);
    char in[32];
    if (minutes >= 60)
        (void)snprintf(in, sizeof(in), "%u h %u min", minutes / 60, minutes % 60);
    else
        (void)snprintf(in, sizeof(in), "%u min", minutes);
    (void)snprintf(ret->detail, sizeof(ret->detail),
                   "%s %s budget for today is used up. A fresh one begins at 00:00 UTC, in %s.",
                   budget->whose, what, in);
    ret->retry_after_ms = wait;
}

/* The smaller of what is left so far and what this limit leaves. False: it leaves nothing. */
static bool narrow(uint64_t limit, uint64_t used, uint64_t *left) {
    if (limit == 0)
        return true;
    if (used >= limit)
        return false;
    if (*left == 0 || limit - used < *left)
        *left = limit - used;
    return true;
}

bool budgets_allow(const struct budgets *budgets, const char *frontend,
                   const struct store_session *session, int64_t now_ms,
                   struct budget_left *ret_left, struct budget_refusal *ret_refusal) {
    struct budget list[] = {budget_of_user(budgets), budget_of_frontend(budgets, frontend),
                            budget_of_server(budgets)};
    struct records_waiting waiting =
        records_waiting(budgets->records, session->user, frontend, session->turns_today);
    list[0].used = add(session->user_today, waiting.user);
    list[1].used = add(session->frontend_today, waiting.frontend);
    list[2].used = add(session->server_today, waiting.server);
    struct budget_left left = {0};
    for (size_t i = 0; i < COUNT_OF(list); i++) {
        if (!narrow(list[i].tokens, list[i].used.tokens, &left.tokens)) {
            refuse(&list[i], "token", now_ms, ret_refusal);
            return false;
        }
        if (!narrow(list[i].spend, list[i].used.spend, &left.spend)) {
            refuse(&list[i], "spending", now_ms, ret_refusal);
            return false;
        }
    }
    *ret_left = left;
    return true;
}
