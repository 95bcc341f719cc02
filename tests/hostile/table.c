/* Prints the table of attempts for the script that runs them: group, name, who, walls, title,
 * separated by tabs. */
#include <stdio.h>
#include <string.h>

#include "tests/hostile/attempt.h"

int main(void) {
    ATTEMPTS_EACH(at) {
        const struct attempt *row = *at;
        if (strcmp(row->group, "help") == 0) /* what an attempt needs to have been done before */
            continue;
        printf("%s\t%s\t%s%s%s%s%s\t%s\t%s\n", row->group, row->id,
               row->who & AGENT ? "agent " : "", row->who & TURN ? "turn " : "",
               row->who & FRONT ? "front " : "", row->who & CELL ? "cell " : "",
               row->who & ZYGOTE ? "zygote" : "", row->walls, row->title);
    }
    return 0;
}
