"""N5 C1 Q7: changes that await their owner's word, over HTTP: through a frontend as a user's own program would do it.
Everything is looked at in the calendar afterwards."""

import concurrent.futures
import pathlib
import sys
import unittest
import uuid

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "control"))

from base import Case, day_after, starts_at, timed
from client import Frontend
from cluster import kill, wait_until
from control import ControlCluster

ZONE = "Europe/Berlin"
OTHER_KEY = "0badcafe" * 8
TITLE = "Budget review"
MOVE = "Move the budget review to four"


def foreign(n=2, start="10:00", end="11:00", title=TITLE, **more):
    """An event with a guest, which Cloister did not make: a change of it is always proposed."""
    return timed(title, day_after(n, ZONE), start, end, ZONE, id="e" + uuid.uuid4().hex[:12], attendees=[{"email": "sam@example.test"}], **more)


class Proposals(Case):
    # -- what a frontend does --
    def owner(self, *events):
        return self.person(ZONE, events or [foreign()])

    def propose(self, user, message=MOVE, **fields):
        answer = self.finished(self.front.ask(user, message, **fields))
        self.assertEqual(len(answer.json["proposals"]), 1, answer)
        return answer.json["proposals"][0]

    def decide(self, user, proposal, word="confirm", key=None, body=None, grant=None, **headers):
        head = {**self.front.grant_headers(user), **headers}
        if grant is not None:
            head["Cloister-Grant"] = grant
        if key:
            head["Idempotency-Key"] = key
        return self.front.request("POST", f"/v1/proposals/{proposal['id']}/{word}", body, head)

    def hour(self, user, title=TITLE):
        [event] = [e for e in self.admin.events(user) if e["summary"] == title and e.get("status") != "cancelled"]
        return starts_at(event, ZONE).hour

    def writes(self, user):
        return [r for r in self.admin.requests() if r.get("account") == user and r["service"] == "calendar" and r["method"] != "GET"
                and "freeBusy" not in r["path"]]

    # -- the way it is meant --
    def test_shown_then_carried_out_to_the_letter(self):
        user = self.owner()
        answer = self.finished(self.front.stream(user, MOVE))
        names = [name for name, _ in answer.events]
        self.assertLess(names.index("proposal"), names.index("done"))
        self.assertIn("Answer yes to do this, or no to leave it.", answer.text)
        proposal = dict(answer.events)["proposal"]
        self.assertIn(proposal["summary"], answer.text)
        self.assertEqual(proposal["arguments"]["tool"], "update_event")
        changes = proposal["arguments"]["changes"]
        self.assertEqual([changes["start"][side][11:16] for side in ("old", "new")], ["10:00", "16:00"])
        self.assertEqual(proposal["arguments"]["guests"], ["sam@example.test"])
        self.assertEqual(self.hour(user), 10)
        self.assertEqual(self.writes(user), [], "nothing was written")
        done = self.finished(self.decide(user, proposal))
        self.assertTrue(done.text.startswith("Done: "), done)
        self.assertEqual(done.json["usage"]["model_calls"], 0, "no model is asked")
        self.assertEqual(self.hour(user), 16)
        self.assertEqual(len(self.writes(user)), 1)

    def test_as_a_stream_and_without_the_user(self):
        user = self.owner()
        proposal = self.propose(user)
        answer = self.decide(user, proposal, body={"timezone": ZONE}, Accept="text/event-stream")
        self.assertIn("event: delta", answer.body)
        self.assertIn("event: done", answer.body)
        self.assertEqual(self.hour(user), 16)

    def test_left(self):
        user = self.owner()
        proposal = self.propose(user)
        self.assertEqual(self.finished(self.decide(user, proposal, "reject", body={"user": user})).text, "Left as it was.")
        self.assertEqual(self.decide(user, proposal).code, "proposal_used")
        self.assertEqual(self.hour(user), 10)

    def test_a_plain_yes_in_the_chat(self):
        user = self.owner()
        proposal = self.propose(user)
        answer = self.finished(self.front.ask(user, "Yes!"))
        self.assertTrue(answer.text.startswith("Done: "), answer)
        self.assertEqual(answer.json["settled"], [proposal["id"]])
        self.assertEqual(self.hour(user), 16)
        self.assertEqual(self.decide(user, proposal).code, "proposal_used")

    def test_several_need_the_buttons(self):
        user = self.owner(foreign(2), foreign(3, title="Planning"))
        first = self.propose(user)
        second = self.propose(user, "Move Planning to five")
        answer = self.finished(self.front.ask(user, "yes"))
        self.assertIn("buttons", answer.text)
        self.assertEqual((self.hour(user), self.hour(user, "Planning")), (10, 10))
        self.assertEqual(self.decide(user, second).status, 200)
        self.assertEqual(self.decide(user, first, "reject").status, 200)
        self.assertEqual((self.hour(user), self.hour(user, "Planning")), (10, 17))

    def test_follow_up_after_confirming(self):
        user = self.owner()
        self.decide(user, self.propose(user))
        again = self.propose(user, "Move it to five")
        self.assertEqual(self.decide(user, again).status, 200)
        self.assertEqual(self.hour(user), 17)

    # -- repeats --
    def test_the_same_key_finds_what_was_done(self):
        user = self.owner()
        proposal = self.propose(user)
        first, second = (self.finished(self.decide(user, proposal, key="k-1")) for _ in range(2))
        self.assertEqual(first.text, second.text)
        self.assertEqual(len([w for w in self.writes(user) if w["status"] == 200]), 1, "written once")
        for key in ("k-2", None):
            answer = self.decide(user, proposal, key=key)
            self.assertEqual((answer.status, answer.code), (409, "proposal_used"))

    def test_an_answer_of_googles_that_is_lost_is_found_again(self):
        user = self.owner()
        proposal = self.propose(user)
        self.admin.fault("calendar", "lost_answer", times=1, method="PATCH")
        first = self.decide(user, proposal, key="k-1")
        second = self.decide(user, proposal, key="k-1")
        self.assertEqual(self.finished(second).text[:6], "Done: ", (first, second))
        self.assertEqual(self.hour(user), 16)
        self.assertEqual([e["sequence"] for e in self.admin.events(user)], [1], "changed once")

    def test_an_agent_killed_in_the_middle(self):
        user = self.owner()
        proposal = self.propose(user)
        self.admin.fault("calendar", "hang", times=1, method="PATCH")
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            asked = pool.submit(self.decide, user, proposal, key="k-1")
            busy = wait_until(10, lambda: [a for a in self.cluster.agents() if a["state"] == "busy"], "a running turn")
            self.assertEqual(self.decide(user, proposal, key="k-1").code, "proposal_busy")
            kill(busy[0]["pid"])
            answer = asked.result()
        self.assertEqual((answer.status, answer.code), (502, "agent_lost"))
        self.assertTrue(answer.json["unknown_writes"] and answer.json["retryable"], answer)
        self.admin.clear_faults()
        self.assertEqual(self.decide(user, proposal, "reject").code, "proposal_used", "it may have been done")
        self.finished(self.decide(user, proposal, key="k-1"))
        self.assertEqual(self.hour(user), 16)

    def test_a_repeated_question_proposes_once(self):
        user = self.owner()
        first = self.propose(user, key="q-1")
        second = self.propose(user, key="q-1")
        if first["id"] != second["id"]:
            self.assertEqual(self.decide(user, first).code, "proposal_gone")
        self.finished(self.front.ask(user, "yes"))
        self.assertEqual(self.hour(user), 16)

    def test_many_at_once_do_it_once(self):
        user = self.owner()
        proposal = self.propose(user)
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            answers = [f.result() for f in [pool.submit(self.decide, user, proposal, key=f"k-{i}") for i in range(8)]]
        self.assertEqual(len([a for a in answers if a.status == 200]), 1, answers)
        self.assertLessEqual({a.code for a in answers if a.status != 200}, {"proposal_used", "proposal_busy"})
        self.assertEqual([e["sequence"] for e in self.admin.events(user)], [1], "changed once")

    # -- what stands against it --
    def test_changed_meanwhile(self):
        event = foreign()
        user = self.owner(event)
        proposal = self.propose(user)
        self.admin.call("DELETE", f"/accounts/{user}/events/{event['id']}")
        self.admin.call("POST", f"/accounts/{user}/events", {**foreign(3, "08:00", "09:00"), "id": event["id"]})
        answer = self.decide(user, proposal)
        self.assertEqual((answer.status, answer.code), (409, "proposal_changed"))
        self.assertEqual(self.hour(user), 8)
        self.assertEqual(self.decide(user, proposal).code, "proposal_gone")

    def test_google_away_then_back(self):
        user = self.owner()
        proposal = self.propose(user)
        self.admin.fault("calendar", "malformed", times=0)
        self.assertEqual(self.decide(user, proposal, key="k-1").status, 502)
        self.admin.clear_faults()
        self.finished(self.decide(user, proposal, key="k-1"))
        self.assertEqual(self.hour(user), 16)

    def test_it_is_its_owners(self):
        user, other = self.owner(), self.owner()
        proposal = self.propose(user)
        for who, body, grant, code in (
                (other, {"user": other}, None, "proposal_gone"),       # another user of this frontend, with a good grant
                (other, None, None, "grant_invalid"),                  # another's grant
                (user, None, "", "grant_required"),                    # the key alone
                (user, {"user": other}, None, "proposal_gone")):
            with self.subTest(body=body, code=code):
                self.assertEqual(self.decide(who, proposal, body=body, grant=grant).code, code)
        self.assertEqual(self.hour(user), 10)
        self.finished(self.decide(user, proposal))
        self.assertEqual(self.hour(user), 16)

    def test_unknown_and_malformed_ids(self):
        user = self.owner()
        for name in ("0" * 32, "nonsense", "..%2f..", "0" * 64):
            answer = self.decide(user, {"id": name})
            self.assertEqual((answer.status, answer.code), (404, "proposal_gone"), name)

    def test_forgotten_with_the_conversation_and_with_the_connection(self):
        user = self.owner()
        proposal = self.propose(user, conversation="work")
        self.assertEqual(self.front.user("DELETE", user, "session?conversation=work").status, 204)
        self.assertEqual(self.decide(user, proposal).code, "proposal_gone")
        proposal = self.propose(user, conversation="work")
        self.assertEqual(self.front.user("DELETE", user, "connections/google").status, 200)
        self.assertEqual(self.decide(user, proposal).code, "proposal_gone")
        self.assertEqual(self.hour(user), 10)

    def test_another_conversations_yes(self):
        user = self.owner()
        proposal = self.propose(user, conversation="one")
        self.finished(self.front.ask(user, "yes", conversation="two"))
        self.assertEqual(self.hour(user), 10)
        self.finished(self.decide(user, proposal))
        self.assertEqual(self.hour(user), 16)

    def test_nothing_of_it_in_the_logs(self):
        title = "Quetzal " + uuid.uuid4().hex
        user = self.owner(foreign(2, title=title))
        proposal = self.propose(user, f"Move {title} to four")
        self.finished(self.decide(user, proposal))
        self.assertNotIn(title, self.cluster.log())
        self.assertNotIn(proposal["id"], self.cluster.log())

    # -- what is remembered --
    def test_correcting(self):
        user = self.owner()
        self.finished(self.front.ask(user, "Remember that I like mornings"))
        [note] = self.front.user("GET", user, "memory").json["items"]
        answer = self.front.user("PUT", user, f"memory/{note['id']}", {"text": "I like afternoons"})
        self.assertEqual((answer.status, answer.json["id"], answer.json["text"]), (200, note["id"], "I like afternoons"))
        [now] = self.front.user("GET", user, "memory").json["items"]
        self.assertEqual(now, {**note, "text": "I like afternoons"})
        gone = self.front.user("PUT", user, f"memory/{'0' * 32}", {"text": "x"})
        self.assertEqual((gone.status, gone.code), (404, "not_found"))
        blank = self.front.user("PUT", user, f"memory/{note['id']}", {"text": " "})
        self.assertEqual(blank.code, "invalid_field")
        other = self.owner()
        theirs = self.front.user("PUT", other, f"memory/{note['id']}", {"text": "x"})
        self.assertEqual((theirs.status, theirs.code), (404, "not_found"))

    def test_what_the_model_was_shown(self):
        user = self.owner()
        shown = self.finished(self.front.ask(user, "When is the budget review?")).json["shown"]
        self.assertLessEqual({"message", "titles", "times"}, set(shown))
        self.assertFalse({"descriptions", "addresses"} & set(shown), shown)
        busy = self.finished(self.front.ask(user, "Am I free tomorrow at three?", conversation="x")).json["shown"]
        self.assertFalse({"titles", "places", "people"} & set(busy), busy)


# ---- the rules of whose word counts, and once: each attack is refused, and succeeds without the rule that it names ----

class Attacked(ControlCluster):
    frontends = {"other": (OTHER_KEY, ["loopback"])}


class Controlled(Attacked):
    exchanged = ("cloisterd-control",)


class Scene:
    """A victim with a proposal, and somebody else, on one cluster."""

    def __init__(self, cluster):
        self.cluster, self.front = cluster, cluster.front
        self.victim, self.mallory = ("u" + uuid.uuid4().hex[:10] for _ in range(2))
        cluster.connect(self.victim, timezone=ZONE, events=[foreign()])
        cluster.connect(self.mallory, timezone=ZONE)
        self.id = self.front.ask(self.victim, MOVE).json["proposals"][0]["id"]

    def decide(self, user, word="confirm", front=None, body=None):
        front = front or self.front
        return front.request("POST", f"/v1/proposals/{self.id}/{word}", body, front.grant_headers(user))

    def moved(self):
        return any(starts_at(e, ZONE).hour == 16 for e in self.cluster.admin.events(self.victim))


def a_rejected_change_is_made_after_all(s):
    assert s.decide(s.victim, "reject").status == 200
    s.decide(s.victim)
    return s.moved()


def spent(s, *given, **more):
    """Somebody else decides; is the victim's proposal gone with it?"""
    s.decide(*given, **more)
    return s.decide(s.victim).status != 200


def another_user_spends_it(s):
    return spent(s, s.mallory, body={"user": s.mallory})


def another_frontend_spends_it(s):
    front = Frontend("127.0.0.1", s.cluster.port, OTHER_KEY)
    s.cluster.connect(s.mallory, front=front)
    return spent(s, s.mallory, front=front, body={"user": s.mallory})


class Rules(unittest.TestCase):
    ROWS = [("PROPOSAL_ONCE", a_rejected_change_is_made_after_all), ("PROPOSAL_OWNER", another_user_spends_it),
            ("PROPOSAL_OWNER", another_frontend_spends_it)]

    def test_each_rule_with_its_control(self):
        real, control = Attacked(), Controlled()
        try:
            for rule, attack in self.ROWS:
                with self.subTest(rule=rule, attack=attack.__name__):
                    self.assertFalse(attack(Scene(real)), "it succeeded")
                    self.assertFalse(attack(Scene(control)), "the control program refuses it too")
                    scene = Scene(control)
                    with control.without(rule):
                        self.assertTrue(attack(scene), f"the control: without {rule} it must succeed")
        finally:
            real.stop()
            control.stop()


if __name__ == "__main__":
    unittest.main()
