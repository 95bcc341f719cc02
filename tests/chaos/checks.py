"""What must hold after faults. Each check is a function of what was seen, so that it can be tried on a planted finding."""

import collections
import re
import statistics
import time

from cluster import wait_until
from load import ANSWER_S

SPARE_DESCRIPTORS = 6  # connections to a database, files that are open for a moment


def foreign_words(attempts, users):
    """Answers with a word that only somebody else's calendar has."""
    words = {u.word: u.name for u in users}
    return [a for a in attempts for word, owner in words.items() if word in a.text and a.user.name != owner]


def unclear(attempts, cuts):
    """Neither an answer nor an error with a code; a cut connection counts as clear while a gateway was broken."""
    def excused(a):
        return any(a.began <= end and a.ended >= begin for begin, end in cuts)
    return [a for a in attempts if (a.cut and not excused(a)) or (not a.cut and a.status != 200 and not a.code)]


def blamed(attempts):
    """Requests that were right, and were told that they were wrong."""
    return [a for a in attempts if a.status in (400, 401, 403, 404, 409, 413, 422)]


def empty(attempts):
    return [a for a in attempts if not a.cut and not a.code and not a.text.strip()]


def too_long(attempts):
    return [a for a in attempts if a.took > ANSWER_S]


def doubled(writes, calendars):
    """Events that are there twice, that were told and are not there, or that are in another's calendar."""
    wrong = []
    for write in writes:
        found = [owner for owner, titles in calendars.items() for title in titles if write.word in title]
        if len(found) > 1 or (write.told and not found) or (found and found[0] != write.user.name):
            wrong.append((write.word, write.told, found))
    return wrong


def left_over(before, after):
    wrong = []
    for what in ("processes", "below the launcher", "files"):
        if before[what] != after[what]:
            wrong.append(f"{what}: {before[what]} became {after[what]}")
    for name, count in after["descriptors"].items():
        if count > before["descriptors"].get(name, 0) + SPARE_DESCRIPTORS:
            wrong.append(f"{name}: {before['descriptors'].get(name)} descriptors became {count}")
    return wrong


def spilled(log, users, writes):
    """Words of calendars and messages in the log, or a program that said it has a bug."""
    wrong = [line for line in log.splitlines() if re.search(r"panic|AddressSanitizer|runtime error", line)]
    return wrong + [word for word in [u.word for u in users] + [w.word for w in writes] if word in log]


class Checks:
    def __init__(self, arena, load, faults, hanging):
        self.arena, self.load, self.faults, self.hanging = arena, load, faults, hanging
        self.passed, self.failed, self.said = 0, 0, []

    def check(self, what, wrong):
        wrong = list(wrong)
        if wrong:
            self.failed += 1
            self.said.append(f"FAILED: {what}: {len(wrong)}, such as {wrong[:3]}")
        else:
            self.passed += 1
            self.said.append(f"ok: {what}")

    def healthy_again(self):
        began = time.monotonic()

        def all_answer():
            return all(self.load.once(u, "after", "What do I have tomorrow?", f"after-{began}-{u.name}", True).code is None
                       for u in self.load.users)
        try:
            wait_until(60, lambda: self.arena.ready() and all_answer(), "every user gets an answer again")
            self.said.append(f"every user had an answer {time.monotonic() - began:.1f} s after the last fault")
            self.passed += 1
        except AssertionError as error:
            self.check(str(error), [self.load.attempts[-1].code])

    def settle(self):
        """What was asked for and not answered is asked for once more, under its key."""
        for write in [w for w in self.load.writes if not w.told]:
            last = self.load.once(write.user, "write", f"Put lunch with {write.word} tomorrow at 3pm", write.key, True, f"w{write.word}")
            write.told = last.code is None and not last.cut

    def calendars(self):
        return {u.name: [e.get("summary", "") for e in self.arena.admin.events(u.name)] for u in self.load.users}

    def all(self, before, after):
        a, calendars = self.load.attempts, self.calendars()
        ends = collections.Counter("cut" if x.cut else x.code or "answered" for x in a)
        self.said.insert(0, "requests: " + ", ".join(f"{n} {code}" for code, n in ends.most_common()))
        good = sorted(x.took for x in a if not x.cut and not x.code)
        if good:
            self.said.insert(1, f"answers took {statistics.median(good) * 1000:.0f} ms (median), {good[-1]:.1f} s at most")
        self.check("every request ended", self.hanging)
        self.check(f"every request ended within {ANSWER_S} s", [(x.kind, x.code, x.took) for x in too_long(a)])
        self.check("every request ended in an answer or a clear error", [(x.kind, x.status, x.code, x.cut) for x in unclear(a, self.faults.cuts)])
        self.check("nobody was told that a right request was wrong", [(x.status, x.code) for x in blamed(a)])
        self.check("every answer says something", [(x.kind, x.status) for x in empty(a)])
        self.check("nobody got another's answer", [x.user.name for x in foreign_words(a, self.load.users)])
        self.check("answers name the owner's own events", [] if any(u.word in x.text for u in self.load.users for x in a) else ["none did"])
        self.check("no event was doubled, lost or put elsewhere", doubled(self.load.writes, calendars))
        self.check("all that was asked for was done in the end", [w.word for w in self.load.writes if not w.told])
        self.check("no process, descriptor or file is left over", left_over(before, after))
        self.check("no program met a bug, no word got into the log", spilled(self.arena.log(), self.load.users, self.load.writes))

    def controls(self, before, connect):
        """The same checks on what is wrong on purpose: each has to see it."""
        users, writes = self.load.users, self.load.writes
        seen = next(x for x in self.load.attempts if users[0].word in x.text)
        own, seen.user = seen.user, users[1]
        self.check("control: another's answer is seen", [] if foreign_words([seen], users) else ["not seen"])
        seen.user = own
        write = next(w for w in writes if w.told)
        self.arena.admin.call("POST", f"/accounts/{write.user.name}/events", {
            "summary": f"Lunch with {write.word}", "start": {"date": "2027-01-01"}, "end": {"date": "2027-01-02"}})
        self.check("control: a doubled event is seen", [] if doubled(writes, self.calendars()) else ["not seen"])
        stray = self.arena.run / "agents" / "stray"
        stray.touch()
        sockets = [connect() for _ in range(SPARE_DESCRIPTORS * 3)]
        wait_until(10, lambda: len(left_over(before, self.arena.inventory())) >= 2, "the control: left-over file and descriptors")
        self.check("control: what is left over is seen", [])
        for s in sockets:
            s.close()
        stray.unlink()
        cut = type(seen)(users[0], "read")
        cut.cut, cut.ended = True, cut.began
        self.check("control: a cut answer is seen", [] if unclear([cut], []) else ["not seen"])
