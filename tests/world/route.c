/* Which handler a request belongs to. */
#include <stdio.h>
#include <string.h>

#include "tests/world/accounts.h"
#include "tests/world/admin.h"
#include "tests/world/google.h"
#include "tests/world/model.h"
#include "tests/world/server.h"

static bool under(const char *path, const char *prefix) {
    size_t len = strlen(prefix);
    return strncmp(path, prefix, len) == 0 && (path[len] == '\0' || path[len] == '/');
}

static enum service google_service(const char *path) {
    if (under(path, "/calendar/v3"))
        return SERVICE_CALENDAR;
    if (strcmp(path, "/o/oauth2/v2/auth") == 0)
        return SERVICE_CONSENT;
    if (strcmp(path, "/token") == 0)
        return SERVICE_TOKEN;
    if (strcmp(path, "/revoke") == 0)
        return SERVICE_REVOKE;
    return SERVICE_OTHER;
}

void route_classify(struct exchange *x, enum site site) {
    switch (site) {
    case SITE_GOOGLE:
        x->service = google_service(x->path);
        break;
    case SITE_MODEL:
        x->service = SERVICE_MODEL;
        break;
    case SITE_ADMIN:
        x->service = SERVICE_ADMIN;
        break;
    case SITE_CONSENT:
        x->service = google_service(x->path) == SERVICE_CONSENT ? SERVICE_CONSENT : SERVICE_NONE;
        break;
    case SITE_MAX:
        break;
    }
    if (x->service == SERVICE_CALENDAR) {
        const char *token = bearer(x);
        const json_t *record = token ? json_object_get(x->world->access, token) : NULL;
        snprintf(x->account, sizeof(x->account), "%s", account_text(record, "account"));
    } else if (x->service == SERVICE_TOKEN || x->service == SERVICE_REVOKE) {
        token_account(x);
    }
}

static void handle_calendar(struct exchange *x) {
    if (under(x->path, "/calendar/v3"))
        calendar_handle(x);
}

void route_handle(struct exchange *x) {
    switch (x->service) {
    case SERVICE_CONSENT:
        consent_handle(x);
        break;
    case SERVICE_TOKEN:
        token_handle(x);
        break;
    case SERVICE_REVOKE:
        revoke_handle(x);
        break;
    case SERVICE_CALENDAR:
        handle_calendar(x);
        break;
    case SERVICE_MODEL:
        if (model_is_anthropic(x))
            anthropic_handle(x);
        else
            openai_handle(x);
        break;
    case SERVICE_ADMIN:
        admin_handle(x);
        break;
    case SERVICE_OTHER:
        openid_handle(x);
        break;
    case SERVICE_NONE:
        answer_text(x, 404, "text/html; charset=utf-8",
                    "<h1>404</h1><p>There is no such page.</p>");
        break;
    }
}

static const char *calendar_reason(int status) {
    switch (status) {
    case 401:
        return "authError";
    case 403:
    case 429:
        return "rateLimitExceeded";
    case 404:
        return "notFound";
    case 409:
        return "duplicate";
    case 410:
        return "fullSyncRequired";
    case 412:
        return "conditionNotMet";
    default:
        return status >= 500 ? "backendError" : "badRequest";
    }
}

void route_error(struct exchange *x, int status, const char *reason) {
    const char *message = x->fault.message[0] ? x->fault.message : "Asked for by the test.";
    switch (x->service) {
    case SERVICE_TOKEN:
    case SERVICE_REVOKE:
        if (!reason)
            reason = status == 400   ? "invalid_grant"
                     : status == 401 ? "invalid_client"
                                     : "internal_failure";
        token_error(x, status, reason, message);
        break;
    case SERVICE_CALENDAR:
        calendar_error(x, status, reason ? reason : calendar_reason(status), message);
        break;
    case SERVICE_MODEL:
        if (model_is_anthropic(x))
            anthropic_error(x, status, reason, message);
        else
            openai_error(x, status, reason, message);
        break;
    case SERVICE_CONSENT:
    case SERVICE_ADMIN:
    case SERVICE_OTHER:
    case SERVICE_NONE:
        answer_text(x, status, "text/html; charset=utf-8", "<h1>Asked for by the test.</h1>");
        break;
    }
}
