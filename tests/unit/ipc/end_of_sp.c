/* The end that is tried: ipc/sp_end.h. */
#include <assert.h>
#include <unistd.h>

#include "end_rig.h"
#include "ipc/sp_end.h"

static_assert(END_QUEUE == SP_END_QUEUE, "as in the header");

static const struct sp_end_ops ops = {end_up, end_message, end_down};

int end_listen(struct side *side) {
    struct sp_end *end;
    int r = sp_end_listen_for(base, path, 0666, getuid(), &ops, side, &end);
    side->end = r == 0 ? (struct end *)end : NULL;
    return r;
}

int end_dial(struct side *side) {
    struct sp_end *end;
    int r = sp_end_dial(base, path, &ops, side, &end);
    side->end = r == 0 ? (struct end *)end : NULL;
    return r;
}

int end_send(struct end *end, const uint8_t *data, size_t len) {
    return sp_end_send((struct sp_end *)end, data, len);
}

void end_drop(struct end *end) {
    sp_end_drop((struct sp_end *)end);
}

void end_close(struct end *end) {
    sp_end_close((struct sp_end *)end);
}
