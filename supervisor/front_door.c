#include "supervisor/front_door.h"

#include <errno.h>
#include <string.h>

#include "build_config.h"
#include "ipc/confine.h"
#include "ipc/log.h"

struct front_door {
    struct business_link *link;
    struct front_cells *cells;
    struct front_answers *answers;
};

static void on_cell(void *ctx, Cloister__Message *message) {
    struct front_door *door = ctx;
    if (message->cell_call->answer != NULL)
        front_answers_begin(door->answers, message);
    else
        front_cells_step(door->cells, message);
}

static void on_down(void *ctx) {
    struct front_door *door = ctx;
    front_cells_down(door->cells);
    front_answers_down(door->answers);
}

static int open_link(const struct front_door_setup *setup, struct front_door *door) {
    struct business_setup business = {
        .path = setup->business_path, .cell = on_cell, .down = on_down, .ctx = door};
    gid_t ignored;
    if (user_lookup(CLOISTER_USER_BUSINESS, &business.uid, &ignored) < 0) {
        log_info("there is no business front door: there is no user " CLOISTER_USER_BUSINESS);
        business.path = NULL;
    }
    return business_link_new(setup->base, &business, &door->link);
}

int front_door_new(const struct front_door_setup *setup, struct front_door **ret) {
    const struct front_setup cells = {.base = setup->base,
                                      .store = setup->store,
                                      .turns = setup->turns,
                                      .sessions = setup->sessions,
                                      .proposals = setup->proposals};
    const struct answers_setup answers = {.base = setup->base,
                                          .store = setup->store,
                                          .turns = setup->turns,
                                          .budgets = setup->budgets};
    struct front_door *door = calloc(1, sizeof(*door));
    if (door == NULL)
        return -ENOMEM;
    int r = front_cells_new(&cells, &door->cells);
    if (r == 0)
        r = front_answers_new(&answers, &door->answers);
    if (r == 0)
        r = open_link(setup, door);
    if (r < 0) {
        business_link_free(door->link);
        front_cells_free(door->cells);
        front_answers_free(door->answers);
        free(door);
        return r;
    }
    front_cells_use(door->cells, door->link);
    front_answers_use(door->answers, door->link);
    *ret = door;
    return 0;
}

struct business_link *front_door_link(const struct front_door *door) {
    return door->link;
}

void front_door_close(struct front_door *door) {
    if (door == NULL)
        return;
    front_cells_down(door->cells);
    front_answers_down(door->answers);
}

void front_door_free(struct front_door *door) {
    if (door == NULL)
        return;
    front_door_close(door);
    business_link_free(door->link);
    front_cells_free(door->cells);
    front_answers_free(door->answers);
    free(door);
}
