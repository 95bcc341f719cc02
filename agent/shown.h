/* Kinds of fields that have been put in front of the model: bits, by shown.def. */
#ifndef CLOISTER_AGENT_SHOWN_H
#define CLOISTER_AGENT_SHOWN_H

enum shown {
#define SHOWN(NAME, word, text) SHOWN_##NAME,
#include "agent/shown.def"
#undef SHOWN
    SHOWN_COUNT
};

#endif
