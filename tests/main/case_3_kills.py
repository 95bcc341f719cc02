"""N8: kill anything; the reader gets a retryable error or an answer, nothing is doubled, nothing orphaned."""

import threading
import time

from base import SANITIZED, Case
from cluster import alive, kill, wait_until


# Instrumented programs start several times slower.
SLOWER = 4 if SANITIZED else 1


class Kills(Case):
    def back_within(self, seconds, name, old):
        def there():
            pid = self.cluster.programs().get(name)
            return pid if pid and pid != old else None
        return wait_until(seconds * SLOWER, there, f"{name} back")

    def works(self, user):
        """The next request answers, if need be after a retryable refusal."""
        end = time.monotonic() + 10
        while True:
            try:
                got = self.front.stream(user, "What do I have tomorrow?", timezone="Europe/Berlin")
            except OSError:
                got = None
            if got is not None and got.status == 200 and got.error is None and got.done:
                return got
            if got is not None and got.error:
                self.assertTrue(got.error.get("retryable", got.status in (502, 503)), got)
            if time.monotonic() > end:
                self.fail(f"does not work again: {got}")
            time.sleep(0.05)

    def test_agent_mid_turn(self):
        zone, user = "Europe/Berlin", self.person()
        self.admin.fault("calendar", "hang", method="POST", path_contains="/events", times=1)
        result = {}

        def ask():
            result["got"] = self.front.stream(user, "Put lunch with Sam tomorrow at 3pm", timezone=zone, key="k1")

        thread = threading.Thread(target=ask)
        thread.start()
        wait_until(10, lambda: [r for r in self.admin.requests() if r["method"] == "POST" and "/events" in r["path"] and r.get("account") == user], "write under way")
        agent = [a for a in self.cluster.agents() if a["state"] == "busy"][0]
        kill(agent["pid"])
        thread.join(20)
        got = result["got"]
        self.assertEqual(got.code, "agent_lost", got)
        self.assertTrue(got.error["retryable"])
        self.assertTrue(got.error.get("unknown_writes"))
        self.finished(self.front.stream(user, "Put lunch with Sam tomorrow at 3pm", timezone=zone, key="k1"))
        self.assertEqual(len(self.admin.events(user)), 1)

    def test_agent_killed_after_the_write_was_done(self):
        zone, user = "Europe/Berlin", self.person()
        self.admin.fault("model", "hang", after=1, times=1)  # the call after the tool result
        result = {}

        def ask():
            result["got"] = self.front.stream(user, "Put lunch with Sam tomorrow at 3pm", timezone=zone, key="k2")

        thread = threading.Thread(target=ask)
        thread.start()
        wait_until(10, lambda: self.admin.events(user), "the event")
        kill([a for a in self.cluster.agents() if a["state"] == "busy"][0]["pid"])
        thread.join(20)
        self.assertTrue(result["got"].error["retryable"], result)
        self.admin.clear_faults()
        self.finished(self.front.stream(user, "Put lunch with Sam tomorrow at 3pm", timezone=zone, key="k2"))
        self.assertEqual(len(self.admin.events(user)), 1)

    def test_gateway(self):
        user = self.person()
        old = self.cluster.programs()["cloister-gateway"]
        kill(old)
        self.back_within(1, "cloister-gateway", old)
        self.works(user)

    def test_egress(self):
        user = self.person()
        old = self.cluster.programs()["cloister-egress"]
        kill(old)
        self.back_within(1, "cloister-egress", old)
        self.works(user)

    def test_keys(self):
        user = self.person()
        old = self.cluster.programs()["cloister-keys"]
        kill(old)
        self.back_within(1, "cloister-keys", old)
        self.works(user)

    def test_zygote_is_replaced_and_agents_live_on(self):
        user = self.person()
        self.works(user)
        agents = {a["pid"] for a in self.cluster.agents()}
        old = self.cluster.zygote()
        kill(old)
        wait_until(1 * SLOWER, lambda: self.cluster.zygote() not in (None, old), "zygote back")
        self.assertTrue(all(alive(p) for p in agents), "agents live on")
        self.works(user)
        self.works(self.person())

    def test_supervisor_leaves_no_orphans(self):
        user = self.person()
        self.works(user)
        old = self.cluster.programs()["cloisterd"]
        cells = self.cluster.cell_pids()
        self.assertGreaterEqual(len(cells), 2)
        kill(old)
        wait_until(3 * SLOWER, lambda: not any(alive(p) for p in cells), "end of zygote, agents and turns")
        self.back_within(1, "cloisterd", old)
        self.works(user)

    def test_database_stopped_and_started(self):
        user = self.person()
        self.works(user)
        self.cluster.postgres("stop")
        got = self.front.stream(user, "What do I have tomorrow?", timezone="Europe/Berlin")
        self.assertEqual((got.status, got.code), (503, "database_unavailable"), got)
        self.cluster.postgres("start")
        self.works(user)

    def test_reader_that_goes_away_ends_the_turn(self):
        user = self.person()
        self.admin.fault("model", "slow", times=1)
        self.front.stream(user, "long answer 20000", timezone="Europe/Berlin", on_event=lambda e, d: e != "delta")
        wait_until(5, lambda: all(a["state"] != "busy" for a in self.cluster.agents()), "the turn's end")
        self.admin.clear_faults()
        self.works(user)

    def test_full_queue_is_a_clear_error(self):
        user = self.person()
        self.admin.fault("model", "hang", times=20)
        got, threads = [], []
        for _ in range(8):
            t = threading.Thread(target=lambda: got.append(self.front.ask(user, "hello")), daemon=True)
            t.start()
            threads.append(t)
        wait_until(10, lambda: [g for g in got if g.code == "busy"], "a refusal")
        self.assertEqual({g.status for g in got if g.code == "busy"}, {429})
        pid = [a for a in self.cluster.agents() if a["state"] == "busy"][0]["pid"]
        self.admin.clear_faults()
        kill(pid)
        for t in threads:
            t.join(60)
        self.works(user)
