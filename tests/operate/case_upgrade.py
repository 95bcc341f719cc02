"""N8: all programs are swapped under load. No request is lost, conversations and proposals go on, and a new version that
does not work goes back by itself.

Works in a mount namespace of its own with a copy of what is installed, since it replaces installed programs."""

import concurrent.futures
import ctypes
import json
import os
import pathlib
import re
import shutil
import signal
import stat
import subprocess
import tempfile

from base import FULL, Case
from cluster import PREFIX, alive, wait_until
from upgrade_load import ZONE, GoesOn, Load

USERS, RATE, UPGRADES = (60, 50, 10) if FULL else (24, 20, 2)
SERVICES = ("cloister-keys", "cloister-egress", "cloister-notify", "cloister-business", "cloisterd", "cloister-gateway",
            "cloister-gateway-public")
DONE, FAILED = 0, 1
CLONE_NEWNS = 0x20000
CLOISTERD = PREFIX / "sbin/cloisterd"
MARK = PREFIX / "sbin/.cloister-upgrade"  # what ran before is saved, all of it
NEVER_READY = 'case "$*" in *--self-check*) exec {good} "$@" ;; esac\nexec sleep 600'


def own_copy_of_what_is_installed():
    """Others may use the same prefix at the same time; what is done here they do not see."""
    copy = pathlib.Path(tempfile.mkdtemp(prefix="cloister-upgrade.", dir="/var/tmp"))
    os.chmod(copy, 0o755)
    subprocess.run(["cp", "-a", f"{PREFIX}/.", copy], check=True)
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWNS) != 0:
        shutil.rmtree(copy)
        raise OSError(ctypes.get_errno(), "unshare")
    subprocess.run(["mount", "--make-rprivate", "/"], check=True)
    subprocess.run(["mount", "--bind", copy, PREFIX], check=True)
    return copy


class Upgrade(GoesOn, Case):
    @classmethod
    def setUpClass(cls):
        cls.copy = own_copy_of_what_is_installed()
        cls.addClassCleanup(cls.put_back)
        super().setUpClass()
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            names = [f"load{i}" for i in range(USERS)]
            list(pool.map(lambda name: cls.cluster.connect(name, timezone=ZONE), names))
        cls.users = names

    @classmethod
    def put_back(cls):
        subprocess.run(["umount", "-l", PREFIX], check=False)
        shutil.rmtree(cls.copy, ignore_errors=True)

    def setUp(self):
        self.fresh = pathlib.Path(tempfile.mkdtemp(prefix="new.", dir=self.cluster.dir))
        self.addCleanup(shutil.rmtree, self.fresh, True)

    # -- what is upgraded to --
    def all_programs(self):
        for name in ({s.removesuffix("-public") for s in SERVICES} | {"cloister-launch"}):
            shutil.copy(PREFIX / "sbin" / name, self.fresh)
        shutil.copy(PREFIX / "libexec/cloister/cloister-agent", self.fresh)
        shutil.copy(PREFIX / "bin/cloisterctl", self.fresh)
        return self.fresh

    def script(self, name, lines):
        """A new version of `name` that goes wrong; {good} is one that works."""
        good = self.cluster.dir / f"good-{name}"
        if not good.exists():
            shutil.copy(PREFIX / "sbin" / name, good)
            os.chmod(good, 0o755)
        path = self.fresh / name
        path.write_text("#!/bin/bash\n" + lines.format(good=good) + "\n")
        os.chmod(path, 0o755)
        return self.fresh

    def upgrade(self, *options, config=None):
        config = config or self.cluster.dir / "etc/cloister.conf"
        done = subprocess.run([PREFIX / "bin/cloisterctl", "upgrade", "--config", config, "--json", *map(str, options)],
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=120)
        answer = json.loads(done.stdout) if done.stdout else {}
        return done.returncode, answer, done.stderr.decode()

    # -- what must go on, beside GoesOn --
    def files(self):
        found = {}
        for name in ("sbin/cloisterd", "sbin/cloister-gateway", "libexec/cloister/cloister-agent"):
            st = (PREFIX / name).stat()
            found[name] = (st.st_uid, st.st_gid, stat.S_IMODE(st.st_mode), (PREFIX / name).read_bytes())
        return found

    def no_leftovers(self):
        self.assertEqual([str(p) for p in PREFIX.rglob(".*") if p.suffix in (".new", ".old", ".put") or p.name == MARK.name], [])

    # -- the cases --
    def test_upgrades_under_load(self):
        begun, files = self.begin(), self.files()
        fresh = self.all_programs()
        with Load(self.front, self.users, RATE) as load:
            for _ in range(UPGRADES):
                before = self.cluster.programs()
                code, answer, said = self.upgrade("--from", fresh, "--watch", 1)
                self.assertEqual((code, answer.get("upgraded")), (DONE, True), said)
                after = self.cluster.programs()
                self.assertEqual(set(after), set(SERVICES))
                self.assertFalse([name for name in SERVICES if before[name] == after[name]], "all are new processes")
        self.nothing_lost(load)
        self.goes_on(begun)
        self.assertEqual(self.files(), files, "owner, group, mode and the set-user-ID bit are kept")
        self.no_leftovers()

    def test_after_a_package_replaced_the_files(self):
        """No --from: what runs is what is kept for the way back."""
        begun = self.begin()
        new = self.script("cloisterd", 'case "$*" in *--self-check*) exec {good} "$@" ;; esac\nexit 1') / "cloisterd"
        good = CLOISTERD.read_bytes()
        self.unpack(new)
        code, answer, said = self.upgrade("--watch", 1)
        self.assertEqual((code, answer.get("upgraded"), answer.get("service")), (FAILED, False, True), said)
        self.assertEqual(CLOISTERD.read_bytes(), good)
        self.goes_on(begun)

    def config_of_a_unit(self):
        """Every secret is a credential, which a unit is given and nobody else."""
        own = (self.cluster.dir / "etc/cloister.conf").read_text()
        lines = [line for line in own.splitlines() if not re.match(r"(secret|key|client_secret|api_key)_file=", line)]
        path = self.cluster.dir / "unit.conf"
        path.write_text("\n".join(lines) + "\n[keys]\nprovider=systemd\n[notify]\nsmtp_url=smtp://127.0.0.1:1\nmail_from=a@b.example\n"
                        "smtp_user=a\nwebhook_url=http://127.0.0.1:1/\n")
        return path

    def test_secrets_that_only_units_are_given(self):
        config, fresh = self.config_of_a_unit(), self.all_programs()
        code, answer, said = self.upgrade("--from", fresh, "--watch", 1, config=config)
        self.assertEqual((code, answer.get("upgraded")), (DONE, True), said)
        self.say(self.person(), "hello")
        # The control: in a unit they are missed.
        folder = self.fresh / "credentials"
        folder.mkdir()
        for name, missed in (("cloister-keys", "cloister-kek"), ("cloister-business", "business-secret"), ("cloister-notify", "smtp_password_file")):
            for env, code in (({}, 0), ({"CREDENTIALS_DIRECTORY": str(folder)}, 1)):
                done = subprocess.run([PREFIX / "sbin" / name, "--self-check", "--config", config], env={**os.environ, **env},
                                      stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60, check=False)
                told = done.stdout.decode()
                self.assertEqual(done.returncode, code, told)
                self.assertEqual(missed in told, code != 0, told)

    def test_one_that_fails_its_self_check(self):
        before, files = self.cluster.programs(), self.files()
        for lines in ("exit 1", "exec /nonexistent", "kill -SEGV $$"):
            code, answer, said = self.upgrade("--from", self.script("cloisterd", lines))
            self.assertEqual((code, answer.get("upgraded")), (FAILED, False), said)
            self.assertIn("self-check", answer["error"])
            self.assertEqual((self.cluster.programs(), self.files()), (before, files), "nothing was touched")
        self.no_leftovers()

    def test_one_that_was_cut_off(self):
        """Killed in the middle: what worked is not lost, and the next one begins by putting it back."""
        good = (PREFIX / "sbin/cloisterd").read_bytes()
        new = self.script("cloisterd", NEVER_READY)
        command = [PREFIX / "bin/cloisterctl", "--config", self.cluster.dir / "etc/cloister.conf", "upgrade", "--from", new]
        cut = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_until(20, lambda: (PREFIX / "sbin/cloisterd").read_bytes() != good, "the new one in place")
        cut.send_signal(signal.SIGHUP)
        self.assertTrue(alive(cut.pid), "who logs out stops nothing")
        cut.kill()
        cut.wait()
        code, answer, said = self.upgrade()
        self.assertEqual((code, answer.get("upgraded"), answer.get("service")), (DONE, True, True), said)
        self.assertIn("cut off", said)
        self.assertEqual((PREFIX / "sbin/cloisterd").read_bytes(), good)
        self.no_leftovers()
        self.say(self.users[0], "Am I free tomorrow at 3pm?")

    def rolled_back(self, name, lines, *options):
        begun, files = self.begin(), self.files()
        with Load(self.front, self.users, RATE) as load:
            code, answer, said = self.upgrade("--from", self.script(name, lines), *options)
            self.assertEqual((code, answer.get("upgraded"), answer.get("service")), (FAILED, False, True), said)
        self.nothing_lost(load)
        self.assertEqual(self.files(), files)
        self.no_leftovers()
        return begun, answer

    @staticmethod
    def unpack(program):
        """As dpkg does it."""
        shutil.copy(program, PREFIX / "sbin/cloisterd.dpkg-new")
        os.rename(PREFIX / "sbin/cloisterd.dpkg-new", CLOISTERD)

    def another_that_works(self, name):
        path = self.fresh / name
        path.write_bytes(CLOISTERD.read_bytes() + name.encode())
        os.chmod(path, 0o755)
        return path

    def cut_off(self, *options):
        """Killed once what ran before is saved, and with `--from` replaced, while the new one does not get ready."""
        before = CLOISTERD.stat().st_ino
        command = [PREFIX / "bin/cloisterctl", "--config", self.cluster.dir / "etc/cloister.conf", "upgrade", *options]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as cut:
            wait_until(20, lambda: MARK.exists() and (not options or CLOISTERD.stat().st_ino != before), "what ran before is saved")
            cut.kill()
        self.assertTrue(MARK.exists(), "it was cut off")

    def test_a_package_s_that_was_cut_off_goes_on_with_the_new_files(self):
        """What ran before stays the way back; it is not put over what dpkg has put there."""
        good = CLOISTERD.read_bytes()
        self.unpack(self.script("cloisterd", NEVER_READY) / "cloisterd")
        self.cut_off()
        code, answer, said = self.upgrade("--timeout", 2)  # dpkg --configure -a
        self.assertIn("cut off", said)
        self.assertEqual((code, answer.get("upgraded"), answer.get("service")), (FAILED, False, True), said)
        self.assertEqual(CLOISTERD.read_bytes(), good)
        self.no_leftovers()
        self.say(self.users[0], "Am I free tomorrow at 3pm?")

    def test_a_newer_package_after_one_that_was_cut_off(self):
        """Whether a package or --from brought the one before: the newer files stay, and run."""
        for options in ((), ("--from", self.fresh)):
            newer = self.another_that_works(f"newer{len(options)}")
            broken = self.script("cloisterd", NEVER_READY) / "cloisterd"
            if not options:
                self.unpack(broken)
            self.cut_off(*options)
            self.unpack(newer)
            code, answer, said = self.upgrade()
            self.assertIn("cut off", said)
            self.assertEqual((code, answer.get("upgraded")), (DONE, True), said)
            self.assertEqual(CLOISTERD.read_bytes(), newer.read_bytes())
            self.assertTrue(pathlib.Path(f"/proc/{self.cluster.programs()['cloisterd']}/exe").samefile(CLOISTERD), "and is what runs")
            self.no_leftovers()
            self.say(self.users[0], "Am I free tomorrow at 3pm?")

    def test_what_was_not_saved_whole_is_no_way_back(self):
        """Cut off while it saved, and that file is half of one."""
        half = CLOISTERD.with_name(".cloisterd.old")
        half.write_bytes(CLOISTERD.read_bytes()[:1000])
        newer = self.another_that_works("newer")
        self.unpack(newer)
        code, answer, said = self.upgrade()
        self.assertNotIn("cut off", said)
        self.assertEqual((code, answer.get("upgraded")), (DONE, True), said)
        self.assertEqual(CLOISTERD.read_bytes(), newer.read_bytes())
        self.no_leftovers()

    def test_one_that_never_gets_ready(self):
        begun, answer = self.rolled_back(
            "cloisterd", NEVER_READY, "--timeout", 2)
        self.assertIn("not ready in time", answer["error"])
        self.goes_on(begun)

    def test_one_that_runs_and_cannot_serve(self):
        begun, answer = self.rolled_back(
            "cloisterd", 'case "$*" in *--self-check*) exec {good} "$@" ;; esac\n'
            'export CLOISTER_DATABASE_URL=postgresql://127.0.0.1:9/none\nexec {good} "$@"', "--timeout", 2)
        self.assertIn("cannot be served", answer["error"])
        self.goes_on(begun)

    def test_one_that_dies_once_it_is_ready(self):
        """Its notes go with it: a crash loses them. Requests and what is written down are not lost."""
        _, answer = self.rolled_back(
            "cloisterd", 'case "$*" in *--self-check*) exec {good} "$@" ;; esac\n'
            '(sleep 2; kill -9 $$) & exec {good} "$@"')
        self.assertIn("cloisterd", answer["error"])

    def test_a_gateway_that_dies_once_it_is_ready(self):
        begun, answer = self.rolled_back(
            "cloister-gateway", 'case "$*" in *--self-check*) exec {good} "$@" ;; esac\n'
            '(sleep 2; kill -9 $$) & exec {good} "$@"')
        self.assertIn("cloister-gateway", answer["error"])
        self.goes_on(begun)

    def test_control_without_any_of_this(self):
        """Stopped, and started again: then requests fail, and nobody knows what 'it' was."""
        user, _ = self.begin()
        with Load(self.front, self.users, RATE) as load:
            launcher = self.cluster.launcher_pid()
            os.kill(launcher, signal.SIGTERM)
            wait_until(60, lambda: not alive(launcher), "the end of the launcher")
            (self.cluster.dir / "launch.pid").unlink()  # whoever is init here may take its time to reap it
            self.cluster.quickstart()
        print(f"    {load.told()}")
        self.assertGreater(len(load.failed), 0, "the load sees requests that are lost")
        self.front.stream(user, "Move it to four", timezone=ZONE)
        self.assertEqual(self.hour_of_lunch(user), 15, "notes are lost where nobody keeps them")
