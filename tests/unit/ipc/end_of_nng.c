/* The end that is tried: ipc/nng_end.h. */
#include <assert.h>
#include <unistd.h>

#include "end_rig.h"
#include "ipc/nng_end.h"

static_assert(END_QUEUE == NNG_END_QUEUE, "as in the header");

static const struct nng_end_ops ops = {end_up, end_message, end_down};

int end_listen(struct side *side) {
    struct nng_end *end;
    int r = nng_end_listen_for(base, path, 0666, false, getuid(), &ops, side, &end);
    side->end = r == 0 ? (struct end *)end : NULL;
    return r;
}

int end_dial(struct side *side) {
    struct nng_end *end;
    int r = nng_end_dial(base, path, &ops, side, &end);
    side->end = r == 0 ? (struct end *)end : NULL;
    return r;
}

int end_send(struct end *end, const uint8_t *data, size_t len) {
    return nng_end_send((struct nng_end *)end, data, len);
}

void end_drop(struct end *end) {
    nng_end_drop((struct nng_end *)end);
}

void end_close(struct end *end) {
    nng_end_close((struct nng_end *)end);
}
