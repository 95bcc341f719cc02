"""GET /metrics on the operators' socket: real OpenMetrics from a running system, numbers that move as they should,
nothing of anybody's; alerts and dashboard name what there is; requests keep their id and their trace."""

import http.client
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import unittest
import uuid

from base import Case, day_after, timed
from cluster import PREFIX, TOP, children, wait_until

ZONE = "Europe/Berlin"
CANARY = "Zebrafink" + uuid.uuid4().hex[:8]
PROMETHEUS, GRAFANA = TOP / "deploy/prometheus", TOP / "deploy/grafana"
# A real parser, of the package python3-prometheus-client, in the interpreter it is for.
PARSE = """
import json, sys
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse
print(json.dumps([[f.name, f.type, f.unit, f.documentation, [[s.name, s.labels, s.value] for s in f.samples]]
                  for f in parse(sys.stdin.read())]))
"""


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("localhost", timeout=10)
        self.path = str(path)

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(10)
        self.sock.connect(self.path)


def table():
    """name -> (type, unit, labels, help), as the gateway prints its table."""
    out = subprocess.run([PREFIX / "sbin/cloister-gateway", "--print-metrics"], stdout=subprocess.PIPE, check=True).stdout.decode()
    rows = [line.split("\t") for line in out.splitlines()]
    return {name: (kind, unit, labels, text) for name, kind, unit, labels, text in rows}


def names_in(text):
    return set(re.findall(r"\bcloister_[a-z_]+", text))


def known(rows):
    """Every name that a sample of the table's rows can have."""
    names = set(rows)
    for name, (kind, *_) in rows.items():
        if kind == "histogram":
            names |= {f"{name}_bucket", f"{name}_count", f"{name}_sum"}
    return names


class Metrics(Case):
    def scrape(self):
        conn = UnixConnection(self.cluster.run / "operator/gateway-owner.sock")
        conn.request("GET", "/metrics")
        reply = conn.getresponse()
        text = reply.read().decode()
        conn.close()
        self.assertEqual(reply.status, 200)
        self.assertEqual(reply.headers["Content-Type"], "application/openmetrics-text; version=1.0.0; charset=utf-8")
        self.text = text
        return text

    def families(self):
        if not pathlib.Path("/usr/lib/python3/dist-packages/prometheus_client").exists():
            raise unittest.SkipTest("python3-prometheus-client is not installed")
        done = subprocess.run(["/usr/bin/python3", "-c", PARSE], input=self.scrape().encode(), stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, check=False)
        self.assertEqual(done.returncode, 0, done.stderr.decode()[-800:])
        return json.loads(done.stdout)

    def numbers(self):
        """'name{a="x",b="y"}' -> value, labels sorted by their names."""
        got = {}
        for *_, samples in self.families():
            for name, labels, value in samples:
                got[name + "".join(f"{{{k}={v}}}" for k, v in sorted(labels.items()))] = value
        return got

    def moved(self, before, after, name):
        return after.get(name, 0) - before.get(name, 0)

    # -- what it looks like --

    def test_a_real_parser_reads_it_and_it_is_as_the_table_says(self):
        rows = table()
        self.assertGreater(len(rows), 40)
        seen = {name: (kind, unit, text) for name, kind, unit, text, _ in self.families()}
        for name, (kind, unit, _, text) in rows.items():
            family = name.removesuffix("_total") if kind == "counter" else name
            self.assertEqual(seen.pop(family), (kind, "" if unit == "-" else unit, text), name)
        self.assertEqual(list(seen), ["cloister_build"], "nothing but the table")
        self.assertTrue(self.text.endswith("\n# EOF\n"))

    def test_a_broken_text_does_not_pass_that_parser(self):
        self.scrape()
        done = subprocess.run(["/usr/bin/python3", "-c", PARSE], input=self.text.replace("# EOF\n", "").encode(),
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
        self.assertNotEqual(done.returncode, 0)

    def test_only_operators_get_it(self):
        self.assertEqual(self.front.request("GET", "/metrics").status, 404, "a frontend at the owners' listener")
        self.assertEqual(self.front.request("GET", "/metrics", headers={"Authorization": None}).status, 404)
        path = self.cluster.run / "operator/gateway-owner.sock"
        as_nobody = ["setpriv", "--reuid", "nobody", "--regid", "nogroup", "--clear-groups", "/usr/bin/env", "-C", "/"]
        ask = ["curl", "-fsS", "--max-time", "5", "--unix-socket", path, "http://localhost/metrics"]
        refused = subprocess.run([*as_nobody, *ask], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self.assertNotEqual(refused.returncode, 0)
        self.assertEqual(refused.stdout, b"")
        in_group = [*as_nobody[:5], "--groups", "cloister", *as_nobody[6:]]
        allowed = subprocess.run([*in_group, *ask], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self.assertEqual(allowed.returncode, 0, "the control: a member of the operators' group")
        self.assertIn(b"cloister_turns_running", allowed.stdout)

    # -- what moves --

    def test_what_both_gateways_are_in_front_of_is_told_once(self):
        """Prometheus adds up what two targets tell."""
        def told(socket):
            conn = UnixConnection(self.cluster.run / socket)
            conn.request("GET", "/metrics")
            text = conn.getresponse().read().decode()
            conn.close()
            return set(re.findall(r"^(cloister_\w+)", text, re.M))
        owners, public = told("operator/gateway-owner.sock"), told("public/gateway-public.sock")
        rows = re.findall(r'^METRIC\(\w+, \w+, "(\w+)", \w+, [A-Z| ]*GATEWAY', (TOP / "ipc/metrics.def").read_text(), re.M)
        own = tuple(f"cloister_{name}" for name in [*rows, "build"])
        self.assertEqual({name for name in public if not name.startswith(own)}, set())
        self.assertLessEqual({"cloister_gateway_supervisor_up", "cloister_http_connections"}, public)
        self.assertLessEqual({"cloister_database_up", "cloister_turns_running"} | public, owners, "the control")

    def test_numbers_move_with_turns(self):
        user = self.person(events=[timed(CANARY, day_after(1, ZONE), "10:00", "11:00", ZONE)])
        before = self.numbers()
        self.finished(self.front.stream(user, f"What do I have tomorrow? {CANARY}", timezone=ZONE))
        after = self.numbers()
        turns = "cloister_turns_total{kind=chat}{outcome=done}"
        self.assertEqual(self.moved(before, after, turns), 1)
        for name, least in (("cloister_model_calls_total", 1), ("cloister_tool_calls_total", 1), ("cloister_calendar_reads_total", 1),
                            ("cloister_model_tokens_total{direction=output}", 1), ("cloister_streams_total", 1),
                            ("cloister_http_requests_total{route=POST /v1/chat}{status=200}", 1),
                            ("cloister_egress_dials_total", 1), ("cloister_egress_given_total", 1),
                            ("cloister_keys_answers_total{ask=key_ask}{result=ok}", 1), ("cloister_spawn_seconds_count", 1),
                            ("cloister_wake_seconds_count", 1)):
            self.assertGreaterEqual(self.moved(before, after, name), least, name)
        for phase in ("lookup", "queued", "wake", "keys", "calendar", "model_first_byte", "model", "whole"):
            self.assertEqual(self.moved(before, after, f"cloister_turn_seconds_count{{phase={phase}}}"), 1, phase)
            self.assertGreaterEqual(self.moved(before, after, f"cloister_turn_seconds_sum{{phase={phase}}}"), 0, phase)
        whole = self.moved(before, after, "cloister_turn_seconds_sum{phase=whole}")
        model = self.moved(before, after, "cloister_turn_seconds_sum{phase=model}")
        self.assertGreaterEqual(model, self.moved(before, after, "cloister_turn_seconds_sum{phase=model_first_byte}"))
        self.assertGreaterEqual(whole, model)
        self.assertGreaterEqual(after["cloister_agents{state=idle}"], 1)
        for program in ("cloisterd", "cloister-gateway", "cloister-keys", "cloister-egress"):
            self.assertEqual(after[f"cloister_program_up{{program={program}}}"], 1, program)
            self.assertGreater(after[f"cloister_resident_bytes{{program={program}}}"], 100000, program)
            self.assertGreater(after[f"cloister_start_time_seconds{{program={program}}}"], 1e9, program)
        for name in ("cloister_database_up", "cloister_keys_up", "cloister_zygote_up", "cloister_gateway_supervisor_up"):
            self.assertEqual(after[name], 1, name)
        self.assertGreater(after["cloister_session_bytes"], 0)
        # Nothing of anybody's: not the frontend's name for a user, not the opaque one, not a word.
        opaque = [agent["user"] for agent in self.cluster.agents()]
        self.assertTrue(opaque)
        for secret in (user, CANARY, CANARY.lower(), *opaque):
            self.assertNotIn(secret, self.text)
        self.assertIsNone(re.search(r'"[^"]*[0-9a-f]{32}', self.text), "an id in a label")

    def test_failures_are_counted_by_provider_and_kind(self):
        user = self.person()
        before = self.numbers()
        self.admin.fault("model", "status", times=1, status=529)
        self.finished(self.front.stream(user, "What do I have tomorrow?", timezone=ZONE))
        mended = self.numbers()
        error = "cloister_provider_errors_total{kind=unavailable}{provider=anthropic}"
        self.assertEqual(self.moved(before, mended, error), 1, "one that a retry mended counts, too")
        self.assertEqual(self.moved(before, mended, "cloister_turns_total{kind=chat}{outcome=done}"), 1)
        self.admin.fault("model", "status", times=50, status=401)
        self.assertIn(self.front.stream(user, "What do I have tomorrow?", timezone=ZONE).code, ("model_misconfigured", "model_rejected"))
        self.admin.clear_faults()
        failed = self.numbers()
        self.assertEqual(sum(self.moved(mended, failed, f"cloister_turns_total{{kind=chat}}{{outcome={code}}}")
                             for code in ("model_misconfigured", "model_rejected")), 1)
        self.assertGreaterEqual(self.moved(mended, failed, "cloister_provider_errors_total{kind=misconfigured}{provider=anthropic}"), 1)
        self.admin.fault("calendar", "status", times=1, status=503)
        self.finished(self.front.stream(user, "What do I have tomorrow?", timezone=ZONE))
        self.assertEqual(self.moved(failed, self.numbers(), "cloister_provider_errors_total{kind=unavailable}{provider=google}"), 1)

    def test_refusals_are_counted(self):
        before = self.numbers()
        self.assertEqual(self.front.request("GET", "/v1/users/x/memory", headers={"Authorization": "Bearer nobodys"}).status, 401)
        self.assertEqual(self.front.request("GET", f"/nowhere/{CANARY}").status, 404)
        after = self.numbers()
        self.assertEqual(self.moved(before, after, "cloister_http_bad_keys_total"), 1)
        self.assertEqual(self.moved(before, after, "cloister_http_requests_total{route=none}{status=404}"), 1)
        self.assertEqual(self.moved(before, after, "cloister_http_requests_total{route=GET /v1/users/{user}/memory}{status=401}"), 1)
        self.assertNotIn(CANARY, self.text)
        answers = {self.front.request("GET", "/v1/users/x/memory", headers={"Authorization": f"Bearer wrong{n}"}).status for n in range(60)}
        self.assertEqual(answers, {401, 429})
        limited = self.numbers()
        self.assertGreaterEqual(self.moved(after, limited, "cloister_rate_limited_total{limit=bad_key}"), 1)
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as stranger:  # root is no agent
            stranger.settimeout(5)
            stranger.connect(str(self.cluster.run / "egress/egress.sock"))
            self.assertEqual(stranger.recv(1), b"", "closed")
        refused = "cloister_egress_refusals_total{reason=stranger}"
        wait_until(5, lambda: self.moved(limited, self.numbers(), refused) == 1, "the stranger counted")

    def test_a_turn_killed_for_a_system_call_is_seen(self):
        """What seccomp does to a turn, done to it from outside: SIGSYS."""
        user = self.person()
        before = self.numbers()
        self.admin.fault("model", "hang", times=50)

        def kill_turn():
            agent = wait_until(10, self.busy, "a turn that runs")["pid"]
            os.kill(wait_until(10, lambda: children(agent), "its process")[0], signal.SIGSYS)
        killer = threading.Thread(target=kill_turn)
        killer.start()
        answer = self.front.stream(user, "What do I have tomorrow?", timezone=ZONE)
        killer.join()
        self.admin.clear_faults()
        self.assertEqual(answer.code, "agent_lost", answer)
        after = self.numbers()
        self.assertEqual(self.moved(before, after, "cloister_process_deaths_total{cause=seccomp}{process=turn}"), 1)
        self.assertEqual(self.moved(before, after, "cloister_turns_total{kind=chat}{outcome=agent_lost}"), 1)
        self.assertEqual(self.moved(before, after, "cloister_breaches_total"), 0, "the control: another number stays")
        request = self.header(answer, "x-request-id")
        wait_until(5, lambda: [l for l in self.cluster.log().splitlines() if f"request={request}" in l and "signal 31" in l], "the log names the request")

    def test_a_killed_agent_and_a_lost_program_are_seen(self):
        user = self.person()
        self.finished(self.front.stream(user, "What do I have tomorrow?", timezone=ZONE))
        before = self.numbers()
        os.kill(self.cluster.agents()[-1]["pid"], signal.SIGKILL)
        death = "cloister_process_deaths_total{cause=killed}{process=agent}"
        after = wait_until(10, lambda: (n := self.numbers()) and self.moved(before, n, death) == 1 and n, "the agent's death counted")
        self.assertEqual(self.moved(before, after, "cloister_agents_lost_total"), 1)
        egress = self.cluster.programs()["cloister-egress"]
        os.kill(egress, signal.SIGSTOP)  # it holds its page, so it counts as running; dead it does not
        try:
            self.assertEqual(self.numbers()["cloister_program_up{program=cloister-egress}"], 1)
        finally:
            os.kill(egress, signal.SIGKILL)
        started = "cloister_start_time_seconds{program=cloister-egress}"
        wait_until(10, lambda: self.numbers().get(started, 0) > after[started], "egress started again, and says so")

    def test_without_cloisterd_its_rows_are_left_out(self):
        launcher = self.cluster.launcher_pid()
        os.kill(launcher, signal.SIGSTOP)  # nothing is started again meanwhile
        try:
            os.kill(self.cluster.programs()["cloisterd"], signal.SIGKILL)
            wait_until(10, lambda: "cloister_gateway_supervisor_up 0" in self.scrape(), "the gateway sees it")
            self.assertNotIn("\ncloister_turns_running", self.text)
            self.assertNotIn('program="cloister-keys"', self.text)
            self.assertIn("\ncloister_http_connections ", self.text)
        finally:
            os.kill(launcher, signal.SIGCONT)
        wait_until(20, self.cluster.ready, "all is back")
        self.assertIn("\ncloister_turns_running ", self.scrape())

    # -- requests and traces --

    def header(self, answer, name):
        found = [v for k, v in answer.headers.items() if k.lower() == name]
        return found[0] if found else None

    def test_a_request_keeps_its_id_and_its_trace(self):
        trace, span = uuid.uuid4().hex, uuid.uuid4().hex[:16]
        ask = lambda parent: self.front.request("GET", "/v1/users/nobody/connections/google", headers={"Traceparent": parent} if parent else {})
        answer = ask(f"00-{trace}-{span}-01")
        version, got, own, flags = self.header(answer, "traceparent").split("-")
        self.assertEqual((version, got, flags), ("00", trace, "01"))
        self.assertNotEqual(own, span, "a step of its own")
        request = self.header(answer, "x-request-id")
        self.assertEqual(answer.json["request"], request)
        line = wait_until(5, lambda: [l for l in self.cluster.log().splitlines() if f"request={request}" in l], "its line in the log")[0]
        self.assertIn(f"trace={trace}", line)
        for bad in ("", f"00-{trace.upper()}-{span}-01", f"ff-{trace}-{span}-01", f"00-{'0' * 32}-{span}-01", f"00-{trace}-{span}-01-x",
                    f"00-{trace}-{span}\"-01"):
            answer = ask(bad)
            self.assertNotIn(trace, self.header(answer, "traceparent").lower(), bad)
            self.assertEqual(self.header(answer, "traceparent").split("-")[1], self.header(answer, "x-request-id"), "a trace of its own")

    def test_the_trace_reaches_neither_google_nor_the_model(self):
        trace = uuid.uuid4().hex
        user = self.person()
        self.admin.clear_requests()
        conn = http.client.HTTPConnection("127.0.0.1", self.cluster.port, timeout=30)
        conn.request("POST", "/v1/chat", json.dumps({"user": user, "message": "What do I have tomorrow?", "timezone": ZONE}),
                     {"Authorization": f"Bearer {self.front.key}", "Content-Type": "application/json", "Accept": "text/event-stream",
                      "Traceparent": f"00-{trace}-00f067aa0ba902b7-01", **self.front.grant_headers(user)})
        reply = conn.getresponse()
        text = reply.read().decode()
        request = reply.headers["X-Request-Id"]
        self.assertIn(trace, reply.headers["Traceparent"])
        done = json.loads(text.split("event: done\ndata: ", 1)[1].split("\n", 1)[0])
        self.assertEqual(done["request"], request)
        seen = json.dumps(self.admin.requests())
        self.assertIn("/calendar/v3/", seen, "the control: what went out is on record")
        for word in (trace, request, "traceparent"):
            self.assertNotIn(word, seen.lower())

    def busy(self):
        return next((agent for agent in self.cluster.agents() if agent["state"] == "busy"), None)

    def test_an_agents_end_is_told_with_the_request(self):
        user = self.person()
        self.finished(self.front.stream(user, "What do I have tomorrow?", timezone=ZONE))
        before = self.numbers()
        self.admin.fault("model", "hang", times=50)
        killer = threading.Thread(target=lambda: os.kill(wait_until(10, self.busy, "a turn that runs")["pid"], signal.SIGKILL))
        killer.start()
        answer = self.front.stream(user, "What do I have tomorrow?", timezone=ZONE)
        killer.join()
        self.admin.clear_faults()
        self.assertEqual(answer.code, "agent_lost", answer)
        request = self.header(answer, "x-request-id")
        self.assertEqual(answer.error["request"], request, answer)
        lines = wait_until(5, lambda: [l for l in self.cluster.log().splitlines() if f"request={request}" in l and "killed by signal 9" in l],
                           "cloisterd's line about the agent names the request")
        self.assertIn("cloisterd", lines[0])
        self.assertEqual(self.moved(before, self.numbers(), "cloister_process_deaths_total{cause=killed}{process=agent}"), 1)


class Tables(unittest.TestCase):
    """What is made from the table, without a running system."""

    def test_alerts_and_dashboard_name_what_there_is(self):
        names = known(table())
        for path in (*PROMETHEUS.glob("*.yml"), *GRAFANA.glob("*.json")):
            asked = names_in(path.read_text())
            if path.name != "prometheus.yml":
                self.assertGreater(len(asked), 10, path)
            self.assertEqual(asked - names, set(), path)
        self.assertNotIn("cloister_no_such_number", names, "the control")

    def test_every_number_is_on_the_dashboard_or_in_an_alert(self):
        shown = names_in((GRAFANA / "cloister.json").read_text()) | names_in((PROMETHEUS / "cloister.rules.yml").read_text())
        shown = {re.sub("_(bucket|count|sum)$", "", name) for name in shown}
        missing = {name for name in table() if name not in shown}
        self.assertLessEqual(missing, {"cloister_start_time_seconds", "cloister_draining", "cloister_sessions", "cloister_streams_total",
                                       "cloister_http_unfinished_total", "cloister_frontends"}, "numbers that nobody would look at")

    def test_promtool_takes_the_alerts(self):
        if shutil.which("promtool") is None:
            self.skipTest("the package prometheus (promtool) is not installed")
        for command in (["check", "rules", "cloister.rules.yml"], ["test", "rules", "cloister.test.yml"], ["check", "config", "prometheus.yml"]):
            done = subprocess.run(["promtool", *command], cwd=PROMETHEUS, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
            self.assertEqual(done.returncode, 0, done.stdout.decode())

    def test_every_alert_is_tried_firing_and_quiet(self):
        alerts = re.findall(r"- alert: (\w+)", (PROMETHEUS / "cloister.rules.yml").read_text())
        tried = (PROMETHEUS / "cloister.test.yml").read_text()
        self.assertGreater(len(alerts), 15)
        for alert in alerts:
            self.assertIn(f"name: {alert} fires", tried)
            self.assertIn(f"name: {alert} quiet", tried)

    def test_the_page_about_the_numbers_is_the_tables(self):
        printed = subprocess.run([PREFIX / "sbin/cloister-gateway", "--print-metrics"], stdout=subprocess.PIPE, check=True).stdout
        made = subprocess.run([sys.executable, PROMETHEUS / "make_metrics.py"], input=printed, stdout=subprocess.PIPE, check=True).stdout
        self.assertEqual(made.decode(), (PROMETHEUS / "METRICS.md").read_text(), "run deploy/prometheus/make_metrics.py again")
