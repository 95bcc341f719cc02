#include "supervisor/failures.h"

#include <string.h>

#include "ipc/base.h"

static const struct {
    const char *code;
    unsigned status;
} failures[] = {
#define FAILURE(code, status) {#code, status},
#include "supervisor/failures.def"
#undef FAILURE
};

unsigned failure_status(const char *code) {
    for (size_t i = 0; i < COUNT_OF(failures); i++)
        if (strcmp(failures[i].code, code) == 0)
            return failures[i].status;
    return 0;
}
