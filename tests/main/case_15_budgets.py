"""Q9 N7: what a day may cost: whoever has used a budget up is told whose and until when, others go on; every turn leaves
a record of kinds and counts, and no word of anybody's."""

import datetime
import pathlib
import re
import subprocess
import sys
import threading
import time
import uuid

from base import Case, day_after, timed

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "control"))

from client import Frontend
from cluster import PREFIX, kill, wait_until
from control import ControlCluster

READ = "What do I have tomorrow?"
ZONE = "Europe/Berlin"
TODAY = "(now() AT TIME ZONE 'UTC')::date"
USERS, SERVER, IN, OUT = 60000, 100000000, 3000000, 15000000
EXTRA = f"""
[budgets]
user_tokens_per_day={USERS}
tokens_per_day={SERVER}
input_price={IN}
output_price={OUT}
"""


class Shops(ControlCluster):
    frontends = {name: (word * 8, ["loopback"]) for name, word in (("thrifty", "5a7edaf1"), ("rich", "c0ffee11"))}


class Budgets(Case):
    @classmethod
    def setUpClass(cls):
        cls.cluster = Shops(extra=EXTRA)
        cls.front, cls.admin = cls.cluster.front, cls.cluster.admin

    def shop(self, name, lines=""):
        """The frontend with these lines in its file, once cloisterd knows."""
        path = self.cluster.dir / f"etc/frontends/{name}.conf"
        kept = [line for line in path.read_text().splitlines() if "_per_day" not in line]
        path.write_text("\n".join([*kept, lines, ""]))
        return Frontend("127.0.0.1", self.cluster.port, self.cluster.frontends[name][0])

    def user_of(self, front):
        name = "u" + uuid.uuid4().hex[:10]
        self.cluster.connect(name, front=front)
        return name

    def sql(self, text):
        return self.cluster.sql(text)

    def id_of(self, user):
        return self.sql(f"SELECT id FROM users WHERE name = '{user}'")[0][0]

    def records(self, user, columns="outcome"):
        return self.sql(f"SELECT {columns} FROM turns WHERE user_id = '{self.id_of(user)}' ORDER BY began_at")

    def recorded(self, user, n):
        wait_until(10, lambda: len(self.records(user)) == n, f"{n} records of {user}")

    def used(self, user, day=TODAY):
        found = self.sql(f"SELECT tokens, spend FROM user_days WHERE user_id = '{self.id_of(user)}' AND day = {day}")
        return [int(n) for n in found[0]] if found else [0, 0]

    def refused(self, got, whose, what):
        """Says whose budget, of what, and when there is a fresh one."""
        self.assertEqual((got.status, got.code), (429, "budget_used_up"), got)
        left = 86400 - time.time() % 86400
        self.assertRegex(got.json["detail"], rf"^This {whose}'s {what} budget for today is used up\. "
                                             r"A fresh one begins at 00:00 UTC, in (\d+ h )?\d+ min\.$")
        self.assertAlmostEqual(got.json["retry_after_ms"] / 1000, left, delta=60)
        self.assertAlmostEqual(int(got.headers["Retry-After"]), left, delta=60)
        self.assertNotIn("action_url", got.json)
        self.assertFalse(got.json.get("retryable"))

    def until_frontends(self, front, user, what):
        """Asks now and then until the frontend's budget is said to be used up: cloisterd rereads every two seconds."""
        def step():
            time.sleep(0.25)
            got = front.ask(user, READ, timezone=ZONE)
            return got if got.code == "budget_used_up" and "This frontend's" in got.json["detail"] else None
        return wait_until(10, step, what)

    # ---- budgets ----

    def test_a_users_own(self):
        user, other = self.person(), self.person()
        answers = []
        while len(answers) < 60:
            answers.append(self.front.ask(user, READ, timezone=ZONE))
            if answers[-1].status != 200:
                break
        self.assertGreater(len(answers), 2, "the control: there was something to use")
        again = self.front.ask(user, READ, timezone=ZONE)
        self.refused(again, "user", "token")
        self.refused(self.front.stream(user, READ), "user", "token")
        self.assertGreaterEqual(self.used(user)[0], USERS)
        biggest = max(int(n) for n, in self.records(user, "input_tokens + output_tokens"))
        self.assertLess(self.used(user)[0], USERS + biggest)
        # Only this user, only today.
        self.finished(self.front.ask(other, READ, timezone=ZONE))
        self.sql(f"UPDATE user_days SET day = day - 1 WHERE user_id = '{self.id_of(user)}'")
        self.finished(self.front.ask(user, READ, timezone=ZONE))

    def test_a_turn_is_ended_by_what_is_left(self):
        day = day_after(1, ZONE)
        user = self.person(events=[timed("Standup", day, "09:00", "09:30", ZONE)])
        self.finished(self.front.ask(user, READ, timezone=ZONE))
        self.recorded(user, 1)
        calls, = self.records(user, "model_calls")
        self.assertGreater(int(calls[0]), 1, "the control: it takes more calls than one")
        self.sql(f"UPDATE user_days SET tokens = {USERS} - 100 WHERE user_id = '{self.id_of(user)}'")
        got = self.front.stream(user, READ, timezone=ZONE)
        self.assertEqual((got.status, got.code), (200, "budget_used_up"), got)
        self.assertIn("00:00 UTC", got.error["detail"])
        self.assertGreater(got.error["retry_after_ms"], 0)
        self.recorded(user, 2)
        self.assertEqual(self.records(user, "outcome, model_calls")[1], ["budget_used_up", "1"])

    def test_a_frontends(self):
        thrifty, rich = self.shop("thrifty", "tokens_per_day=1"), self.shop("rich")
        one, two, stranger = self.user_of(thrifty), self.user_of(thrifty), self.user_of(rich)
        self.until_frontends(thrifty, one, "it is used up")
        self.refused(thrifty.ask(two, READ), "frontend", "token")
        self.finished(rich.ask(stranger, READ, timezone=ZONE))
        self.finished(self.front.ask(self.person(), READ, timezone=ZONE))
        self.shop("thrifty", "tokens_per_day=1000000")
        wait_until(10, lambda: thrifty.ask(two, READ, timezone=ZONE).status == 200, "a new limit is known by itself")
        self.shop("thrifty", "spend_per_day=1")
        self.until_frontends(thrifty, two, "of money as well")
        self.refused(thrifty.ask(one, READ), "frontend", "spending")
        code, out, _ = self.cluster.ctl("frontend", "list", "--json")
        self.assertEqual(code, 0)
        self.assertRegex(out, r'"spend_per_day": 1\b')
        self.assertRegex(out, r'"tokens_per_day": null')

    def test_everybodys(self):
        user = self.person()
        self.finished(self.front.ask(user, READ, timezone=ZONE))
        self.recorded(user, 1)
        before = self.sql(f"SELECT tokens FROM frontend_days WHERE frontend = '' AND day = {TODAY}")[0][0]
        self.sql(f"UPDATE frontend_days SET tokens = {SERVER} WHERE frontend = '' AND day = {TODAY}")
        try:
            self.refused(self.front.ask(user, READ), "server", "token")
        finally:
            self.sql(f"UPDATE frontend_days SET tokens = {before} WHERE frontend = '' AND day = {TODAY}")
        self.finished(self.front.ask(user, READ, timezone=ZONE))

    def test_told_to_the_owner_alone(self):
        user = self.person()
        self.finished(self.front.ask(user, READ, timezone=ZONE))
        self.recorded(user, 1)
        self.sql(f"UPDATE user_days SET tokens = {USERS} WHERE user_id = '{self.id_of(user)}'")
        self.assertEqual(self.front.ask(user, READ, grant=None).code, "grant_required")
        self.refused(self.front.ask(user, READ), "user", "token")

    def test_the_owners_word_is_taken_all_the_same(self):
        day = day_after(1, ZONE)
        user = self.person(events=[timed("Review", day, "10:00", "11:00", ZONE)])
        asked = self.finished(self.front.stream(user, "Rename Review to Retrospective", timezone=ZONE))
        proposals = [data for event, data in asked.events if event == "proposal"]
        self.assertEqual(len(proposals), 1, asked)
        self.recorded(user, 1)
        self.sql(f"UPDATE user_days SET tokens = {USERS} WHERE user_id = '{self.id_of(user)}'")
        self.refused(self.front.ask(user, READ), "user", "token")
        got = self.front.request("POST", f"/v1/proposals/{proposals[0]['id']}/confirm", {"user": user},
                                 self.front.grant_headers(user))
        self.assertEqual(got.status, 200, got)
        self.assertEqual([e["summary"] for e in self.admin.events(user)], ["Retrospective"])
        self.recorded(user, 2)
        self.assertEqual(self.records(user, "kind, outcome, proposals, writes, model_calls"),
                         [["chat", "done", "1", "0", self.records(user, "model_calls")[0][0]], ["decide", "done", "0", "1", "0"]])

    # ---- what counts ----

    def test_failed_cancelled_and_killed_turns_count(self):
        user = self.person()
        self.admin.fault("model", "status", status=400, after=1, times=1)
        self.assertEqual(self.front.ask(user, READ, timezone=ZONE).code, "model_rejected")
        self.recorded(user, 1)
        failed = self.used(user)
        self.assertGreater(failed[0], 0)
        self.admin.fault("model", "slow", after=1, times=1, bytes=40, ms=50)
        self.front.stream(user, READ, on_event=lambda event, data: event != "delta", timezone=ZONE)
        self.recorded(user, 2)
        cancelled = self.used(user)
        self.assertGreater(cancelled[0] - failed[0], failed[0] * 1.5, "with the call that broke off")
        self.admin.fault("model", "hang", times=1)
        thread = threading.Thread(target=lambda: self.front.ask(user, READ, timezone=ZONE))
        thread.start()
        user_id = self.id_of(user)
        busy = wait_until(10, lambda: [a for a in self.cluster.agents() if a["user"] == user_id and a["state"] == "busy"], "a turn")
        kill(busy[0]["pid"])
        thread.join(30)
        self.recorded(user, 3)
        self.assertEqual([row[:2] for row in self.records(user, "outcome, reported, output_tokens")],
                         [["model_rejected", "t"], ["cancelled", "t"], ["agent_lost", "f"]])
        self.assertEqual(self.records(user, "output_tokens")[2], [str(4 * 4096)])
        self.assertEqual(self.used(user)[0], cancelled[0] + 4 * 4096)
        tokens = self.records(user, "input_tokens, output_tokens, spend")
        for used_in, used_out, spend in tokens:
            self.assertEqual(int(spend), -(-(int(used_in) * IN + int(used_out) * OUT) // 1000000))

    def test_counted_once_the_database_is_back(self):
        user = self.person()
        self.finished(self.front.ask(user, READ, timezone=ZONE))
        self.recorded(user, 1)
        self.admin.fault("model", "slow", times=1, bytes=40, ms=150)
        got = []
        thread = threading.Thread(target=lambda: got.append(self.front.ask(user, READ, timezone=ZONE)))
        self.admin.clear_requests()
        thread.start()
        wait_until(10, lambda: any("messages" in r["path"] for r in self.admin.requests()), "the model is asked")
        self.cluster.postgres("stop")
        try:
            thread.join(30)
            self.finished(got[0])
        finally:
            self.cluster.postgres("start")
        wait_until(20, self.cluster.ready, "ready again")
        wait_until(40, lambda: len(self.records(user)) == 2, "the record that waited")

    # ---- records ----

    def test_a_record_holds_kinds_and_counts_and_no_word(self):
        day = day_after(1, ZONE)
        title, place = "Xylophone-" + uuid.uuid4().hex[:8], "Quayside-" + uuid.uuid4().hex[:8]
        user = self.person(events=[timed(title, day, "09:00", "09:30", ZONE, location=place)])
        got = self.finished(self.front.ask(user, READ, timezone=ZONE))
        self.assertIn(title, got.text, "the control: the turn saw it")
        self.finished(self.front.ask(user, "Am I free tomorrow at 3pm?", timezone=ZONE))
        self.recorded(user, 2)
        first, second = self.records(user, "id, origin, frontend, kind, outcome, reported, tainted, reads > 0, writes, "
                                           "model_calls > 0, took_ms > 0, connection_id IS NOT NULL")
        self.assertEqual(first[0], got.json["turn"])
        self.assertEqual(first[1], "owner")
        self.assertEqual(first[3:], ["chat", "done", "t", "t", "t", "0", "t", "t", "t"])
        self.assertEqual(second[6], "f", "busy times taint nothing")
        shown = [set(row[0].strip("{}").split(",")) for row in self.records(user, "shown")]
        self.assertLessEqual({"message", "titles", "times"}, shown[0])
        self.assertIn("busy_times", shown[1])
        self.assertFalse(shown[1] & {"titles", "places", "people", "descriptions", "addresses"})
        dump = "\n".join("|".join(row) for table in ("turns", "user_days", "frontend_days")
                         for row in self.sql(f"SELECT t::text FROM {table} t"))
        self.assertIn(first[0], dump, "the control: the rows are there")
        for word in (title, place, "Xylophone", "tomorrow", user, "@"):
            self.assertNotIn(word, dump)
        when = datetime.datetime.fromisoformat(self.records(user, "to_char(began_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS')")[0][0])
        self.assertLess(abs((datetime.datetime.utcnow() - when).total_seconds()), 120)

    def test_it_goes_with_the_user(self):
        user = self.person()
        self.finished(self.front.ask(user, READ, timezone=ZONE))
        self.recorded(user, 1)
        user_id = self.id_of(user)
        self.front.user("DELETE", user, "connections/google")
        wait_until(20, lambda: self.sql(f"SELECT count(*) FROM connections WHERE user_id = '{user_id}'") == [["0"]], "disconnected")
        self.sql(f"DELETE FROM users WHERE id = '{user_id}'")
        self.assertEqual(self.sql(f"SELECT count(*) FROM turns WHERE user_id = '{user_id}'"), [["0"]])
        self.assertEqual(self.sql(f"SELECT count(*) FROM user_days WHERE user_id = '{user_id}'"), [["0"]])

    def test_status_shows_today(self):
        user = self.person()
        self.finished(self.front.ask(user, READ, timezone=ZONE))
        self.recorded(user, 1)
        code, out, _ = self.cluster.ctl("status")
        self.assertEqual(code, 0)
        shown = dict(re.findall(r"^ +(\w+): (\d+)$", out[out.index("today:"):], re.M))
        self.assertGreaterEqual(int(shown["turns"]), 1)
        self.assertGreater(int(shown["tokens"]), 0)
        self.assertGreater(int(shown["spend"]), 0)
        self.assertEqual(int(shown["tokens_limit"]), SERVER)

    def test_no_prices_no_budget_of_money(self):
        bad = self.cluster.dir / "bad.conf"
        bad.write_text("[budgets]\nspend_per_day=1\n")
        done = subprocess.run([PREFIX / "sbin/cloisterd", "--config", bad, "-n"], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn(b"spend_per_day needs prices", done.stderr)
        bad.write_text("[budgets]\nspend_per_day=1\noutput_price=1\n")
        self.assertEqual(subprocess.run([PREFIX / "sbin/cloisterd", "--config", bad, "-n"], stdout=subprocess.DEVNULL).returncode, 0)
