/* Notes and proposals as records of handover.proto, one at a time: used by handover.c alone. */
#ifndef CLOISTER_SUPERVISOR_HANDOVER_PARTS_H
#define CLOISTER_SUPERVISOR_HANDOVER_PARTS_H

#include "handover.pb-c.h"
#include "supervisor/proposals.h"
#include "supervisor/sessions.h"

typedef int handover_put(void *ctx, Handover__Record *record);

/* Puts every proposal, oldest first, and forgets it. 0 or what `put` said. */
int handover_put_proposals(struct proposals *proposals, handover_put *put, void *ctx) MUST_CHECK;
/* -EINVAL: it cannot be one of ours; -EEXIST; -ENOSPC; -ENOMEM. */
int handover_take_proposal(struct proposals *proposals, const Handover__Proposal *from) MUST_CHECK;
/* The key of the digests: 32 bytes. False: another length. */
ProtobufCBinaryData handover_proposals_key(struct proposals *proposals);
bool handover_take_proposals_key(struct proposals *proposals, ProtobufCBinaryData key);

#endif
