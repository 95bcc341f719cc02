#include "proposal_rig.h"

#include <stdio.h>
#include <string.h>

struct fake *fake;

void setup(void) {
    memset(guards_off, 0, sizeof(guards_off));
    fake = fake_new();
}
void teardown(void) {
    fake_free(fake);
}

void expect_done(void) {
    ck_assert_msg(*fake_code(fake) == '\0', "%s: %s", fake_code(fake),
                  *fake_code(fake) != '\0' ? fake->last->turn_error->detail : "");
}

const char *outcome(size_t asked, size_t n) {
    static char word[64];
    json_t *result = fake_result(fake, asked, n);
    const char *error = json_text(result, "error");
    (void)snprintf(word, sizeof(word), "%s", *error != '\0' ? error : json_text(result, "result"));
    json_decref(result);
    return word;
}

json_t *standup(const char *json, bool own) {
    fake_event(fake, "standup", json, own);
    fake_handle(fake, HANDLE, "standup");
    return json_object_get(fake->events, "standup");
}

void ask(const char *first, const char *call, const char *message) {
    size_t n = 0;
    if (first != NULL)
        fake->model[n++] = first;
    fake->model[n++] = call;
    fake->model[n] = SAY("It awaits your word.") END_TURN;
    fake_chat(fake, message);
    expect_done();
}
