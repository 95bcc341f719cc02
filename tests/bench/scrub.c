/* What wiping freed memory costs: the same work, once in a program with the scrubbing allocator
 * (ipc/scrub.c) and once without. Prints {"free_64":[…], …, "relay":[…]}: nanoseconds for one go,
 * one entry a round. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "ipc/message.h"

#define ROUNDS 101
#define GOES   2000
#define BLOCKS 16 /* held at once, as a busy program does */

static uint64_t now_ns(void) {
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void allocate(size_t size) {
    char *held[BLOCKS] = {0};
    for (unsigned i = 0; i < GOES; i++) {
        char **block = &held[i % BLOCKS];
        free(*block);
        *block = malloc(size);
        if (*block == NULL)
            abort();
        memset(*block, 'x', size); /* somebody writes what is wiped later */
    }
    for (unsigned i = 0; i < BLOCKS; i++)
        free(held[i]);
}

/* A piece of answer, decoded and encoded again: what a relaying program does with each. */
static void relay(size_t size) {
    char text[1024];
    uint8_t data[2048];
    Cloister__TurnDelta delta = CLOISTER__TURN_DELTA__INIT;
    memset(text, 'x', size - 1);
    text[size - 1] = '\0';
    delta.turn = (char[]){"t"};
    delta.text = text;
    Cloister__Message message = MSG_OF(TURN_DELTA, turn_delta, &delta);
    ssize_t len = msg_encode(&message, data, sizeof(data));
    for (unsigned i = 0; len > 0 && i < GOES; i++) {
        struct msg_peer peer = {ROLE_TURN, ROLE_SUPERVISOR, PHASE_TURN, {0}};
        SCOPE_MSG Cloister__Message *got = NULL;
        if (msg_decode(&peer, data, (size_t)len, 0, &got) < 0 ||
            msg_encode(got, data, sizeof(data)) != len)
            abort();
    }
}

static void measure(const char *name, void (*work)(size_t), size_t size, const char *end) {
    printf("\"%s\":[", name);
    work(size); /* warm */
    for (unsigned i = 0; i < ROUNDS; i++) {
        uint64_t began = now_ns();
        work(size);
        printf("%s%.1f", i > 0 ? "," : "", (double)(now_ns() - began) / GOES);
    }
    printf("]%s", end);
}

int main(void) {
    printf("{");
    measure("free_64", allocate, 64, ",");
    measure("free_1024", allocate, 1024, ",");
    measure("free_16384", allocate, 16384, ",");
    measure("relay_200", relay, 200, ",");
    measure("relay_1000", relay, 1000, "}\n");
    return 0;
}
