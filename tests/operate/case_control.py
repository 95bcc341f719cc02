"""The control socket: who may ask what, by the kernel's word on the caller; answers for eyes and for programs."""

import contextlib
import json
import os
import pathlib
import pty
import re
import select
import signal
import socket
import subprocess
import tempfile
import threading

from base import Case
from cluster import PREFIX, TOP, kill, wait_until

GROUP, OBSERVERS = "cloister", "games"  # observers: any group that every Debian has, and nobody is in
DONE, FAILED, UNKNOWN, FORBIDDEN, UNREACHABLE, USAGE = 0, 1, 2, 3, 4, 100
CTL = PREFIX / "bin/cloisterctl"


def as_nobody(groups):
    """Words that run a command as the user nobody, who is in `groups` besides."""
    who = ["--groups", ",".join(groups)] if groups else ["--clear-groups"]
    return ["setpriv", "--reuid", "nobody", "--regid", "nogroup", *who, "/usr/bin/env", "-C", "/"]


class Lines:
    """A command whose output is read as it comes."""

    def __init__(self, command):
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self.lines = []
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

    def read(self):
        for line in self.process.stdout:
            self.lines.append(line.decode())

    def stop(self):
        self.process.send_signal(signal.SIGTERM)  # SIGINT is ignored by what a shell starts in the background
        self.process.wait(10)
        self.reader.join(10)
        self.process.stdout.close()


class Control(Case):
    extra = f"[control]\ngroup={GROUP}\nobserver_group={OBSERVERS}\n"

    def socket_of(self):
        return self.cluster.run / "control.sock"

    def asks(self, groups, *command):
        done = subprocess.run([*as_nobody(groups), CTL, "--socket", self.socket_of(), *command],
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=30)
        return done.returncode, done.stdout.decode(), done.stderr.decode()

    def agent(self):
        user = self.person()
        self.finished(self.front.stream(user, "What do I have tomorrow?", timezone="Europe/Berlin"))
        return user, max(self.cluster.agents(), key=lambda a: a["since"])

    def watch(self, *options, who=()):
        """`cloisterctl events`, once it is watching: an agent that is parked proves that."""
        lines = Lines([*who, CTL, "--socket", self.socket_of(), "events", *options])
        self.addCleanup(lines.stop)
        for _ in range(20):
            self.cluster.ctl("drain", "off")
            try:
                wait_until(0.5, lambda: lines.lines, "a first event")
                return lines
            except AssertionError:
                continue
        self.fail("no event within 10 s")

    # -- roles --

    def test_roles_come_from_the_kernel(self):
        _, agent = self.agent()
        looking = [("status",), ("list",), ("show", agent["user"]), ("top", "--once")]
        operating = [("drain", "off"), ("park", agent["user"]), ("stop", agent["user"])]
        for command in looking:
            self.assertEqual(self.asks([GROUP], *command)[0], DONE, command)
            self.assertEqual(self.asks([OBSERVERS], *command)[0], DONE, command)
            code, out, err = self.asks([], *command)
            self.assertEqual((code, out), (FORBIDDEN, ""), command)
            self.assertIn("not permitted", err)
        for command in operating:
            for groups in ([OBSERVERS], []):
                code, out, err = self.asks(groups, *command)
                self.assertEqual((code, out), (FORBIDDEN, ""), command)
                self.assertIn("not permitted", err)
        self.assertIn(agent["pid"], [a["pid"] for a in self.cluster.agents()], "what was refused did nothing")
        for command in operating[:2]:  # the control: the operators' group may
            self.assertEqual(self.asks([GROUP], *command)[0], DONE, command)
        wait_until(5, lambda: agent["pid"] not in [a["pid"] for a in self.cluster.agents()], "parked")

    def test_observers_may_watch_and_strangers_may_not(self):
        self.watch(who=as_nobody([OBSERVERS]))
        self.assertEqual(self.asks([], "events")[:2], (FORBIDDEN, ""))

    def test_memory_is_for_root(self):
        self.agent()
        self.assertTrue(all(a["pss_kib"] for a in self.cluster.agents()))
        code, out, _ = self.asks([GROUP], "list", "--json")
        self.assertEqual(code, DONE)
        self.assertEqual({a["pss_kib"] for a in json.loads(out)}, {None})

    # -- answers and exit statuses --

    def test_exit_statuses(self):
        missing = self.cluster.dir / "no.sock"
        for code, words in ((DONE, ["list"]), (UNKNOWN, ["show", "0" * 32]), (UNKNOWN, ["park", "0" * 32]), (USAGE, ["nonsense"]),
                            (USAGE, ["show"]), (USAGE, ["list", "more"]), (USAGE, ["rotate-key", "status", "more"]), (USAGE, ["drain", "of"]), (USAGE, ["top", "more"]),
                            (USAGE, ["config"]), (USAGE, ["completion", "csh"]), (USAGE, ["--nonsense"]), (USAGE, []),
                            (UNREACHABLE, ["--socket", missing, "list"]), (UNREACHABLE, ["--socket", missing, "top", "--once"]),
                            (DONE, ["--help"]), (DONE, ["--version"]), (DONE, ["show", "policy"])):
            done, out, err = self.cluster.ctl(*words)
            self.assertEqual(done, code, (words, err))
            self.assertTrue(out if code == DONE else err and not out, words)

    def test_output_that_cannot_be_written(self):
        """A full disk behind a redirection: no status that says done, and a word why not."""
        for words in (["status"], ["list", "--json"], ["show", "policy"], ["top", "--once"], ["frontend", "list"], ["completion", "bash"],
                      ["--version"], ["--help"]):
            with open("/dev/full", "wb") as full:
                done = subprocess.run([CTL, "--config", self.cluster.dir / "etc/cloister.conf", *words], stdin=subprocess.DEVNULL, stdout=full,
                                      stderr=subprocess.PIPE, timeout=30)
            self.assertEqual(done.returncode, FAILED, words)
            self.assertIn(b"standard output cannot be written", done.stderr, words)

    def test_tables_and_json(self):
        _, agent = self.agent()
        code, out, _ = self.cluster.ctl("list")
        head, *rows = out.splitlines()
        self.assertEqual(code, DONE)
        self.assertEqual(head.split()[:4], ["user", "origin", "pid", "state"])
        self.assertTrue(any(agent["user"] in row for row in rows))
        for command in (["status"], ["list"], ["show", agent["user"]], ["top", "--once"], ["drain", "off"], ["show", "policy"]):
            code, out, _ = self.cluster.ctl(*command, "--json")
            self.assertEqual(code, DONE)
            json.loads(out)
        code, out, _ = self.cluster.ctl("show", "0" * 32, "--json")
        self.assertEqual(code, UNKNOWN)
        self.assertIn("error", json.loads(out))

    def test_drain_and_off(self):
        user, _ = self.agent()
        self.assertEqual(self.cluster.ctl("drain")[0], DONE)
        refused = self.front.stream(user, "And the day after?", timezone="Europe/Berlin")
        self.assertEqual(refused.status, 503)
        self.assertEqual(self.cluster.ctl("drain", "off")[0], DONE)
        self.finished(self.front.stream(user, "And the day after?", timezone="Europe/Berlin"))

    def test_drain_waits_for_a_slow_answer(self):
        """A model may take its time: what runs ends by itself, however long an upgrade would have waited."""
        user, _ = self.agent()
        answers = []
        self.admin.call("POST", "/settings", {"model_delay_ms": 22000})
        try:
            asking = threading.Thread(target=lambda: answers.append(self.front.ask(user, "hello", timezone="Europe/Berlin")))
            asking.start()
            wait_until(10, lambda: any(a["state"] == "busy" for a in self.cluster.agents()), "a turn that runs")
            code, _, err = self.cluster.ctl("drain", timeout=60)
        finally:
            self.admin.call("POST", "/settings", {"model_delay_ms": 0})
            self.cluster.ctl("drain", "off")
        asking.join(10)
        self.assertEqual((code, [a.status for a in answers]), (DONE, [200]), err)

    def test_disconnect(self):
        user, agent = self.agent()
        for groups in ([OBSERVERS], []):  # their control is the disconnect itself, below
            self.assertEqual(self.asks(groups, "disconnect", agent["user"])[:2], (FORBIDDEN, ""))
        self.finished(self.front.stream(user, "And the day after?", timezone="Europe/Berlin"))
        lines = self.watch("--json")
        code, out, err = self.asks([GROUP], "disconnect", agent["user"], "--json")
        self.assertEqual(code, DONE, err)
        self.assertTrue(json.loads(out)["revoked"], "the stand-in for Google confirms")
        refused = self.front.stream(user, "And the day after?", timezone="Europe/Berlin")
        self.assertIn("not_connected", repr(refused))
        told = lambda: [e for e in map(json.loads, lines.lines) if e["event"] == "disconnected"]
        wait_until(5, told, "the event")
        self.assertEqual((told()[0]["user"], told()[0]["code"]), (agent["user"], "revoked"))
        for nobody in (agent["user"], "0" * 32, "nonsense"):
            code, out, _ = self.cluster.ctl("disconnect", nobody)
            self.assertEqual((code, out), (UNKNOWN, ""), nobody)
        self.cluster.connect(user)  # and it can be had again
        self.finished(self.front.stream(user, "And the day after?", timezone="Europe/Berlin"))

    def test_another_account_for_who_has_lost_theirs(self):
        user, agent = self.agent()
        lost = self.front.grants.pop(user)
        with self.assertRaisesRegex(AssertionError, "another Google account"):  # the control
            self.cluster.connect(user, account=user + "-new")
        code, _, err = self.asks([GROUP], "disconnect", agent["user"], "everything")
        self.assertEqual(code, USAGE, err)
        self.finished(self.front.stream(user, "And the day after?", timezone="Europe/Berlin", grant=lost))
        for revoked in (True, False):  # the second time there is no connection
            code, out, err = self.asks([GROUP], "disconnect", agent["user"], "forget-account", "--json")
            self.assertEqual(code, DONE, err)
            told = json.loads(out)
            self.assertEqual((told["revoked"], told["account_forgotten"]), (revoked, True), out)
        self.cluster.connect(user, account=user + "-new")
        self.finished(self.front.stream(user, "And the day after?", timezone="Europe/Berlin"))
        refused = self.front.stream(user, "And the day after?", timezone="Europe/Berlin", grant=lost)
        self.assertIn("grant_revoked", repr(refused))
        self.assertEqual(self.cluster.ctl("disconnect", "0" * 32, "forget-account")[:2], (UNKNOWN, ""))

    def test_who_asks_while_cloisterd_restarts_waits(self):
        """The socket is the launcher's (under systemd, its unit's): nobody is refused, and the next cloisterd answers."""
        old = self.cluster.programs()["cloisterd"]
        kill(old)
        code, out, err = self.cluster.ctl("status", "--json")
        self.assertEqual((code, err), (DONE, ""))
        self.assertTrue(json.loads(out)["version"])
        self.assertNotEqual(self.cluster.programs()["cloisterd"], old)
        wait_until(20, self.cluster.ready, "ready")

    # -- the configuration --

    def check(self, text, *options):
        """What `config check` says of the cluster's own configuration with `text` behind it."""
        path = self.cluster.dir / "etc/checked.conf"
        path.write_text((self.cluster.dir / "etc/cloister.conf").read_text() + text)
        path.chmod(0o644)
        done = subprocess.run([CTL, "--config", path, "config", "check", *options], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        return done.returncode, done.stdout.decode()

    def faults(self, text):
        code, out = self.check(text, "--json")
        found = json.loads(out)
        self.assertEqual(code, FAILED if any(f["level"] == "error" for f in found) else DONE)
        self.assertTrue(all(f["what"] and f["do"] for f in found))
        return {(f["level"], f["where"]) for f in found}

    def test_config_check(self):
        code, out = self.check("")
        self.assertEqual((code, "error:" in out), (DONE, False), out)
        usual = self.faults("")
        secret = self.cluster.dir / "etc/secret"
        secret.write_text("x" * 20)
        secret.chmod(0o644)
        foreign = self.cluster.dir / "etc/ca.pem"
        foreign.write_text("x")
        foreign.chmod(0o600)
        mail = "[notify]\nsmtp_url=smtp://mail.example:587\nmail_from=a@b.example\n"
        for text, found in ((f"[model]\napi_key_file={secret}\n", ("warning", "model.api_key_file")),
                            (f"[keys]\nkey_file={secret}\n", ("error", "keys.key_file")),
                            (f"[google]\nclient_secret_file={secret}.missing\n", ("error", "google.client_secret_file")),
                            (f"[model]\nca_file={foreign}\n", ("error", "model.ca_file")),
                            ("[gateway]\nowner_listen=192.0.2.1:8420\n", ("error", "gateway.owner_listen")),
                            ("[gateway]\nowner_listen=0.0.0.0:8420\n", ("warning", "gateway.owner_listen")),
                            ("[gateway]\npublic_url=http://calendar.example\n", ("error", "gateway.public_url")),
                            ("[gateway]\nfrontends_dir=/etc/cloister/missing\n", ("error", "gateway.frontends_dir")),
                            ("[control]\nobserver_group=nobody-has-it\n", ("error", "control.observer_group")),
                            ("[keys]\nprovider=aws-kms\n", ("error", "keys.provider")),
                            (f"[business]\nsecret_file={secret}\n", ("error", "business.secret_file")),
                            (f"[business]\nsecret_file={foreign}\n", ("error", "business.secret_file")),
                            (f"{mail}smtp_user=x\nsmtp_password_file={secret}.missing\n", ("error", "notify.smtp_password_file")),
                            (f"{mail}smtp_user=x\nsmtp_password_file={foreign}\n", ("error", "notify.smtp_password_file")),
                            (f"{mail}smtp_user=x\nsmtp_password_file={secret}\n", ("warning", "notify.smtp_password_file")),
                            (f"{mail}smtp_user=x\n", ("error", "notify.smtp_password_file")),
                            ("[notify]\nwebhook_url=https://x.example/\n", ("error", "notify.webhook_secret_file")),
                            (f"[notify]\nca_file={foreign}\n", ("error", "notify.ca_file")),
                            ("[egress]\nallow=https://model.example/v1\n", ("error", "egress")),
                            ("[egress]\nallow=model.example\n", ("error", "egress"))):
            self.assertEqual(self.faults(text) - usual, {found}, text)
        code, out = self.check(f"[google]\nclient_secret_file={foreign}\n")  # root's: cloister-launch is root
        self.assertEqual((code, "google.client_secret_file" in out), (DONE, False), out)
        by_systemd = ["unshare", "--mount", "sh", "-c", 'mount -t tmpfs tmpfs /run; mkdir -p /run/systemd/system; exec "$@"', "sh"]
        done = subprocess.run([*by_systemd, CTL, "--config", self.cluster.dir / "etc/checked.conf", "config", "check"], stdout=subprocess.PIPE)
        self.assertEqual(done.returncode, FAILED)
        self.assertIn(b"who cannot read it\n    -> chown cloister-keys", done.stdout)
        code, out = self.check("[model]\nmodell=x\n")
        self.assertEqual(code, FAILED)
        self.assertIn("modell", out)

    # -- top --

    def test_top_without_a_terminal(self):
        _, agent = self.agent()
        code, out, _ = self.cluster.ctl("top")
        self.assertEqual(code, DONE)
        self.assertNotIn("\033", out)
        for line in ("agents ", "turns ", "queue ", "memory ", "model ", "google "):
            self.assertRegex(out, f"(?m)^{line}")
        self.assertIn(agent["user"], out)
        code, out, _ = self.cluster.ctl("top", "--once", "--json")
        top = json.loads(out)
        self.assertEqual(top["providers"]["model"], {"health": "ok", "failed": 0})
        self.assertGreater(top["turns"]["last_minute"], 0)
        self.assertGreater(top["turns"]["p50_ms"], 0)
        self.assertGreaterEqual(top["turns"]["p99_ms"], top["turns"]["p50_ms"])
        self.assertGreater(top["memory"]["agents_pss_kib"], 0)
        self.assertGreater(top["memory"]["available_kib"], 0)
        self.assertEqual(top["queue"], {"turns": 0, "agents": 0})

    def test_top_without_the_model(self):
        user = self.person()
        self.admin.fault("model", "status", status=500, times=100)
        answer = self.front.stream(user, "What do I have tomorrow?", timezone="Europe/Berlin")
        self.assertIsNotNone(answer.error)
        _, out, _ = self.cluster.ctl("top", "--once", "--json")
        model = json.loads(out)["providers"]["model"]
        self.assertIn(model["health"], ("degraded", "failing"))
        self.assertGreater(model["failed"], 0)

    def test_top_in_a_terminal(self):
        """A real terminal: it redraws, and 'q' ends it with the terminal as it was."""
        pid, terminal = pty.fork()
        if pid == 0:
            os.execv(CTL, [str(CTL), "--socket", str(self.socket_of()), "top", "--every", "1"])
        shown = b""

        def more():
            nonlocal shown
            try:
                shown += os.read(terminal, 65536)
            except OSError:
                return True
            return shown.count(b"\033[H") >= 2
        wait_until(15, more, "two pictures")
        os.write(terminal, b"q")
        while True:
            try:
                piece = os.read(terminal, 65536)
            except OSError:
                break
            if not piece:
                break
            shown += piece
        self.assertEqual(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), DONE)
        os.close(terminal)
        self.assertIn(b"agents ", shown)
        self.assertTrue(shown.rstrip().endswith(b"\033[?25h\033[?1049l"), shown[-40:])

    def test_top_goes_when_it_is_told_to(self):
        """Also while it waits for a cloisterd that does not answer."""
        daemon = self.cluster.programs()["cloisterd"]
        for leave in (lambda pid, terminal: os.write(terminal, b"q"), lambda pid, terminal: os.kill(pid, signal.SIGINT)):
            pid, terminal = pty.fork()
            if pid == 0:
                os.execv(CTL, [str(CTL), "--socket", str(self.socket_of()), "top", "--every", "1"])
            shown = b""
            while b"agents " not in shown:
                shown += os.read(terminal, 65536)
            os.kill(daemon, signal.SIGSTOP)
            try:
                select.select([], [], [], 2)  # longer than a picture lasts: it asks again
                leave(pid, terminal)
                ended = wait_until(5, lambda: (lambda got: got if got[0] else None)(os.waitpid(pid, os.WNOHANG)), "its end")
                self.assertEqual(os.waitstatus_to_exitcode(ended[1]), DONE)
            finally:
                os.kill(daemon, signal.SIGCONT)
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            os.close(terminal)

    # -- events --

    def test_events_tell_a_turns_life(self):
        lines = self.watch("--json")
        secret = "Zebrafinkenhochzeit"
        user = self.person()
        self.finished(self.front.stream(user, f"What do I have tomorrow? {secret}", timezone="Europe/Berlin"))
        agent = max(self.cluster.agents(), key=lambda a: a["since"])
        self.cluster.ctl("park", agent["user"])
        mine = lambda: [e for e in map(json.loads, lines.lines) if e.get("user") == agent["user"] and e.get("origin") == "owner"]
        wait_until(5, lambda: any(e["event"] == "agent_parked" for e in mine()), "the agent's end")
        seen = mine()
        words = [e["event"] for e in seen]
        self.assertEqual(words, ["agent_started", "turn_begun", "turn_over", "agent_parked"])
        began, over = seen[1], seen[2]
        self.assertEqual(began["turn"], over["turn"])
        self.assertEqual(over["code"], "done")
        self.assertGreater(over["took_ms"], 0)
        self.assertEqual({e["pid"] for e in seen}, {agent["pid"]})
        said = "".join(lines.lines)
        self.assertNotIn(secret, said)
        self.assertNotIn(user, said, "an opaque id, not the name")
        keys = {key for e in map(json.loads, lines.lines) for key in e}
        self.assertLessEqual(keys, {"time", "event", "code", "user", "origin", "turn", "pid", "took_us", "took_ms", "count"})

    def test_events_tell_what_went_wrong(self):
        lines = self.watch("--json")
        user, agent = self.agent()
        os.kill(agent["pid"], signal.SIGKILL)
        zygote = self.cluster.zygote()
        os.kill(zygote, signal.SIGKILL)
        told = lambda word: [e for e in map(json.loads, lines.lines) if e["event"] == word]
        wait_until(10, lambda: told("agent_lost") and told("zygote_lost") and told("zygote_ready"), "three events")
        self.assertEqual(told("agent_lost")[0]["pid"], agent["pid"])
        self.assertEqual(told("zygote_lost")[0]["pid"], zygote)
        self.finished(self.front.stream(user, "And the day after?", timezone="Europe/Berlin"))

    def test_events_go_on_after_a_restart(self):
        lines = self.watch("--json")
        kill(self.cluster.programs()["cloisterd"])
        told = lambda word: [e for e in map(json.loads, lines.lines) if e["event"] == word]
        wait_until(20, self.cluster.ready, "cloisterd again")
        wait_until(20, lambda: self.cluster.ctl("drain", "off")[0] == DONE and told("resumed"), "the stream again")
        self.assertIsNone(lines.process.poll())

    def test_events_for_eyes(self):
        lines = self.watch()
        self.assertRegex(lines.lines[0], r"^\d\d:\d\d:\d\d\.\d{3}Z drain_off ")

    def test_a_slow_watcher_is_told_what_it_missed(self):
        """One that is stopped holds up nobody, and learns how much it did not see."""
        lines = self.watch("--json")
        os.kill(lines.process.pid, signal.SIGSTOP)
        most = 2000
        for _ in range(most):
            self.quickly("drain", "off")
        os.kill(lines.process.pid, signal.SIGCONT)
        count = lambda: [json.loads(line) for line in list(lines.lines)]
        missed = lambda: sum(e.get("count", 0) for e in count() if e["event"] == "missed")
        wait_until(10, missed, "word of what was missed")
        self.cluster.ctl("drain", "off")
        wait_until(10, lambda: missed() + sum(e["event"] == "drain_off" for e in count()) > most, "every event, shown or counted")
        self.assertLess(len(lines.lines), most)

    def quickly(self, *words):
        """One command without a process of its own: cloisterctl's request as it is on the wire."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as s:
            s.settimeout(10)
            s.connect(str(self.socket_of()))
            s.send(self.request(words))
            self.assertTrue(s.recv(65536))

    @staticmethod
    def request(words):
        def field(number, data):
            return bytes([number << 3 | 2]) + varint(len(data)) + data

        def varint(n):
            out = b""
            while n > 127:
                out, n = out + bytes([n & 127 | 128]), n >> 7
            return out + bytes([n])
        version = re.search(r"#define PROTOCOL_VERSION\s+(\d+)", (TOP / "ipc/message.h").read_text()).group(1)
        body = b"\x08" + varint(int(version)) + field(2, words[0].encode()) + b"".join(field(3, w.encode()) for w in words[1:])
        inner = varint(90 << 3 | 2) + varint(len(body)) + body
        return b"\x08" + varint(int(version)) + inner


class Completion(Case):
    """Each shell's own machinery is asked what it would offer."""

    @classmethod
    def setUpClass(cls):
        pass

    @classmethod
    def tearDownClass(cls):
        pass

    def tearDown(self):
        pass

    def bash(self, *words):
        script = (f"source <({CTL} completion bash); COMP_WORDS=({' '.join(repr(w) for w in words)}); "
                  f"COMP_CWORD={len(words) - 1}; _cloisterctl; printf '%s\\n' \"${{COMPREPLY[@]}}\"")
        done = subprocess.run(["bash", "--norc", "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=10)
        self.assertEqual((done.returncode, done.stderr), (0, b""))
        return done.stdout.decode().split()

    def commands(self):
        text = (TOP / "supervisor/commands.def").read_text() + (TOP / "supervisor/ctl_local.def").read_text()
        return [name.replace("_", "-") for name in re.findall(r"^(?:COMMAND|LOCAL)\((\w+),", text, re.M)]

    def test_bash(self):
        offered = self.bash("cloisterctl", "")
        self.assertLessEqual(set(self.commands()) | {"frontend"}, set(offered))
        self.assertEqual(self.bash("cloisterctl", "dra"), ["drain"])
        self.assertEqual(self.bash("cloisterctl", "--config", "/x", "drain", ""), ["off"])
        self.assertEqual(self.bash("cloisterctl", "completion", ""), ["bash", "zsh", "fish"])
        self.assertIn("rotate", self.bash("cloisterctl", "frontend", "r"))
        self.assertIn("--json", self.bash("cloisterctl", "list", "--"))
        self.assertEqual(self.bash("cloisterctl", "list", ""), [])

    def zsh_completes(self):
        """In a terminal, with the key that people press."""
        home = tempfile.TemporaryDirectory()
        self.addCleanup(home.cleanup)
        place = pathlib.Path(home.name)
        (place / "_cloisterctl").write_bytes(subprocess.run([CTL, "completion", "zsh"], stdout=subprocess.PIPE, check=True).stdout)
        (place / ".zshrc").write_text(f"fpath=({place} $fpath)\npath=({pathlib.Path(CTL).parent} $path)\nautoload -U compinit\n"
                                      "compinit -u -D\nsetopt no_beep\nPS1='ready> '\n")
        pid, terminal = pty.fork()
        if pid == 0:
            try:
                os.execve("/bin/zsh", ["zsh", "-d", "-i"], {"HOME": str(place), "ZDOTDIR": str(place), "TERM": "dumb",
                                                            "PATH": "/usr/bin:/bin", "COLUMNS": "200", "LINES": "60"})
            finally:
                os._exit(127)
        seen = bytearray()

        def appears(text):
            wait_until(20, lambda: select.select([terminal], [], [], 0.05)[0] and seen.extend(os.read(terminal, 65536)) or text in seen,
                       f"{text} in {bytes(seen[-300:])}")
            seen.clear()

        try:
            appears(b"ready> ")
            for typed, completed in (("dra", "drain "), ("drain o", "off "), ("frontend ro", "rotate "), ("completion z", "zsh ")):
                os.write(terminal, f"cloisterctl {typed}\t".encode())
                appears(f"cloisterctl {typed.rpartition(' ')[0]}".rstrip().encode() + b" " + completed.encode())
                os.write(terminal, b"\x15")  # the line away again
            os.write(terminal, b"cloisterctl \t")
            appears(b"new programs take the place of those that run")
        finally:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            os.close(terminal)

    def test_zsh_and_fish_are_sound(self):
        for shell in ("zsh", "fish"):
            script = subprocess.run([CTL, "completion", shell], stdout=subprocess.PIPE, check=True).stdout
            for command in self.commands():
                self.assertIn(command.encode(), script)
        ran = []
        for shell in ("zsh", "fish"):
            if not any(pathlib.Path(d, shell).exists() for d in ("/bin", "/usr/bin")):
                continue
            script = subprocess.run([CTL, "completion", shell], stdout=subprocess.PIPE, check=True).stdout
            self.assertEqual(subprocess.run([shell, "-n"], input=script).returncode, 0, shell)
            ran.append(shell)
        if "fish" in ran:
            home = tempfile.TemporaryDirectory()
            self.addCleanup(home.cleanup)
            for typed, offered in (("dra", {"drain"}), ("drain o", {"off"}), ("frontend ro", {"rotate"}), ("completion z", {"zsh"})):
                done = subprocess.run(["fish", "-c", f'{CTL} completion fish | source; complete -C "cloisterctl {typed}"'],
                                      stdout=subprocess.PIPE, check=True, env={"HOME": home.name, "PATH": "/usr/bin:/bin"})
                self.assertEqual({line.split("\t")[0] for line in done.stdout.decode().splitlines()}, offered, typed)
        if "zsh" in ran:
            self.zsh_completes()
        if len(ran) < 2:
            self.skipTest("not installed: " + " ".join({"zsh", "fish"} - set(ran)))
