#include <curl/curl.h>
#include <string.h>

#include "providers/google.h"
#include "providers/strbuf.h"

static void scope_curlu_fn(CURLU **url) {
    curl_url_cleanup(*url);
}

static bool add_escaped(struct strbuf *buf, const char *value) {
    char *escaped = curl_easy_escape(NULL, value, (int)strlen(value));
    if (escaped == NULL)
        return false;
    strbuf_puts(buf, escaped);
    explicit_bzero(escaped, strlen(escaped));
    curl_free(escaped);
    return true;
}

char *google_form(const struct google_param *params) {
    SCOPE_STRBUF struct strbuf form = {0};
    for (; params != NULL && params->name != NULL; params++) {
        if (params->value == NULL)
            continue;
        strbuf_addf(&form, "%s%s=", form.len > 0 ? "&" : "", params->name);
        if (!add_escaped(&form, params->value))
            return NULL;
    }
    return strbuf_take(&form);
}

char *google_url(const char *base, const char *const *path, const struct google_param *params) {
    __attribute__((cleanup(scope_curlu_fn))) CURLU *url = curl_url();
    SCOPE_STRBUF struct strbuf joined = {0};
    char *old = NULL, *whole = NULL, *result = NULL;
    if (url == NULL || curl_url_set(url, CURLUPART_URL, base, 0) != CURLUE_OK ||
        curl_url_get(url, CURLUPART_PATH, &old, 0) != CURLUE_OK)
        return NULL;
    size_t len = strlen(old);
    while (len > 0 && old[len - 1] == '/')
        len--;
    strbuf_add(&joined, old, len);
    curl_free(old);
    for (; *path != NULL; path++) {
        strbuf_puts(&joined, "/");
        if (!add_escaped(&joined, *path))
            return NULL;
    }
    SCOPE_FREE char *query = google_form(params);
    if (query == NULL || joined.failed ||
        curl_url_set(url, CURLUPART_PATH, strbuf_str(&joined), 0) != CURLUE_OK ||
        (*query != '\0' && curl_url_set(url, CURLUPART_QUERY, query, 0) != CURLUE_OK))
        return NULL;
    if (curl_url_get(url, CURLUPART_URL, &whole, 0) == CURLUE_OK)
        result = strdup(whole);
    curl_free(whole);
    return result;
}
