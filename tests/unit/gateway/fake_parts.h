/* What the two halves of the played supervisor share: fake.c, the link and chats; fake_answers.c,
 * everything else. Only the fake's own thread runs any of it. */
#ifndef CLOISTER_TESTS_GATEWAY_FAKE_PARTS_H
#define CLOISTER_TESTS_GATEWAY_FAKE_PARTS_H

#include <pthread.h>

#include "ipc/message.h"
#include "ipc/nng_end.h"
#include "tests/unit/gateway/fake.h"

#define FLOODS_MAX 64

struct flood {
    uint64_t request, left, credit;
};

struct fake {
    pthread_t thread;
    int stop_fd;
    char path[128];
    struct fake_seen *seen;
    struct event_base *base;
    struct nng_end *end;
    struct msg_peer peer;
    struct flood floods[FLOODS_MAX];
    pthread_barrier_t ready;
};

/* fake.c */
void fake_put(struct fake *fake, Cloister__Message *message);
void fake_fail(struct fake *fake, uint64_t request, unsigned status, const char *code,
               bool retryable);
void fake_ok(struct fake *fake, uint64_t request);
bool fake_begins(const char *words, const char *word);

/* fake_answers.c; fake_known: what changes something, fake_asks: anything */
void fake_note(char *to, size_t cap, const char *from);
void fake_link(struct fake *fake, const Cloister__ConnectLinkCreate *create);
void fake_open(struct fake *fake, const Cloister__ConnectOpen *open);
void fake_sign_in(struct fake *fake, const Cloister__SignInBegin *begin);
void fake_callback(struct fake *fake, const Cloister__ConnectCallback *callback);
void fake_session(struct fake *fake, uint64_t request, const char *cookie);
void fake_redeem(struct fake *fake, const Cloister__Redeem *redeem);
void fake_state(struct fake *fake, uint64_t request, bool session);
void fake_memory(struct fake *fake, uint64_t request);
void fake_correct(struct fake *fake, const Cloister__MemoryPut *put);
void fake_disconnect(struct fake *fake, uint64_t request);
/* fake_business.c */
void fake_business(struct fake *fake, const Cloister__BusinessCall *call);
void fake_metrics(struct fake *fake, uint64_t request);
void fake_health(struct fake *fake, uint64_t request);
bool fake_asks(struct fake *fake, uint64_t request, const Cloister__Caller *caller, bool changes);
bool fake_known(struct fake *fake, uint64_t request, const Cloister__Caller *caller);

#endif
