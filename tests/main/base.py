"""What the cases share: one cluster for each class of cases, dates to ask for, event checks."""

import datetime
import os
import unittest
import uuid
import zoneinfo

from cluster import Cluster

FULL = bool(os.environ.get("CLOISTER_FULL"))
SANITIZED = bool(os.environ.get("CLOISTER_SANITIZED"))


class Case(unittest.TestCase):
    """A cluster of its own per class; settings by the class."""

    provider, extra = "anthropic", ""
    cluster: Cluster

    @classmethod
    def setUpClass(cls):
        cls.cluster = Cluster(cls.provider, cls.extra)
        cls.front, cls.admin = cls.cluster.front, cls.cluster.admin

    @classmethod
    def tearDownClass(cls):
        if os.environ.get("CLOISTER_KEEP"):
            print(f"    kept {cls.cluster.dir}")
            return
        cls.cluster.stop()

    def tearDown(self):
        self.admin.clear_faults()
        outcome = getattr(self, "_outcome", None)
        failed = outcome and any(e for _, e in getattr(outcome, "errors", []) if e)
        failed = failed or (outcome and getattr(outcome, "result", None) and
                            any(t is self for t, _ in outcome.result.failures + outcome.result.errors))
        if failed:
            print("    last log lines:\n      " + "\n      ".join(self.cluster.log().splitlines()[-12:]))

    def person(self, timezone="Europe/Berlin", events=(), **more):
        """A connected user with a name nobody else has."""
        name = "u" + uuid.uuid4().hex[:10]
        self.cluster.connect(name, timezone=timezone, events=events, **more)
        return name

    def finished(self, answer):
        self.assertEqual(answer.status, 200, answer)
        self.assertIsNone(answer.error, answer)
        self.assertTrue(answer.done, answer)
        return answer


def day_after(days, zone):
    return (datetime.datetime.now(zoneinfo.ZoneInfo(zone)) + datetime.timedelta(days=days)).date()


def timed(title, day, start, end, zone, **more):
    """An event as the Calendar API takes it; start and end as HH:MM in `zone`."""
    return {"summary": title, "start": {"dateTime": f"{day}T{start}:00", "timeZone": zone},
            "end": {"dateTime": f"{day}T{end}:00", "timeZone": zone}, **more}


def starts_at(event, zone):
    """Local wall-clock start of a timed event in `zone`."""
    text = event["start"]["dateTime"].replace("Z", "+00:00")
    when = datetime.datetime.fromisoformat(text)
    if when.tzinfo is None:
        when = when.replace(tzinfo=zoneinfo.ZoneInfo(event["start"]["timeZone"]))
    return when.astimezone(zoneinfo.ZoneInfo(zone))


def length_of(event):
    def at(side):
        when = datetime.datetime.fromisoformat(event[side]["dateTime"].replace("Z", "+00:00"))
        return when if when.tzinfo else when.replace(tzinfo=zoneinfo.ZoneInfo(event[side]["timeZone"]))
    return at("end") - at("start")
