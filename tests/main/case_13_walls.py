"""Each wall hidden from the real programs (tests/walls/without.c): cloisterd refuses to start and names what is
missing, or names the layer that gives it instead; what the configuration accepts is started without, loudly."""

import contextlib
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "control"))

from base import SANITIZED, Case
from cluster import PREFIX, Cluster, alive, children, wait_until
from control import BUILD

WITHOUT = BUILD.parent / "walls/without"
EPERM, EINVAL, ENOMEM = 1, 22, 12
NEW = {"user": 0x10000000, "pid": 0x20000000, "net": 0x40000000, "mnt": 0x00020000, "ipc": 0x08000000}
NO_SECCOMP = ["seccomp", f"prctl/0=22:{EINVAL}", f"prctl/0=21:{EINVAL}"]
NO_LANDLOCK = ["landlock_create_ruleset", "landlock_add_rule", "landlock_restrict_self"]
NO_LOCK = [f"mlock:{EPERM}", f"mlock2:{EPERM}", f"mlockall:{EPERM}"]
SWAP = "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n/dev/sda2                               partition\t1048572\t\t0\t\t-2\n"


def may_lock():
    """Locking everything takes a RLIMIT_MEMLOCK that root may raise; some containers' root may not."""
    return subprocess.run(["prlimit", "--memlock=unlimited:unlimited", "true"], stderr=subprocess.DEVNULL).returncode == 0


def refused(kind):
    """Namespaces of this kind answered with EPERM, as a container's filter does."""
    return [f"unshare/0&{NEW[kind]}:{EPERM}", f"clone/0&{NEW[kind]}:{EPERM}", "clone3"]


class Bare:
    """keys, egress and cloisterd alone, without a launcher, a database or a gateway. keys and egress run as on a machine
    that lacks nothing, and cloisterd, with what it starts, again and again as on one that does."""

    def __init__(self):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="cloister-walls.", dir="/var/tmp"))
        os.chmod(self.dir, 0o755)
        self.started = []
        (self.dir / "key").write_text("5e" * 32)
        shutil.chown(self.dir / "key", "cloister-keys", "cloister-keys")
        os.chmod(self.dir / "key", 0o600)
        (self.dir / "swaps").write_text(SWAP)
        for name, owner in (("run", "cloister"), ("run/agents", "cloister"), ("run/gateway", "cloister"),
                            ("run/keys", "cloister-keys"), ("run/egress", "cloister-egress"), ("keyring", "cloister-keys")):
            (self.dir / name).mkdir()
            shutil.chown(self.dir / name, owner, owner)
            os.chmod(self.dir / name, 0o711)
        self.configure("")
        self.keys = self.start("cloister-keys")
        self.egress = self.start("cloister-egress", "cloister-egress")
        for name in ("keys", "egress"):
            wait_until(10, (self.dir / f"run/{name}/{name}.sock").exists, name)

    def configure(self, accepted):
        # Nobody answers at the database's address: cloisterd goes on trying, and the walls do not wait for it.
        (self.dir / "cloister.conf").write_text(
            f"[database]\nurl=postgresql:///none?host={self.dir}\n[keys]\nkey_file={self.dir}/key\n"
            f"keyring={self.dir}/keyring/keyring.db\n[runtime]\ndir={self.dir}/run\naccept_missing_walls={accepted}\n")

    def start(self, program, user=None, hidden=(), log=None):
        command = [*([WITHOUT, *hidden, "--"] if hidden else []), PREFIX / "sbin" / program, "--config", self.dir / "cloister.conf"]
        if user:
            command = ["setpriv", "--reuid", user, "--regid", user, "--clear-groups", *command]
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log or subprocess.DEVNULL,
                                   stderr=log or subprocess.DEVNULL, cwd="/")
        self.started.append(process)
        return process

    @contextlib.contextmanager
    def cloisterd(self, hidden, accepted=""):
        """A cloisterd with this hidden from it; its process and a way to read its log."""
        self.configure(accepted)
        with tempfile.TemporaryFile() as log:
            process = self.start("cloisterd", hidden=hidden, log=log)

            def text():
                return os.pread(log.fileno(), 1 << 20, 0).decode(errors="replace")
            try:
                yield process, text
            finally:
                self.end(process)

    def status(self):
        done = subprocess.run([PREFIX / "bin/cloisterctl", "--config", self.dir / "cloister.conf", "status", "--json"],
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=10)
        return json.loads(done.stdout) if done.returncode == 0 else None

    @staticmethod
    def end(process):
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def stop(self):
        for process in self.started:
            self.end(process)
        shutil.rmtree(self.dir, ignore_errors=True)


@unittest.skipIf(SANITIZED, "that build goes without the wall 'exhaustion'")
class Hidden(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.bare = Bare()

    @classmethod
    def tearDownClass(cls):
        cls.bare.stop()

    def refuses(self, hidden, *walls, accepted="", says=()):
        """Ends with 1 and one sentence that names these walls, and the setting."""
        with self.bare.cloisterd(hidden, accepted) as (process, log):
            try:
                self.assertEqual(process.wait(20), 1, log())
            except subprocess.TimeoutExpired:
                self.fail(f"it started:\n{log()}")
            told = [line for line in log().splitlines() if "not starting: " in line]
            self.assertEqual(len(told), 1, log())
            self.assertIn("accept_missing_walls", told[0])
            for word in (*(f'"{wall}"' for wall in walls), *says):
                self.assertIn(word, told[0])
            every = {"processes", "network", "files", "privilege", "leftovers", "exhaustion"}
            for wall in every - set(walls):
                self.assertNotIn(f'"{wall}"', told[0])

    def starts(self, hidden, accepted="", missing=(), names=None, not_by=()):
        """Ready; `missing` are reported as such, loudly; every other wall has layers, none of them in `not_by`."""
        with self.bare.cloisterd(hidden, accepted) as (process, log):
            def ready():
                self.assertIsNone(process.poll(), log())
                status = self.bare.status()
                return status and status["zygote"]["ready"] and status
            status = wait_until(20, ready, "a zygote")
            walls = {w["property"]: w for w in status["zygote"]["walls"]}
            self.assertEqual(len(walls), 6)
            for name, wall in walls.items():
                self.assertEqual(wall["held"], name not in missing, f"{wall} {log()}")
                if wall["held"]:
                    self.assertTrue(wall["layers"], wall)
                    for layer in not_by:
                        self.assertNotIn(layer, wall["layers"].split("+"))
                else:
                    self.assertTrue(wall["missing"], wall)
                    self.assertRegex(log(), f"warning: wall: no {name}: MISSING, accepted by configuration")
            for name, layer in (names or {}).items():
                self.assertIn(layer, walls[name]["layers"].split("+"))
            return status

    # -- the control: nothing hidden --
    def test_whole(self):
        self.starts([], names={"processes": "namespaces", "network": "network namespace", "files": "empty root",
                               "leftovers": "descriptors closed", "exhaustion": "limits", "privilege": "seccomp"})

    # -- layers whose properties others give --
    def test_without_landlock(self):
        self.starts(NO_LANDLOCK, names={"files": "empty root", "network": "seccomp"}, not_by=("landlock",))

    def test_landlock_switched_off_at_boot(self):
        self.starts(["landlock_create_ruleset:95"], names={"files": "empty root"}, not_by=("landlock",))

    def test_landlock_of_debian_12(self):
        """ABI 2: it knows nothing of networks, and the others give that."""
        status = self.starts(["--landlock-abi", "2"], names={"files": "landlock", "network": "seccomp"})
        network = next(w for w in status["zygote"]["walls"] if w["property"] == "network")
        self.assertNotIn("landlock", network["layers"])

    def test_without_clone3_openat2(self):
        self.starts(["clone3", "openat2", "faccessat2", "mlock2", "pidfd_getfd", "epoll_pwait2"])

    def test_network_namespace_refused(self):
        for hidden in (refused("net"), ["--limit", "net=0"]):
            self.starts(hidden, names={"network": "seccomp"}, not_by=("network namespace",))

    def test_pid_namespace_refused(self):
        for hidden in (refused("pid"), ["--limit", "pid=0"]):
            self.starts(hidden, names={"processes": "seccomp"})

    def test_ipc_namespace_refused(self):
        self.starts(refused("ipc"), names={"processes": "seccomp"})

    def test_no_locking_but_no_swap(self):
        self.starts(NO_LOCK, names={"leftovers": "no swap"})

    @unittest.skipUnless(may_lock(), "root may not raise RLIMIT_MEMLOCK here")
    def test_locked_where_there_is_swap(self):
        self.starts(["--swaps", self.bare.dir / "swaps"], names={"leftovers": "locked memory"})

    # -- properties that nothing else gives --
    def test_user_namespaces_refused(self):
        for hidden in (refused("user"), ["--limit", "user=0"]):
            self.refuses(hidden, "files", "exhaustion", says=["max_user_namespaces"])
            self.refuses(hidden, "exhaustion", accepted="files")
        self.starts(["--limit", "user=0"], accepted="files exhaustion", missing=("files", "exhaustion"),
                    names={"processes": "seccomp", "network": "seccomp"})

    def test_mounts_refused(self):
        for hidden in ([f"mount:{EPERM}"], [f"pivot_root:{EPERM}"], ["--limit", "mnt=0"]):
            self.refuses(hidden, "files")
        self.starts(["--limit", "mnt=0"], accepted="files", missing=("files",), names={"network": "network namespace"})

    def test_without_seccomp(self):
        self.refuses(NO_SECCOMP, "privilege", says=["seccomp"])
        # cloisterd's own filter is accepted as missing then; what else agents lack is found and named.
        self.refuses(NO_SECCOMP, "exhaustion", accepted="privilege processes leftovers", says=["seccomp"])

    def test_without_seccomp_accepted(self):
        accepted = "privilege exhaustion processes"
        with self.bare.cloisterd(NO_SECCOMP, accepted) as (process, log):
            status = wait_until(20, lambda: process.poll() is None and (s := self.bare.status()) and s["zygote"]["ready"] and s,
                                "a zygote")
            held = {w["property"]: w["held"] for w in status["zygote"]["walls"]}
            self.assertFalse(held["privilege"])
            self.assertTrue(held["network"] and held["files"], held)
            self.assertIn('the kernel gives no seccomp: the wall "privilege" is missing, accepted by configuration', log())

    def test_swap_without_locking(self):
        hidden = [*NO_LOCK, "--swaps", self.bare.dir / "swaps"]
        self.refuses(hidden, "leftovers", says=["swap"])
        self.starts(hidden, accepted="leftovers", missing=("leftovers",))

    def test_old_kernel(self):
        for call, wall in (("close_range", "leftovers"), ("pidfd_open", "processes"), ("pidfd_send_signal", "processes")):
            self.refuses([call], wall, accepted=wall, says=[call, "Linux 5."])

    def test_landlock_that_does_not_do_what_it_says(self):
        """It has a version, and then refuses: no agent is started half walled."""
        with self.bare.cloisterd([f"landlock_restrict_self:{EPERM}"]) as (process, log):
            wait_until(20, lambda: "cannot try the walls" in log(), "a refusal")
            self.assertIsNone(process.poll())
            status = self.bare.status()
            self.assertFalse(status and status["zygote"]["ready"])


class Daemons(unittest.TestCase):
    """Each program that could be swapped out, as far as its last rung: whether it would start."""

    programs = {"cloister-keys": (), "cloister-egress": (), "cloister-business": (), "cloister-notify": (), "cloister-gateway": (),
                "cloister-gateway public": ("--instance", "public"), "cloisterd": ()}

    @classmethod
    def setUpClass(cls):
        cls.bare = Bare()
        cls.addClassCleanup(cls.bare.stop)
        folder = cls.bare.dir
        (folder / "none").write_text(SWAP.splitlines()[0] + "\n")
        (folder / "secret").write_text("5e" * 32)
        shutil.chown(folder / "secret", "cloister-business", "cloister-business")
        os.chmod(folder / "secret", 0o400)
        for name, owner in (("run/business", "cloister-business"), ("run/public", "cloister-public"), ("run/operator", "cloister-gateway"),
                            ("run/notify", "cloister-notify"), ("frontends", "cloister-gateway")):
            (folder / name).mkdir(exist_ok=True)
            shutil.chown(folder / name, owner, owner)

    def would_start(self, program, table, accepted="", hidden=NO_LOCK):
        """(whether, what it says)"""
        folder = self.bare.dir
        self.bare.configure(accepted)
        with (folder / "cloister.conf").open("a") as config:
            config.write(f"[business]\nsecret_file={folder}/secret\n[gateway]\nfrontends_dir={folder}/frontends\n")
        done = subprocess.run([WITHOUT, *hidden, "--swaps", folder / table, "--", PREFIX / "sbin" / program.split()[0], "--config",
                               folder / "cloister.conf", *self.programs[program], "--self-check"], stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd="/", timeout=60)
        return done.returncode == 0, done.stdout.decode()

    def test_none_starts_where_it_could_be_swapped_out(self):
        for program in self.programs:
            with self.subTest(program):
                starts, said = self.would_start(program, "swaps")
                self.assertFalse(starts, said)
                if program == "cloister-keys" and not SANITIZED:  # which has secrets before its last rung, and locks them
                    self.assertIn("memory for secrets cannot be locked", said)
                    continue
                self.assertIn("there is swap and memory cannot be locked against it", said)
                self.assertIn("accept_missing_walls", said)

    def test_each_starts_where_there_is_none(self):
        """The control."""
        for program in self.programs:
            with self.subTest(program):
                starts, said = self.would_start(program, "none")
                self.assertTrue(starts, said)
                self.assertNotIn("swap", said)

    def test_each_starts_loudly_where_it_is_accepted(self):
        for program in self.programs:
            with self.subTest(program):
                starts, said = self.would_start(program, "swaps", accepted="leftovers")
                self.assertTrue(starts, said)
                self.assertIn("there is swap and memory cannot be locked against it", said)
                self.assertIn("accepted by configuration", said)

    @unittest.skipIf(SANITIZED or not may_lock(), "a sanitizer's run-time ignores locking; root must be able to raise RLIMIT_MEMLOCK")
    def test_each_starts_where_it_can_lock(self):
        for program in self.programs:
            with self.subTest(program):
                starts, said = self.would_start(program, "swaps", hidden=())
                self.assertTrue(starts, said)
                self.assertNotIn("swap", said)


class Poor(Cluster):
    """A whole Cloister on a machine that lacks something."""

    hidden = ()

    def quickstart(self, *args):
        hidden = [h.replace("SWAPS", str(self.dir / "swaps")) for h in self.hidden]
        (self.dir / "swaps").write_text(SWAP)
        done = subprocess.run([WITHOUT, *hidden, "--", pathlib.Path(__file__).parents[2] / "deploy/quickstart", "--config", self.config,
                               "--listen", f"127.0.0.1:{self.port}", *args], env=self.env, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=120)
        assert done.returncode == 0, f"quickstart: {done.returncode} {done.stderr.decode()[-2000:]}"
        return done


def fields_of(pid):
    lines = pathlib.Path(f"/proc/{pid}/status").read_text().splitlines()
    return {name: value.strip() for name, value in (line.split(":", 1) for line in lines)}


class Answers(unittest.TestCase):
    """Not only ready: a turn runs."""

    def ask(self, hidden, extra=""):
        kind = type("Poorer", (Poor,), {"hidden": hidden})
        cluster = kind(extra=extra)
        try:
            cluster.connect("poor")
            told = cluster.front.stream("poor", "What do I have tomorrow?", timezone="Europe/Berlin")
            self.assertIsNone(told.error, f"{told} {cluster.log()[-2000:]}")
            self.assertTrue(told.done)
            agents = {f"agent {a['pid']}": a["pid"] for a in cluster.agents()}
            return {name: fields_of(pid) for name, pid in {**cluster.programs(), **agents}.items()}
        finally:
            cluster.stop()

    def test_a_turn_behind_an_older_landlock(self):
        self.ask(["--landlock-abi", "2"])

    @unittest.skipIf(SANITIZED or not may_lock(), "a sanitizer's run-time ignores locking; root must be able to raise RLIMIT_MEMLOCK")
    def test_a_turn_where_there_is_swap(self):
        """Every daemon and agent has locked what it has."""
        found = self.ask(["--swaps", "SWAPS"])
        self.assertTrue(any(name.startswith("agent") for name in found), found.keys())
        for name, fields in found.items():
            self.assertGreater(int(fields["VmLck"].split()[0]), 1000, name)

    def test_a_turn_where_all_is_accepted(self):
        self.ask(["--limit", "user=0", *NO_LANDLOCK, *NO_LOCK, *NO_SECCOMP], "[runtime]\naccept_missing_walls="
                 "processes network files privilege leftovers exhaustion")


class Closed(Case):
    """What the running programs let others of their own user see."""

    def opened(self, pid, uid, what):
        """True when a process of the same user may read this of it."""
        done = subprocess.run(["setpriv", "--reuid", str(uid), "--regid", str(uid), "--clear-groups",
                               "dd", f"if=/proc/{pid}/{what}", "of=/dev/null", "bs=1", "count=1", "status=none"],
                              stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        return done.returncode == 0

    def test_every_program_is_closed_to_its_own_user(self):
        user = self.person()
        self.finished(self.front.stream(user, "What do I have tomorrow?", timezone="Europe/Berlin"))
        programs = dict(self.cluster.programs())
        for number, pid in enumerate(children(programs["cloisterd"])):
            programs[f"zygote or agent {number}"] = pid
        self.assertGreaterEqual(len(programs), 6, programs)
        for name, pid in programs.items():
            fields = fields_of(pid)
            uid = int(fields["Uid"].split()[0])
            self.assertNotEqual(uid, 0, name)
            self.assertEqual(os.stat(f"/proc/{pid}/environ").st_uid, 0, f"{name} is dumpable")
            for what in ("environ", "maps", "mem"):
                self.assertFalse(self.opened(pid, uid, what), f"{name}: /proc/PID/{what}")
            limits = pathlib.Path(f"/proc/{pid}/limits").read_text().splitlines()
            core = next(line for line in limits if line.startswith("Max core file size")).split()[4:6]
            self.assertEqual(core, ["0", "0"], name)
            self.assertGreaterEqual(int(fields["Seccomp_filters"]), 1, name)
            self.assertEqual(fields["CapPrm"].lstrip("0") or "0", "20" if name == "cloisterd" else "0", name)
        # The control: a process of that user that did not close itself is open to it.
        open_one = subprocess.Popen(["setpriv", "--reuid", str(uid), "--regid", str(uid), "--clear-groups", "sleep", "60"])
        try:
            wait_until(5, lambda: pathlib.Path(f"/proc/{open_one.pid}/comm").read_text() == "sleep\n", "sleep")
            self.assertTrue(self.opened(open_one.pid, uid, "environ"))
        finally:
            open_one.kill()
            open_one.wait()

    def test_zygote_agent_and_turn_stack_their_filters(self):
        user = self.person()
        self.finished(self.front.stream(user, "What do I have tomorrow?", timezone="Europe/Berlin"))
        agent = next(a["pid"] for a in self.cluster.agents())
        count = lambda pid: int(fields_of(pid)["Seccomp_filters"])
        daemon, zygote = count(self.cluster.programs()["cloisterd"]), count(self.cluster.zygote())
        self.assertEqual(zygote, daemon + 1, "the zygote has a filter of its own")
        self.assertEqual(count(agent), zygote + 1)
        self.assertTrue(alive(agent))
