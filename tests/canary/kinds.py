"""The kinds of request that the canary run makes. Each is a function of the people, a user and its words; it returns when
the request has ended for the one who asked, and says what came of it."""

import contextlib
import http.client
import json
import os
import signal
import socket
import threading

from cluster import kill, wait_until
from person import Person
from population import ZONE, TURN_MS, TurnOver, letters

KINDS = []
SCRIPT = "What do I have tomorrow?"
TRIES = 4


def kind(weight, *needs):
    """`weight`: how often of a hundred or so. `needs`: "watch", a look while its turn runs."""
    def keep(function):
        function.weight, function.needs = weight, needs
        KINDS.append(function)
        return function
    return keep


def ask(people, user, words, text, how="stream", **fields):
    fields.setdefault("conversation", words.secret("conversation"))
    fields.setdefault("timezone", ZONE)
    message = f"{text} {words.secret('message')}" if "%s" not in text else text % words.secret("message")
    key = words.secret("idempotency", letters(24))
    return getattr(people.front, how)(user.name, message, key=key, **fields)


def good(answer):
    assert answer.status == 200 and answer.error is None and answer.done, answer
    return answer


# ---- good ones ----

@kind(10)
def listing_as_a_stream(people, user, words):
    got = good(ask(people, user, words, SCRIPT))
    assert words.title in got.text, f"the control: the turn read the calendar: {got}"


@kind(8)
def listing_as_one_answer(people, user, words):
    assert words.title in good(ask(people, user, words, SCRIPT, "ask")).text


@kind(4)
def availability(people, user, words):
    good(ask(people, user, words, "Am I free tomorrow at 3pm?"))


@kind(4)
def one_event_by_its_title(people, user, words):
    good(ask(people, user, words, f"When is {words.title}?"))


@kind(6)
def creating(people, user, words):
    good(ask(people, user, words, "Put %s tomorrow at 3pm"))
    assert len(people.admin.events(user.name)) == 2


@kind(3)
def creating_with_a_guest(people, user, words):
    good(ask(people, user, words, f"Schedule %s on Friday at 4pm with {words.secret('calendar', letters(16))}@example.test"))


@kind(3)
def follow_up(people, user, words):
    conversation = words.secret("conversation")
    good(ask(people, user, words, "Put %s tomorrow at 3pm", conversation=conversation))
    good(ask(people, user, words, "Move it to four", conversation=conversation))


@kind(3)
def small_talk(people, user, words):
    good(ask(people, user, words, "Hello there"))


@kind(3)
def long_answer(people, user, words):
    good(ask(people, user, words, "long answer 3000 %s"))


# ---- changes that await the owner's word ----

def proposed(people, user, words):
    """The user's own event was made elsewhere, so moving it is only proposed. The proposal, which waits."""
    conversation = words.secret("conversation")
    got = good(ask(people, user, words, f"Move {words.title} to four", "ask", conversation=conversation))
    assert got.json["proposals"] and words.title in got.json["proposals"][0]["summary"], f"the control: it was proposed: {got}"
    return got.json["proposals"][0]["id"], conversation


def decide(people, user, words, word):
    known, _ = proposed(people, user, words)
    head = {**people.front.grant_headers(user.name), "Idempotency-Key": words.secret("idempotency", letters(24))}
    return people.front.keep_grant(user.name, people.front.request("POST", f"/v1/proposals/{known}/{word}", None, head))


@kind(3)
def proposing(people, user, words):
    proposed(people, user, words)


@kind(3)
def confirming(people, user, words):
    assert words.title in good(decide(people, user, words, "confirm")).text


@kind(2)
def leaving(people, user, words):
    assert good(decide(people, user, words, "reject")).text == "Left as it was."


@kind(2)
def saying_yes(people, user, words):
    _, conversation = proposed(people, user, words)
    key = words.secret("idempotency", letters(24))
    assert words.title in good(people.front.ask(user.name, "yes", key=key, conversation=conversation)).text


# ---- memory ----

@kind(4)
def remembering(people, user, words):
    good(ask(people, user, words, "Remember that I like %s"))


@kind(3)
def memory_listed(people, user, words):
    liked = words.secret("message")
    good(people.front.stream(user.name, f"Remember that I like {liked}", timezone=ZONE, key=words.secret("idempotency", letters(24))))
    got = people.front.user("GET", user.name, "memory")
    assert got.status == 200 and liked in got.body, f"the control: it was remembered: {got}"
    assert people.front.user("DELETE", user.name, "memory").status == 204


@kind(2)
def session_forgotten(people, user, words):
    conversation = words.secret("conversation")
    good(ask(people, user, words, SCRIPT, conversation=conversation))
    assert people.front.user("DELETE", user.name, "session").status == 204


# ---- faults of Google and of the model, with the request's own words in what they answer ----

def faulty(people, user, words, service, kind_of, **more):
    people.admin.fault(service, kind_of, times=more.pop("times", 1), **more)
    got = ask(people, user, words, SCRIPT)
    people.admin.clear_faults()
    return got


GOOGLE = [("status", {"status": 403, "times": 9}), ("status", {"status": 500}), ("truncate", {}), ("malformed", {"times": 9}), ("reset", {}),
          ("lost_answer", {}), ("status", {"status": 401}), ("oversize", {"times": 9, "bytes": 1 << 22}), ("unknown_ca_cert", {"times": 9})]
MODEL = [("status", {"status": 400, "times": 9}), ("malformed", {"times": 9}), ("midstream_error", {"times": 9}), ("truncate", {}), ("reset", {}),
         ("status", {"status": 401, "times": 9}), ("status", {"status": 529}), ("oversize", {"times": 9, "bytes": 1 << 22})]


@kind(9)
def google_fails(people, user, words):
    how, more = GOOGLE[people.next("google") % len(GOOGLE)]
    faulty(people, user, words, "calendar", how, **({**more, "reason": words.secret("calendar")} if how == "status" else more))


@kind(8)
def model_fails(people, user, words):
    how, more = MODEL[people.next("model") % len(MODEL)]
    faulty(people, user, words, "model", how, **({**more, "reason": words.secret("message")} if how == "status" else more))


@kind(3)
def token_refreshed(people, user, words):
    people.admin.call("POST", f"/tokens/{user.name}/kill?access_only=1")
    good(ask(people, user, words, SCRIPT))


@kind(2)
def token_endpoint_fails(people, user, words):
    people.admin.call("POST", f"/tokens/{user.name}/kill?access_only=1")
    faulty(people, user, words, "token", "status", status=503, reason=words.secret("token"))


@kind(2)
def model_that_calls_wrongly(people, user, words):
    ask(people, user, words, ("unknown tool: %s", "bad arguments: %s")[people.next("wrong") % 2])


# ---- requests that are refused ----

@kind(2)
def refused_grant(people, user, words):
    got = ask(people, user, words, SCRIPT, grant="cg1_" + words.secret("grant", letters(64)))
    assert got.code == "grant_invalid", got


@kind(2)
def refused_key(people, user, words):
    got = people.front.request("POST", "/v1/chat", {"user": user.name, "message": words.secret("message")},
                               {"Authorization": "Bearer " + words.secret("frontend", letters(64))})
    assert got.status == 401, got


@kind(3)
def refused_body(people, user, words):
    bodies = ['{"user": "%s", "message": "%s"', '{"user": "%s", "message": ["%s"]}', '{"user": "%s", "message": "x", "timezone": "%s"}',
              '{"user": "%s", "message": "x", "%s": 1}']
    body = bodies[people.next("body") % len(bodies)] % (user.name, words.secret("message"))
    got = people.front.request("POST", "/v1/chat", raw=body.encode(), headers={
        "Content-Type": "application/json", **people.front.grant_headers(user.name), "X-Whatever": words.secret("header", letters(24)),
        "User-Agent": words.secret("header", letters(24))})
    assert got.status in (400, 200), got


@kind(2)
def refused_path(people, user, words):
    got = people.front.request("GET", f"/v1/{words.secret('message', letters(24))}?q={words.secret('message', letters(24))}")
    assert got.status == 404, got


# ---- requests that do not come to their end ----

def hanging(people, user, words, service, end, wanted=None, **more):
    """hanging_once, again where the turn's time was over before all memory had been looked through or it was ended. A machine that
    is too busy for each of them is told of, and the request counts as any other: what the suite as a whole has looked at while a
    turn ran is held to a least. `wanted`: the code of the answer."""
    for _ in range(TRIES):
        with contextlib.suppress(TurnOver):
            got = hanging_once(people, user, words, service, end, **more)
            if got != "turn_timeout" or wanted in (None, got):
                assert wanted in (None, got), got
                return
        print(f"    {words.label}: the turn's time was over before it was looked at and ended; once more", flush=True)
    print(f"    {words.label}: this machine is too busy to look at a turn in {TURN_MS} ms", flush=True)


def hanging_once(people, user, words, service, end, after=0, holds=("token", "message")):
    """Asks; once the turn waits for a service that answers `after` times and then no more, looks (what the turn `holds` must
    be seen in it), and calls `end` with its pid. TurnOver: it was too late for that."""
    people.admin.fault(service, "hang", times=0, after=after)
    answers, conn = [], people.connection()
    conn.connect()
    line = conn.sock  # http.client forgets it once the answer's head has come

    def run():
        answers.append(people.post(conn, user, words, SCRIPT))
    thread = threading.Thread(target=run)
    since = people.marked()
    thread.start()
    try:
        wait_until(60, lambda: len(people.arrived(service, since)) > after or not thread.is_alive(), f"a request to the {service} that hangs")
        turn = people.cluster.turns_running()
        if not turn:
            raise TurnOver
        assert len(turn) == 1, f"one turn: {turn}"
        people.watch(user, words, turn[0], holds)
        with turn_over():
            end(turn[0], line)
    finally:
        thread.join(TURN_MS / 1000 + 60)
        people.admin.clear_faults()
    assert not thread.is_alive(), "the end of the request"
    return answers[0]


@contextlib.contextmanager
def turn_over():
    """Of a process that is not there any more."""
    try:
        yield
    except (ProcessLookupError, FileNotFoundError) as e:
        raise TurnOver from e


def hang_up(turn, line):
    line.shutdown(socket.SHUT_RDWR)


@kind(4, "watch")
def cancelled_while_google_is_asked(people, user, words):
    hanging(people, user, words, "calendar", hang_up)


@kind(2, "watch")
def cancelled_while_the_model_thinks(people, user, words):
    hanging(people, user, words, "model", hang_up, after=1, holds=("calendar", "token", "message"))


@kind(3)
def cancelled_in_the_middle_of_an_answer(people, user, words):
    people.admin.fault("model", "slow", times=0, ms=30)
    ask(people, user, words, "long answer 400 %s", on_event=lambda event, data: event != "delta")
    people.admin.clear_faults()


@kind(4, "watch")
def turn_killed(people, user, words):
    hanging(people, user, words, "calendar", lambda turn, line: os.kill(turn, signal.SIGKILL), wanted="agent_lost")


@kind(3, "watch")
def agent_killed(people, user, words):
    def end(turn, line):
        stat = open(f"/proc/{turn}/stat").read()
        kill(int(stat.rsplit(")", 1)[1].split()[1]))
    hanging(people, user, words, "calendar", end, wanted="agent_lost")


@kind(2, "watch")
def timed_out(people, user, words):
    hanging(people, user, words, "calendar", lambda turn, line: None, wanted="turn_timeout")


@kind(3)
def stalled_reader(people, user, words):
    """Reads nothing of a long answer until the turn is over or waits for it, then goes."""
    user.calendar([words.event(start=f"{h:02d}:{m:02d}", end=f"{h:02d}:{m + 4:02d}", many=8) for h in range(8, 12) for m in range(0, 55, 5)])
    with socket.socket() as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        s.connect(("127.0.0.1", people.cluster.port))
        text = ("long answer 20000 %s" if people.next("stalled") % 2 else SCRIPT + " %s") % words.secret("message")
        s.sendall(people.bytes_of(user, words, text))
        wait_until(60, lambda: s.recv(4096, socket.MSG_PEEK), "an answer's beginning")
        wait_until(TURN_MS / 1000 + 30, lambda: waiting(s) >= 2000 or not people.cluster.turns_running(), "an answer that fills what there is")


def waiting(s):
    import fcntl
    import struct
    import termios
    return struct.unpack("i", fcntl.ioctl(s, termios.FIONREAD, b"\0" * 4))[0]


# ---- connecting ----

@kind(3)
def disconnect_and_connect(people, user, words):
    got = people.front.user("DELETE", user.name, "connections/google")
    assert got.status == 200, got
    user.connected = False
    user.connect(words)


@kind(2)
def connect_refused_at_google(people, user, words):
    person = Person(people.cluster, user.name)
    link = people.cluster.link(user.name)
    words.secret("link", link.rsplit("/", 1)[1])
    person.get(person.consent(person.set_out(link), allow=False))
    people.learn(person, words)


@kind(2)
def connect_fails(people, user, words):
    person = Person(people.cluster, user.name)
    back = person.consent(person.set_out(people.cluster.link(user.name)))
    people.admin.fault("token", ("status", "malformed", "id_token")[people.next("connect") % 3], status=400, reason=("invalid_grant", "", "sub")[
        people.last("connect") % 3], times=9)
    person.get(back)
    people.admin.clear_faults()
    people.learn(person, words)


@kind(3)
def signed_in_on_the_pages(people, user, words):
    person = Person(people.cluster, user.name).sign_in()
    csrf = person.csrf
    words.secret("csrf", csrf)
    person.connect()
    got = person.api("POST", "/v1/chat", {"message": f"{SCRIPT} {words.secret('message')}", "timezone": ZONE}, csrf)
    assert got.status == 200 and words.title in got.body, got
    people.learn(person, words)
    if people.next("page") % 2:
        assert person.form("/logout", {"csrf": csrf}).status == 303


@kind(1)
def page_opened(people, user, words):
    person = Person(people.cluster, user.name).sign_in()
    page = person.get("/")
    assert page.status == 200
    people.learn(person, words)
