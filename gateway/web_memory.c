/* What the agent remembers, as a page that works without JavaScript: list, correct, delete. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "gateway/assets.h"
#include "gateway/pages.h"
#include "gateway/web_session.h"

/* ---- the page ---- */

static const char *notice_of(const struct call *call) {
    static const struct page_notice notices[] = {
        {"saved", "Saved. This is how it is remembered from now on."},
        {"deleted", "Deleted. It is not remembered any more."},
        {"emptied", "Everything is deleted. Nothing is remembered any more."},
        {"gone", "That note was deleted already, so nothing was changed."},
        {"unsure", "Nothing was deleted. To delete everything, tick the box beside the button."},
    };
    return page_notice_of(call, notices, COUNT_OF(notices));
}

static void day_text(int64_t ms, char out[static 40]) {
    time_t seconds = (time_t)(ms / 1000);
    struct tm tm;
    if (gmtime_r(&seconds, &tm) == NULL || strftime(out, 40, "%-d %B %Y", &tm) == 0)
        out[0] = '\0';
}

static int add_note(struct evbuffer *out, const Cloister__Memory *item, const char *csrf) {
    const struct asset *asset = asset_find(page_kinds[PAGE_MEMORY_NOTE].file);
    char day[40];
    day_text(item->created_at_ms, day);
    const struct place places[] = {
        {"csrf", csrf}, {"id", item->id}, {"text", item->text}, {"day", day}};
    return asset == NULL ? -1
                         : template_fill(out, asset->data, asset->len, places, COUNT_OF(places));
}

static void answer_page(struct call *call, const Cloister__Memories *memories) {
    const struct web_page *page = call->state;
    size_t n = memories == NULL ? 0 : memories->n_items;
    struct evbuffer *notes = evbuffer_new();
    int r = notes == NULL ? -1 : 0;
    for (size_t i = 0; r == 0 && i < n; i++)
        r = add_note(notes, memories->items[i], page->csrf);
    if (r == 0)
        r = evbuffer_add(notes, "", 1); /* ends the text */
    char *text = r == 0 ? (char *)evbuffer_pullup(notes, -1) : NULL;
    if (text == NULL) {
        call_refuse(call, 500, "internal", "");
    } else {
        const struct place places[] = {{"csrf", page->csrf},
                                       {"account", page->account},
                                       {"notice", notice_of(call)},
                                       {"notes", text, true},
                                       {"count", n == 0 ? "none" : "some"}};
        const struct call_header more[] = {{"Set-Cookie", page->cookie}};
        page_show(call, 200, PAGE_MEMORY, places, COUNT_OF(places), more, page->replaced ? 1 : 0);
        explicit_bzero(text, evbuffer_get_length(notes));
    }
    if (notes != NULL)
        evbuffer_free(notes);
}

static bool to_login_if_over(struct call *call, enum upstream_end end,
                             const Cloister__Message *message) {
    if (!web_session_over(end, message))
        return false;
    web_sign_in(call);
    return true;
}

static bool on_list(void *ctx, enum upstream_end end, const Cloister__Message *message) {
    struct call *call = ctx;
    call->ask = 0;
    if (web_unknown_user(end, message))
        answer_page(call, NULL);
    else if (call_replied(call, end, message, CLOISTER__MESSAGE__BODY_MEMORIES))
        answer_page(call, message->memories);
    return false;
}

static bool on_session(void *ctx, enum upstream_end end, const Cloister__Message *message) {
    struct call *call = ctx;
    Cloister__Caller caller;
    if (to_login_if_over(call, end, message) ||
        !web_session_replied(call, end, message, call->state))
        return false;
    call_identity(call, "", &caller);
    Cloister__MemoryList request = CLOISTER__MEMORY_LIST__INIT;
    request.request = upstream_number(call->gateway->upstream);
    request.caller = &caller;
    Cloister__Message next = MSG_OF(MEMORY_LIST, memory_list, &request);
    (void)call_ask(call, request.request, &next, call->gateway->limits.ask_ms, on_list);
    return false;
}

void handle_memory_page(struct call *call) {
    web_session_keep(call, on_session);
}

/* ---- its forms ---- */

static bool is_absent(enum upstream_end end, const Cloister__Message *message) {
    return end == UPSTREAM_REPLY && message->body_case == CLOISTER__MESSAGE__BODY_FAILURE &&
           strcmp(message->failure->code, "not_found") == 0;
}

static bool changed(struct call *call, enum upstream_end end, const Cloister__Message *message,
                    Cloister__Message__BodyCase wanted, const char *back) {
    if (to_login_if_over(call, end, message))
        return false;
    call->ask = 0;
    if (is_absent(end, message))
        call_redirect(call, 303, "/memory?done=gone", NULL, 0);
    else if (call_replied(call, end, message, wanted))
        call_redirect(call, 303, back, NULL, 0);
    return false;
}

static bool on_saved(void *ctx, enum upstream_end end, const Cloister__Message *message) {
    return changed(ctx, end, message, CLOISTER__MESSAGE__BODY_MEMORIES, "/memory?done=saved");
}

static bool on_deleted(void *ctx, enum upstream_end end, const Cloister__Message *message) {
    return changed(ctx, end, message, CLOISTER__MESSAGE__BODY_OK, "/memory?done=deleted");
}

static bool on_emptied(void *ctx, enum upstream_end end, const Cloister__Message *message) {
    return changed(ctx, end, message, CLOISTER__MESSAGE__BODY_OK, "/memory?done=emptied");
}

/* A note is one line; browsers send what was broken into several. */
static void join_lines(json_t *body) {
    SCOPE_FREE char *text = strdup(field_text(body, "text"));
    if (text == NULL)
        return;
    for (char *c = text; *c != '\0'; c++)
        if (*c == '\r' || *c == '\n')
            *c = ' ';
    (void)json_object_set_new(body, "text", json_string(text));
    explicit_bzero(text, strlen(text));
}

static void save(struct call *call, const char *id) {
    static const struct field rows[] = {{"text", FIELD_TEXT, true, MEMORY_TEXT_MAX, NULL}};
    Cloister__Caller caller;
    join_lines(call->body);
    if (!call_fields(call, rows, COUNT_OF(rows)))
        return;
    call_identity(call, "", &caller);
    Cloister__MemoryPut request = CLOISTER__MEMORY_PUT__INIT;
    request.request = upstream_number(call->gateway->upstream);
    request.caller = &caller;
    request.id = (char *)(uintptr_t)id;
    request.text = (char *)(uintptr_t)field_text(call->body, "text");
    Cloister__Message message = MSG_OF(MEMORY_PUT, memory_put, &request);
    (void)call_ask(call, request.request, &message, call->gateway->limits.ask_ms, on_saved);
}

/* `id`: "" all of them. */
static void erase(struct call *call, const char *id) {
    Cloister__Caller caller;
    call_identity(call, "", &caller);
    Cloister__MemoryDelete request = CLOISTER__MEMORY_DELETE__INIT;
    request.request = upstream_number(call->gateway->upstream);
    request.caller = &caller;
    request.id = (char *)(uintptr_t)id;
    Cloister__Message message = MSG_OF(MEMORY_DELETE, memory_delete, &request);
    (void)call_ask(call, request.request, &message, call->gateway->limits.ask_ms,
                   id[0] == '\0' ? on_emptied : on_deleted);
}

void handle_memory_form(struct call *call) {
    static const struct field rows[] = {
        {"csrf", FIELD_VISIBLE, false, TOKEN_MAX, NULL},
        {"act", FIELD_VISIBLE, true, 8, NULL},
        {"id", FIELD_VISIBLE, false, 64, NULL},
        {"sure", FIELD_VISIBLE, false, 8, NULL},
    };
    bool sure;
    if (!call_fields(call, rows, COUNT_OF(rows)) || !call_box(call, "sure", &sure))
        return;
    const char *act = field_text(call->body, "act"), *id = field_text(call->body, "id");
    bool all = strcmp(act, "empty") == 0;
    if (all && !sure)
        call_redirect(call, 303, "/memory?done=unsure", NULL, 0);
    else if (all)
        erase(call, "");
    else if (!id_valid(id))
        call_redirect(call, 303, "/memory?done=gone", NULL, 0);
    else if (strcmp(act, "save") == 0)
        save(call, id);
    else if (strcmp(act, "delete") == 0)
        erase(call, id);
    else
        call_refuse(call, 400, "invalid_field", "'act' must be save, delete or empty.");
}
