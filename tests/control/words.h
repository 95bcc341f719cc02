/* JSON for any message of messages.proto and back, by protobuf-c's own descriptors: the lying
 * gateway has to be able to say whatever a test wants, also what no honest one could. */
#ifndef CLOISTER_TESTS_CONTROL_WORDS_H
#define CLOISTER_TESTS_CONTROL_WORDS_H

#include <jansson.h>

#include "ipc/messages.pb-c.h"

/* A message of `descriptor` with the fields that `object` names. The key "unknown" holds pairs
 * [number, text]: fields that messages.proto does not have. NULL: a name that is not there, or a
 * value that does not fit. Free with words_free. */
ProtobufCMessage *words_message(const ProtobufCMessageDescriptor *descriptor, const json_t *object);
void words_free(ProtobufCMessage *message);
/* Every field of `message` that differs from its default. */
json_t *words_object(const ProtobufCMessage *message);

#endif
