/* The edit page of a business: every part of the draft is a form of its own. */
#include "gateway/office_parts.h"

#include <stdio.h>
#include <string.h>

void part_begin(struct part *part, const char *act) {
    (void)snprintf(part->id, sizeof(part->id), "%s", act);
    office_form_begin(part->html, part->path, part->edit->csrf, act);
}

void part_end(struct part *part) {
    html_put(part->html,
             "<p class=\"go\"><button class=\"button small\">Save</button></p>\n</form>\n");
}

static void put_value(struct part *part, const char *type, const char *name, const char *label,
                      const char *hint, const char *value) {
    html_put(part->html, "<p class=\"field\"><label for=\"%s-%s\">%s", part->id, name, label);
    if (hint[0] != '\0')
        html_put(part->html, " <small>%s</small>", hint);
    html_put(part->html, "</label>\n<input id=\"%s-%s\" name=\"%s\"", part->id, name, name);
    html_put(part->html, " type=\"%s\" value=\"%s\" dir=\"auto\"%s></p>\n", type, value,
             strcmp(name, "name") == 0 ? " required" : "");
}

/* A draft may hold a number where a form had text, and the other way round. */
static void value_of(const json_t *object, const char *name, char out[static 64]) {
    const json_t *value = json_object_get(object, name);
    out[0] = '\0';
    if (json_is_integer(value))
        (void)snprintf(out, 64, "%lld", (long long)json_integer_value(value));
    else if (json_is_real(value))
        (void)snprintf(out, 64, "%.10g", json_real_value(value));
    else if (json_is_string(value))
        (void)snprintf(out, 64, "%.60s", json_string_value(value));
}

static void put_text(struct part *part, const json_t *object, const char *name, const char *label,
                     const char *hint) {
    put_value(part, "text", name, label, hint, json_text(object, name));
}

static void put_number(struct part *part, const json_t *object, const char *key, const char *name,
                       const char *label, const char *hint) {
    char value[64];
    value_of(object, key, value);
    if (!utf8_valid(value, strlen(value)))
        value[0] = '\0';
    put_value(part, "text", name, label, hint, value);
}

static void put_area(struct part *part, const char *name, const char *label, const char *hint,
                     const char *value, int rows) {
    html_put(part->html,
             "<p class=\"field\"><label for=\"%s-%s\">%s <small>%s</small></label>\n"
             "<textarea id=\"%s-%s\" name=\"%s\" rows=\"%d\" dir=\"auto\">%s</textarea></p>\n",
             part->id, name, label, hint, part->id, name, name, rows, value);
}

void part_section(struct part *part, const char *id, const char *title) {
    html_put(part->html,
             "<section class=\"panel\" id=\"%s\" aria-labelledby=\"%s-title\">\n"
             "<h2 id=\"%s-title\">%s</h2>\n",
             id, id, id, title);
    if (strcmp(part->edit->at, id) == 0)
        html_put(part->html, "<p class=\"notice\" role=\"status\">%s</p>\n", part->edit->notice);
}

static void put_about(struct part *part) {
    const json_t *draft = part->edit->draft;
    char languages[256] = "";
    size_t index;
    const json_t *one;
    json_array_foreach(json_object_get(draft, "languages"), index, one) {
        size_t used = strlen(languages);
        (void)snprintf(languages + used, sizeof(languages) - used, "%s%s", index > 0 ? ", " : "",
                       json_string_value(one) != NULL ? json_string_value(one) : "");
    }
    part_section(part, "about", "About");
    part_begin(part, "about");
    put_text(part, draft, "name", "Name", "");
    put_text(part, draft, "category", "Kind of business", "a word, such as hairdresser");
    put_text(part, draft, "summary", "In a sentence", "");
    put_area(part, "description", "Description", "", json_text(draft, "description"), 5);
    put_value(part, "text", "languages", "Languages", "such as en, de", languages);
    put_text(
        part, draft, "image_url", "Address of an image",
        "for assistants; pages show the first letter of the name, so that nobody is fetched from "
        "elsewhere");
    part_end(part);
    html_put(part->html, "</section>\n");
}

static void put_place(struct part *part) {
    const json_t *address = json_object_get(part->edit->draft, "address"),
                 *location = json_object_get(part->edit->draft, "location"),
                 *area = json_object_get(part->edit->draft, "service_area");
    part_section(part, "place", "Where");
    part_begin(part, "place");
    put_text(part, address, "street", "Street and number", "");
    html_put(part->html, "<div class=\"pair\">\n");
    put_text(part, address, "postal_code", "Postal code", "");
    put_text(part, address, "city", "Town", "");
    put_text(part, address, "region", "Region", "");
    put_text(part, address, "country", "Country", "two letters");
    put_number(part, location, "latitude", "latitude", "Latitude", "");
    put_number(part, location, "longitude", "longitude", "Longitude", "");
    html_put(part->html, "</div>\n<h3>If you go to customers</h3>\n<div class=\"pair\">\n");
    put_value(part, "text", "area_place", "Area", "such as Berlin", json_text(area, "place"));
    put_number(part, area, "radius_km", "area_radius_km", "Kilometres around", "");
    put_value(part, "text", "area_country", "Area's country", "two letters",
              json_text(area, "country"));
    html_put(part->html, "</div>\n");
    part_end(part);
    html_put(part->html, "</section>\n");
}

/* ---- services ---- */

static void put_modes(struct part *part, const char *mode) {
    html_put(part->html,
             "<p class=\"field\"><label for=\"%s-mode\">Where</label>\n<select id=\"%s-mode\" "
             "name=\"mode\">\n",
             part->id, part->id);
    html_option(part->html, "at_business", "at your business", strcmp(mode, "at_business") == 0);
    html_option(part->html, "at_customer", "at the customer's", strcmp(mode, "at_customer") == 0);
    html_option(part->html, "remote", "by phone or video", strcmp(mode, "remote") == 0);
    html_put(part->html, "</select></p>\n");
}

/* Its form was refused, be it as one that was to be added: that is the last. */
static bool is_refused(const struct part *part, const json_t *service, size_t index) {
    const json_t *form = part->edit->refused;
    const char *id = json_text(form, "id");
    size_t n = json_array_size(json_object_get(part->edit->draft, "services"));
    return strcmp(json_text(form, "act"), "service") == 0 && service != NULL &&
           (id[0] == '\0' ? index + 1 == n : strcmp(id, json_text(service, "id")) == 0);
}

static void put_service(struct part *part, const json_t *service, size_t index) {
    const json_t *price = json_object_get(service, "price");
    const char *id = json_text(service, "id");
    html_put(part->html, "<details%s>\n<summary>%s</summary>\n",
             is_refused(part, service, index) ? " open" : "",
             service == NULL ? "Add a service" : json_text(service, "name"));
    office_form_begin(part->html, part->path, part->edit->csrf, "service");
    (void)snprintf(part->id, sizeof(part->id), "service%zu", index);
    html_put(part->html, "<input type=\"hidden\" name=\"id\" value=\"%s\">\n", id);
    put_text(part, service, "name", "Name", "");
    put_area(part, "description", "Description", "optional", json_text(service, "description"), 2);
    html_put(part->html, "<div class=\"pair\">\n");
    put_number(part, service, "duration_minutes", "duration_minutes", "Takes", "minutes");
    put_modes(part, json_text(service, "mode"));
    put_number(part, price, "min", "price_min", "Price from", "optional");
    put_number(part, price, "max", "price_max", "Price to", "optional");
    put_value(part, "text", "price_currency", "Currency", "such as EUR",
              json_text(price, "currency"));
    put_number(part, service, "step_minutes", "step_minutes", "Starts every", "minutes");
    put_number(part, service, "buffer_before_minutes", "buffer_before_minutes", "Free before",
               "minutes");
    put_number(part, service, "buffer_after_minutes", "buffer_after_minutes", "Free after",
               "minutes");
    put_number(part, service, "notice_minutes", "notice_minutes", "Notice", "minutes");
    put_number(part, service, "horizon_days", "horizon_days", "Bookable ahead", "days");
    html_put(part->html, "</div>\n<p class=\"go\"><button class=\"button small\">%s</button>\n",
             service == NULL ? "Add" : "Save");
    html_put(part->html, "</p>\n</form>\n");
    if (service != NULL) {
        office_form_begin(part->html, part->path, part->edit->csrf, "drop-service");
        html_put(part->html,
                 "<input type=\"hidden\" name=\"id\" value=\"%s\">\n"
                 "<p><button class=\"quiet\">Remove %s</button></p>\n</form>\n",
                 id, json_text(service, "name"));
    }
    html_put(part->html, "</details>\n");
}

static void put_services(struct part *part) {
    const json_t *services = json_object_get(part->edit->draft, "services"), *service;
    size_t index;
    part_section(part, "services", "Services");
    json_array_foreach(services, index, service) put_service(part, service, index);
    put_service(part, NULL, json_array_size(services));
    html_put(part->html, "</section>\n");
}

/* ---- contacts, attributes, features ---- */

static void put_contacts(struct part *part) {
    const json_t *contacts = json_object_get(part->edit->draft, "contacts");
    part_section(part, "contact", "Contact");
    part_begin(part, "contact");
    put_value(part, "tel", "phone", "Phone", "", json_text(contacts, "phone"));
    put_value(part, "email", "email", "E-mail", "", json_text(contacts, "email"));
    put_value(part, "url", "website", "Website", "https://…", json_text(contacts, "website"));
    part_end(part);
    html_put(part->html, "</section>\n");
}

static void put_attributes(struct part *part) {
    const json_t *attributes = json_object_get(part->edit->draft, "attributes"), *value;
    const char *name;
    part_section(part, "attributes", "Good to know");
    part_begin(part, "attributes");
    html_put(
        part->html,
        "<p class=\"field\"><label for=\"attributes-list\">What customers may look for "
        "<small>one a line, such as “wheelchair access: yes” or “parking: in the "
        "yard”</small></label>\n<textarea id=\"attributes-list\" name=\"attributes\" rows=\"4\" "
        "dir=\"auto\">");
    json_object_foreach((json_t *)(uintptr_t)attributes, name, value) {
        html_put(part->html, "%s: %s\n", name,
                 json_is_true(value)    ? "yes"
                 : json_is_false(value) ? "no"
                                        : json_string_value(value));
    }
    html_put(part->html, "</textarea></p>\n");
    part_end(part);
    html_put(part->html, "</section>\n");
}

static void put_box(struct part *part, const json_t *features, const char *name,
                    const char *label) {
    html_put(
        part->html,
        "<label class=\"check\"><input type=\"checkbox\" name=\"%s\" value=\"1\"%s> %s</label>\n",
        name, json_is_true(json_object_get(features, name)) ? " checked" : "", label);
}

static void put_features(struct part *part) {
    const json_t *features = json_object_get(part->edit->draft, "features");
    part_section(part, "features", "What customers can do");
    part_begin(part, "features");
    html_put(part->html, "<fieldset class=\"checks\"><legend class=\"unseen\">What customers can "
                         "do</legend>\n");
    put_box(part, features, "booking", "Book times");
    put_box(part, features, "inquiries", "Send questions");
    put_box(part, features, "chat", "Chat with your assistant");
    put_box(part, features, "agent_answers", "Have your assistant answer questions at once");
    html_put(part->html, "</fieldset>\n");
    part_end(part);
    html_put(part->html, "</section>\n");
}

/* ---- the whole ---- */

static void put_act(struct part *part, const char *act, const char *class, const char *text) {
    html_put(
        part->html,
        "<form class=\"once\" method=\"post\" action=\"%s\"><input type=\"hidden\" name=\"csrf\" "
        "value=\"%s\"><button class=\"%s\" name=\"act\" value=\"%s\">%s</button></form>\n",
        part->path, part->edit->csrf, class, act, text);
}

/* cloister-business names fields; people see where they are on the page. */
static void put_one_missing(struct html *html, const char *field) {
    static const struct {
        const char *begins, *part, *words;
    } rows[] = {{"name", "about", "a name"},
                {"category", "about", "what kind of business it is"},
                {"summary", "about", "a sentence or a description"},
                {"address.country", "place", "the country"},
                {"address.city", "place", "the town, or the area that you go to"},
                {"services", "services", "a service, since times can be booked"},
                {"hours", "hours", "hours, since times can be booked"}};
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        if (strncmp(rows[i].begins, field, strlen(rows[i].begins)) == 0) {
            html_put(html, "<li><a href=\"#%s\">%s</a></li>\n", rows[i].part, rows[i].words);
            return;
        }
    html_put(html, "<li>%s</li>\n", field);
}

static void put_missing(struct html *html, const json_t *missing) {
    size_t index;
    const json_t *one;
    if (json_array_size(missing) == 0)
        return;
    html_put(html, "<div class=\"notice\"><p>Before it can be published it still needs:</p>\n"
                   "<ul class=\"missing\">\n");
    json_array_foreach(missing, index, one)
        put_one_missing(html, json_is_string(one) ? json_string_value(one) : "");
    html_put(html, "</ul></div>\n");
}

static void put_state(struct part *part) {
    const struct office_edit *edit = part->edit;
    bool published = json_is_object(edit->published);
    bool changed = !published || !json_equal((json_t *)(uintptr_t)edit->draft,
                                             (json_t *)(uintptr_t)edit->published);
    html_put(part->html, "<header class=\"who-head\">\n");
    page_tile(part->html, json_text(edit->draft, "name"));
    html_put(
        part->html,
        "<div><h1 dir=\"auto\">%s</h1>\n<p class=\"head-row\"><span class=\"badge%s\">%s</span> "
        "%s</p></div>\n</header>\n",
        json_text(edit->draft, "name"), published ? "" : " off",
        published ? "Published" : "Not published",
        !published ? "Customers do not see it yet."
        : changed  ? "Customers see an older version: your changes are a draft."
                   : "");
    put_missing(part->html, edit->missing);
    html_put(part->html, "<div class=\"head-row\">\n");
    if (changed)
        put_act(part, "publish", "button small", published ? "Publish changes" : "Publish");
    html_put(part->html, "<a class=\"button small plainer\" href=\"%s?preview=1\">Preview</a>\n",
             part->path);
    if (published && edit->public_url[0] != '\0')
        html_put(part->html, "<a class=\"quiet\" href=\"%s\">As customers see it</a>\n",
                 edit->public_url);
    html_put(part->html, "<a class=\"quiet\" href=\"%s/notifications\">Where you are told</a>\n",
             part->path);
    if (published)
        put_act(part, "unpublish", "quiet", "Unpublish");
    html_put(part->html, "</div>\n");
}

static void put_delete(struct part *part) {
    html_put(part->html, "<details>\n<summary>Delete this business</summary>\n");
    part_begin(part, "delete");
    html_put(part->html,
             "<label class=\"check\"><input type=\"checkbox\" name=\"sure\" value=\"1\" "
             "required> Delete its profile, its questions and its past bookings. This "
             "cannot be undone.</label>\n<p><button class=\"button small "
             "plainer\">Delete</button></p>\n</form>\n</details>\n");
}

void office_profile(struct html *html, const struct office_edit *edit) {
    struct part part = {.html = html, .edit = edit};
    (void)snprintf(part.path, sizeof(part.path), "/businesses/%s", edit->slug);
    page_trouble(html, edit->trouble);
    put_state(&part);
    put_about(&part);
    put_services(&part);
    part_hours(&part);
    part_exceptions(&part);
    put_features(&part);
    put_place(&part);
    put_contacts(&part);
    put_attributes(&part);
    put_delete(&part);
}
