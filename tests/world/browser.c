#include "tests/world/browser.h"

#include <stdio.h>
#include <string.h>

#include "tests/world/server.h"

#define COOKIE       "stand-in-google"
#define BROWSERS_MAX 10000

/* The value of our cookie, or "". */
static void cookie_read(const struct exchange *x, char out[static 65]) {
    const char *header = exchange_header(x, "Cookie");
    out[0] = '\0';
    for (const char *p = header; p != NULL && *p != '\0';
         p += strcspn(p, ";"), p += strspn(p, "; "))
        if (strncmp(p, COOKIE "=", strlen(COOKIE) + 1) == 0)
            (void)sscanf(p + strlen(COOKIE) + 1, "%64[0-9a-f]", out);
}

const json_t *browser_accounts(const struct exchange *x) {
    char id[65];
    cookie_read(x, id);
    const json_t *list = json_object_get(x->world->browsers, id);
    return json_array_size(list) > 0 ? list : NULL;
}

bool browser_has(const struct exchange *x, const char *account) {
    const json_t *name;
    size_t i;
    json_array_foreach(browser_accounts(x), i, name) {
        if (strcmp(json_string_value(name), account) == 0)
            return true;
    }
    return false;
}

static void cookie_write(struct exchange *x, const char *id) {
    char text[200];
    snprintf(text, sizeof(text), COOKIE "=%s; Path=/o/; HttpOnly; SameSite=Lax%s", id,
             exchange_is_tls(x) ? "; Secure" : "");
    answer_header(x, "Set-Cookie", text);
}

void browser_remember(struct exchange *x, const char *account) {
    char id[65];
    json_t *browsers = x->world->browsers;
    cookie_read(x, id);
    json_t *list = json_object_get(browsers, id);
    if (list == NULL) {
        if (json_object_size(browsers) >= BROWSERS_MAX)
            json_object_clear(browsers);
        random_hex(id, 48);
        list = json_array();
        json_object_set_new(browsers, id, list);
        cookie_write(x, id);
    }
    for (size_t i = json_array_size(list); i-- > 0;)
        if (strcmp(json_string_value(json_array_get(list, i)), account) == 0)
            json_array_remove(list, i);
    json_array_insert_new(list, 0, json_string(account));
}
