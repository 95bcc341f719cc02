/* remember and forget: short notes under the user's key, from the owner's own words only. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "agent/tools.h"

#define TEXT_CHARS 300u

static size_t utf8_count(const char *text) {
    size_t n = 0;
    for (; *text != '\0'; text++)
        n += ((uint8_t)*text & 0xc0) != 0x80;
    return n;
}

static int put_preference(struct turn *turn, struct preference *preference, int *ret_error) {
    char subject[160];
    uint8_t *sealed = NULL;
    size_t len = 0;
    (void)snprintf(subject, sizeof(subject), "%s:%s", turn->start->user, preference->id);
    struct seal_label label = {"preference", subject, 0, 1};
    if (seal_box(turn->keys->user, &label, preference->text, strlen(preference->text), &sealed,
                 &len) < 0)
        return fault_set(&turn->fault, -ENOMEM, "internal", true, "This server is out of memory.");
    Cloister__PutPreference put = CLOISTER__PUT_PREFERENCE__INIT;
    put.id = preference->id;
    put.sealed.data = sealed;
    put.sealed.len = len;
    Cloister__HostCall call = CLOISTER__HOST_CALL__INIT;
    call.op_case = CLOISTER__HOST_CALL__OP_PUT_PREFERENCE;
    call.put_preference = &put;
    int r = channel_host_call(&turn->channel, &call, ret_error, &turn->fault);
    free(sealed);
    return r;
}

int remember_run(struct turn *turn, struct tool_run *run) {
    const char *text = tool_arg(run, "text");
    int error = 0;
    if (*text == '\0' || utf8_count(text) > TEXT_CHARS)
        return tool_refuse(run, "bad_arguments", "\"text\" must have 1 to %u characters.",
                           TEXT_CHARS);
    if (turn->npreferences == TURN_PREFERENCES)
        return tool_refuse(run, "full", "%u notes are kept already. Forget one first.",
                           TURN_PREFERENCES);
    for (size_t i = 0; i < turn->npreferences; i++)
        if (strcmp(turn->preferences[i].text, text) == 0)
            return tool_succeed(turn, run,
                                json_pack("{s:s, s:s}", "result", "already_remembered", "id",
                                          turn->preferences[i].id));
    struct preference preference = {.text = strdup(text), .created_at_ms = wall_ms()};
    if (preference.text == NULL)
        return fault_set(&turn->fault, -ENOMEM, "internal", true, "This server is out of memory.");
    id_random(preference.id);
    int r = put_preference(turn, &preference, &error);
    if (r < 0 || error != 0) {
        string_wipe(preference.text);
        if (r < 0)
            return r;
        return error == ENOSPC
                   ? tool_refuse(run, "full", "No more notes can be kept.")
                   : tool_refuse(run, "unavailable", "The note could not be kept at the moment.");
    }
    turn->preferences[turn->npreferences++] = preference;
    return tool_succeed(turn, run,
                        json_pack("{s:s, s:s}", "result", "remembered", "id", preference.id));
}

int forget_run(struct turn *turn, struct tool_run *run) {
    const char *id = tool_arg(run, "id");
    size_t at = 0;
    int error = 0;
    while (at < turn->npreferences && strcmp(turn->preferences[at].id, id) != 0)
        at++;
    if (at == turn->npreferences)
        return tool_refuse(run, "not_found", "There is no note with that id.");
    Cloister__DeletePreference drop = CLOISTER__DELETE_PREFERENCE__INIT;
    drop.id = turn->preferences[at].id;
    Cloister__HostCall call = CLOISTER__HOST_CALL__INIT;
    call.op_case = CLOISTER__HOST_CALL__OP_DELETE_PREFERENCE;
    call.delete_preference = &drop;
    int r = channel_host_call(&turn->channel, &call, &error, &turn->fault);
    if (r < 0)
        return r;
    if (error != 0 && error != ENOENT)
        return tool_refuse(run, "unavailable", "The note could not be deleted at the moment.");
    string_wipe(turn->preferences[at].text);
    turn->preferences[at] = turn->preferences[--turn->npreferences];
    return tool_succeed(turn, run, json_pack("{s:s}", "result", "forgotten"));
}
