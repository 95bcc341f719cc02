#include "business/told.h"

static bool is_set(const struct business_server *server, enum config_key key) {
    return config_str(server->config, key)[0] != '\0';
}

json_t *told_put(const struct business_server *server, json_t *result, json_t *customer) {
    bool address = json_string_length(json_object_get(customer, "email")) > 0,
         sent = is_set(server, CONFIG_notify_smtp_url) || is_set(server, CONFIG_notify_webhook_url);
    if (result == NULL)
        return NULL;
    (void)json_object_set_new(result, "told", json_boolean(address && sent));
    if (customer != NULL)
        (void)json_object_set(result, "customer", customer);
    return result;
}
