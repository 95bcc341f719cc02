/* Around turns_submit in cloisterd, by the linker's --wrap: a cloisterd that was taken over, or has
 * other texts to hand on, played through messages.def. What the file "play" beside the
 * configuration says is done to the next turn that is submitted, and to no other:
 *
 *   {"origin": "customer"}            whose turn it is; grant, preferences and notes stay behind
 *   {"context": [{"source": "customer", "about": "inquiry", "text": …}…]}  what comes with it
 *   {"notes": false}                  its notes are not handed on
 *   {"decide": ID}                    it decides on the proposal that was kept under this id, …
 *   {"as": ID}                        … which is said to be that one
 *   {"offer": [ID…]}                  proposals that were kept are handed on with a chat
 *   {"conversation": NAME}            it is said to be of this conversation
 *
 * Kept is every sealed proposal that a turn was ever handed. */
#include <jansson.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "supervisor/turns.h"

#define PLAY_BYTES    65536
#define CONTEXT_MAX   8
#define PROPOSALS_MAX 32
#define WAITING_MAX   64
#define OPS_MAX       4

struct turn *__wrap_turns_submit(struct turns *turns, const char *user, const char *origin,
                                 const char *connection, const Cloister__TurnStart *start,
                                 const struct turn_ops *ops, void *ctx,
                                 struct turn_failure *ret_failure);
struct turn *__real_turns_submit(struct turns *turns, const char *user, const char *origin,
                                 const char *connection, const Cloister__TurnStart *start,
                                 const struct turn_ops *ops, void *ctx,
                                 struct turn_failure *ret_failure);

static char path[PATH_MAX];
static json_t *kept; /* id → [hex of the sealed bytes, made at, expires at] */

/* glibc hands main's arguments to constructors as well. */
__attribute__((constructor)) static void find_file(int argc, char **argv) {
    for (int i = 1; i + 1 < argc; i++) {
        if (strcmp(argv[i], "--config") != 0)
            continue;
        const char *name = strrchr(argv[i + 1], '/');
        int dir = name == NULL ? 0 : (int)(name - argv[i + 1]);
        (void)snprintf(path, sizeof(path), "%.*s/play", dir, argv[i + 1]);
    }
}

/* What is to be played; each play has a number and is played once. NULL: nothing. */
static json_t *play_read(void) {
    static char text[PLAY_BYTES];
    static json_int_t played;
    ssize_t len = file_read(path, (uint8_t *)text, sizeof(text));
    json_t *play = len > 0 ? json_loadb(text, (size_t)len, 0, NULL) : NULL;
    json_int_t number = json_integer_value(json_object_get(play, "number"));
    if (number <= played) {
        json_decref(play);
        return NULL;
    }
    played = number;
    return play;
}

static const char *word(const json_t *play, const char *name) {
    return json_string_value(json_object_get(play, name));
}

/* ---- context ---- */

static Cloister__TextSource source_of(const char *name) {
    if (strcmp(name, "customer") == 0)
        return CLOISTER__TEXT_SOURCE__SOURCE_CUSTOMER;
    if (strcmp(name, "google") == 0)
        return CLOISTER__TEXT_SOURCE__SOURCE_GOOGLE;
    if (strcmp(name, "operator") == 0)
        return CLOISTER__TEXT_SOURCE__SOURCE_OPERATOR;
    return CLOISTER__TEXT_SOURCE__SOURCE_RECORD;
}

struct scene {
    Cloister__TurnStart start;
    Cloister__SealedState state;
    Cloister__ContextText context[CONTEXT_MAX], *contexts[CONTEXT_MAX];
    Cloister__SealedItem items[PROPOSALS_MAX], *proposals[PROPOSALS_MAX];
    uint8_t sealed[PROPOSALS_MAX][16384];
};

static void add_context(struct scene *scene, const json_t *play) {
    size_t i;
    const json_t *one;
    json_array_foreach(json_object_get(play, "context"), i, one) {
        if (i == CONTEXT_MAX)
            break;
        Cloister__ContextText *text = &scene->context[i];
        cloister__context_text__init(text);
        text->source = source_of(word(one, "source"));
        text->about = (char *)(uintptr_t)word(one, "about");
        text->text = (char *)(uintptr_t)word(one, "text");
        scene->contexts[i] = text;
        scene->start.n_context = i + 1;
    }
    scene->start.context = scene->contexts;
}

/* ---- proposals ---- */

static void keep(const Cloister__SealedState *state) {
    if (kept == NULL)
        kept = json_object();
    for (size_t i = 0; state != NULL && i < state->n_proposals; i++) {
        const Cloister__SealedItem *item = state->proposals[i];
        SCOPE_FREE char *hex = malloc(item->sealed.len * 2 + 1);
        if (hex == NULL)
            abort();
        hex_encode(item->sealed.data, item->sealed.len, hex);
        json_object_set_new(kept, item->id,
                            json_pack("[s,I]", hex, (json_int_t)item->created_at_ms));
    }
}

static void offer(struct scene *scene, const char *id, const char *as) {
    const json_t *one = json_object_get(kept, id);
    const char *hex = json_string_value(json_array_get(one, 0));
    size_t n = scene->state.n_proposals, len = hex != NULL ? strlen(hex) / 2 : 0;
    if (n == PROPOSALS_MAX || len == 0 || len > sizeof(scene->sealed[0]) ||
        hex_decode(hex, scene->sealed[n], len) < 0)
        return;
    Cloister__SealedItem *item = &scene->items[n];
    cloister__sealed_item__init(item);
    item->id = (char *)(uintptr_t)as;
    item->sealed = (ProtobufCBinaryData){len, scene->sealed[n]};
    item->created_at_ms = json_integer_value(json_array_get(one, 1));
    scene->proposals[n] = item;
    scene->state.n_proposals = n + 1;
    scene->state.proposals = scene->proposals;
}

static void decide(struct scene *scene, const json_t *play) {
    const char *id = word(play, "decide"), *as = word(play, "as");
    if (id == NULL)
        return;
    scene->state.n_proposals = 0;
    offer(scene, id, as != NULL ? as : id);
}

/* ---- before it waits for its agent ---- */

static void set_scene(struct scene *scene, const json_t *play, const char **origin) {
    add_context(scene, play);
    decide(scene, play);
    if (word(play, "conversation") != NULL)
        scene->start.conversation = (char *)(uintptr_t)word(play, "conversation");
    if (word(play, "origin") == NULL)
        return;
    *origin = word(play, "origin");
    scene->start.grant = (char *)(uintptr_t) "";
    scene->state.n_preferences = 0;
}

/* ---- when it begins ---- */

/* A turn that was submitted: what is to be played when cloisterd has added what it keeps. */
struct waiting {
    void *ctx; /* NULL: free */
    const struct turn_ops *ops;
    json_t *play;
};
static struct waiting waiting[WAITING_MAX];

static void set_state(Cloister__SealedState *state, const json_t *play) {
    static struct scene scene;
    size_t i;
    const json_t *one;
    if (word(play, "origin") != NULL || json_is_false(json_object_get(play, "notes")))
        state->notes = (ProtobufCBinaryData){0};
    if (json_object_get(play, "offer") == NULL)
        return;
    scene.state.n_proposals = 0;
    json_array_foreach(json_object_get(play, "offer"), i, one)
        offer(&scene, json_string_value(one), json_string_value(one));
    state->proposals = scene.proposals;
    state->n_proposals = scene.state.n_proposals;
}

static void on_begins(void *ctx, Cloister__SealedState *state) {
    for (size_t i = 0; i < COUNT_OF(waiting); i++) {
        if (waiting[i].ctx != ctx)
            continue;
        if (waiting[i].ops->begins != NULL)
            waiting[i].ops->begins(ctx, state);
        keep(state);
        set_state(state, waiting[i].play);
        waiting[i].ctx = NULL; /* what is played stays for the words that the turn is sent with */
        return;
    }
    abort(); /* its table is too small for what a test does */
}

/* Those that never began stay in the table until their room is needed. */
static void wait_for(void *ctx, const struct turn_ops *ops, const json_t *play) {
    static size_t next;
    size_t at = next++ % COUNT_OF(waiting);
    for (size_t i = 0; i < COUNT_OF(waiting); i++)
        if (waiting[i].ctx == ctx)
            at = i;
    json_decref(waiting[at].play);
    waiting[at] = (struct waiting){ctx, ops, json_incref((json_t *)(uintptr_t)play)};
}

/* The same, but for what is called when it begins; as long as this process. */
static const struct turn_ops *with_begins(const struct turn_ops *ops) {
    static struct {
        const struct turn_ops *from;
        struct turn_ops to;
    } made[OPS_MAX];
    for (size_t i = 0; i < COUNT_OF(made); i++) {
        if (made[i].from != NULL && made[i].from != ops)
            continue;
        made[i].from = ops;
        made[i].to = *ops;
        made[i].to.begins = on_begins;
        return &made[i].to;
    }
    abort();
}

struct turn *__wrap_turns_submit(struct turns *turns, const char *user, const char *origin,
                                 const char *connection, const Cloister__TurnStart *start,
                                 const struct turn_ops *ops, void *ctx,
                                 struct turn_failure *ret_failure) {
    static struct scene scene;
    if (start->kind != CLOISTER__TURN_KIND__TURN_CHAT &&
        start->kind != CLOISTER__TURN_KIND__TURN_DECIDE)
        return __real_turns_submit(turns, user, origin, connection, start, ops, ctx, ret_failure);
    keep(start->state);
    json_t *play = play_read();
    scene.start = *start;
    scene.state = *start->state;
    scene.start.state = &scene.state;
    if (play != NULL)
        set_scene(&scene, play, &origin);
    wait_for(ctx, ops, play);
    struct turn *turn = __real_turns_submit(turns, user, origin, connection, &scene.start,
                                            with_begins(ops), ctx, ret_failure);
    json_decref(play);
    return turn;
}
