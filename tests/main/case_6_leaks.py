"""Q4 Q5 N2: no token, key or calendar text in dumps, keyring, logs, environments or arguments."""

import pathlib
import subprocess
import uuid

from base import Case, day_after, timed
from cluster import descendants

ZONE = "Europe/Berlin"


class Leaks(Case):
    def places(self):
        """name -> bytes of every place where something could have been left."""
        got = {}
        bins = sorted(pathlib.Path("/usr/lib/postgresql").glob("*/bin"))[-1]
        got["pg_dumpall"] = subprocess.run(
            ["setpriv", "--reuid", "cloister-postgres", "--regid", "cloister-postgres", "--clear-groups", "env", "-C", "/",
             bins / "pg_dumpall", "-h", self.cluster.dir / "sockets"], stdout=subprocess.PIPE, check=True).stdout
        skip = {"frontend.key", "frontend.header", "world", "world.log"}
        for path in self.cluster.dir.rglob("*"):
            top = path.relative_to(self.cluster.dir).parts[0]
            if path.is_file() and top not in skip:
                got[str(path)] = path.read_bytes()
        launcher = self.cluster.launcher_pid()
        for pid in [launcher, *descendants(launcher)]:
            for part in ("environ", "cmdline"):
                try:
                    got[f"/proc/{pid}/{part}"] = pathlib.Path(f"/proc/{pid}/{part}").read_bytes()
                except OSError:
                    pass
        return got

    def find(self, needles):
        found = []
        for name, data in self.places().items():
            for needle in needles:
                for form in (needle.encode(), needle.encode().hex().encode(), needle.encode("utf-16-le")):
                    if form in data:
                        found.append((name, needle))
        return found

    def test_nothing_is_left(self):
        title, place, said = (f"Canary{uuid.uuid4().hex}" for _ in range(3))
        user = self.person(ZONE, [timed(title, day_after(1, ZONE), "10:00", "11:00", ZONE, location=place)])
        got = self.finished(self.front.stream(user, "What do I have tomorrow?", timezone=ZONE))
        self.assertIn(title, got.text, "the control: the turn did read it")
        self.finished(self.front.stream(user, f"Put lunch with {said} tomorrow at 3pm", timezone=ZONE))
        self.finished(self.front.stream(user, f"Remember that I like {said}", timezone=ZONE))
        self.front.stream(user, f"bad arguments {said}", timezone=ZONE)
        account = self.admin.call("GET", f"/tokens/{user}")
        tokens = [t for kind in ("access", "refresh") for t in account.get(kind, [])]
        self.assertGreaterEqual(len(tokens), 2, "the control: tokens to look for")
        secrets = [pathlib.Path(self.cluster.named[n]).read_text().strip() for n in ("CLIENT_SECRET_FILE", "MODEL_KEY_FILE")]
        secrets += [(self.cluster.dir / "frontend.key").read_text().strip(), self.front.grants[user]]
        self.assertEqual(self.find([title, place, said, *tokens, *secrets]), [])
        planted = self.cluster.dir / "log" / "planted"
        planted.write_bytes(b"x" + title.encode("utf-16-le") + tokens[0].encode())
        self.assertEqual({n for n, _ in self.find([title, tokens[0]])}, {str(planted)}, "the control: planted leaks are found")
        planted.unlink()

    def test_agents_are_closed_to_inspection_by_their_own_user(self):
        user = self.person(ZONE)
        self.finished(self.front.stream(user, "What do I have tomorrow?", timezone=ZONE))
        pid = self.cluster.agents()[0]["pid"]
        tried = subprocess.run(["setpriv", "--reuid", "cloister-agent", "--regid", "cloister-agent", "--clear-groups", "cat", f"/proc/{pid}/maps"],
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.assertEqual(tried.stdout, b"")
        fds = list(pathlib.Path(f"/proc/{pid}/fd").iterdir())
        self.assertLessEqual(len(fds), 8, [str(f.readlink()) for f in fds])
        status = pathlib.Path(f"/proc/{pid}/status").read_text()
        self.assertIn("NoNewPrivs:\t1", status)
        self.assertIn("Seccomp:\t2", status)
        for caps in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
            self.assertIn(f"{caps}:\t0000000000000000", status)
