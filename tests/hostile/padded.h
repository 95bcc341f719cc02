/* Messages that are longer than what they say, for rows about the size caps of ipc/messages.def. */
#ifndef CLOISTER_TESTS_HOSTILE_PADDED_H
#define CLOISTER_TESTS_HOSTILE_PADDED_H

#include "ipc/message.h"

/* Packs `message` and pads it, by a field that messages.proto does not have, to exactly `size`
 * bytes. malloc'd; NULL when it does not come out at that. */
uint8_t *padded(Cloister__Message *message, size_t size) MUST_CHECK;
/* The same message without what it is padded with, for a control that takes any size: bytes in
 * `out`, or -errno. */
ssize_t unpadded(const uint8_t *data, size_t len, uint8_t *out, size_t cap) MUST_CHECK;

#endif
