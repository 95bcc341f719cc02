/* The world behind fake_http.c. */
#ifndef CLOISTER_TESTS_TURN_FAKE_WORLD_H
#define CLOISTER_TESTS_TURN_FAKE_WORLD_H

#include "fake.h"

void fake_serve(struct fake *fake, const char *method, const char *url, const char *body,
                struct fake_reply *reply);

#endif
