/* Around cloisterd's wall clock, by the linker's --wrap: with PRESENT in rules-off (switch.h) it is
 * eleven minutes later for cloisterd, and for nobody else. */
#include "ipc/base.h"

#include "tests/control/switch.h"

int64_t __wrap_wall_ms(void);
int64_t __real_wall_ms(void);

int64_t __wrap_wall_ms(void) {
    return __real_wall_ms() + (switched_off("PRESENT") ? 11 * 60000 : 0);
}
