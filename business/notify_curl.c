#include <curl/curl.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "business/notify_deliver.h"
#include "providers/connect_shim.h"

static curl_socket_t on_open(void *ctx, curlsocktype purpose, struct curl_sockaddr *address) {
    struct notify_transfer *transfer = ctx;
    (void)purpose, (void)address;
    if (transfer->fd < 0 || !connect_shim_adopt(transfer->fd))
        return CURL_SOCKET_BAD;
    transfer->live = transfer->fd;
    return take_fd(&transfer->fd);
}

static int on_socket(void *ctx, curl_socket_t fd, curlsocktype purpose) {
    (void)ctx, (void)fd, (void)purpose;
    return CURL_SOCKOPT_ALREADY_CONNECTED;
}

static int on_close(void *ctx, curl_socket_t fd) {
    struct notify_transfer *transfer = ctx;
    transfer->live = -1;
    connect_shim_forget(fd);
    (void)shutdown(fd, SHUT_RDWR); /* egress has a copy */
    return close(fd);
}

/* What a server says is of no use to anybody, and not kept. */
static size_t on_body(char *data, size_t size, size_t n, void *ctx) {
    size_t *left = ctx;
    (void)data;
    if (size * n > *left)
        return 0;
    *left -= size * n;
    return size * n;
}

static const char *dial_words(int error) {
    switch (error) {
    case -EACCES:
        return "egress does not allow this host (a private address must be in [egress] allow)";
    case -ETIMEDOUT:
        return "the server does not answer";
    case -ENOENT:
        return "cloister-egress is not there, or the server's name does not resolve";
    case -ECONNREFUSED:
        return "the connection was refused";
    default:
        return "the server cannot be reached";
    }
}

static int prepare(const struct notify_settings *settings, const struct url *to, uint64_t deadline,
                   struct notify_transfer *transfer) {
    static size_t body_left;
    CURL *curl = transfer->curl;
    const uint64_t now = clock_ms();
    const long left = deadline > now ? (long)(deadline - now) : 1;
    body_left = 1 << 20;
    bool v6 = strchr(to->host, ':') != NULL;
    /* A name is not looked up here: any address will do, the connection is there already. */
    (void)snprintf(transfer->resolve, sizeof(transfer->resolve), "%s:%u:192.0.2.1", to->host,
                   (unsigned)to->port);
    transfer->resolved = v6 ? NULL : curl_slist_append(NULL, transfer->resolve);
    if (!v6 && transfer->resolved == NULL)
        return -ENOMEM;
    CURLcode r = curl_easy_setopt(curl, CURLOPT_RESOLVE, transfer->resolved);
#define SET(option, value)                                                                         \
    if (r == CURLE_OK)                                                                             \
    r = curl_easy_setopt(curl, option, value)
    SET(CURLOPT_OPENSOCKETFUNCTION, on_open);
    SET(CURLOPT_OPENSOCKETDATA, transfer);
    SET(CURLOPT_SOCKOPTFUNCTION, on_socket);
    SET(CURLOPT_CLOSESOCKETFUNCTION, on_close);
    SET(CURLOPT_CLOSESOCKETDATA, transfer);
    SET(CURLOPT_WRITEFUNCTION, on_body);
    SET(CURLOPT_WRITEDATA, &body_left);
    SET(CURLOPT_PROXY, "");
    SET(CURLOPT_NOSIGNAL, 1L);
    SET(CURLOPT_TIMEOUT_MS, left);
    SET(CURLOPT_CONNECTTIMEOUT_MS, left);
    SET(CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    SET(CURLOPT_FOLLOWLOCATION, 0L);
    if (settings->ca_file[0] != '\0') {
        SET(CURLOPT_CAINFO, settings->ca_file);
    }
#undef SET
    return r == CURLE_OK ? 0 : -EINVAL;
}

int notify_transfer_begin(const struct notify_settings *settings, const struct url *to,
                          uint64_t deadline, struct notify_transfer *ret,
                          struct delivery_report *report) {
    *ret = (struct notify_transfer){.fd = -1, .live = -1, .channel = -1};
    int r = notify_dial(settings->egress, to->host, to->port, deadline, &ret->fd, &ret->channel);
    if (r < 0) {
        (void)snprintf(report->why, sizeof(report->why), "%s", dial_words(r));
        return r;
    }
    ret->curl = curl_easy_init();
    r = ret->curl == NULL ? -ENOMEM : prepare(settings, to, deadline, ret);
    if (r < 0)
        (void)snprintf(report->why, sizeof(report->why), "out of memory");
    return r;
}

int notify_transfer_run(struct notify_transfer *transfer, long *ret_code) {
    CURLcode r = curl_easy_perform(transfer->curl);
    *ret_code = 0;
    /* A server that did not answer in time would not answer QUIT either. */
    if (r != CURLE_OK && transfer->live >= 0)
        (void)shutdown(transfer->live, SHUT_RDWR);
    (void)curl_easy_getinfo(transfer->curl, CURLINFO_RESPONSE_CODE, ret_code);
    return (int)r;
}

void notify_transfer_end(struct notify_transfer *transfer) {
    if (transfer->curl != NULL)
        curl_easy_cleanup(transfer->curl);
    curl_slist_free_all(transfer->resolved);
    curl_slist_free_all(transfer->headers);
    if (transfer->fd >= 0)
        (void)close(transfer->fd);
    if (transfer->channel >= 0)
        (void)close(transfer->channel);
}
