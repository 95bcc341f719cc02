/* /businesses: the owner's businesses; /businesses/{slug}: one of them, edited, looked at,
 * published. */
#include <stdio.h>
#include <string.h>

#include "gateway/office.h"
#include "gateway/pages.h"
#include "gateway/query.h"

/* ---- the list ---- */

static void put_own(struct html *html, const json_t *own) {
    const char *slug = json_text(own, "slug"), *name = json_text(own, "name");
    const json_t *published = json_object_get(own, "published");
    html_put(html, "<li class=\"row\">\n<h2><a href=\"/businesses/%s\" dir=\"auto\">%s</a></h2>\n",
             slug, name[0] != '\0' ? name : slug);
    if (json_is_boolean(published))
        html_put(html, "<span class=\"badge%s\">%s</span>\n", json_is_true(published) ? "" : " off",
                 json_is_true(published) ? "Published" : "Not published");
    html_put(html, "</li>\n");
}

static void put_create(struct html *html, const struct call *call) {
    const struct office *office = call->state;
    html_put(html, "<section class=\"panel\" aria-labelledby=\"new-title\">\n<h2 "
                   "id=\"new-title\">Add a business</h2>\n");
    office_form_begin(html, "/businesses", office->page.csrf, "create");
    html_put(html,
             "<p class=\"field\"><label for=\"new-name\">Name</label>\n<input id=\"new-name\" "
             "name=\"name\" value=\"%s\" maxlength=\"120\" dir=\"auto\" required></p>\n"
             "<p class=\"field\"><label for=\"new-slug\">Name in its address <small>lower case "
             "letters, digits, hyphens</small></label>\n<input id=\"new-slug\" name=\"slug\" "
             "value=\"%s\" maxlength=\"64\" pattern=\"[a-z0-9]+(-[a-z0-9]+)*\" required></p>\n",
             json_text(call->body, "name"), json_text(call->body, "slug"));
    html_put(html, "<p class=\"field\"><label for=\"new-timezone\">Time zone</label>\n<select "
                   "id=\"new-timezone\" name=\"timezone\" required>\n");
    page_zone_options(html, json_text(call->body, "timezone"), "");
    html_put(html, "</select></p>\n<p class=\"go\"><button class=\"button small\">Add "
                   "it</button></p>\n</form>\n</section>\n");
}

static void show_list(struct call *call) {
    const struct office *office = call->state;
    const json_t *list = json_object_get(office->result, "businesses"), *own;
    size_t index;
    struct html html;
    if (html_begin(&html) < 0) {
        call_refuse(call, 503, "full", "The server is out of memory.");
        return;
    }
    page_trouble(&html, &office->trouble);
    html_put(&html, "<h1>Your businesses</h1>\n");
    if (json_array_size(list) == 0)
        html_put(&html, "<p class=\"lead\">Customers and their assistants can find you, ask, and "
                        "book times that are free in your calendar.</p>\n");
    html_put(&html, "<ul class=\"rows\">\n");
    json_array_foreach(list, index, own) put_own(&html, own);
    html_put(&html, "</ul>\n");
    put_create(&html, call);
    office_show(call, "businesses", "Businesses", &html);
}

static void ask_list(struct call *call) {
    office_ask(call, "list_own_businesses", json_object(), show_list);
}

void handle_businesses_page(struct call *call) {
    if (office_new(call) != NULL)
        office_session(call, ask_list);
}

/* ---- a new one ---- */

static bool on_created(void *ctx, enum upstream_end end, const Cloister__Message *message) {
    struct call *call = ctx;
    const struct office *office = call->state;
    char path[96];
    if (office_take(call, end, message)) {
        (void)snprintf(path, sizeof(path), "/businesses/%s?done=saved",
                       json_text(call->body, "slug"));
        office_go(call, path);
    } else if (office->trouble.title[0] != '\0') {
        office_session(call, ask_list);
    }
    return false;
}

static void refuse_slug(struct call *call, const char *text) {
    struct office *office = call->state;
    office->trouble = (struct page_trouble){"That name cannot be taken", text, "new-slug"};
    office_session(call, ask_list);
}

/* One of this name that is there already is not to be written over. */
static bool on_looked(void *ctx, enum upstream_end end, const Cloister__Message *message) {
    struct call *call = ctx;
    struct office *office = call->state;
    struct problem problem;
    call->ask = 0;
    json_t *object = business_result(end, message, &problem, NULL);
    if (object != NULL) {
        json_decref(object);
        refuse_slug(call, "You have a business of that name already.");
    } else if (problem.status == 404 && strcmp(problem.code, "unknown_business") == 0) {
        json_t *profile =
            json_pack("{s:s, s:{s:s}, s:{s:b, s:b}}", "name", json_text(call->body, "name"),
                      "hours", "timezone", json_text(call->body, "timezone"), "features", "booking",
                      1, "inquiries", 1);
        business_ask(
            call, "", "put_business",
            json_pack("{s:s, s:o}", "slug", json_text(call->body, "slug"), "profile", profile),
            on_created);
    } else if (strcmp(problem.code, "not_owner") == 0) {
        refuse_slug(call, "Somebody else has a business of that name.");
    } else if (!office_take(call, end, message) && office->trouble.title[0] != '\0') {
        office_session(call, ask_list);
    }
    return false;
}

void handle_businesses_form(struct call *call) {
    static const struct field rows[] = {
        {"csrf", FIELD_VISIBLE, false, TOKEN_MAX, NULL},
        {"name", FIELD_NAME, true, 480, NULL},
        {"slug", FIELD_VISIBLE, true, 255, NULL},
        {"timezone", FIELD_TIMEZONE, true, TIMEZONE_MAX, NULL},
    };
    if (!call_fields(call, rows, COUNT_OF(rows)) || office_new(call) == NULL)
        return;
    if (slug_fits(json_text(call->body, "slug")))
        business_ask(call, "", "get_own_business",
                     json_pack("{s:s}", "slug", json_text(call->body, "slug")), on_looked);
    else
        refuse_slug(call, "Use 1 to 64 lower case letters, digits and hyphens.");
}

/* ---- one of them ---- */

static bool slug_there(struct call *call) {
    if (slug_fits(call->param[0]))
        return true;
    call_refuse(call, 404, "not_found", "There is no such business.");
    return false;
}

static json_t *slug_of(const struct call *call) {
    return json_pack("{s:s}", "slug", call->param[0]);
}

static void show_preview(struct call *call, const json_t *draft) {
    const struct page_profile view = {.profile = draft,
                                      .slug = call->param[0],
                                      .service = "",
                                      .key_book = "",
                                      .key_inquire = "",
                                      .trouble = {"", "", ""},
                                      .preview = true};
    struct html html;
    if (html_begin(&html) < 0) {
        call_refuse(call, 503, "full", "The server is out of memory.");
        return;
    }
    page_profile(&html, &view);
    html_put(&html,
             "<p><a class=\"button plainer\" href=\"/businesses/%s\">Back to editing</a></p>\n",
             call->param[0]);
    office_show(call, "businesses", json_text(draft, "name"), &html);
}

/* The part that was just saved; "" for none of them. */
static const char *part_saved(const struct call *call) {
    static const char *const parts[] = {"about",      "place",    "contact", "features",
                                        "attributes", "services", "hours"};
    char word[16];
    if (query_get(call->query, "at", word, sizeof(word)) == 1)
        for (size_t i = 0; i < COUNT_OF(parts); i++)
            if (strcmp(parts[i], word) == 0)
                return parts[i];
    return "";
}

static void show_edit(struct call *call) {
    struct office *office = call->state;
    const json_t *draft =
        office->profile != NULL ? office->profile : json_object_get(office->result, "draft");
    char word[4], url[700];
    struct html html;
    if (query_get(call->query, "preview", word, sizeof(word)) == 1 && office->profile == NULL) {
        show_preview(call, draft);
        return;
    }
    (void)snprintf(url, sizeof(url), "%s/b/%s",
                   config_str(call->gateway->config, CONFIG_gateway_public_pages_url),
                   call->param[0]);
    const char *at = part_saved(call);
    office->noticed = at[0] != '\0';
    const struct office_edit edit = {.slug = call->param[0],
                                     .csrf = office->page.csrf,
                                     .public_url = url,
                                     .draft = draft,
                                     .published = json_object_get(office->result, "published"),
                                     .missing = json_object_get(office->result, "missing"),
                                     .refused = office->profile != NULL ? call->body : NULL,
                                     .at = at,
                                     .notice = office_notice(call),
                                     .trouble = &office->trouble};
    if (html_begin(&html) < 0) {
        call_refuse(call, 503, "full", "The server is out of memory.");
        return;
    }
    office_profile(&html, &edit);
    office_show(call, "businesses", json_text(draft, "name"), &html);
}

static void ask_one(struct call *call) {
    office_ask(call, "get_own_business", slug_of(call), show_edit);
}

void handle_business_page(struct call *call) {
    if (slug_there(call) && office_new(call) != NULL)
        office_session(call, ask_one);
}

/* ---- its forms ---- */

static void back(struct call *call, const char *done, const char *where) {
    char path[200];
    (void)snprintf(path, sizeof(path), "/businesses/%.64s?done=%s%s%s%s%s", call->param[0], done,
                   where[0] == '\0' ? "" : "&at=", where, where[0] == '\0' ? "" : "#", where);
    office_go(call, path);
}

/* The part of the page that a form stands in. */
static const char *place_of(const char *act) {
    return strstr(act, "service") != NULL                                  ? "services"
           : strstr(act, "exception") != NULL || strcmp(act, "hours") == 0 ? "hours"
                                                                           : act;
}

static bool on_saved(void *ctx, enum upstream_end end, const Cloister__Message *message) {
    struct call *call = ctx;
    struct office *office = call->state;
    json_t *before = json_incref(office->result); /* what the page shows if it is refused */
    if (office_take(call, end, message))
        back(call, "saved", place_of(json_text(call->body, "act")));
    else if (office->trouble.title[0] != '\0')
        office_session(call, show_edit);
    json_decref(before);
    return false;
}

static void save(struct call *call) {
    struct office *office = call->state;
    office->profile = json_deep_copy(json_object_get(office->result, "draft"));
    if (office->profile == NULL)
        office->profile = json_object();
    if (!office_apply(office->profile, json_text(call->body, "act"), call->body)) {
        call_refuse(call, 400, "invalid_field", "'act' is none of the page's.");
        return;
    }
    json_t *arguments = slug_of(call);
    (void)json_object_set(arguments, "profile", office->profile);
    business_ask(call, "", "put_business", arguments, on_saved);
}

static bool on_acted(void *ctx, enum upstream_end end, const Cloister__Message *message) {
    struct call *call = ctx;
    const struct office *office = call->state;
    const char *act = json_text(call->body, "act");
    if (!office_take(call, end, message)) {
        if (office->trouble.title[0] != '\0')
            office_session(call, ask_one);
    } else if (strcmp(act, "delete") == 0) {
        office_go(call, "/businesses?done=deleted");
    } else {
        back(call, strcmp(act, "publish") == 0 ? "published" : "unpublished", "");
    }
    return false;
}

void handle_business_form(struct call *call) {
    static const struct field rows[] = {{"csrf", FIELD_VISIBLE, false, TOKEN_MAX, NULL},
                                        {"act", FIELD_VISIBLE, true, 32, NULL}};
    static const struct {
        const char *act, *operation;
    } acts[] = {{"publish", "publish_business"},
                {"unpublish", "unpublish_business"},
                {"delete", "delete_business"}};
    bool sure;
    if (!slug_there(call) || !call_fields(call, rows, COUNT_OF(rows)) ||
        !call_box(call, "sure", &sure) || office_new(call) == NULL)
        return;
    const char *act = json_text(call->body, "act");
    if (strcmp(act, "delete") == 0 && !sure) {
        back(call, "unsure", "");
        return;
    }
    for (size_t i = 0; i < COUNT_OF(acts); i++)
        if (strcmp(acts[i].act, act) == 0) {
            business_ask(call, "", acts[i].operation, slug_of(call), on_acted);
            return;
        }
    office_ask(call, "get_own_business", slug_of(call), save);
}
