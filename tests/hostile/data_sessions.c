/* TLS sessions that a turn leaves to its agent's next ones (TURN_SESSIONS, providers/resume.h).
 * What SECURITY.md says that nobody stops: a turn that was taken over leaves some of its own
 * making, for hosts that it names, at which this user's next turns offer them for ten minutes. What
 * is tried here is to leave more than that: larger ones, in another turn's name, after the end, to
 * be used elsewhere, from a customer's turn to the owner's.
 *
 * "sessions_found" is no attempt but the next turn's look (stage.py, AFTER). */
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "providers/resume.h"
#include "tests/hostile/data_turns.h"
#include "tests/hostile/padded.h"
#include "tests/hostile/sessions.h"

#define PLANTED   "planted.hostile.test"
#define PORT      443
#define TRUST     1
#define LEFT_MS   300 /* what was left is taken before the turn goes */
#define ELSEWHERE "elsewhere.hostile.test"

static const struct resume *left;
void sessions_seen(const struct resume *resume) {
    left = resume;
}

static uint8_t secret[RESUME_BYTES + 1] = "a secret that the attacker knows";

/* One, of `len` bytes for `host`, in the name of `turn`; of `size` bytes as a message if that is
 * not 0. */
static int leave(const struct scene *scene, const char *turn, const char *host, size_t len,
                 size_t size) {
    uint8_t data[4200];
    Cloister__TlsSession session = CLOISTER__TLS_SESSION__INIT, *list[] = {&session};
    Cloister__TurnSessions body = CLOISTER__TURN_SESSIONS__INIT;
    session.host = (char *)(uintptr_t)host;
    session.port = PORT;
    session.trust = TRUST;
    session.session = (ProtobufCBinaryData){len, secret};
    body.turn = (char *)(uintptr_t)turn;
    body.n_sessions = 1;
    body.sessions = list;
    Cloister__Message message = MSG_OF(TURN_SESSIONS, turn_sessions, &body);
    SCOPE_FREE uint8_t *long_one = size > 0 ? padded(&message, size) : NULL;
    message.protocol = PROTOCOL_VERSION;
    size_t packed = cloister__message__get_packed_size(&message);
    if (size > 0)
        return long_one == NULL ? -EINVAL : say_bytes(scene, long_one, size);
    if (packed > sizeof(data))
        return -EMSGSIZE;
    (void)cloister__message__pack(&message, data);
    return say_bytes(scene, data, packed);
}

enum {
#define MESSAGE(CASE, from, to, phase, once, cap, fds) CAP_##CASE = (cap),
#include "ipc/messages.def"
#undef MESSAGE
};

ATTEMPT(data, sessions_cap, TURN, "sessions-cap",
        "one byte more than its cap: TURN_SESSIONS, to its agent") {
    return live_on(scene, leave(scene, scene->start->turn, PLANTED, 32, CAP_TURN_SESSIONS + 1));
}
ATTEMPT(data, sessions_long, TURN, "sessions-fit",
        "TURN_SESSIONS: a session that is longer than its place") {
    return live_on(scene, leave(scene, scene->start->turn, PLANTED, RESUME_BYTES + 1, 0));
}
ATTEMPT(data, sessions_host, TURN, "sessions-fit",
        "TURN_SESSIONS: a host's name that is longer than its place") {
    char name[URL_HOST_MAX + 8];
    memset(name, 'a', sizeof(name) - 1);
    name[sizeof(name) - 1] = '\0';
    return live_on(scene, leave(scene, scene->start->turn, name, 32, 0));
}
ATTEMPT(data, sessions_of_another, TURN, "sessions-turn",
        "TURN_SESSIONS: in the name of another turn") {
    return live_on(scene, leave(scene, "ffffffffffffffffffffffffffffffff", PLANTED, 32, 0));
}

/* ---- what the next turn has of it ---- */

/* After its last word; the agent goes on for a moment. */
ATTEMPT(data, sessions_late, TURN, "sessions-end", "TURN_SESSIONS: after the turn's end") {
    Cloister__Usage usage = CLOISTER__USAGE__INIT;
    Cloister__Audit audit = CLOISTER__AUDIT__INIT;
    Cloister__TurnDone body = CLOISTER__TURN_DONE__INIT;
    body.turn = scene->start->turn;
    body.usage = &usage;
    body.audit = &audit;
    Cloister__Message message = MSG_OF(TURN_DONE, turn_done, &body);
    int r = say(scene, &message);
    if (r == 0)
        r = leave(scene, scene->start->turn, PLANTED, 32, 0);
    (void)poll(NULL, 0, LEFT_MS);
    if (r == 0)
        _exit(0); /* a word more would be one about another turn */
    return r;
}
ATTEMPT(data, sessions_elsewhere, TURN, "sessions-place",
        "TURN_SESSIONS: for one host, to be used at another") {
    int r = leave(scene, scene->start->turn, ELSEWHERE, 32, 0);
    (void)poll(NULL, 0, LEFT_MS);
    return r;
}
ATTEMPT(data, sessions_to_owner, FRONT, "CELLS_APART",
        "TURN_SESSIONS: from a customer's turn to the owner's") {
    int r = leave(scene, scene->start->turn, PLANTED, 32, 0);
    (void)poll(NULL, 0, LEFT_MS);
    return r;
}

ATTEMPT(help, sessions_found, TURN, "", "what an earlier turn left, as the next one would use it") {
    return resume_find(left, PLANTED, PORT, TRUST, clock_ms()) != NULL ? OUT : -ENOENT;
}
