"""The units: what systemd thinks of them, and what they do under a real systemd."""

import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import tempfile
import threading
import time
import unittest

from base import Case
from cluster import PREFIX, TOP, children, wait_until
from units_machine import FRONT_DOOR, SERVICES, UNITS, Machine, why_not
from upgrade_load import GoesOn, Knocking, Load

# With the network, or what a database on another host would have to be given it for: at most 2.4.
EXPOSURE = {"cloister-keys": 1.5, "cloister-gateway": 1.5, "cloister-gateway-public": 1.5, "cloister-business": 1.5, "cloister-notify": 1.5, "cloister-egress": 2.4,
            "cloisterd": 2.4}


def analyze(*words):
    return subprocess.run(["systemd-analyze", *words], cwd=UNITS, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, timeout=60, check=False)


def calls_of(group):
    """The system calls of "@name"; itself, when it is one."""
    if not group.startswith("@"):
        return {group}
    words = [line.split("#")[0].strip() for line in analyze("syscall-filter", group).stdout.splitlines()[1:]]
    return set().union(*(calls_of(word) for word in words if word))


def calls_allowed(unit):
    """By the unit's SystemCallFilter= lines, the first of which is a list of what is allowed."""
    allowed = set()
    for line in (UNITS / unit).read_text().splitlines():
        if line.startswith("SystemCallFilter="):
            words = line.removeprefix("SystemCallFilter=")
            named = set().union(*(calls_of(word) for word in words.lstrip("~").split()))
            allowed = allowed - named if words.startswith("~") else allowed | named
    return allowed


class UnitFiles(unittest.TestCase):
    def test_systemd_understands_them(self):
        done = analyze("verify", "--man=no", *sorted(p.name for p in UNITS.glob("cloister*")))
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        with tempfile.TemporaryDirectory() as there:  # and the same look finds what is wrong
            wrong = pathlib.Path(there) / "cloister-keys.service"
            wrong.write_text((UNITS / wrong.name).read_text().replace("PrivateNetwork=yes", "PrivateNetwork=perhaps"))
            self.assertIn("perhaps", analyze("verify", "--man=no", str(wrong)).stderr)

    def test_their_pages_exist(self):
        for unit in sorted(UNITS.glob("cloister*")):
            for line in re.findall(r"^Documentation=(.*)$", unit.read_text(), re.M):
                for name, section in re.findall(r"man:([\w.-]+)\((\d)\)", line):
                    self.assertTrue((PREFIX / f"share/man/man{section}/{name}.{section}").exists(), f"{unit.name}: {name}({section})")

    def test_exposure_is_small_and_each_gap_has_its_reason(self):
        for service, most in EXPOSURE.items():
            with self.subTest(service):
                said = analyze("security", "--offline=yes", "--no-pager", f"--threshold={int(most * 10)}", f"{service}.service")
                self.assertEqual(said.returncode, 0, said.stdout[-200:])
                told = re.search(r"exposure level for \S+: ([0-9.]+)", said.stdout)
                self.assertLessEqual(float(told.group(1)), most)
                reasons = [re.split(r"\.(?: |$)", line.removeprefix("# Open: "), maxsplit=1)[0]
                           for line in (UNITS / f"{service}.service").read_text().splitlines() if line.startswith("# Open: ")]
                rows = json.loads(analyze("security", "--offline=yes", "--json=short", f"{service}.service").stdout)
                gaps = {row["name"].split("=")[0].split("/")[0] for row in rows if float(row.get("exposure") or 0) > 0}
                self.assertGreater(len(gaps), 3)
                for gap in gaps:
                    self.assertTrue(any(f"{gap}=" in reason for reason in reasons), f"{service}: {gap}= is open without a reason")
                for reason in reasons:
                    self.assertTrue(any(f"{gap}=" in reason for gap in gaps), f"{service}: '{reason}' is not open")

    def test_agents_may_call_what_they_call(self):
        """The unit's filter is above theirs: what it refuses they cannot do, whatever their own table says."""
        allowed = calls_allowed("cloisterd.service")
        called = {name for table in ("syscalls.def", "syscalls_zygote.def")
                  for name in re.findall(r"^SYSCALL\((\w+),", (TOP / "agent" / table).read_text(), re.M)}
        self.assertGreater(len(called), 40)
        self.assertEqual(called - allowed, set())
        self.assertNotIn("bpf", allowed)

    def test_namespaces_stay_allowed_to_the_supervisor(self):
        """With RestrictNamespaces= systemd from 251 on answers clone3 with ENOSYS."""
        set_here = re.compile(r"^RestrictNamespaces=", re.M)
        self.assertIsNone(set_here.search((UNITS / "cloisterd.service").read_text()))
        self.assertIsNotNone(set_here.search((UNITS / "cloister-keys.service").read_text()))

    def test_users_and_folders_are_made(self):
        with tempfile.TemporaryDirectory() as root:
            os.chmod(root, 0o755)
            os.mkdir(f"{root}/etc")
            for tool, kind in (("systemd-sysusers", "sysusers.d"), ("systemd-tmpfiles", "tmpfiles.d")):
                words = ["--create"] if kind == "tmpfiles.d" else []
                done = subprocess.run([tool, *words, f"--root={root}", PREFIX / f"lib/{kind}/cloister.conf"],
                                      stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
                self.assertEqual(done.returncode, 0, done.stdout)
            users = {line.split(":")[0]: int(line.split(":")[2])
                     for line in pathlib.Path(root, "etc/passwd").read_text().splitlines()}
            self.assertEqual({u for u in users if u.startswith("cloister")},
                             {"cloister", "cloister-keys", "cloister-agent", "cloister-egress", "cloister-gateway", "cloister-public",
                              "cloister-business", "cloister-notify"})
            owner = {"": "cloister", "/agents": "cloister", "/gateway": "cloister", "/keys": "cloister-keys",
                     "/egress": "cloister-egress", "/operator": "cloister-gateway", "/public": "cloister-public",
                     "/business": "cloister-business", "/notify": "cloister-notify"}
            for folder, user in owner.items():
                made = pathlib.Path(root, f"run/cloister{folder}").stat()
                self.assertEqual((made.st_uid, made.st_mode & 0o7777), (users[user], 0o711), folder)


@unittest.skipIf(why_not(), f"no real systemd here: {why_not()}")
class RealSystemd(GoesOn, Case):
    """PID 1 of namespaces of its own is systemd, and runs the units."""

    @classmethod
    def setUpClass(cls):
        # Long enough for a loop on a busy machine, short enough to wait for.
        watched = ["WatchdogSec=5s", "TimeoutAbortSec=1s"]
        cls.cluster = Machine({"cloister-gateway": watched, "cloisterd": watched})
        cls.admin, cls.front = cls.cluster.admin, cls.cluster.front
        cls.cluster.run_in("systemctl", "start", "cloister.target")

    def answers(self, user=None, seconds=40):
        user = user or self.person()
        wait_until(seconds, lambda: self.front.ask(user, "Am I free tomorrow at 3pm?").status == 200, "an answer")
        return user

    def state(self, service):
        return self.cluster.show(f"{service}.service", "ActiveState")

    def test_it_serves(self):
        """Ready when started; every secret came as an encrypted credential, for no file is configured."""
        for service in SERVICES:
            self.assertEqual(self.state(service), "active", service)
            self.assertEqual(self.cluster.show(f"{service}.service", "NRestarts"), "0", service)
        config = self.cluster.path("/etc/cloister/cloister.conf").read_text()
        self.assertNotIn("client_secret_file", config)
        self.assertNotIn("key_file", config)
        person = self.person()
        answer = self.finished(self.front.stream(person, "Am I free tomorrow at 3pm?"))
        self.assertIn("free", answer.text.lower())
        status = json.loads(self.cluster.ctl("status", "--json")[1])
        self.assertTrue(all(wall["held"] for wall in status["zygote"]["walls"]), status["zygote"])

    def test_rights_are_given_up(self):
        for service in SERVICES:
            lines = pathlib.Path(f"/proc/{self.cluster.main_pid(service)}/status").read_text().splitlines()
            status = dict(line.split(":\t", 1) for line in lines if ":\t" in line)
            with self.subTest(service):
                self.assertNotEqual(status["Uid"].split()[0], "0")
                self.assertEqual(int(status["CapBnd"], 16), 0)
                self.assertEqual(int(status["CapEff"], 16), 1 << 5 if service == "cloisterd" else 0)  # CAP_KILL
                self.assertEqual(status["Seccomp"], "2")
                self.assertEqual(status["NoNewPrivs"], "0" if service == "cloisterd" else "1")

    def test_agents_live_in_groups_of_their_own(self):
        people = [self.answers() for _ in range(2)]
        groups = self.cluster.cgroup / "system.slice/cloisterd.service/agents"
        mine = lambda: {p.name for p in groups.iterdir() if p.is_dir() and p.name != "zygote"}
        living = mine()
        self.assertGreaterEqual(len(living), len(people))
        wait_until(5, lambda: all(len((groups / name / "cgroup.procs").read_text().split()) == 1 for name in living),
                   "one process in each group, its turns over")
        status = json.loads(self.cluster.ctl("status", "--json")[1])
        walls = {wall["property"]: wall["layers"].split("+") for wall in status["zygote"]["walls"]}
        self.assertTrue(any(layer.startswith("cgroup") for layer in walls["exhaustion"]), walls)
        for agent in self.cluster.agents():
            self.assertEqual(self.cluster.ctl("stop", agent["user"])[0], 0)
        wait_until(10, lambda: not mine() & living, "removal of the groups of agents that ended")

    def test_a_process_that_no_turn_is_ends_its_agent(self):
        """cloisterd sees nobody else's processes (ProtectProc=), and in an agent's group who is there."""
        self.answers()
        self.answers()
        agent, beside = [a for a in self.cluster.agents() if a["origin"] == "owner"][:2]
        inside = ["nsenter", "-t", self.cluster.show("cloisterd.service", "MainPID"), "-m", "setpriv", "--reuid", "cloister",
                  "--regid", "cloister", "--clear-groups"]
        self.assertEqual(self.cluster.run_in(*inside, "sh", "-c", f"test -e /proc/{agent['pid']} || echo hidden").strip(), "hidden")
        group = self.cluster.run_in("cat", f"/proc/{agent['pid']}/cgroup").strip().rsplit("/", 1)[1]
        with subprocess.Popen(self.cluster.command("sleep", "300")) as stranger:
            try:
                wait_until(10, lambda: children(stranger.pid), "its start")
                procs = self.cluster.cgroup / "system.slice/cloisterd.service/agents" / group / "cgroup.procs"
                procs.write_text(str(children(stranger.pid)[0]))
                wait_until(60, lambda: agent["pid"] not in [a["pid"] for a in self.cluster.agents()], "the end of its agent")
            finally:
                for pid in children(stranger.pid):
                    os.kill(pid, signal.SIGKILL)
        said = self.cluster.journal("-u", "cloisterd.service", "-g", "a process without a turn|more processes than a turn", "-n", "5")
        self.assertIn(str(agent["pid"]), said)
        self.assertIn(beside["pid"], [a["pid"] for a in self.cluster.agents()], "the control: another user's agent lives on")

    def test_operators_see_each_programs_memory(self):
        told = self.cluster.run_in("curl", "-fsS", "--unix-socket", "/run/cloister/operator/gateway-owner.sock", "http://localhost/metrics")
        bytes_of = dict(re.findall(r'^cloister_resident_bytes\{program="([a-z-]+)"\} (\d+)', told, re.M))
        self.assertGreaterEqual(len(bytes_of), 6, bytes_of)
        for program, count in bytes_of.items():
            self.assertGreater(int(count), 1000000, program)

    def test_a_journal_line_has_fields(self):
        person = self.answers()
        self.front.ask(person, "What do I have tomorrow?")
        own = [json.loads(line) for line in self.cluster.journal("SYSLOG_IDENTIFIER=cloister-gateway").splitlines()]
        self.assertTrue(own)
        self.assertTrue(all(line["_TRANSPORT"] == "journal" and line["PRIORITY"] in "34567" for line in own), own[-1])
        requests = {line["CLOISTER_REQUEST"] for line in own if "CLOISTER_REQUEST" in line}
        self.assertTrue(requests, own[-1])
        one = sorted(requests)[0]
        found = self.cluster.journal(f"CLOISTER_REQUEST={one}").splitlines()
        self.assertTrue(all(one in json.loads(line)["MESSAGE"] for line in found))

    def test_one_that_hangs_is_replaced(self):
        """The watchdog: a stopped process is killed and another answers. Whoever connects meanwhile waits."""
        person = self.answers()
        for service in ("cloister-gateway", "cloisterd"):
            with self.subTest(service):
                old = self.cluster.main_pid(service)
                answers = []
                os.kill(old, signal.SIGSTOP)
                asking = threading.Thread(target=lambda: answers.append(self.front.request("GET", "/healthz")))
                if service == "cloister-gateway":
                    asking.start()
                wait_until(40, lambda s=service, o=old: self.state(s) == "active" and self.cluster.main_pid(s) not in (o, None),
                           f"another {service}")
                if service == "cloister-gateway":
                    asking.join(40)
                    self.assertEqual([a.status for a in answers], [200])
                said = self.cluster.journal("-u", f"{service}.service", "-g", "watchdog", "-n", "5")
                self.assertIn("Watchdog timeout", said)
                self.answers(person)

    def test_one_that_dies_is_replaced(self):
        person = self.answers()
        for service in SERVICES:
            with self.subTest(service):
                old = self.cluster.main_pid(service)
                os.kill(old, signal.SIGKILL)
                wait_until(40, lambda s=service, o=old: self.state(s) == "active" and self.cluster.main_pid(s) not in (o, None),
                           f"another {service}")
                self.answers(person)

    def test_listeners_stay_open_through_a_restart(self):
        old = self.cluster.main_pid("cloister-gateway")
        with Knocking(self.door()) as knocking:
            self.cluster.run_in("systemctl", "restart", "cloister-gateway.service")
        self.assertEqual(knocking.refused, [])
        self.assertNotEqual(self.cluster.main_pid("cloister-gateway"), old)

    def door(self):
        return socket.AF_INET, ("127.0.0.1", self.cluster.port), socket.SOCK_STREAM

    def test_restart_of_the_target(self):
        """All programs are new, nobody who connects is refused, conversations go on."""
        begun, before = self.begin(), self.pids()
        control = socket.AF_UNIX, str(self.cluster.path("/run/cloister/control.sock")), socket.SOCK_SEQPACKET
        with Knocking(self.door(), control) as knocking:
            self.cluster.run_in("systemctl", "restart", "cloister.target")
            wait_until(60, lambda: not self.old_ones(before), "new processes of all")
            self.answers()
        self.assertEqual(knocking.refused, [])
        self.goes_on(begun)

    def old_ones(self, before):
        return [s for s in SERVICES if self.cluster.main_pid(s) in (before[s], None)]

    def test_upgrade_under_load(self):
        """As a package does it. The secrets are credentials, which no self-check outside of a unit is given."""
        begun, before = self.begin(), self.pids()
        self.users = [self.person() for _ in range(6)]
        with Load(self.front, self.users, 10) as load:
            wait_until(20, lambda: len(load.turns) > 5, "turns")
            code, out, err = self.cluster.ctl("upgrade", "--json", "--watch", "1", timeout=120)
            many = len(load.turns)
            wait_until(20, lambda: len(load.turns) > many + 5, "turns afterwards")
        self.assertEqual(code, 0, err + out)
        answer = json.loads(out)
        self.assertEqual((answer["upgraded"], answer["manager"]), (True, "systemd"), err)
        after = self.pids()
        self.assertFalse([s for s in SERVICES if before[s] == after[s]], "all are new processes")
        self.nothing_lost(load, 10)
        # What turns need ends after those who run them.
        self.assertLess(self.moment("cloister-gateway", "ActiveExit"), self.moment("cloisterd", "ActiveExit"))
        for helper in ("cloister-keys", "cloister-egress"):
            self.assertLessEqual(self.moment("cloisterd", "InactiveEnter"), self.moment(helper, "ActiveExit"), helper)
        self.goes_on(begun)

    def moment(self, service, change):
        return int(self.cluster.show(f"{service}.service", f"{change}TimestampMonotonic"))

    def without(self, *words):
        """The front door is left out by these words of systemctl, and comes back when the test is over."""
        door = [f"{name}.service" for name in FRONT_DOOR] + ["cloister-gateway-public.socket", "cloister-gateway-public-operator.socket"]
        undo = {"disable": "enable", "mask": "unmask"}[words[0]]

        def again():
            self.cluster.run_in("systemctl", undo, *door)
            self.cluster.run_in("systemctl", "start", "cloister.target", *door)
            self.answers()

        self.addCleanup(again)
        self.cluster.run_in("systemctl", *words, *door)
        return door

    def off(self, door):
        for unit in door:
            self.assertEqual((self.cluster.show(unit, "ActiveState"), self.cluster.show(unit, "MainPID") if ".service" in unit else "0"),
                             ("inactive", "0"), unit)

    def test_without_the_front_door(self):
        """docs/front-door.md: what is disabled or masked stays off, whatever is done to the rest."""
        rest = [s for s in SERVICES if s not in FRONT_DOOR]
        for words in (("disable", "--now"), ("mask", "--now")):
            with self.subTest(words[0]):
                door = self.without(*words)
                self.off(door)
                person, before = self.answers(), self.pids()
                code, out, err = self.cluster.ctl("upgrade", "--json", "--watch", "1", timeout=120)
                self.assertEqual((code, json.loads(out)["upgraded"]), (0, True), err + out)
                after = self.pids()
                self.assertEqual([s for s in rest if after[s] in (before[s], None)], [], "these are new processes")
                self.off(door)
                self.cluster.run_in("systemctl", "restart", "cloister.target")
                wait_until(60, lambda: all(self.cluster.main_pid(s) not in (after[s], None) and self.state(s) == "active" for s in rest),
                           "new processes of the rest")
                self.off(door)
                self.cluster.run_in("systemctl", "stop", "cloister.target")
                for service in rest:
                    wait_until(30, lambda s=service: self.state(s) == "inactive", f"the end of {service}")
                self.cluster.run_in("systemctl", "start", "cloister.target")  # as at the next boot
                self.answers(person)
                self.off(door)
                self.doCleanups()
                self.assertEqual([s for s in SERVICES if self.state(s) != "active"], [], "the control: all run again")

    def pids(self):
        return {service: self.cluster.main_pid(service) for service in SERVICES}

    def test_removal_stops_everything(self):
        """The package's prerm: an upgrade stops nothing, a removal all, sockets too, and once more does nothing."""
        self.answers()
        self.cluster.run_in("rm", "-f", "/usr/sbin/policy-rc.d")  # where one forbids it, the administrator has to stop it
        self.cluster.run_in("tee", "/run/prerm", text=(TOP / "deploy/debian/cloister.prerm").read_text())
        before = self.pids()
        self.cluster.run_in("sh", "/run/prerm", "upgrade", "9.9")
        self.assertEqual(self.pids(), before)
        for _ in range(2):
            self.cluster.run_in("sh", "/run/prerm", "remove", timeout=120)
            left = {path.name: self.cluster.show(path.name, "ActiveState") for path in UNITS.glob("cloister*")}
            self.assertEqual(set(left.values()), {"inactive"}, left)
            self.assertEqual(self.pids(), dict.fromkeys(SERVICES))
        self.cluster.run_in("systemctl", "start", "cloister.target")
        self.answers()

    def test_zz_stop_leaves_nothing(self):
        self.cluster.run_in("systemctl", "stop", "cloister.target")
        for service in SERVICES:  # systemctl has waited for the target alone
            wait_until(30, lambda s=service: self.state(s) == "inactive", f"the end of {service}")
            self.assertEqual(self.cluster.show(f"{service}.service", "Result"), "success", service)
        left = [p for p in (self.cluster.cgroup / "system.slice").glob("cloister*.service") if (p / "cgroup.procs").exists()]
        self.assertEqual(left, [])
