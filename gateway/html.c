#include "gateway/html.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "gateway/template.h"

int html_begin(struct html *html) {
    *html = (struct html){.out = evbuffer_new()};
    return html->out == NULL ? -ENOMEM : 0;
}

const char *html_text(struct html *html) {
    if (html->error == 0 && evbuffer_add(html->out, "", 1) < 0)
        html->error = -ENOMEM;
    return html->error == 0 ? (const char *)evbuffer_pullup(html->out, -1) : NULL;
}

void html_done(struct html *html) {
    if (html->out == NULL)
        return;
    size_t len = evbuffer_get_length(html->out);
    unsigned char *text = evbuffer_pullup(html->out, -1);
    if (text != NULL)
        explicit_bzero(text, len);
    evbuffer_free(html->out);
    html->out = NULL;
}

static void put_raw(struct html *html, const char *text, size_t len) {
    if (html->error == 0 && evbuffer_add(html->out, text, len) < 0)
        html->error = -ENOMEM;
}

void html_put(struct html *html, const char *format, ...) {
    va_list args;
    va_start(args, format);
    for (const char *at = format; html->error == 0 && *at != '\0';) {
        size_t plain = strcspn(at, "%");
        put_raw(html, at, plain);
        at += plain;
        if (*at == '\0')
            break;
        char number[24];
        const char *text;
        switch (at[1]) {
        case 's':
            text = va_arg(args, const char *);
            if (text != NULL && html->error == 0)
                html->error = template_text(html->out, text);
            break;
        case 'd':
            (void)snprintf(number, sizeof(number), "%d", va_arg(args, int));
            put_raw(html, number, strlen(number));
            break;
        default: /* "%%" */
            put_raw(html, "%", 1);
        }
        at += 2;
    }
    va_end(args);
}

void html_paragraphs(struct html *html, const char *text) {
    while (*text != '\0') {
        text += strspn(text, "\r\n");
        const char *end = strstr(text, "\n\n"), *odd = strstr(text, "\r\n\r\n");
        if (end == NULL || (odd != NULL && odd < end))
            end = odd;
        size_t len = end == NULL ? strlen(text) : (size_t)(end - text);
        SCOPE_FREE char *one = strndup(text, len);
        if (one == NULL)
            html->error = -ENOMEM;
        else if (len > 0)
            html_put(html, "<p class=\"lines\" dir=\"auto\">%s</p>\n", one);
        text += len;
    }
}

void html_option(struct html *html, const char *value, const char *label, bool selected) {
    if (selected)
        html_put(html, "<option value=\"%s\" selected>%s</option>\n", value, label);
    else
        html_put(html, "<option value=\"%s\">%s</option>\n", value, label);
}

void html_query(struct html *html, const char *text) {
    static const char plain[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
    for (; *text != '\0'; text++) {
        char code[4] = {*text, '\0'};
        if (strchr(plain, *text) == NULL)
            (void)snprintf(code, sizeof(code), "%%%02X", (unsigned char)*text);
        put_raw(html, code, strlen(code));
    }
}

const char *json_text(const json_t *object, const char *name) {
    const char *text = json_string_value(json_object_get(object, name));
    return text == NULL ? "" : text;
}

const char *json_text_in(const json_t *object, const char *outer, const char *name) {
    return json_text(json_object_get(object, outer), name);
}
