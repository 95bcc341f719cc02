"""Where the attacks are made: the product; the product behind a cloisterd that plays what is not built yet, with the
other model dialect; and one whose guards can be taken away. All three are otherwise as installed."""

import contextlib
import json
import os
import pathlib
import re
import shutil
import sys
import uuid

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "main"), str(HERE.parent / "control")]

import control  # noqa: E402
from cluster import PREFIX  # noqa: E402

BUILD = pathlib.Path(os.environ.get("CLOISTER_BUILD") or PREFIX.parent / "build") / "tests"
control.INSTALLED.update({"cloister-agent-guards": "libexec/cloister/cloister-agent", "cloisterd-attacks": "sbin/cloisterd",
                          "cloister-keys-hostile": "sbin/cloister-keys"})
FOLDERS = {"cloisterd-attacks": "attacks", "cloister-keys-hostile": "hostile"}  # of the others: control
PAGE = 4096
RULES = {m[1] for m in re.finditer(r"(?m)^RULE\((\w+),", (HERE.parent.parent / "supervisor/rules.def").read_text())}
GUARDS = {m[1] for m in re.finditer(r"(?m)^GUARD\((\w+),", (HERE.parent.parent / "agent/guards.def").read_text())}
OTHERS = {"GRANT_CHECK"}  # what tests/control/guards_control.c can take away besides
RIGHTS = {"KEYS_GOOGLE"}  # and tests/hostile/keys_off.c: whom cloister-keys gives what speaks to Google


class Stage(control.ControlCluster):
    """One Cloister with its stand-ins; `label` is what the table calls it."""

    label, number = "product", 0

    def __init__(self, provider):
        super().__init__(provider, extra="[agents]\nmax=4000\n[model]\nmax_output_tokens=8192\n")

    def copy(self, name):
        """The program with the owner and mode of the one it stands for, set-user-ID included."""
        real = (PREFIX / control.INSTALLED[name]).stat()
        path = self.dir / "control" / pathlib.Path(control.INSTALLED[name]).name
        if not path.exists():
            path.parent.mkdir(mode=0o755, exist_ok=True)
            shutil.copy(BUILD / FOLDERS.get(name, "control") / name, path)
            os.chown(path, real.st_uid, real.st_gid)
            os.chmod(path, real.st_mode & 0o7777)
        return path

    def obey(self, **settings):
        """The model stand-in obeys whatever it is shown; without settings it is itself."""
        self.admin.call("POST", "/obey", settings)

    def play(self, **what):
        """What cloisterd does with the next turn (tests/attacks/play.c)."""
        self.number += 1
        path = self.dir / "etc/play"
        fresh = path.with_name("play.new")
        fresh.write_text(json.dumps({"number": self.number, **what}))
        fresh.rename(path)

    def sent(self, service, since):
        """What the stand-ins were sent since the request of that number, oldest first."""
        return self.admin.call("GET", f"/requests?service={service}&since={since}")["requests"]

    def watch(self, bodies=True):
        """From here on the stand-ins keep what they are sent; the number to give `sent`."""
        self.admin.call("POST", "/requests", {"bodies": bodies})
        return sum(self.admin.call("GET", "/stats")["requests"].values())


class Played(Stage):
    label, exchanged = "played", ("cloisterd-attacks",)


class Controls(Stage):
    """Guards and rules can be taken away, and the turns' clock moved on."""

    label, exchanged = "control", ("cloisterd-attacks", "cloister-agent-guards", "cloister-keys-hostile")

    def write_config(self):
        super().write_config()
        (self.dir / "etc").mkdir(exist_ok=True)
        self.page = self.dir / "etc/guards-off"
        self.page.write_bytes(b"\0" * PAGE)

    def take_away(self, words=(), clock=0):
        """These guards and rules, and no others; what holds is asked again at every question."""
        wrong = set(words) - GUARDS - RULES - OTHERS - RIGHTS
        assert not wrong, f"no such guard or rule: {wrong}"
        lines = [w for w in words if w not in RULES | RIGHTS] + ([f"clock {clock}"] if clock else [])
        with open(self.page, "r+b") as page:
            page.write("".join(f"{w}\n" for w in lines).encode().ljust(PAGE, b"\0"))
        rules = self.dir / "etc/rules-off"
        fresh = rules.with_name("rules-off.new")
        fresh.write_text("".join(f"{w}\n" for w in words if w in RULES | RIGHTS))
        fresh.rename(rules)

    @contextlib.contextmanager
    def later(self, seconds):
        """Agents and turns live that much later while it lasts."""
        off = [w for w in self.page.read_bytes().rstrip(b"\0").decode().split("\n") if w]
        rules = (self.dir / "etc/rules-off").read_text().split()
        self.take_away([*off, *rules], clock=seconds)
        try:
            yield
        finally:
            self.take_away([*off, *rules])


def fresh_name():
    return "v" + uuid.uuid4().hex[:10]
