/* Settings and parsed certificates, made once in the zygote and shared by every turn after it. */
#include <curl/curl.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "agent/answer.h"
#include "agent/tools.h"
#include "agent/turn_state.h"
#include "ipc/swap.h"

static int refuse(char *why, size_t why_len, const char *text) {
    (void)snprintf(why, why_len, "%s", text);
    return -EINVAL;
}

static const char *keep(struct turn_world *world, const char *text) {
    for (size_t i = 0; i < COUNT_OF(world->strings); i++)
        if (world->strings[i] == NULL)
            return world->strings[i] = strdup(text);
    return NULL;
}

static int read_settings(struct turn_world *world, const struct config *config, char *why,
                         size_t why_len) {
    const char *base = config_str(config, CONFIG_model_base_url);
    world->google.client_id = keep(world, config_str(config, CONFIG_google_client_id));
    world->google.token_url = keep(world, config_str(config, CONFIG_google_token_url));
    world->google.revoke_url = keep(world, config_str(config, CONFIG_google_revoke_url));
    world->google.calendar_url = keep(world, config_str(config, CONFIG_google_calendar_url));
    world->model.model = keep(world, config_str(config, CONFIG_model_model));
    world->model.dialect = model_dialect_of(config_str(config, CONFIG_model_provider));
    if (world->model.dialect == NULL)
        return refuse(why, why_len, "[model] provider must be anthropic or openai.");
    world->model.completion_tokens = model_is_openai_host(base);
    world->model.url = model_url(world->model.dialect, base);
    if (world->model.url == NULL || url_pair_of(base, world->model_host) < 0)
        return refuse(why, why_len, "[model] base_url is not an http or https address.");
    uint64_t tokens = config_u64(config, CONFIG_model_max_output_tokens);
    world->max_output_tokens = tokens < 1 ? 1 : tokens > 1000000 ? 1000000 : (uint32_t)tokens;
    world->notes_bytes = (size_t)config_u64(config, CONFIG_agents_notes_bytes);
    world->public_url = keep(world, config_str(config, CONFIG_gateway_public_url));
    world->public_pages_url = keep(world, config_str(config, CONFIG_gateway_public_pages_url));
    world->grant_ms = config_u64(config, CONFIG_gateway_grant_ms);
    world->input_price = config_u64(config, CONFIG_budgets_input_price);
    world->output_price = config_u64(config, CONFIG_budgets_output_price);
    return world->model.model != NULL ? 0 : -ENOMEM;
}

static int read_trust(struct turn_world *world, const struct config *config, char *why,
                      size_t why_len) {
    const char *google = config_str(config, CONFIG_google_ca_file);
    const char *model = config_str(config, CONFIG_model_ca_file);
    int r = http_trust_new(google, &world->google_trust, why, why_len);
    if (r < 0)
        return r;
    world->google.trust = world->model.trust = world->google_trust;
    if (strcmp(google, model) == 0)
        return 0;
    r = http_trust_new(model, &world->model_trust, why, why_len);
    world->model.trust = world->model_trust;
    return r;
}

/* Lazy tables are filled here, so that turns share the pages instead of each making its own. */
static int warm(char *why, size_t why_len) {
    if (seal_init() < 0)
        return refuse(why, why_len, "libsodium does not start.");
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
        return refuse(why, why_len, "libcurl does not start.");
    if (!zone_valid("UTC"))
        return refuse(why, why_len, "The time zone files are missing: install tzdata.");
    (void)zone_offset("Europe/Berlin", wall_ms() / 1000);
    (void)zone_offset("UTC", wall_ms() / 1000);
    struct taint *taint = taint_new();
    struct answer *answer = answer_new(taint, NULL, NULL, NULL);
    if (taint != NULL && answer != NULL) {
        answer_allow(answer, "Caf\u00e9: https://www.example.com/a, b\u00fccher.de, 例え.みんな.");
        free(answer_once(answer, "👩‍👧 W\u00f6rter, example.com."));
    }
    answer_free(answer);
    taint_free(taint);
    json_t *json = json_loads("{\"a\":[1,2.5,\"b\"]}", 0, NULL);
    char *text = json_dumps(json, JSON_COMPACT);
    free(text);
    json_decref(json);
    return 0;
}

static void world_free(struct turn_world *world) {
    http_trust_free(world->google_trust);
    http_trust_free(world->model_trust);
    for (size_t i = 0; i < COUNT_OF(world->strings); i++)
        free(world->strings[i]);
    free(world->model.url);
    free(world);
}

int turn_world_new(const struct config *config, struct turn_world **ret, char *why,
                   size_t why_len) {
    struct turn_world *world = calloc(1, sizeof(*world));
    if (world == NULL)
        return -ENOMEM;
    if (swap_harmless(config))
        secret_unlocked_is_fine();
    int r = read_settings(world, config, why, why_len);
    if (r == 0)
        r = read_trust(world, config, why, why_len);
    size_t ntools;
    const struct model_tool *tools = tools_list(&ntools);
    if (r == 0)
        r = warm(why, why_len);
    if (r == 0)
        r = model_warm(&world->model, tools, ntools);
    if (r < 0)
        world_free(world);
    else
        *ret = world;
    return r;
}
