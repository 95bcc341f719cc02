/* remember and forget: what the owner asks to keep in mind, from the owner's own words only
 * (GUARD_PREFERENCE_CLEAN, which policy.def's rows stand for). */
#include <errno.h>
#include <string.h>

#include "agent/tools.h"
#include "agent/turn_memory.h"

static int not_found(struct tool_run *run) {
    return tool_refuse(run, "not_found", "There is no note with that id.");
}

static int not_kept(struct tool_run *run, int error) {
    if (error == ENOENT)
        return not_found(run);
    if (error == ENOSPC)
        return tool_refuse(run, "full", "No more notes can be kept.");
    return tool_refuse(run, "unavailable", "The note could not be kept at the moment.");
}

static int succeed(struct turn *turn, struct tool_run *run, const char *result, const char *id) {
    return tool_succeed(turn, run, json_pack("{s:s, s:s}", "result", result, "id", id));
}

static const struct preference *with_text(const struct turn *turn, const char *text) {
    for (size_t i = 0; i < turn->npreferences; i++)
        if (strcmp(turn->preferences[i].text, text) == 0)
            return &turn->preferences[i];
    return NULL;
}

static int correct(struct turn *turn, struct tool_run *run, const char *id, const char *text) {
    struct preference *preference = preference_find(turn, id);
    int error = 0;
    if (preference == NULL)
        return not_found(run);
    int r = preference_correct(turn, preference, text, &error);
    if (r < 0)
        return r;
    return error != 0 ? not_kept(run, error) : succeed(turn, run, "corrected", id);
}

int remember_run(struct turn *turn, struct tool_run *run) {
    const char *text = tool_arg(run, "text"), *id = tool_arg(run, "id");
    const char *wrong = preference_wrong(text);
    const struct preference *preference = with_text(turn, text);
    int error = 0;
    if (wrong != NULL)
        return tool_refuse(run, "bad_arguments", "%s", wrong);
    if (id != NULL && *id != '\0')
        return correct(turn, run, id, text);
    if (preference != NULL)
        return succeed(turn, run, "already_remembered", preference->id);
    if (turn->npreferences == TURN_PREFERENCES)
        return tool_refuse(run, "full", "%u notes are kept already. Forget one first.",
                           TURN_PREFERENCES);
    int r = preference_add(turn, text, &preference, &error);
    if (r < 0)
        return r;
    return error != 0 ? not_kept(run, error) : succeed(turn, run, "remembered", preference->id);
}

int forget_run(struct turn *turn, struct tool_run *run) {
    struct preference *preference = preference_find(turn, tool_arg(run, "id"));
    int error = 0;
    if (preference == NULL)
        return not_found(run);
    int r = preference_forget(turn, preference, &error);
    if (r < 0)
        return r;
    if (error != 0)
        return tool_refuse(run, "unavailable", "The note could not be deleted at the moment.");
    return tool_succeed(turn, run, json_pack("{s:s}", "result", "forgotten"));
}
