/* Keeps an agent's share of memory small. */
#ifndef CLOISTER_AGENT_HEAP_H
#define CLOISTER_AGENT_HEAP_H

/* In the zygote, when it is warm: takes up every hole in the heap for good, so that what an agent
 * allocates later comes in one piece from the heap's end. Otherwise it is scattered over pages that
 * all agents share, and each touched one becomes a copy of its own. */
void heap_settle(void);
/* In an agent after a turn: gives the end of the heap back. */
void heap_shrink(void);

#endif
