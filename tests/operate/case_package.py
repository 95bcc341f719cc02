"""The Debian package: the same bytes wherever it is built, nothing for lintian to say, and a whole life (install, start,
upgrade, remove, purge) in a minimal Debian that has never seen Cloister."""

import concurrent.futures
import hashlib
import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import unittest

from package_root import TOP, WORK, Root, base

AGENT = "/usr/libexec/cloister/cloister-agent"
PROGRAMS = ("cloisterd", "cloister-keys", "cloister-egress", "cloister-business", "cloister-notify", "cloister-gateway", "cloister-launch", "cloisterctl")
USERS = ("cloister", "cloister-keys", "cloister-agent", "cloister-egress", "cloister-gateway", "cloister-public", "cloister-business",
         "cloister-notify")
# What a purge leaves, and why: users (files of theirs may be anywhere), and what belongs to dpkg, the database and the C library.
LEFT = re.compile(r"/(etc/((passwd|group|shadow|gshadow)-?|\.pwd\.lock|ld\.so\.cache)|var/lib/(dpkg|postgresql|systemd)/.*|var/(log|cache)/.*|"
                  r"(run|tmp|proc|dev|mnt|\.old|sys)(/.*)?|root/.*)")


def package(source, out, env=None, *options):
    """Builds in a folder of its own; the path of the package."""
    done = subprocess.run([source / "deploy/package", "--out", out, *options], env={**os.environ, **(env or {})}, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=900)
    if done.returncode != 0:
        raise AssertionError(done.stdout[-3000:])
    return next(path for path in out.glob("cloister_*.deb"))


def copy_of_source(where):
    """The tree elsewhere: no git beside it, another umask's modes, other times."""
    ignore = shutil.ignore_patterns("node_modules", ".git", "__pycache__", "build")
    shutil.copytree(TOP, where, symlinks=True, ignore=ignore, copy_function=shutil.copy)
    return where


def newer(deb, out, folder):
    """The same package as version 0.2.0, whose configuration file has another text."""
    tree = folder / "newer"
    subprocess.run(["dpkg-deb", "--raw-extract", deb, tree], check=True)
    for path, old, new in ((tree / "DEBIAN/control", r"(?m)^Version: .*$", "Version: 0.2.0"),
                           (tree / "etc/cloister/cloister.conf", r"\A", "# A newer version explains more.\n")):
        path.write_text(re.sub(old, new, path.read_text()))
    made = out / "newer.deb"
    subprocess.run(["dpkg-deb", "--root-owner-group", "--build", tree, made], check=True, stdout=subprocess.DEVNULL)
    return made


class Package(unittest.TestCase):
    maxDiff = 4000

    @classmethod
    def setUpClass(cls):
        WORK.mkdir(parents=True, exist_ok=True)
        cls.folder = pathlib.Path(tempfile.mkdtemp(prefix="package.", dir=WORK))
        os.chmod(cls.folder, 0o755)
        cls.out = cls.folder / "out"
        cls.out.mkdir()
        (cls.folder / "second").mkdir()
        with concurrent.futures.ThreadPoolExecutor(3) as pool:
            root = pool.submit(base)
            first = pool.submit(package, TOP, cls.out)
            elsewhere = copy_of_source(cls.folder / "a much longer place/with blanks/cloister")
            second = pool.submit(package, elsewhere, cls.folder / "second",
                                 {"TZ": "Pacific/Auckland", "LANG": "C", "TMPDIR": str(cls.folder), "HOME": "/nonexistent"})
            cls.deb, cls.other = first.result(), second.result()
            cls.root, cls.no_root = root.result()
        newer(cls.deb, cls.out, cls.folder)

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.folder, ignore_errors=True)

    def enter(self):
        if self.root is None:
            self.skipTest(self.no_root)
        root = Root(self.root, self.out)
        self.addCleanup(root.close)
        return root

    def good(self, root, script, timeout=60):
        done = root.run("set -e\n" + script, timeout)
        self.assertEqual(done.returncode, 0, f"{script}\n{done.stdout}")
        return done.stdout

    def test_same_bytes(self):
        digest = lambda path: hashlib.sha256(path.read_bytes()).hexdigest()
        self.assertEqual(self.deb.name, self.other.name)
        if digest(self.deb) != digest(self.other):
            self.fail(f"two builds differ: {self.deb} {self.other}\n" + difference(self.deb, self.other, self.folder))

    def test_lintian(self):
        done = subprocess.run(["lintian", "--allow-root", "--fail-on", "error,warning", "--tag-display-limit", "0", self.deb],
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=120)
        self.assertEqual((done.returncode, done.stdout), (0, ""))

    def test_same_layout_as_meson_install(self):
        """What the package has is what meson installs, save what is Debian's own."""
        listed = subprocess.run(["dpkg-deb", "--contents", self.deb], stdout=subprocess.PIPE, check=True, text=True).stdout
        paths = {row.split()[5].lstrip(".") for row in listed.splitlines() if not row.startswith("d")}
        for program in PROGRAMS[:-1]:
            self.assertIn(f"/usr/sbin/{program}", paths)
        self.assertLessEqual({"/usr/bin/cloisterctl", AGENT, "/etc/cloister/cloister.conf", "/lib/systemd/system/cloisterd.service",
                              "/usr/lib/sysusers.d/cloister.conf", "/usr/lib/tmpfiles.d/cloister.conf"}, paths)
        self.assertEqual([path for path in paths if "world" in path or "bench" in path or "catch" in path], [])

    def test_install_start_and_upgrade_running(self):
        """As installed, with a database and nothing else set, Cloister gets ready, walls and all; a newer package takes over what runs."""
        root = self.enter()
        told = self.good(root, f"dpkg -i /mnt/{self.deb.name}")
        self.assertIn("made the key-encryption key /etc/cloister/key", told)
        self.assertEqual(self.good(root, f"stat -c '%a %U:%G' {AGENT} /etc/cloister/key /var/lib/cloister/keys").split("\n")[:3],
                         ["4710 cloister-agent:cloister", "600 cloister-keys:cloister-keys", "700 cloister-keys:cloister-keys"])
        self.assertRegex(self.good(root, "cat /etc/cloister/key"), r"\A[0-9a-f]{64}\n\Z")
        self.assertEqual(self.good(root, "stat -c '%a %U' /etc/cloister/business-secret").strip(), "400 cloister-business")
        self.assertRegex(self.good(root, "cat /etc/cloister/business-secret"), r"\A[0-9a-f]{64}\n\Z")
        for program in PROGRAMS:
            self.assertIn(program, self.good(root, f"{program} --help"))
            if program != "cloisterctl":
                self.assertIn("good", self.good(root, f"{program} -n"))
        self.assertNotEqual(root.run(f"setpriv --reuid nobody --regid nogroup --clear-groups {AGENT}").returncode, 0)
        said = self.good(root, self.START + """
            cloisterctl status
            dpkg --force-confold -i /mnt/newer.deb
            cloisterctl status --json | grep -q '"ready": *true' && echo ready after
            echo old: $(ls -l /proc/[0-9]*/exe | grep -c 'cloister.* (deleted)$')
            kill $launcher
            wait $launcher
            pg_ctlcluster 15 main stop""", timeout=120)
        self.assertIn("ready after", said)
        self.assertNotIn("still the old version", said)
        self.assertIn("old: 1\n", said)  # the launcher itself, which only a restart of it replaces

    def test_upgrade(self):
        """The operator's configuration, key and rights stay; dpkg itself gives a new agent its rights."""
        root = self.enter()
        self.good(root, f"dpkg -i /mnt/{self.deb.name}; printf '[agents]\\nmax=7\\n' >>/etc/cloister/cloister.conf; "
                        "cp /etc/cloister/key /root/key; cp /etc/cloister/business-secret /root/secret")
        self.good(root, "dpkg --force-confdef --force-confold --unpack /mnt/newer.deb")
        self.assertEqual(self.good(root, f"stat -c '%a %U:%G' {AGENT}").strip(), "4710 cloister-agent:cloister")
        self.good(root, "dpkg --force-confdef --force-confold --configure cloister")
        self.assertIn("Version: 0.2.0", self.good(root, "dpkg -s cloister"))
        self.assertEqual(self.good(root, "cloister-launch print agents.max; cmp /etc/cloister/key /root/key && echo same; "
                                         "cmp /etc/cloister/business-secret /root/secret && echo same").split(), ["7", "same", "same"])
        self.assertIn("A newer version", self.good(root, "cat /etc/cloister/cloister.conf.dpkg-dist"))
        # Once more, over an administrator's own choice, with a key that was moved away, and from before there was a front door.
        self.good(root, f"""
            dpkg-statoverride --remove {AGENT}
            dpkg-statoverride --update --add cloister-agent cloister 4510 {AGENT}
            mv /etc/cloister/key /root/moved
            rm /etc/cloister/business-secret
            dpkg --force-confold -i /mnt/{self.deb.name} /mnt/newer.deb
            dpkg-reconfigure -f noninteractive cloister""")
        self.assertEqual(self.good(root, f"stat -c '%a' {AGENT}; ls /etc/cloister").split(), ["4510", "business-secret", "cloister.conf", "cloister.conf.dpkg-dist", "frontends"])
        self.assertEqual(self.good(root, "stat -c '%a %U' /etc/cloister/business-secret").strip(), "400 cloister-business")
        self.assertRegex(self.good(root, "cmp -s /etc/cloister/business-secret /root/secret || cat /etc/cloister/business-secret"),
                         r"\A[0-9a-f]{64}\n\Z")

    START = """
            pg_ctlcluster 15 main start
            su postgres -c 'createuser cloister && createdb -O cloister cloister'
            su postgres -c 'psql -q -d cloister -v ON_ERROR_STOP=1 -f /usr/share/cloister/front-door.sql'
            cloister-launch >/tmp/log 2>&1 &
            launcher=$!
            tries=0
            until cloisterctl status --json 2>/dev/null | grep -q '"ready": *true' && cloister-launch ready; do
                tries=$((tries + 1))
                [ $tries -lt 200 ] || { cloisterctl status || true; cat /tmp/log; exit 1; }
                sleep 0.1
            done"""
    RUNS = "ls -l /proc/[0-9]*/exe 2>/dev/null | grep -c -- '-> /usr/[a-z]*bin/cloister\\|-> /usr/libexec/cloister/'"

    def test_removed_while_it_runs(self):
        """Nothing runs any more once it is removed, even a launcher from before an upgrade; an upgrade itself stops nothing."""
        root = self.enter()
        self.good(root, f"dpkg -i /mnt/{self.deb.name}")
        said = self.good(root, self.START + f"""
            dpkg --force-confold -i /mnt/newer.deb
            kill -0 $launcher
            echo runs: $({self.RUNS})
            touch /usr/sbin/.cloisterd.old
            cp /var/lib/dpkg/info/cloister.prerm /root/prerm
            dpkg -r cloister
            left=$({self.RUNS} || true)
            echo left: $left
            [ $left = 0 ]
            wait $launcher && echo ended well
            ls -A /usr/sbin/.cloisterd.old /usr/libexec/cloister 2>&1 || true
            sh -e /root/prerm remove
            dpkg -P cloister
            ls -d /run/cloister /etc/cloister 2>&1 || true
            pg_ctlcluster 15 main stop""", timeout=240)
        self.assertGreaterEqual(int(re.search(r"^runs: (\d+)$", said, re.M).group(1)), 8, said)
        self.assertIn("left: 0\nended well\n", said)
        for path in ("/usr/sbin/.cloisterd.old", "/usr/libexec/cloister", "/run/cloister", "/etc/cloister"):
            self.assertIn(f"cannot access '{path}'", said)

    LINKS = "cd /etc/systemd/system 2>/dev/null && find . -name 'cloister*' -type l | sort || true"
    NOTED = "/var/lib/systemd/deb-systemd-helper-enabled"

    def test_the_front_door_is_enabled_and_stays_disabled(self):
        """It is enabled by the first install, and by an upgrade from a package that did not; where it was disabled, it stays so."""
        root = self.enter()
        install = f"dpkg --force-confold -i /mnt/{self.deb.name}"
        upgrade = "dpkg --force-confold -i /mnt/newer.deb"
        links = {f"./cloister.target.wants/{unit}" for unit in (
            "cloister-business.service", "cloister-notify.service", "cloister-gateway-public.service", "cloister-gateway-public.socket",
            "cloister-gateway-public-operator.socket")}
        self.good(root, install, 240)
        self.assertEqual(set(self.good(root, self.LINKS).split()), links, "and nothing that starts without cloister.target")
        self.good(root, upgrade, 240)
        self.assertEqual(set(self.good(root, self.LINKS).split()), links)
        gone = "rm /etc/systemd/system/cloister.target.wants/cloister-*"  # as systemctl disable does it
        self.good(root, f"{gone}\n{upgrade}\n{install}", 240)
        self.assertEqual(self.good(root, self.LINKS).split(), [])
        # What an earlier package left: the links are noted, and were never made.
        self.good(root, f"rm -r {self.NOTED}/cloister.target.wants; echo /etc/systemd/system/sockets.target.wants/cloister-gateway-public.socket "
                        f">>{self.NOTED}/cloister-gateway-public.service.dsh-also; {upgrade}", 240)
        self.assertEqual(set(self.good(root, self.LINKS).split()), links)
        self.good(root, f"{gone}\n{install}", 240)
        self.assertEqual(self.good(root, self.LINKS).split(), [], "only once")

    def test_remove_and_purge(self):
        """Removing keeps what an operator would miss; purging takes it and says so; nothing else is left."""
        root = self.enter()
        everything = "find / -xdev | sort"
        before = set(self.good(root, everything).splitlines())
        self.good(root, f"dpkg -i /mnt/{self.deb.name}; echo own >/etc/cloister/google-client-secret; "
                        "echo key_sha256= >/etc/cloister/frontends/shop.conf; echo x >/var/lib/cloister/keys/keyring.db")
        self.good(root, "dpkg -r cloister")
        self.assertEqual(self.good(root, "ls /etc/cloister").split(), ["business-secret", "cloister.conf", "frontends", "google-client-secret", "key"])
        self.assertNotIn(AGENT, self.good(root, f"dpkg-statoverride --list || true; ls {AGENT} 2>&1 || true").split(" ")[0])
        self.assertNotIn("cloister-agent", self.good(root, "dpkg-statoverride --list || true"))
        again = self.good(root, f"cp /etc/cloister/key /root/key; dpkg -i /mnt/{self.deb.name}; cmp /etc/cloister/key /root/key")
        self.assertNotIn("made the key", again)
        told = self.good(root, "dpkg -P cloister")
        self.assertIn("can never be opened again", told)
        self.assertIn("left, since the package did not make it: /etc/cloister/google-client-secret", told)
        self.assertEqual(self.good(root, "ls /etc/cloister").split(), ["google-client-secret"])
        self.good(root, "rm -r /etc/cloister; dpkg -P cloister 2>&1 || true")
        left = {path for path in set(self.good(root, everything).splitlines()) - before if not LEFT.fullmatch(path)}
        self.assertEqual(left, set())
        self.assertEqual(self.good(root, f"dpkg-statoverride --list | grep cloister || true; getent passwd {' '.join(USERS)} | wc -l").split(), [str(len(USERS))])


def difference(one, other, folder):
    """Which files of two packages differ."""
    trees = []
    for i, deb in enumerate((one, other)):
        trees.append(folder / f"tree{i}")
        subprocess.run(["dpkg-deb", "--raw-extract", deb, trees[i]], check=True)
    return subprocess.run(["diff", "-rq", *trees], stdout=subprocess.PIPE, text=True).stdout


if __name__ == "__main__":
    unittest.main()
