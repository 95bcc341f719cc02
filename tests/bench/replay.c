/* bench-replay FILE CA-FILE COUNT fresh|warm [START PERIOD]: the rival of the turn benchmark. One
 * process with libcurl and a CA store parsed beforehand makes the HTTP calls of one turn, COUNT
 * times, and prints the microseconds of each round, one a line. `fresh` begins each round without
 * connections (a connection is used again within the round); `warm` keeps them from round to round.
 * With START and PERIOD (microseconds of the monotonic clock) rounds begin by the clock, and each
 * is timed from when it should have begun.
 *
 * FILE: JSON array of {"url", "method", "headers": ["Name: value"], "body"}; "%ROUND%" in a body
 * becomes the number of the round. Also the client that times Cloister's own answers. */
#include <curl/curl.h>
#include <errno.h>
#include <jansson.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "ipc/base.h"
#include "ipc/log.h"

static X509_STORE *store;

static CURLcode use_store(CURL *easy, void *ssl_ctx, void *ctx) {
    (void)easy, (void)ctx;
    X509_STORE_up_ref(store);
    SSL_CTX_set_cert_store(ssl_ctx, store);
    return CURLE_OK;
}

static size_t drop(char *data, size_t size, size_t n, void *ctx) {
    (void)data, (void)ctx;
    return size * n;
}

static uint64_t now_us(void) {
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

/* When round `round` should begin; waits until then. */
static uint64_t await_round(uint64_t start, uint64_t period, uint64_t round) {
    uint64_t due = start + (round - 1) * period;
    const struct timespec until = {.tv_sec = (time_t)(due / 1000000),
                                   .tv_nsec = (long)(due % 1000000) * 1000};
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL) == EINTR)
        ;
    return due;
}

static CURL *client_new(void) {
    CURL *easy = curl_easy_init();
    if (easy == NULL)
        fatal("out of memory");
    curl_easy_setopt(easy, CURLOPT_CAINFO, NULL); /* not parsed per connection: the store has it */
    curl_easy_setopt(easy, CURLOPT_CAPATH, NULL);
    curl_easy_setopt(easy, CURLOPT_SSL_CTX_FUNCTION, use_store);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, drop);
    curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, 30000L);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_SSL_SESSIONID_CACHE, 0L);
    return easy;
}

static char *body_of(const json_t *request, uint64_t round) {
    const char *body = json_string_value(json_object_get(request, "body"));
    const char *mark = body != NULL ? strstr(body, "%ROUND%") : NULL;
    char *text = NULL;
    if (body == NULL)
        return strdup("");
    int n = mark == NULL ? asprintf(&text, "%s", body)
                         : asprintf(&text, "%.*s%llu%s", (int)(mark - body), body,
                                    (unsigned long long)round, mark + strlen("%ROUND%"));
    if (n < 0)
        fatal("out of memory");
    return text;
}

static void call(CURL *easy, const json_t *request, uint64_t round) {
    struct curl_slist *headers = NULL;
    size_t i;
    json_t *line;
    json_array_foreach(json_object_get(request, "headers"), i, line) headers =
        curl_slist_append(headers, json_string_value(line));
    SCOPE_FREE char *body = body_of(request, round);
    curl_easy_setopt(easy, CURLOPT_URL, json_string_value(json_object_get(request, "url")));
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers);
    if (*body != '\0') {
        curl_easy_setopt(easy, CURLOPT_POST, 1L);
        curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE, (long)strlen(body));
        curl_easy_setopt(easy, CURLOPT_POSTFIELDS, body);
    } else {
        curl_easy_setopt(easy, CURLOPT_HTTPGET, 1L);
    }
    curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST,
                     json_string_value(json_object_get(request, "method")));
    long status = 0;
    CURLcode code = curl_easy_perform(easy);
    curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
    if (code != CURLE_OK || status >= 300)
        fatal("a call failed: %s, status %ld", curl_easy_strerror(code), status);
    curl_slist_free_all(headers);
}

int main(int argc, char **argv) {
    uint64_t count = 0, start = 0, period = 0;
    log_open("bench-replay");
    bool paced = argc == 7;
    if ((argc != 5 && !paced) || parse_u64(argv[3], 1, 100000, &count) < 0 ||
        (paced && (parse_u64(argv[5], 1, UINT64_MAX, &start) < 0 ||
                   parse_u64(argv[6], 1, 60000000, &period) < 0)))
        fatal("usage: bench-replay FILE CA-FILE COUNT fresh|warm [START PERIOD]");
    bool warm = strcmp(argv[4], "warm") == 0;
    json_error_t error;
    json_t *requests = json_load_file(argv[1], 0, &error);
    if (!json_is_array(requests))
        fatal("cannot read %s", argv[1]);
    curl_global_init(CURL_GLOBAL_DEFAULT);
    store = X509_STORE_new();
    if (store == NULL || X509_STORE_load_file(store, argv[2]) != 1)
        fatal("cannot read %s", argv[2]);
    CURL *easy = client_new();
    for (uint64_t round = 0; round < count + 1; round++) { /* the first is not counted */
        uint64_t began = paced && round > 0 ? await_round(start, period, round) : now_us();
        if (!warm && round > 0) {
            curl_easy_cleanup(easy);
            easy = client_new();
        }
        size_t i;
        json_t *request;
        json_array_foreach(requests, i, request) call(easy, request, round);
        if (round > 0)
            printf("%llu\n", (unsigned long long)(now_us() - began));
    }
    curl_easy_cleanup(easy);
    json_decref(requests);
    X509_STORE_free(store);
    return 0;
}
