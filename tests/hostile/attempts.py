"""The rows of the table: what is tried, by whom, and what came of it."""

import dataclasses
import os
import subprocess
import zlib

from stage import BUILD, DAEMON, PLAYED

FULL = bool(os.environ.get("CLOISTER_FULL"))
LONG = {"compute"}  # only with CLOISTER_FULL, or by name: it takes a minute
TRIES = 3
GROUPS = ["machine", "network", "data", "exhaustion"]


@dataclasses.dataclass
class Attempt:
    """One row as one of its roles makes it."""

    group: str
    id: str
    role: str
    walls: tuple
    title: str
    result: str = ""
    control: str = ""
    alone: str = ""
    faults: list = dataclasses.field(default_factory=list)

    def out(self, told):
        return told.split(":")[0] == "out"

    @staticmethod
    def plain(told):
        return told.split(":")[0].split(" ")[0] in ("out", "stopped", "killed") or " killed " in f" {told}"

    def judge(self, told, wanted_out, what):
        """Anything but a plain answer is a fault, whatever was hoped for."""
        if not self.plain(told) or self.out(told) != wanted_out:
            self.faults.append(f"{what}: {told}")
            return False
        return True

    def tried(self, make, left):
        """What came of it; made again where a busy machine may have been in the way: what nobody can tell, and a control that
        did not get out (it shows that an attempt can succeed). Whoever got out past a wall is out."""
        for _ in range(TRIES):
            told = make()
            if self.out(told) or (left is not None and self.plain(told)):
                break
            print(f"{self.id} as {self.role}, without {' '.join(sorted(self.walls))}, left {left}: {told}", flush=True)
        return told

    def heard(self, told, left, wanted):
        """Of a try behind `left` ("all", or a wall), or of the control when that is None."""
        if left is None:
            self.control = "out" if self.judge(told, wanted, "control, without " + " ".join(sorted(self.walls))) else "FAILED"
        elif self.judge(told, wanted, "behind all walls" if left == "all" else f"behind {left} alone") and left != "all":
            self.alone += f"{'+' if self.alone else ''}{left}"
        if left == "all":
            self.result = told

    @property
    def key(self):
        return self.id, self.role

    def add(self, other):
        """What another part of the suite has heard of the same row."""
        self.result, self.control = self.result or other.result, self.control or other.control
        self.alone = "+".join(filter(None, (self.alone, other.alone)))
        self.faults += other.faults


def rows(words):
    listed = subprocess.run([BUILD / "hostile/hostile-table"], stdout=subprocess.PIPE, check=True).stdout.decode()
    for line in sorted(reversed(listed.splitlines()), key=lambda line: GROUPS.index(line.split("\t")[0])):
        group, name, who, walls, title = line.split("\t")
        if name in LONG and not FULL and name not in words:
            continue
        if not words or any(w in (group, name) or w in title for w in words):
            roles = who.split()
            if len(roles) == 2 and not FULL and not words:  # in turns: with CLOISTER_FULL, or by name, as both
                roles = [roles[zlib.crc32(name.encode()) % 2]]
            for role in roles:
                yield Attempt(group, name, role, tuple(walls.split()), title)


def watched(attempt):
    """Whether cloisterd's watch over agents is one of the walls: it looks now and then, so it is off for all others."""
    return any(w.startswith("WATCH_") for w in attempt.walls)


def slow(attempt):
    """Whether its control keeps everybody else waiting."""
    return attempt.id in ("gibibyte", "huge_length", "compute")


def calm(attempt):
    return not watched(attempt) and not slow(attempt)


def small(walls):
    """Those for which something is built anew; rules of other programs change at once."""
    return tuple(sorted(w for w in walls if not w.isupper()))


def plan(attempts):
    """Which attempts are made without which walls: [(set of walls, [(attempt, the wall that is left or None)])], so that
    as little as possible is built anew between them."""
    sets = {}
    for a in attempts:
        walls = frozenset(a.walls)
        sets.setdefault(walls, []).append((a, None))
        if len(walls) > 1:
            for left in walls:
                sets.setdefault(walls - {left}, []).append((a, left))
        if a.role in PLAYED:
            sets.setdefault(frozenset(), []).append((a, "all"))
    order = lambda walls: (sorted(walls & DAEMON), len(small(walls)), small(walls), sorted(walls))
    return sorted(sets.items(), key=lambda item: order(item[0]))


ANEW, DAEMON_ANEW = 2, 4  # what building anew takes, in tries of a wall; one of a rule is seen by what follows
RULE = 4


def shares(planned, n):
    """The plan in `n` pieces that take about as long as one another."""
    costs, before = [], ()
    for walls, tries in planned:
        now = small(walls)
        anew = 0 if now == before else DAEMON_ANEW if set(now) & DAEMON else ANEW
        costs.append(anew + len(tries) * (1 if now == tuple(sorted(walls)) else RULE))
        before = now
    pieces, whole, so_far = [[] for _ in range(n)], sum(costs), 0
    for one, cost in zip(planned, costs):
        pieces[min(n - 1, so_far * n // max(1, whole))].append(one)
        so_far += cost
    return pieces
