/* What the owner asked to keep in mind: opened for a turn, put in and corrected by tools,
 * listed and corrected for the owner's own pages. Sealed under the user's key, each with its id. */
#include "agent/turn_memory.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "agent/guards.h"
#include "memory/visible.h"

#define CHARACTERS_MAX 300u

const char *preference_wrong(const char *text) {
    size_t characters = 0;
    for (const char *c = text; *c != '\0'; c++) {
        if ((unsigned char)*c < 0x20 || *c == 0x7f) /* the prompt has one line for each */
            return "\"text\" must be one line.";
        characters += ((unsigned char)*c & 0xc0) != 0x80;
    }
    if (text_blank(text) || characters > CHARACTERS_MAX)
        return "\"text\" must have 1 to 300 characters.";
    return NULL;
}

/* Moved to another user or another id, it does not open. */
static struct seal_label label_of(const struct turn *turn, const char *id, char *subject,
                                  size_t cap) {
    (void)snprintf(subject, cap, "%s:%s", turn->start->user, id);
    return (struct seal_label){"preference", subject, 0, 1};
}

void turn_open_preferences(struct turn *turn) {
    const Cloister__SealedState *state = turn->start->state;
    if (turn->origin == ORIGIN_CUSTOMER) /* what the owner prefers is the owner's business */
        return;
    for (size_t i = 0; state != NULL && turn->keys->has_user && i < state->n_preferences &&
                       turn->npreferences < TURN_PREFERENCES;
         i++) {
        const Cloister__SealedItem *item = state->preferences[i];
        char subject[160];
        SCOPE_SECRET char *plain = NULL;
        size_t len;
        struct seal_label label = label_of(turn, item->id, subject, sizeof(subject));
        if (!id_valid(item->id) || seal_open(turn->keys->user, &label, item->sealed.data,
                                             item->sealed.len, &plain, &len) < 0)
            continue;
        struct preference *to = &turn->preferences[turn->npreferences];
        to->text = strdup(plain);
        if (to->text == NULL)
            return;
        strcpy(to->id, item->id);
        to->created_at_ms = item->created_at_ms;
        turn->npreferences++;
    }
}

struct preference *preference_find(struct turn *turn, const char *id) {
    for (size_t i = 0; i < turn->npreferences; i++)
        if (strcmp(turn->preferences[i].id, id) == 0)
            return &turn->preferences[i];
    return NULL;
}

static int no_memory(struct turn *turn) {
    return fault_set(&turn->fault, -ENOMEM, "internal", true, "This server is out of memory.");
}

static int put(struct turn *turn, const char *id, const char *text, bool correct, int *ret_error) {
    char subject[160];
    uint8_t *sealed = NULL;
    size_t len = 0;
    struct seal_label label = label_of(turn, id, subject, sizeof(subject));
    if (seal_box(turn->keys->user, &label, text, strlen(text), &sealed, &len) < 0)
        return no_memory(turn);
    Cloister__PutPreference message = CLOISTER__PUT_PREFERENCE__INIT;
    message.id = (char *)id;
    message.sealed.data = sealed;
    message.sealed.len = len;
    message.correct = correct;
    Cloister__HostCall call = CLOISTER__HOST_CALL__INIT;
    call.op_case = CLOISTER__HOST_CALL__OP_PUT_PREFERENCE;
    call.put_preference = &message;
    int r = channel_host_call(&turn->channel, &call, ret_error, &turn->fault);
    free(sealed);
    return r;
}

int preference_add(struct turn *turn, const char *text, const struct preference **ret,
                   int *ret_error) {
    struct preference *preference = &turn->preferences[turn->npreferences];
    *preference = (struct preference){.text = strdup(text), .created_at_ms = wall_ms()};
    if (preference->text == NULL)
        return no_memory(turn);
    id_random(preference->id);
    int r = put(turn, preference->id, text, false, ret_error);
    if (r < 0 || *ret_error != 0) {
        string_wipe(take_ptr(preference->text));
        return r;
    }
    turn->npreferences++;
    *ret = preference;
    return 0;
}

int preference_correct(struct turn *turn, struct preference *preference, const char *text,
                       int *ret_error) {
    *ret_error = 0;
    if (strcmp(preference->text, text) == 0)
        return 0;
    char *copy = strdup(text);
    if (copy == NULL)
        return no_memory(turn);
    int r = put(turn, preference->id, text, true, ret_error);
    if (r < 0 || *ret_error != 0) {
        string_wipe(copy);
        return r;
    }
    string_wipe(preference->text);
    preference->text = copy;
    return 0;
}

int preference_forget(struct turn *turn, struct preference *preference, int *ret_error) {
    Cloister__DeletePreference drop = CLOISTER__DELETE_PREFERENCE__INIT;
    drop.id = preference->id;
    Cloister__HostCall call = CLOISTER__HOST_CALL__INIT;
    call.op_case = CLOISTER__HOST_CALL__OP_DELETE_PREFERENCE;
    call.delete_preference = &drop;
    int r = channel_host_call(&turn->channel, &call, ret_error, &turn->fault);
    if (r == 0 && *ret_error == ENOENT) /* forgotten meanwhile, which is as good */
        *ret_error = 0;
    if (r < 0 || *ret_error != 0)
        return r;
    string_wipe(preference->text);
    struct preference *last = &turn->preferences[--turn->npreferences];
    if (preference != last)
        *preference = *last;
    return 0;
}

/* ---- the owner's own turns ---- */

static int open_own(struct turn *turn) {
    if (!turn->keys->has_user)
        return fault_set(&turn->fault, -EKEYREVOKED, "keys_unavailable", true,
                         "The key of this user is away at the moment.");
    turn_open_preferences(turn);
    return 0;
}

static int report(struct turn *turn, const struct preference *list, size_t n,
                  struct turn_outcome *outcome) {
    outcome->memories = calloc(n + 1, sizeof(*outcome->memories));
    outcome->memory_list = calloc(n + 1, sizeof(*outcome->memory_list));
    if (outcome->memories == NULL || outcome->memory_list == NULL)
        return no_memory(turn);
    for (size_t i = 0; i < n; i++) {
        Cloister__Memory *memory = &outcome->memories[i];
        cloister__memory__init(memory);
        memory->id = (char *)list[i].id;
        memory->text = list[i].text;
        memory->created_at_ms = list[i].created_at_ms;
        outcome->memory_list[i] = memory;
    }
    outcome->done.memories = outcome->memory_list;
    outcome->done.n_memories = n;
    return 0;
}

int turn_memory_list(struct turn *turn, struct turn_outcome *outcome) {
    int r = open_own(turn);
    return r < 0 ? r : report(turn, turn->preferences, turn->npreferences, outcome);
}

/* What the owner typed, as everybody sees it. */
static char *seen_text(const struct turn *turn) {
    char *text = strdup(turn->start->text);
    if (text != NULL && guard_holds(GUARD_INVISIBLE))
        visible_clean_string(text);
    return text;
}

static int correct_own(struct turn *turn, const char *text, struct turn_outcome *outcome) {
    const char *wrong = preference_wrong(text);
    int error = 0;
    struct preference *preference = preference_find(turn, turn->start->memory);
    if (preference == NULL)
        return fault_set(&turn->fault, -ENOENT, "not_found", false,
                         "Nothing is remembered under this id.");
    if (wrong != NULL)
        return fault_set(&turn->fault, -EINVAL, "invalid_field", false, "%s", wrong);
    int r = preference_correct(turn, preference, text, &error);
    if (r < 0)
        return r;
    if (error == ENOENT)
        return fault_set(&turn->fault, -ENOENT, "not_found", false,
                         "Nothing is remembered under this id any more.");
    if (error != 0)
        return fault_set(&turn->fault, -EIO, "database_unavailable", true,
                         "The note could not be kept at the moment.");
    return report(turn, preference, 1, outcome);
}

int turn_memory_put(struct turn *turn, struct turn_outcome *outcome) {
    int r = open_own(turn);
    if (r < 0)
        return r;
    char *text = seen_text(turn);
    r = text != NULL ? correct_own(turn, text, outcome) : no_memory(turn);
    string_wipe(text);
    return r;
}
