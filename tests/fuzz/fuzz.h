/* What the targets of this folder share. Each target asserts what its decoder promises beside not
 * crashing: what is accepted lies within its bounds, and comes back as it was. */
#ifndef CLOISTER_TESTS_FUZZ_H
#define CLOISTER_TESTS_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/* A promise. A broken one is a finding: libFuzzer keeps the input. */
#define MUST(condition)                                                                            \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition);                \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

/* An input that is taken apart from its front. */
struct input {
    const uint8_t *at;
    size_t left;
};

static inline uint8_t input_byte(struct input *input) {
    if (input->left == 0)
        return 0;
    input->left--;
    return *input->at++;
}

/* A NUL-terminated copy of what comes before the next `end`, which is skipped, or of all that is
 * left. It ends early at a NUL byte. The caller frees. */
static inline char *input_until(struct input *input, char end) {
    const uint8_t *stop = input->left > 0 ? memchr(input->at, end, input->left) : NULL;
    size_t len = stop != NULL ? (size_t)(stop - input->at) : input->left;
    char *text = strndup(input->left > 0 ? (const char *)input->at : "", len);
    MUST(text != NULL);
    size_t used = len + (stop != NULL);
    input->left -= used;
    if (used > 0)
        input->at += used;
    return text;
}

#endif
