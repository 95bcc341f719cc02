/* A conversation's turn: the loop between the model and the tools, within its budgets. */
#include <errno.h>
#include <string.h>

#include "agent/guards.h"
#include "agent/prompt.h"
#include "agent/proposal.h"
#include "agent/tools.h"
#include "agent/turn_budget.h"
#include "agent/turn_context.h"

/* What one answer says starts on a line of its own after what an earlier one said. */
struct paragraph {
    struct turn *turn;
    bool begun;
};

static int on_paragraph(void *ctx, const char *text, size_t len) {
    struct paragraph *paragraph = ctx;
    struct turn *turn = paragraph->turn;
    if (!paragraph->begun && turn->answer.len > 0) {
        int r = turn_answer(turn, "\n\n", 2);
        if (r < 0)
            return r;
    }
    paragraph->begun = true;
    return turn_answer(turn, text, len);
}

static int budget(struct turn *turn, const char *what) {
    return fault_set(&turn->fault, -EDQUOT, "budget_exhausted", false,
                     "This request needed more %s than one request may use. Ask for less at once.",
                     what);
}

static int ask(struct turn *turn, const struct model_prompt *prompt, struct model_answer *ret) {
    uint64_t most = (uint64_t)turn->world->max_output_tokens * 4;
    if (turn->model_calls >= TURN_MODEL_CALLS)
        return budget(turn, "steps");
    if (turn->output_tokens >= most)
        return budget(turn, "output");
    uint64_t left = most - turn->output_tokens;
    int r = turn_budget_left(turn, &left);
    if (r < 0)
        return r;
    const char *key = keys_for_model(turn->keys, turn->world->model_host, &turn->fault);
    if (key == NULL) {
        turn->pump.tally.model_errors[PUMP_ERROR_MISCONFIGURED]++;
        return -EACCES;
    }
    struct paragraph paragraph = {turn, false};
    struct model_call call = {.pump = &turn->pump,
                              .settings = &turn->world->model,
                              .prompt = prompt,
                              .api_key = key,
                              .quote_errors = !guard_holds(GUARD_ERRORS_OWN_WORDS),
                              .max_tokens = left < turn->world->max_output_tokens
                                                ? (uint32_t)left
                                                : turn->world->max_output_tokens,
                              .on_text = on_paragraph,
                              .ctx = &paragraph};
    turn->model_calls++;
    r = model_ask(&call, ret, &turn->fault);
    int held = turn_answer_end(turn);
    turn->input_tokens += ret->input_tokens; /* a call that failed has used some, too */
    turn->output_tokens += ret->output_tokens;
    if (r < 0 || held < 0)
        return r < 0 ? r : held;
    return json_array_append(prompt->messages, ret->raw) < 0 ? -ENOMEM : 0;
}

static int run_tools(struct turn *turn, const struct model_answer *answer, json_t *messages) {
    struct tool_output outputs[MODEL_CALLS_MAX] = {0};
    struct model_result results[MODEL_CALLS_MAX];
    int r = tools_run(turn, answer, outputs);
    for (size_t i = 0; i < answer->ncalls; i++)
        results[i] = (struct model_result){answer->calls[i].id, answer->calls[i].name,
                                           outputs[i].text, outputs[i].is_error};
    if (r == 0)
        r = model_add_results(turn->world->model.dialect, messages, results, answer->ncalls);
    for (size_t i = 0; i < answer->ncalls; i++)
        string_wipe(outputs[i].text);
    return r;
}

/* The answer is no more than this. 0: done. */
static int end_of(struct turn *turn, const struct model_answer *answer) {
    static const char cut[] = "\n\n[The answer was cut off at its length limit.]";
    static const char done[] = "Done.";
    switch (answer->stop) {
    case MODEL_STOP_REFUSED:
        return fault_set(&turn->fault, -EIO, "model_refused", false,
                         "The model declined to answer this request.");
    case MODEL_STOP_CONTEXT:
        return budget(turn, "context");
    case MODEL_STOP_LENGTH:
        if (answer->ncalls > 0 || answer->text_len == 0)
            return budget(turn, "output");
        return turn_answer(turn, cut, sizeof(cut) - 1);
    case MODEL_STOP_END:
    case MODEL_STOP_TOOLS:
    case MODEL_STOP_PAUSED:
        break;
    }
    if (!text_blank(strbuf_str(&turn->answer)))
        return 0;
    /* Some models end without a word once their tools have worked: what was done stays done, and
     * what is proposed is said by code. */
    if (turn->nmade > 0)
        return 0;
    if (turn->writes_done == 0)
        return fault_set(&turn->fault, -EIO, "model_unavailable", true,
                         "The model gave no answer.");
    return turn_answer(turn, done, sizeof(done) - 1);
}

/* 0: the conversation goes on. 1: it is over. */
static int step(struct turn *turn, const struct model_prompt *prompt) {
    struct model_answer answer;
    int r = ask(turn, prompt, &answer);
    if (r < 0)
        return r;
    bool usable = answer.stop == MODEL_STOP_END || answer.stop == MODEL_STOP_TOOLS ||
                  answer.stop == MODEL_STOP_PAUSED;
    if (usable && answer.ncalls > 0)
        r = run_tools(turn, &answer, prompt->messages);
    else if (answer.stop != MODEL_STOP_PAUSED)
        r = end_of(turn, &answer) < 0 ? -EIO : 1;
    model_answer_free(&answer);
    return r;
}

static int converse(struct turn *turn) {
    struct model_tool tools[TOOL_COUNT];
    struct model_prompt prompt = {.stable = prompt_stable(turn), .tools = tools};
    int64_t now_ms = wall_ms();
    char *current = prompt_current(turn, now_ms);
    prompt.current = current;
    prompt.messages = prompt_messages(turn, now_ms);
    prompt.ntools = tools_offered(turn, tools);
    int r = current == NULL || prompt.messages == NULL ? -ENOMEM : 0;
    while (r == 0)
        r = step(turn, &prompt);
    json_decref(prompt.messages);
    string_wipe(current);
    return r < 0 ? r : 0;
}

void turn_take_request(struct turn *turn) {
    const Cloister__TurnStart *start = turn->start;
    if (start->idempotency.len == sizeof(turn->request)) {
        memcpy(turn->request, start->idempotency.data, sizeof(turn->request));
        return;
    }
    char id[ID_LEN + 1]; /* nobody can repeat this request: its ids are merely unique */
    for (size_t i = 0; i < sizeof(turn->request); i += ID_LEN / 2) {
        id_random(id);
        (void)!hex_decode(id, turn->request + i, ID_LEN / 2);
    }
}

static int prepare(struct turn *turn) {
    turn_take_request(turn);
    /* Customers are served without a calendar: cloisterd sends no token. */
    const bool tokens = turn->origin != ORIGIN_CUSTOMER || turn->start->state->refresh.len > 0;
    int r = tokens ? turn_open_tokens(turn) : 0;
    if (r == 0 && !turn->keys->has_connection)
        r = fault_set(&turn->fault, -EKEYREVOKED, "disconnected", false,
                      "This connection has ended. Connect the calendar again.");
    if (r < 0)
        return r;
    if (!turn->keys->has_user && turn->origin != ORIGIN_CUSTOMER) /* a front cell gets none */
        return fault_set(&turn->fault, -EKEYREVOKED, "keys_unavailable", true,
                         "The key of this user is away at the moment.");
    turn_open_preferences(turn);
    turn_take_context(turn);
    r = turn_open_notes(turn);
    if (r < 0)
        return r;
    if (tokens)
        google_refresh_begin(turn->google); /* runs beside the model's thinking */
    return 0;
}

static int speak(struct turn *turn) {
    int r = turn_find_zone(turn);
    if (r == 0)
        r = turn_find_earlier(turn);
    if (r == 0)
        r = converse(turn);
    if (turn->pages.len > 0) { /* however it ended: the first fault is the one that is told */
        int given = turn_give_pages(turn);
        r = r < 0 ? r : given;
    }
    return r == 0 ? proposal_show(turn) : r;
}

int turn_chat(struct turn *turn, struct turn_outcome *outcome) {
    bool handled = false;
    (void)outcome;
    int r = prepare(turn);
    if (r == 0)
        r = turn_plain_word(turn, &handled);
    if (r == 0 && !handled)
        r = speak(turn);
    if (r == 0)
        r = turn_answer_end(turn);
    return r == 0 ? channel_flush(&turn->channel, &turn->fault) : r;
}
