/* A mail: its headers, the words from a template, the calendar file. RFC 5322, 2045, 6047. */
#include <curl/curl.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "business/notify_deliver.h"
#include "business/notify_text.h"

#define HEADER_MAX 2048

/* A mail server on this machine may do without TLS; a password never does. */
static bool is_here(const char *host) {
    return strcmp(host, "localhost") == 0 || strcmp(host, "::1") == 0 ||
           (strncmp(host, "127.", 4) == 0 && url_host_is_address(host));
}

static bool add(struct notify_transfer *transfer, const char *line) {
    struct curl_slist *more = curl_slist_append(transfer->headers, line);
    if (more != NULL)
        transfer->headers = more;
    return more != NULL;
}

static bool add_headers(const struct notify_settings *settings, const struct notice *notice,
                        const struct mail_words *words, struct notify_transfer *transfer) {
    char line[HEADER_MAX], date[40];
    const char *to = notice_text(notice, "to"), *reply = notice_text(notice, "customer_email");
    bool owner = strcmp(notice->to_kind, "owner") == 0;
    /* Every attempt is the same mail: when it was written does not change. */
    text_date(notice->created_ms, date);
    bool ok = text_header("Date", date, line, sizeof(line)) == 0 && add(transfer, line);
    ok =
        ok &&
        text_header_address("From", settings->from_name, settings->from, line, sizeof(line)) == 0 &&
        add(transfer, line);
    ok = ok && text_header_address("To", "", to, line, sizeof(line)) == 0 && add(transfer, line);
    if (ok && owner && notify_address_valid(reply))
        ok = text_header_address("Reply-To", "", reply, line, sizeof(line)) == 0 &&
             add(transfer, line);
    ok = ok && text_header("Subject", words->subject, line, sizeof(line)) == 0 &&
         add(transfer, line);
    (void)snprintf(line, sizeof(line), "Message-ID: <%s@%s>", notice->mark,
                   strrchr(settings->from, '@') + 1);
    return ok && add(transfer, line) && add(transfer, "Auto-Submitted: auto-generated") &&
           add(transfer, "X-Auto-Response-Suppress: All");
}

/* RFC 6047: what it is stands in the file as well, and must be the same. */
static const char *method_of(const char *ics) {
    return strstr(ics, "METHOD:CANCEL") != NULL ? "text/calendar; charset=utf-8; method=CANCEL"
                                                : "text/calendar; charset=utf-8; method=PUBLISH";
}

static CURLcode add_parts(const struct notice *notice, const struct mail_words *words,
                          curl_mime *mime) {
    const char *ics = notice_text(notice, "ics");
    curl_mimepart *part = curl_mime_addpart(mime);
    CURLcode r = part == NULL ? CURLE_OUT_OF_MEMORY
                              : curl_mime_data(part, words->body, CURL_ZERO_TERMINATED);
    if (r == CURLE_OK)
        r = curl_mime_type(part, "text/plain; charset=utf-8");
    if (r == CURLE_OK)
        r = curl_mime_encoder(part, "quoted-printable");
    if (r != CURLE_OK || ics[0] == '\0')
        return r;
    part = curl_mime_addpart(mime);
    r = part == NULL ? CURLE_OUT_OF_MEMORY : curl_mime_data(part, ics, CURL_ZERO_TERMINATED);
    if (r == CURLE_OK)
        r = curl_mime_type(part, method_of(ics));
    if (r == CURLE_OK)
        r = curl_mime_filename(part, "booking.ics");
    return r == CURLE_OK ? curl_mime_encoder(part, "base64") : r;
}

static CURLcode set_up(const struct notify_settings *settings, const struct notice *notice,
                       curl_mime *mime, struct curl_slist *to, struct notify_transfer *transfer) {
    char url[URL_HOST_MAX * 2 + 64], from[NOTIFY_ADDRESS_MAX + 3];
    const struct url *at = &settings->smtp;
    const bool v6 = strchr(at->host, ':') != NULL;
    const bool plain = is_here(at->host) && settings->user[0] == '\0';
    CURL *curl = transfer->curl;
    (void)notice;
    (void)snprintf(url, sizeof(url), "%s://%s%s%s:%u/%s", at->tls ? "smtps" : "smtp", v6 ? "[" : "",
                   at->host, v6 ? "]" : "", (unsigned)at->port, strrchr(settings->from, '@') + 1);
    (void)snprintf(from, sizeof(from), "<%s>", settings->from);
    CURLcode r = curl_easy_setopt(curl, CURLOPT_URL, url);
#define SET(option, value)                                                                         \
    if (r == CURLE_OK)                                                                             \
    r = curl_easy_setopt(curl, option, value)
    SET(CURLOPT_PROTOCOLS_STR, "smtp,smtps");
    SET(CURLOPT_USE_SSL, (long)(plain ? CURLUSESSL_TRY : CURLUSESSL_ALL));
    if (settings->user[0] != '\0') {
        SET(CURLOPT_USERNAME, settings->user);
        SET(CURLOPT_PASSWORD, settings->password);
    }
    SET(CURLOPT_MAIL_FROM, from);
    SET(CURLOPT_MAIL_RCPT, to);
    SET(CURLOPT_HTTPHEADER, transfer->headers);
    SET(CURLOPT_MIMEPOST, mime);
#undef SET
    return r;
}

/* 5xx about this one mail is for good; about the connection, signing in or the sender it is the
 * operator's to mend, and the mail waits. */
static void judge(int result, long code, struct delivery_report *report) {
    bool refused = code == 550 || code == 551 || code == 552 || code == 553 || code == 554 ||
                   code == 556 || code == 501;
    if (result == CURLE_OK) {
        report->end = DELIVERY_DONE;
        return;
    }
    bool about_it = result == CURLE_SEND_ERROR || result == CURLE_WEIRD_SERVER_REPLY;
    report->end = refused && about_it ? DELIVERY_NEVER : DELIVERY_LATER;
    if (code >= 400)
        (void)snprintf(report->why, sizeof(report->why), "the mail server answered %ld", code);
    else
        (void)snprintf(report->why, sizeof(report->why), "mail: %s",
                       curl_easy_strerror((CURLcode)result));
}

void deliver_mail(const struct notify_settings *settings, const struct notice *notice,
                  struct delivery_report *report) {
    static struct mail_words words;
    struct notify_transfer transfer;
    char to[NOTIFY_ADDRESS_MAX + 3];
    report->end = DELIVERY_NEVER;
    if (!notify_address_valid(notice_text(notice, "to"))) {
        (void)snprintf(report->why, sizeof(report->why), "the address cannot be used");
        return;
    }
    if (text_fill(notice, &words) < 0) {
        (void)snprintf(report->why, sizeof(report->why), "there is no mail of this kind");
        return;
    }
    report->end = DELIVERY_LATER;
    uint64_t deadline = clock_ms() + settings->timeout_ms;
    if (notify_transfer_begin(settings, &settings->smtp, deadline, &transfer, report) == 0) {
        long code = 0;
        (void)snprintf(to, sizeof(to), "<%s>", notice_text(notice, "to"));
        curl_mime *mime = curl_mime_init(transfer.curl);
        struct curl_slist *recipients = curl_slist_append(NULL, to);
        int r = CURLE_OUT_OF_MEMORY;
        if (mime != NULL && recipients != NULL &&
            add_headers(settings, notice, &words, &transfer) &&
            add_parts(notice, &words, mime) == CURLE_OK &&
            set_up(settings, notice, mime, recipients, &transfer) == CURLE_OK)
            r = notify_transfer_run(&transfer, &code);
        judge(r, code, report);
        curl_slist_free_all(recipients);
        curl_mime_free(mime);
    }
    notify_transfer_end(&transfer);
}
