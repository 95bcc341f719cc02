"""The parts of the suite, each a Cloister of its own, which run beside one another."""

import data_business
import data_neighbour
import data_peers
import exhaustion_held
import exhaustion_neighbour
import exhaustion_told
import machine_daemons
import network_taken
from attempts import Attempt, calm, plan, rows, shares, slow, watched
from stage import PLAYED, Controls, Stage

SHARES = 3  # of the controls
WATCH_MS = 200  # a calm machine is looked at every 2 s
# Other programs that were taken over, the database, and what takes its time: a group of the table, and its attempts.
PROGRAMS = {"held": ("exhaustion", exhaustion_held), "peers": ("data", data_peers), "database": ("data", data_neighbour),
            "business": ("data", data_business), "daemons": ("machine", machine_daemons),
            "taken": ("network", network_taken)}


def behind_all_walls(words):
    attempts, stage = [a for a in rows(words) if a.role not in PLAYED], Stage()
    try:
        stage.connect("prisoner")
        for a in attempts:
            a.heard(a.tried(lambda: stage.attempt("prisoner", a.role, a.id), "all"), "all", False)
    finally:
        stage.stop()
    return attempts


def controls(attempts, planned, **more):
    """Makes the tries that are planned."""
    stage = Controls(**more)
    try:
        stage.connect("prisoner")
        for walls, tries in planned:
            try:
                stage.take_away(walls)
            except AssertionError as e:
                lines = "\n  ".join(stage.log().splitlines()[-8:])
                for a, _ in tries:
                    a.faults.append(f"without {' '.join(sorted(walls))}: {e}")
                print(f"without {' '.join(sorted(walls))}: {e}\n  {lines}", flush=True)
                continue
            for a, left in tries:
                told = a.tried(lambda: stage.attempt("prisoner", a.role, a.id, left is not None), left)
                a.heard(told, left, left is None)
    finally:
        stage.stop()
    return attempts


def share(words, number):
    attempts = [a for a in rows(words) if calm(a)]
    return controls(attempts, shares(plan(attempts), SHARES)[number])


def under_watch(words):
    attempts = [a for a in rows(words) if watched(a)]
    return controls(attempts, plan(attempts), watch_ms=WATCH_MS)


def slowly(words):
    attempts = [a for a in rows(words) if slow(a)]
    return controls(attempts, plan(attempts))


def program(words, name):
    group, module = PROGRAMS[name]
    stage, found = Controls(getattr(module, "TIME_MS", None)), {}

    def judge(title, who, walls, left, told, wanted):
        found.setdefault((title, who), Attempt(group, title, who, walls, title)).heard(told, left, wanted)

    try:
        module.run(stage, judge)
    finally:
        stage.stop()
    return list(found.values())


def faults_of(name, faults):
    """No rows, but faults."""
    return [Attempt("exhaustion", name, "agent", (), name, faults=faults)] if faults else []


PARTS = {"business": lambda words: program(words, "business"), "held": lambda words: program(words, "held"), "taken": lambda words: program(words, "taken"), "slow": slowly, "watched": under_watch,
         **{f"controls-{i + 1}": lambda words, i=i: share(words, i) for i in range(SHARES)},
         "walls": behind_all_walls,
         **{name: lambda words, name=name: program(words, name) for name in ("peers", "database", "daemons")},
         "neighbours": lambda words: faults_of("neighbours", exhaustion_neighbour.run()),
         "told": lambda words: faults_of("told", exhaustion_told.run())}
ALONE = {"neighbours"}  # with CLOISTER_FULL: what it measures is held to a bound


def wanted(words):
    """Names of the parts in which something is to do, those that take longest first."""
    attempts = list(rows(words))
    for name in PARTS:
        group = "exhaustion" if name in ("neighbours", "told") else PROGRAMS[name][0] if name in PROGRAMS else None
        if group is not None:
            some = not words or group in words or name in words
        else:
            mine = {"watched": watched, "slow": slow, "walls": lambda a: True}.get(name, calm)
            some = any(mine(a) for a in attempts)
        if some:
            yield name
