"""gateway/openapi.yaml against a running Cloister: its routes are routes.def's, and for every route each documented
status is provoked and looks as documented. A frontend developer can believe the document."""

import base64
import collections
import contextlib
import pathlib
import re
import sys
import threading
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "control"))

import openapi_business  # noqa: F401 (adds its recipes)
import openapi_front_door as front_door
from base import SANITIZED
from cluster import wait_until
from openapi_document import TOP
from openapi_recipes import RECIPES
from openapi_requests import Asker
from openapi_stage import DOCUMENT, OPERATIONS, Running, Stage
from openapi_ways import WAYS

SLOWER = 4 if SANITIZED else 1
SMALL = f"""[gateway]
grant_ms={2000 * SLOWER}
[agents]
max=1
full_wait_ms=300
turns_queued_per_user=1
[model]
turn_timeout_ms={1500 * SLOWER}
"""
MAILS = """[notify]
smtp_url=smtp://mail.invalid:587
mail_from=bookings@calendar.example
"""

Act = collections.namedtuple("Act", "op status code name play")


def acts(scene):
    """What is tried in a scene, in the order of the tables."""
    for where, status, code, name, concerns, spoil in WAYS:
        for op in OPERATIONS.values() if where == scene else ():
            if concerns(op):
                yield Act(op, status, code, name, spoil)
    for where, name, status, code, play in RECIPES:
        if where == scene:
            yield Act(OPERATIONS[name], status, code, play.__name__.replace("_", " ").strip(), lambda stage, op, play=play: play(stage))


class Outcomes:
    """What came of everything that was tried."""

    def __init__(self):
        self.rows = []  # (act, faults)

    def play_front_door(self, port, request, send):
        """One request of openapi_front_door.py."""
        name, status, code, data = request
        act = Act(front_door.ROUTE, status, code, name, None)
        try:
            answer = send(port, data)
            faults = DOCUMENT.faults(act.op, answer)
            if (answer.status, answer.code) != (status, code):
                faults.append(f"{status} {code} was to come of it, and {answer!r} did")
        except OSError as error:
            faults = [repr(error)]
        self.rows.append((act, faults))

    def play_commands(self, stage):
        """The commands of the page, as they stand there: what they name need not be there, but nothing else is wrong."""
        for op in OPERATIONS.values():
            command = DOCUMENT.command(op)
            if command is None:
                continue
            ann = Asker(stage.key, "ann", stage.cluster.connect("ann")["grant"])
            status = stage.run(command, ann)
            good = status in op.statuses and status in (200, 201, 204, 400, 404)
            self.rows.append((Act(op, status, None, "the command of the page", None), [] if good else [f"{status} from: {command}"]))

    def play(self, stage, scene, at_once=False):
        def one(act):
            try:
                got = act.play(stage, act.op)
                answer = stage.send(got) if not hasattr(got, "status") else got
                faults = DOCUMENT.faults(act.op, answer)
                if answer.status != act.status or (act.code and answer.code not in (None, act.code)):  # a page shows none
                    faults.append(f"{act.status} {act.code or ''} was to come of it, and {answer!r} did")
            except Exception as error:  # what breaks one recipe is not to hide the others
                faults = [f"{type(error).__name__}: {error}"]
            self.rows.append((act, faults))
        if not at_once:
            return [one(act) for act in acts(scene)]
        threads = [threading.Thread(target=one, args=(act,)) for act in acts(scene)]
        [t.start() for t in threads]
        [t.join() for t in threads]


def ends_at(grant):
    """When a grant expires, in seconds of the wall clock: it says so itself (memory/grant.h)."""
    return int.from_bytes(base64.urlsafe_b64decode(grant[4:])[:8], "big") / 1000


def play_small(outcomes):
    """The second cluster, played beside the first: there the gateway waits a whole minute for a frozen cloisterd."""
    cluster = Running(extra=SMALL)
    try:
        stage = Stage(cluster, signed_in=False)
        stage.old = stage.user()
        outcomes.play(stage, "crowd")
        wait_until(10 * SLOWER, lambda: time.time() > ends_at(stage.old.grant), "the end of a grant")
        outcomes.play(stage, "short grants")
        with cluster.frozen("cloisterd"):
            slow = threading.Thread(target=outcomes.play_front_door, args=(cluster.port, front_door.SLOW, front_door.send))
            slow.start()
            outcomes.play(stage, "frozen", at_once=True)
            slow.join()
    finally:
        cluster.stop()


class Later(Running):
    """Where it can become eleven minutes later for cloisterd."""

    exchanged = ("cloisterd-control",)


def play_later(outcomes):
    cluster = Later()
    try:
        stage = Stage(cluster)
        with cluster.without("PRESENT"):
            outcomes.play(stage, "ten minutes later")
    finally:
        cluster.stop()


def play_large(outcomes):
    cluster = Running(extra=MAILS)  # whoever left an address is told, as far as is known
    try:
        stage = Stage(cluster)
        stage.revoked = stage.user()
        stage.send(stage.revoked.request(OPERATIONS["revokeGrants"]))
        scenes = (("calm", contextlib.nullcontext()), ("plain http", cluster.in_plain_http()), ("draining", cluster.draining()),
                  ("no database", cluster.without_database()), ("no keys", cluster.without_program("cloister-keys")),
                  ("no cloisterd", cluster.without_program("cloisterd")))
        outcomes.play_commands(stage)
        for request in front_door.REQUESTS:
            outcomes.play_front_door(cluster.port, request, front_door.send)
        outcomes.play_front_door(cluster.port, front_door.CROWD, front_door.send_in_a_crowd)
        for scene, there in scenes:
            with there:
                outcomes.play(stage, scene)
    finally:
        cluster.stop()


class Routes(unittest.TestCase):
    ROUTE = re.compile(r'^ROUTE\((\w+), "([^"]+)", (\w+), (\w+), (?!PUBLIC,)', re.M)  # the public ones have a document of their own

    def test_the_routes_are_those_of_the_table(self):
        table = {(m, p): (caller, right.lower()) for m, p, caller, right in self.ROUTE.findall((TOP / "gateway/routes.def").read_text())}
        self.assertGreater(len(table), 20, "the control: the table was read")
        described = {(op.method, op.path): op for op in OPERATIONS.values()}
        self.assertEqual(set(described), set(table))
        for route, op in described.items():
            with self.subTest(route=route):
                self.assertEqual((self.caller_of(op), op.right), table[route])

    @staticmethod
    def caller_of(op):
        """The caller that the document means, in the table's word."""
        if "operators" in op.tags:
            return "OPERATOR"
        if op.takes() or not op.ways:
            return "PUBLIC"
        if op.takes("frontendKey"):
            return "FRONTEND"
        return "FRONTEND_OR_SESSION" if op.for_user else "SESSION"

    def test_the_examples_fit_their_schemas(self):
        for where, schema, value in DOCUMENT.examples():
            with self.subTest(where=where):
                self.assertEqual(DOCUMENT.misfits(schema, value, ""), [])


class Codes(unittest.TestCase):
    """Every code that a caller may see stands in the table of problem codes, and no other."""

    FAILURE = re.compile(r"^FAILURE\((\w+), (\d+)\)", re.M)
    LITERAL = re.compile(r'(?:\b[45]\d\d,\s*|\.?\bcode = |fault_set\(fault, |chat_fail_internal\(\s*chat, )"([a-z]+(?:_[a-z0-9]+)*)"')
    EVENT = re.compile(r"events_note\([^;]*;")

    def emitted(self):
        found = dict(self.FAILURE.findall((TOP / "supervisor/failures.def").read_text()))
        for folder in ("gateway", "supervisor", "business"):
            for path in (TOP / folder).glob("*.c"):
                text = self.EVENT.sub("", path.read_text())  # what operators are told has words of its own
                for code in self.LITERAL.findall(text):
                    found.setdefault(code, None)
        return found

    def test_every_code_is_in_the_table(self):
        found = self.emitted()
        for known in ("invalid_utf8", "length_required", "reply_too_large", "busy", "link_expired", "rate_limited"):
            self.assertIn(known, found, "the control: codes are found in the sources")
        self.assertEqual(set(found) - set(DOCUMENT.codes), set(), "missing in the document")
        self.assertEqual(set(DOCUMENT.codes) - set(found), set(), "in the document alone")

    def test_their_statuses(self):
        for code, status in self.emitted().items():
            if status is not None:
                self.assertIn(int(status), DOCUMENT.codes[code], code)


class Answers(unittest.TestCase):
    def test_every_documented_answer(self):
        outcomes = Outcomes()
        beside = threading.Thread(target=play_small, args=(outcomes,))
        beside.start()
        try:
            play_large(outcomes)
            play_later(outcomes)
        finally:
            beside.join()
        good = collections.Counter()
        for act, faults in outcomes.rows:
            with self.subTest(operation=str(act.op), status=act.status, by=act.name):
                self.assertFalse(faults, "; ".join(faults))
                good[act.op.name, act.status] += 1
        for op in OPERATIONS.values():
            for status in op.statuses:
                with self.subTest(operation=str(op), status=status):
                    self.assertIn((op.name, status), good, "documented, and nothing brings it about")
        at_the_door = DOCUMENT.spec["components"]["responses"]["FrontDoor"]["x-codes"]
        seen = {act.code for act, faults in outcomes.rows if not faults}
        for code in at_the_door:
            if code in front_door.NEVER:
                print(f"    {code} is not provoked: {front_door.NEVER[code]}")
            else:
                self.assertIn(code, seen, "said to happen on any route, and nothing brings it about")
        print(f"    {len(OPERATIONS)} operations, {len(good)} documented answers, {len(outcomes.rows)} ways to them")


if __name__ == "__main__":
    unittest.main()
