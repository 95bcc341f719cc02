/* /businesses/{slug}/notifications: where the owner is told of what happens to a business, and of
 * what. */
#include <stdio.h>
#include <string.h>

#include "gateway/office.h"
#include "gateway/pages.h"

#define EMAILS_LEN 2048

static const struct {
    const char *kind, *label;
} kinds[] = {
    {"booking_confirmed", "Somebody books"},
    {"booking_moved", "A booking is moved"},
    {"booking_cancelled", "One is cancelled"},
    {"inquiry_new", "Somebody asks"},
    {"calendar_trouble", "The calendar cannot be used"},
};

static bool has(const json_t *list, const char *word) {
    size_t index;
    const json_t *one;
    json_array_foreach(list, index, one) {
        if (strcmp(json_string_value(one), word) == 0)
            return true;
    }
    return false;
}

/* The entries of a list of texts, apart by ", ". */
static void join(const json_t *list, char *out, size_t cap) {
    size_t index, used = 0;
    const json_t *one;
    out[0] = '\0';
    json_array_foreach(list, index, one) {
        int n =
            snprintf(out + used, cap - used, "%s%s", index > 0 ? ", " : "", json_string_value(one));
        if (n < 0 || (size_t)n >= cap - used) {
            out[used] = '\0';
            return;
        }
        used += (size_t)n;
    }
}

/* Of a form that was refused: what was typed is shown again. */
static const json_t *typed(const struct call *call) {
    const struct office *office = call->state;
    return office->trouble.title[0] != '\0' ? call->body : NULL;
}

static void put_kinds(struct html *html, const json_t *chosen, const json_t *form) {
    html_put(html, "<fieldset class=\"checks\"><legend>Of what</legend>\n");
    for (size_t i = 0; i < COUNT_OF(kinds); i++)
        html_put(
            html,
            "<label class=\"check\"><input type=\"checkbox\" name=\"%s\" value=\"1\"%s> "
            "%s</label>\n",
            kinds[i].kind,
            (form != NULL ? json_text(form, kinds[i].kind)[0] == '1' : has(chosen, kinds[i].kind))
                ? " checked"
                : "",
            kinds[i].label);
    html_put(html, "</fieldset>\n");
}

static void put_webhook(struct html *html, const json_t *told, const json_t *form) {
    const json_t *hosts = json_object_get(told, "webhook_hosts");
    const char *url = json_text(told, "webhook_url"), *secret = json_text(told, "webhook_secret");
    char list[EMAILS_LEN];
    if (json_array_size(hosts) == 0 && *url == '\0')
        return;
    join(hosts, list, sizeof(list));
    html_put(html,
             "<p class=\"field\"><label for=\"webhook\">Address of a webhook <small>for programs; "
             "https, at one of %s; signed as Standard Webhooks are</small></label>\n<input "
             "id=\"webhook\" name=\"webhook_url\" type=\"url\" value=\"%s\" maxlength=\"500\" "
             "dir=\"auto\"></p>\n",
             list, form != NULL ? json_text(form, "webhook_url") : url);
    if (*secret == '\0')
        return;
    html_put(html,
             "<p class=\"field\"><label for=\"secret\">The key of its signatures</label>\n<input "
             "id=\"secret\" value=\"%s\" readonly></p>\n<label class=\"check\"><input "
             "type=\"checkbox\" name=\"fresh\" value=\"1\"> Make another key</label>\n",
             secret);
}

static void show(struct call *call) {
    const struct office *office = call->state;
    const json_t *told = office->result, *form = typed(call);
    char path[128], emails[EMAILS_LEN];
    struct html html;
    if (html_begin(&html) < 0) {
        call_refuse(call, 503, "full", "The server is out of memory.");
        return;
    }
    (void)snprintf(path, sizeof(path), "/businesses/%.64s/notifications", call->param[0]);
    join(json_object_get(told, "emails"), emails, sizeof(emails));
    page_trouble(&html, &office->trouble);
    html_put(&html, "<h1>Where you are told</h1>\n<section class=\"panel\">\n");
    office_form_begin(&html, path, office->page.csrf, "save");
    html_put(&html,
             "<p class=\"field\"><label for=\"emails\">Mail addresses <small>up to 5, with commas "
             "between them; empty: no mail</small></label>\n<input id=\"emails\" name=\"emails\" "
             "value=\"%s\" dir=\"auto\"></p>\n",
             form != NULL ? json_text(form, "emails") : emails);
    put_kinds(&html, json_object_get(told, "kinds"), form);
    put_webhook(&html, told, form);
    html_put(&html,
             "<p class=\"go\"><button class=\"button small\">Save</button></p>\n</form>\n"
             "</section>\n<p><a href=\"/businesses/%s\">Back to the business</a></p>\n",
             call->param[0]);
    office_show(call, "businesses", "Where you are told", &html);
}

static json_t *slug_of(const struct call *call) {
    return json_pack("{s:s}", "slug", call->param[0]);
}

static void ask(struct call *call) {
    office_ask(call, "get_notifications", slug_of(call), show);
}

static bool slug_there(struct call *call) {
    if (slug_fits(call->param[0]))
        return true;
    call_refuse(call, 404, "not_found", "There is no such business.");
    return false;
}

void handle_notices_page(struct call *call) {
    if (slug_there(call) && office_new(call) != NULL)
        office_session(call, ask);
}

/* ---- its form ---- */

static bool on_saved(void *ctx, enum upstream_end end, const Cloister__Message *message) {
    struct call *call = ctx;
    const struct office *office = call->state;
    char path[160];
    (void)snprintf(path, sizeof(path), "/businesses/%.64s/notifications?done=told", call->param[0]);
    if (office_take(call, end, message))
        office_go(call, path);
    else if (office->trouble.title[0] != '\0')
        office_session(call, ask);
    return false;
}

static json_t *list_of(const char *text) {
    SCOPE_FREE char *copy = strdup(text);
    json_t *list = json_array();
    char *save = NULL;
    for (char *word = copy == NULL ? NULL : strtok_r(copy, ", ;\t\r\n", &save); word != NULL;
         word = strtok_r(NULL, ", ;\t\r\n", &save))
        (void)json_array_append_new(list, json_string(word));
    return list;
}

/* NULL: answered. */
static json_t *wishes(struct call *call) {
    bool chosen, fresh;
    json_t *told = json_array();
    for (size_t i = 0; i < COUNT_OF(kinds); i++) {
        if (!call_box(call, kinds[i].kind, &chosen)) {
            json_decref(told);
            return NULL;
        }
        if (chosen)
            (void)json_array_append_new(told, json_string(kinds[i].kind));
    }
    if (!call_box(call, "fresh", &fresh)) {
        json_decref(told);
        return NULL;
    }
    json_t *arguments = slug_of(call);
    (void)json_object_set_new(arguments, "kinds", told);
    (void)json_object_set_new(arguments, "emails", list_of(json_text(call->body, "emails")));
    (void)json_object_set_new(arguments, "webhook_url",
                              json_string(json_text(call->body, "webhook_url")));
    (void)json_object_set_new(arguments, "new_webhook_secret", json_boolean(fresh));
    return arguments;
}

void handle_notices_form(struct call *call) {
    static const struct field rows[] = {{"csrf", FIELD_VISIBLE, false, TOKEN_MAX, NULL},
                                        {"act", FIELD_VISIBLE, true, 32, NULL},
                                        {"emails", FIELD_TEXT, false, EMAILS_LEN, NULL},
                                        {"webhook_url", FIELD_TEXT, false, 500, NULL}};
    if (!slug_there(call) || !call_fields(call, rows, COUNT_OF(rows)) || office_new(call) == NULL)
        return;
    json_t *arguments = wishes(call);
    if (arguments != NULL)
        business_ask(call, "", "set_notifications", arguments, on_saved);
}
