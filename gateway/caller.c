#include "gateway/caller.h"

#include <string.h>
#include <strings.h>

#include "gateway/hosts.h"

bool caller_limited(struct call *call, uint64_t wait_ms, unsigned limit, const char *detail) {
    if (wait_ms == 0)
        return false;
    struct problem problem = {.status = 429,
                              .code = "rate_limited",
                              .detail = detail,
                              .retry_after_ms = wait_ms,
                              .retryable = true};
    metrics_add(&call->gateway->metrics, METRIC_RATE_LIMITED, limit, 0, 1);
    call_fail(call, &problem);
    return true;
}

static bool public_limited(struct call *call) {
    struct gateway *gateway = call->gateway;
    uint64_t wait =
        buckets_take(gateway->tallies.by_address, &call->address, sizeof(call->address),
                     gateway->limits.public_rate, gateway->limits.public_burst, clock_ms());
    return caller_limited(call, wait, LIMIT_ADDRESS, "Too many requests came from this address.");
}

static bool refuse_key(struct call *call) {
    struct gateway *gateway = call->gateway;
    uint64_t wait =
        buckets_take(gateway->tallies.by_bad_key, &call->address, sizeof(call->address),
                     gateway->limits.bad_key_rate, gateway->limits.bad_key_burst, clock_ms());
    metrics_add(&gateway->metrics, METRIC_HTTP_BAD_KEYS, 0, 0, 1);
    if (!caller_limited(call, wait, LIMIT_BAD_KEY,
                        "Too many requests with wrong keys came from this address."))
        call_refuse(call, 401, "unauthorized",
                    "Send 'Authorization: Bearer KEY' with a key whose SHA-256 stands in a file of "
                    "gateway.frontends_dir.");
    return false;
}

static bool admit_frontend(struct call *call, const struct slice *header) {
    struct gateway *gateway = call->gateway;
    call->session[0] = '\0';
    if (header == NULL || header->len < 8 || header->len > 512 ||
        strncasecmp(header->at, "Bearer ", 7) != 0)
        return refuse_key(call);
    const struct frontend *frontend =
        frontends_by_key(gateway->frontends, header->at + 7, header->len - 7);
    if (frontend == NULL)
        return refuse_key(call);
    memcpy(call->frontend, frontend->name, sizeof(call->frontend));
    uint64_t wait = buckets_take(gateway->tallies.by_frontend, frontend->key_sha256[0], 32,
                                 frontend->rate, frontend->burst, clock_ms());
    if (caller_limited(call, wait, LIMIT_FRONTEND,
                       "This frontend sends more requests than its file allows."))
        return false;
    if (frontend_may(frontend, call->route->right))
        return true;
    call_refuse(call, 403, "not_allowed",
                "This frontend's key may not be used for that: the line may= of its file in "
                "gateway.frontends_dir says what for.");
    return false;
}

/* Fetch Metadata and RFC 6454: a browser says where a request was made. Going to a page is open to
 * everybody's links; anything else must come from a page of ours. A client that says neither is no
 * browser of today, and still has to know the session's csrf token. */
static bool from_elsewhere(const struct call *call, const struct strict_head *head) {
    const struct slice *site = strict_find(head, "sec-fetch-site");
    const struct slice *origin = strict_find(head, "origin");
    if (call->route->method == METHOD_GET && route_is_page(call->route))
        return false;
    if (site != NULL && !slice_is(*site, "same-origin") && !slice_is(*site, "none"))
        return true;
    return origin != NULL && !slice_is(*origin, call->gateway->public_origin);
}

static bool admit_session(struct call *call, const struct strict_head *head) {
    if (public_limited(call))
        return false;
    call->referrer = "same-origin"; /* with no-referrer a form would be sent with Origin: null */
    if (!from_elsewhere(call, head))
        return true;
    call_refuse(call, 403, "csrf_invalid",
                "This request was made by another website in this browser, or by a page that is no "
                "longer good. Load the page again and repeat.");
    return false;
}

/* A page leads to where it can be had; a program is told what is missing. A form is read first:
 * caller_stranger. */
static bool refuse_stranger(struct call *call, const struct strict_head *head) {
    bool get = call->route->method == METHOD_GET;
    if (public_limited(call))
        return false;
    if (call->route->body == BODY_FORM && !from_elsewhere(call, head))
        return true;
    if (route_is_page(call->route))
        call_redirect(call, 303, get ? "/login" : "/", NULL, 0);
    else
        call_session_over(call);
    return false;
}

void caller_stranger(struct call *call) {
    if (strcmp(call->route->pattern, "/logout") == 0)
        call_redirect(call, 303, "/", NULL, 0); /* as was wanted */
    else
        call_session_over(call);
}

/* Customers' forms carry no session, and Origin: null at most, since their pages tell nobody where
 * they are; a browser still says when one was sent by somebody else's page, an old one by its
 * Origin alone. */
static bool form_from_elsewhere(struct call *call, const struct strict_head *head) {
    const struct slice *site = strict_find(head, "sec-fetch-site");
    const struct slice *origin = strict_find(head, "origin");
    bool other = (site != NULL && !slice_is(*site, "same-origin") && !slice_is(*site, "none")) ||
                 (origin != NULL && !slice_is(*origin, "null") && call->gateway->hosts != NULL &&
                  !hosts_own_origin(call->gateway->hosts, origin));
    if (call->route->body != BODY_FORM || !other)
        return false;
    call_refuse(call, 403, "csrf_invalid",
                "This form was sent by another website. Load the page again and repeat.");
    return true;
}

bool caller_admit(struct call *call, const struct strict_head *head) {
    const struct slice *key = strict_find(head, "authorization");
    bool session =
        cookie_read(call->cookie, call->gateway->secure_cookies, COOKIE_SESSION, call->session);
    switch (call->route->caller) {
    case CALLER_FRONTEND:
        return admit_frontend(call, key);
    case CALLER_FRONTEND_OR_SESSION:
        return key != NULL || !session ? admit_frontend(call, key) : admit_session(call, head);
    case CALLER_SESSION:
        return session ? admit_session(call, head) : refuse_stranger(call, head);
    case CALLER_PUBLIC:
        return !public_limited(call) && !form_from_elsewhere(call, head);
    case CALLER_OPERATOR:
        return true; /* whoever could open the socket */
    }
    return false;
}
