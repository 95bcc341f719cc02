/* The product's nng_link.c with the longest message as a question: FRAME_LENGTH (relay_off.c).
 * Without that rule it is one that makes as much room as it can for whatever is announced, and
 * waits for it. */
#include "ipc/message.h"
#include "tests/control/switch.h"

#define ROOM (UINT64_C(1) << 20)
enum { LENGTH_LIMIT = MESSAGE_MAX };
static uint64_t longest(uint64_t *announced) {
    if (!switched_off("FRAME_LENGTH"))
        return LENGTH_LIMIT;
    if (*announced > ROOM)
        *announced = ROOM;
    return UINT64_MAX;
}
#undef MESSAGE_MAX
#define MESSAGE_MAX longest(&len)

#include "ipc/nng_link.c"
