/* The product's turn_channel.c with its limits as questions (egress_off.c). */
#include "supervisor/egress/turn_channel.h"
#include "tests/control/switch.h"

enum { DIALS_LIMIT = TURN_DIALS_MAX };
static const unsigned long long bytes_limit = TURN_BYTES_MAX;
enum { REFUSALS_LIMIT = TURN_REFUSALS_MAX };
#undef TURN_REFUSALS_MAX
#define TURN_REFUSALS_MAX (switched_off("EGRESS_REFUSALS") ? UINT32_MAX : (unsigned)REFUSALS_LIMIT)
#undef TURN_DIALS_MAX
#undef TURN_BYTES_MAX
#define TURN_DIALS_MAX (switched_off("EGRESS_SHARE") ? UINT32_MAX : (unsigned)DIALS_LIMIT)
#define TURN_BYTES_MAX (switched_off("EGRESS_BYTES") ? UINT64_MAX : bytes_limit)

#include "supervisor/egress/turn_channel.c"
