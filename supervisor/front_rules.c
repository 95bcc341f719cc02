#include "supervisor/front_rules.h"

#include "supervisor/host_calls.h"

#define MESSAGE_MOST 8192u
#define CONTEXTS_MAX 8u

bool front_step_sound(const Cloister__CellCall *asked) {
    return id_valid(asked->user) && asked->step != NULL;
}

/* The owner's own words are in the profile, which is a record; everything else is a customer's. */
bool front_answer_sound(const Cloister__CellCall *asked) {
    const Cloister__CellAnswer *answer = asked->answer;
    bool good = id_valid(asked->user) && answer->n_context <= CONTEXTS_MAX &&
                answer->message[0] != '\0' && text_valid(answer->message, MESSAGE_MOST);
    for (size_t i = 0; good && i < answer->n_context; i++)
        good = answer->context[i]->source == CLOISTER__TEXT_SOURCE__SOURCE_RECORD ||
               answer->context[i]->source == CLOISTER__TEXT_SOURCE__SOURCE_CUSTOMER;
    return good;
}
