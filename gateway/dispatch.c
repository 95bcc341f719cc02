#include "gateway/dispatch.h"

#include <string.h>
#include <strings.h>

#include "gateway/caller.h"
#include "gateway/form.h"
#include "gateway/front.h"
#include "gateway/hosts.h"
#include "gateway/metrics.h"
#include "gateway/pages.h"
#include "ipc/log.h"

static const char *method_word(struct slice method) {
    static const char *const words[] = {"GET", "HEAD",  "POST",  "DELETE", "OPTIONS",
                                        "PUT", "PATCH", "TRACE", "CONNECT"};
    for (size_t i = 0; i < COUNT_OF(words); i++)
        if (slice_is(method, words[i]))
            return words[i];
    return "other";
}

static struct call *call_new(struct gateway *gateway, struct conn *conn) {
    struct call *call = calloc(1, sizeof(*call));
    if (call == NULL)
        return NULL;
    call->gateway = gateway;
    call->conn = conn;
    call->method = "-";
    call->began = clock_ms();
    id_random_named(call->id);
    about_new(&call->about, call->id, "", 0); /* until its head is read */
    conn_set_data(conn, call);
    gateway->calls++;
    return call;
}

/* One line a request: never a path, a query, a name or a body. */
static void call_log(const struct call *call, bool complete) {
    unsigned long long ms = clock_ms() - call->began;
    log_with(LOG_LEVEL_INFO, &(struct log_fields){.request = call->id, .trace = call->about.trace},
             "%s %s %u %llums %zuB%s", call->method,
             call->route != NULL ? call->route->pattern : "-", call->status, ms,
             conn_sent(call->conn), complete ? "" : " unfinished");
}

static void call_count(struct gateway *gateway, const struct call *call, bool complete) {
    struct metrics *metrics = &gateway->metrics;
    unsigned route = call->route != NULL ? (unsigned)(call->route - routes) : ROUTE_OF_NONE;
    metrics_add(metrics, METRIC_HTTP_REQUESTS, route, metrics_status(call->status), 1);
    metrics_observe(metrics, METRIC_HTTP_SECONDS, 0, (clock_ms() - call->began) * 1000);
    metrics_add(metrics, METRIC_HTTP_SENT, 0, 0, conn_sent(call->conn));
    metrics_add(metrics, METRIC_HTTP_UNFINISHED, 0, 0, !complete);
}

static void on_closed(void *ctx, struct conn *conn, bool complete) {
    struct gateway *gateway = ctx;
    struct call *call = conn_data(conn);
    if (call == NULL)
        return;
    if (call->cancel != NULL)
        call->cancel(call);
    if (call->ask != 0 && call->link != NULL)
        front_forget(call);
    else if (call->ask != 0)
        upstream_forget(gateway->upstream, call->ask);
    call_log(call, complete);
    call_count(gateway, call, complete);
    json_decref(call->body);
    free_secret(call->query);
    free_secret(call->grant);
    free_secret(call->cookie);
    free_secret(call->csrf);
    free_secret(call->booking);
    free_secret(call->renewed);
    free_secret(call->cache_key);
    json_decref(call->mcp);
    free(call->idempotency_key);
    free(call->if_none_match);
    explicit_bzero(call, sizeof(*call));
    free(call);
    gateway_call_ended(gateway);
}

static void on_fault(void *ctx, struct conn *conn, const struct strict_fault *fault) {
    struct gateway *gateway = ctx;
    struct call *call = conn_data(conn);
    metrics_add(&gateway->metrics, METRIC_HTTP_MALFORMED, 0, 0, 1);
    if (call == NULL && (call = call_new(gateway, conn)) == NULL) {
        conn_abort(conn);
        return;
    }
    struct problem problem = {
        .status = fault->status, .code = fault->code, .detail = fault->detail};
    if (fault->status == 503)
        problem.retry_after_ms = 1000;
    call_problem(call, &problem);
}

static void on_drained(void *ctx, struct conn *conn, size_t waiting) {
    (void)ctx;
    struct call *call = conn_data(conn);
    if (call != NULL && call->drained != NULL)
        call->drained(call, waiting);
}

static const char *allowed_origin(const struct gateway *gateway, const struct slice *origin) {
    for (size_t i = 0; origin != NULL && i < gateway->origin_count; i++)
        if (slice_is(*origin, gateway->origins[i]))
            return gateway->origins[i];
    return NULL;
}

/* A preflight or a plain question: which methods has this path? */
static void answer_options(struct call *call, const struct strict_head *head, unsigned where) {
    char allow[ROUTE_ALLOW_SIZE];
    struct call_header more[4];
    size_t n = 0;
    route_allow(head->path, where, allow);
    more[n++] = (struct call_header){"Allow", allow};
    if (call->origin != NULL && strict_find(head, "access-control-request-method") != NULL) {
        more[n++] = (struct call_header){"Access-Control-Allow-Methods", allow};
        more[n++] = (struct call_header){
            "Access-Control-Allow-Headers",
            "Authorization, Content-Type, Accept, Cloister-Grant, Cloister-Booking, "
            "Idempotency-Key, "
            "Traceparent, MCP-Protocol-Version, Mcp-Method, Mcp-Name, Mcp-Session-Id"};
        more[n++] = (struct call_header){"Access-Control-Max-Age", "600"};
    }
    call_answer(call, 204, NULL, NULL, 0, more, n);
}

static bool contains_nocase(struct slice text, const char *word) {
    size_t len = strlen(word);
    for (size_t i = 0; i + len <= text.len; i++)
        if (strncasecmp(text.at + i, word, len) == 0)
            return true;
    return false;
}

/* Who comes with a browser gets a page; programs name what they take, or nothing at all. */
static bool wants_page(const struct strict_head *head) {
    const struct slice *accept = strict_find(head, "accept");
    return accept != NULL && contains_nocase(*accept, "text/html");
}

static bool refuse_method(struct call *call, const struct strict_head *head, unsigned where) {
    char allow[ROUTE_ALLOW_SIZE];
    struct problem problem = {.status = 405,
                              .code = "method_not_allowed",
                              .detail =
                                  "This path does not take this method; see the Allow header.",
                              .request_id = call->id};
    route_allow(head->path, where, allow);
    struct call_header more = {"Allow", allow};
    if (wants_page(head)) {
        page_failure(call, &problem, &more, 1);
        return false;
    }
    SCOPE_FREE char *text = problem_document(&problem);
    call_answer(call, 405, "application/problem+json", text, text == NULL ? 0 : strlen(text), &more,
                1);
    return false;
}

/* `wanted`, perhaps with the one charset that there is. */
static bool is_type(struct slice type, const char *wanted) {
    const char *semicolon = memchr(type.at, ';', type.len);
    size_t len = semicolon == NULL ? type.len : (size_t)(semicolon - type.at);
    struct slice charset = {type.at + len, type.len - len};
    while (len > 0 && type.at[len - 1] == ' ')
        len--;
    while (charset.len > 0 && (charset.at[0] == ';' || charset.at[0] == ' '))
        charset = (struct slice){charset.at + 1, charset.len - 1};
    return slice_is_nocase((struct slice){type.at, len}, wanted) &&
           (charset.len == 0 || slice_is_nocase(charset, "charset=utf-8") ||
            slice_is_nocase(charset, "charset=\"utf-8\""));
}

static bool is_wanted(struct call *call, const struct slice *type, const char *wanted,
                      const char *detail) {
    if (type != NULL && is_type(*type, wanted))
        return true;
    call_refuse(call, 415, "unsupported_media_type", detail);
    return false;
}

static bool check_body_kind(struct call *call, const struct strict_head *head) {
    static const char json[] = "application/json", form[] = "application/x-www-form-urlencoded",
                      as_json[] = "Send the body as 'Content-Type: application/json'.",
                      as_form[] =
                          "Send the form as 'Content-Type: application/x-www-form-urlencoded'.";
    const struct slice *type = strict_find(head, "content-type");
    bool empty = head->content_length == 0;
    switch (call->route->body) {
    case BODY_NONE:
        if (!empty)
            call_refuse(call, 400, "bad_request", "This request takes no body.");
        return empty;
    case BODY_JSON:
        return is_wanted(call, type, json, as_json);
    case BODY_MAYBE_JSON:
        return empty || is_wanted(call, type, json, as_json);
    case BODY_FORM:
        return is_wanted(call, type, form, as_form);
    case BODY_RAW:
        return is_wanted(call, type, json, as_json);
    }
    return false;
}

static char *copy_of(const struct slice *value) {
    return value == NULL ? NULL : slice_dup(*value);
}

/* All headers Mcp-…, which MCP compares with the body; NULL: none. What comes twice is remembered
 * as null. */
static json_t *mcp_headers(const struct strict_head *head) {
    json_t *found = NULL;
    for (size_t i = 0; i < head->header_count; i++) {
        struct slice name = head->headers[i].name, value = head->headers[i].value;
        char lower[80];
        if (name.len < 5 || name.len >= sizeof(lower) || strncasecmp(name.at, "mcp-", 4) != 0)
            continue;
        for (size_t n = 0; n < name.len; n++)
            lower[n] =
                (char)(name.at[n] >= 'A' && name.at[n] <= 'Z' ? name.at[n] | 0x20 : name.at[n]);
        lower[name.len] = '\0';
        if (found == NULL)
            found = json_object();
        json_t *text =
            json_object_get(found, lower) != NULL ? NULL : json_stringn(value.at, value.len);
        (void)json_object_set_new(found, lower, text == NULL ? json_null() : text);
    }
    return found;
}

/* Takes from the head what handlers need; the head is gone when they run. */
static bool keep_headers(struct call *call, const struct strict_head *head) {
    call->query = slice_dup(head->query);
    call->grant = copy_of(strict_find(head, "cloister-grant"));
    call->idempotency_key = copy_of(strict_find(head, "idempotency-key"));
    call->cookie = copy_of(strict_find(head, "cookie"));
    call->csrf = copy_of(strict_find(head, "cloister-csrf"));
    call->booking = copy_of(strict_find(head, "cloister-booking"));
    if (call->route->body == BODY_RAW)
        call->mcp = mcp_headers(head);
    call->if_none_match = copy_of(strict_find(head, "if-none-match"));
    bool any = false;
    for (size_t i = 0; i < head->header_count; i++) {
        if (!slice_is_nocase(head->headers[i].name, "accept"))
            continue;
        struct slice accept = head->headers[i].value;
        any = any || accept.len > 0;
        call->accepts_stream |= contains_nocase(accept, "text/event-stream");
        call->accepts_json |= contains_nocase(accept, "application/json") ||
                              contains_nocase(accept, "application/*") ||
                              contains_nocase(accept, "*/*");
    }
    call->accepts_json |= !any;
    if (call->grant != NULL && call->grant[0] != '\0' && !visible_valid(call->grant, GRANT_MAX)) {
        call_refuse(call, 400, "bad_request",
                    "Cloister-Grant must be the grant that redeem returned, unchanged.");
        return false;
    }
    if (call->csrf != NULL && !token_fits(call->csrf)) {
        call_refuse(call, 403, "csrf_invalid",
                    "Cloister-CSRF must be the token that GET /v1/session returns, unchanged.");
        return false;
    }
    if (call->idempotency_key != NULL && !visible_valid(call->idempotency_key, 255)) {
        call_refuse(call, 400, "bad_request",
                    "Idempotency-Key must be 1 to 255 visible ASCII characters.");
        return false;
    }
    return true;
}

static void refuse_path(struct call *call, const struct strict_head *head) {
    const struct problem none = {
        .status = 404,
        .code = "not_found",
        .detail = "There is nothing at this path; see openapi.yaml for the routes."};
    if (wants_page(head))
        page_failure(call, &none, NULL, 0);
    else
        call_problem(call, &none);
}

/* Whoever sends two says nothing. */
static void take_trace(struct call *call, const struct strict_head *head) {
    const struct slice *found = NULL;
    size_t n = 0;
    for (size_t i = 0; i < head->header_count; i++)
        if (slice_is_nocase(head->headers[i].name, "traceparent")) {
            found = &head->headers[i].value;
            n++;
        }
    if (n == 1)
        about_new(&call->about, call->id, found->at, found->len);
}

/* The public instance: who comes by another name, or from somebody else's page with a program's
 * request, is turned away (DNS rebinding). Whoever only asks whether we live may come as they like;
 * forms look themselves. */
static bool comes_by_our_name(struct call *call, const struct strict_head *head) {
    const struct gateway *gateway = call->gateway;
    const struct slice *origin = strict_find(head, "origin");
    bool program = call->route->body == BODY_JSON || call->route->body == BODY_MAYBE_JSON ||
                   call->route->body == BODY_RAW;
    if (strcmp(call->route->pattern, "/healthz") == 0)
        return true;
    if (hosts_ours(gateway->hosts, strict_find(head, "host")) &&
        (!program || origin == NULL || call->origin != NULL ||
         hosts_own_origin(gateway->hosts, origin)))
        return true;
    call_refuse(call, 403, "not_allowed",
                "This server does not answer to this Host, or not to pages of this Origin; see "
                "gateway.public_pages_url and gateway.allowed_origins.");
    return false;
}

static bool head_for(struct gateway *gateway, struct conn *conn, const struct strict_head *head,
                     unsigned where) {
    struct route_match match;
    struct call *call = call_new(gateway, conn);
    if (call == NULL) {
        conn_abort(conn);
        return false;
    }
    call->method = method_word(head->method);
    take_trace(call, head);
    call->address = proxies_client(&gateway->proxies, conn_peer(conn), head);
    address_blur(&call->address);
    call->head_only = slice_is(head->method, "HEAD");
    call->origin = allowed_origin(gateway, strict_find(head, "origin"));
    route_find(head->method, head->path, where, &match);
    if (match.path_known && slice_is(head->method, "OPTIONS")) {
        answer_options(call, head, where);
        return false;
    }
    if (match.route == NULL && match.path_known)
        return refuse_method(call, head, where);
    if (match.route == NULL) {
        refuse_path(call, head);
        return false;
    }
    for (size_t i = 0; where == WHERE_PUBLIC && i < ROUTE_PARAMS_MAX; i++)
        if (!utf8_valid(match.param[i], strlen(match.param[i]))) { /* nothing here is called so */
            refuse_path(call, head);
            return false;
        }
    call->route = match.route;
    if (where == WHERE_PUBLIC && !comes_by_our_name(call, head))
        return false;
    memcpy(call->param, match.param, sizeof(call->param));
    return keep_headers(call, head) && caller_admit(call, head) && check_body_kind(call, head);
}

static bool on_head_owner(void *ctx, struct conn *conn, const struct strict_head *head) {
    return head_for(ctx, conn, head, WHERE_OWNER);
}

static bool on_head_public(void *ctx, struct conn *conn, const struct strict_head *head) {
    return head_for(ctx, conn, head, WHERE_PUBLIC);
}

static bool on_head_operators(void *ctx, struct conn *conn, const struct strict_head *head) {
    return head_for(ctx, conn, head, WHERE_OPERATORS);
}

static json_t *parse_body(struct call *call, const uint8_t *body, size_t len,
                          struct field_fault *fault) {
    if (call->route->body == BODY_MAYBE_JSON && len == 0) {
        *fault = (struct field_fault){.code = "full", .detail = "The server is out of memory."};
        return json_object();
    }
    return call->route->body == BODY_FORM ? form_parse(body, len, fault)
                                          : fields_parse(body, len, fault);
}

/* A form has no header to carry its token. One that is none counts as missing: cloisterd refuses.
 */
static void take_csrf(struct call *call) {
    const char *csrf = field_text(call->body, "csrf");
    free_secret(call->csrf);
    call->csrf = token_fits(csrf) ? strdup(csrf) : NULL;
}

static void on_request(void *ctx, struct conn *conn, const uint8_t *body, size_t len) {
    (void)ctx;
    struct call *call = conn_data(conn);
    struct field_fault fault;
    if (call->route->body == BODY_RAW) {
        call->raw = body;
        call->raw_len = len;
        call->route->handler(call);
        return;
    }
    if (call->route->body != BODY_NONE) {
        call->body = parse_body(call, body, len, &fault);
        if (call->body == NULL) {
            call_refuse(call, 400, fault.code, fault.detail);
            return;
        }
    }
    if (call->route->body == BODY_FORM)
        take_csrf(call);
    if (call->route->caller == CALLER_SESSION && call->session[0] == '\0')
        caller_stranger(call);
    else
        call->route->handler(call);
}

static bool on_crowd(void *ctx, const struct in6_addr *peer) {
    const struct gateway *gateway = ctx;
    return proxies_trust(&gateway->proxies, peer);
}

const struct guard_ops dispatch_owner = {on_head_owner, on_request, on_fault,
                                         on_drained,    on_closed,  on_crowd};
const struct guard_ops dispatch_public = {on_head_public, on_request, on_fault,
                                          on_drained,     on_closed,  on_crowd};
const struct guard_ops dispatch_operators = {on_head_operators, on_request, on_fault,
                                             on_drained,        on_closed,  on_crowd};
