"""Answers that get lost, calendars that cannot be read, and owners who change things meanwhile."""

import datetime
import uuid

from cluster import wait_until
from front_door import FrontCase, at, text, when

HOUR = datetime.timedelta(hours=1)


class Lost(FrontCase):
    def state(self, slug):
        return self.sql(f"SELECT status, step FROM bookings WHERE business = '{slug}'")

    def settled(self, slug, seconds=60):
        wait_until(seconds, lambda: all(step == "" for _, step in self.state(slug)), "everything is settled")
        return [status for status, _ in self.state(slug)]

    def test_the_answer_to_an_insert_is_lost(self):
        slug, owner = self.business()
        self.admin.fault("calendar", "lost_answer", method="POST", path_contains="/events", account=owner)
        self.booked(self.public.book(slug, at(3, 10)))
        self.assertEventAt(owner, at(3, 10))

    def test_every_insert_is_refused(self):
        slug, owner = self.business()
        self.admin.fault("calendar", "status", times=0, status=503, method="POST", path_contains="/events", account=owner)
        key = uuid.uuid4().hex
        refused = self.public.book(slug, at(3, 10), key=key)
        self.assertEqual((refused.status, refused.code), (503, "cannot_confirm_now"), refused)
        self.assertEqual(self.events(owner), {})
        self.admin.clear_faults()
        wait_until(60, lambda: self.state(slug) == [], "nothing is left of it")
        self.booked(self.public.book(slug, at(3, 10), key=key))
        self.assertEventAt(owner, at(3, 10))

    def test_every_answer_to_an_insert_is_lost_and_nobody_can_look(self):
        """The event is there and nobody knows: it is removed, the time is free again."""
        slug, owner = self.business()
        self.admin.fault("calendar", "lost_answer", times=1, method="POST", path_contains="/events", account=owner)
        for method, after in (("GET", 1), ("POST", 0)):  # the first look finds nothing, and the event is made
            self.admin.fault("calendar", "status", times=0, status=503, method=method, path_contains="/events", account=owner, after=after)
        refused = self.public.book(slug, at(3, 10))
        self.assertEqual((refused.status, refused.code), (503, "cannot_confirm_now"), refused)
        self.assertEqual(len(self.events(owner)), 1, "the control: it did arrive")
        self.admin.clear_faults()
        wait_until(90, lambda: self.state(slug) == [], "nothing is left of it")
        self.assertEqual(self.events(owner), {})
        self.booked(self.public.book(slug, at(3, 10)))
        self.assertEventAt(owner, at(3, 10))

    def test_a_calendar_that_cannot_be_read(self):
        slug, owner = self.business()
        # Payloads are emptied once they are delivered: keep what was written.
        self.sql("CREATE TABLE IF NOT EXISTS written (LIKE outbox); CREATE OR REPLACE FUNCTION keep() RETURNS trigger LANGUAGE plpgsql AS "
                 "$$ BEGIN INSERT INTO business.written SELECT NEW.*; RETURN NEW; END $$; GRANT INSERT ON written TO public; "
                 "CREATE OR REPLACE TRIGGER keep AFTER INSERT ON outbox FOR EACH ROW EXECUTE FUNCTION keep()")
        self.admin.fault("calendar", "status", times=0, status=503, account=owner)
        free = self.public.free(slug, at(3, 8), at(3, 12))
        self.assertEqual((free.status, free.code), (503, "cannot_confirm_now"), free)
        self.assertNotIn("slots", free.json)
        refused = self.public.book(slug, at(3, 10))
        self.assertEqual((refused.status, refused.code), (503, "cannot_confirm_now"), refused)
        self.public.free(slug, at(3, 8), at(3, 12))
        told = self.sql(f"SELECT to_kind, payload->>'reason' FROM written WHERE business = '{slug}' AND kind = 'calendar_trouble'")
        self.assertEqual(told, [["owner", "Google Calendar could not be reached."]], "told once, with the reason")
        self.admin.clear_faults()
        self.assertEqual(self.public.free(slug, at(3, 8), at(3, 12)).status, 200, "the control")

    def test_a_calendar_that_was_disconnected(self):
        slug, owner = self.business()
        done = self.front.user("DELETE", owner, "connections/google")
        self.assertEqual(done.status, 200, done)
        refused = self.public.book(slug, at(3, 10))
        self.assertEqual((refused.status, refused.code), (503, "cannot_confirm_now"), refused)
        told = self.sql(f"SELECT payload->>'reason' FROM outbox WHERE business = '{slug}' AND kind = 'calendar_trouble'")
        self.assertEqual(len(told), 1, told)
        wait_until(60, lambda: self.state(slug) == [], "nothing is left of it")

    def test_the_owner_changes_to_another_account(self):
        """What the other account does not know was not deleted; what was deleted there, was."""
        slug, owner = self.business()
        made = self.booked(self.public.book(slug, at(3, 10)))
        account = owner + "-other"
        self.cluster.connect(owner, account, switch_account=True)
        self.sql(f"UPDATE bookings SET looked_at = now() - interval '1 day' WHERE business = '{slug}'")
        told = f"SELECT count(*) FROM outbox WHERE business = '{slug}' AND kind = 'calendar_trouble'"
        wait_until(30, lambda: self.sql(told) == [["1"]], "the owner is told")
        free = self.public.free(slug, at(3, 9), at(3, 13))
        self.assertNotIn(at(3, 10), [when(slot["start"]) for slot in free.json["slots"]])
        self.assertEqual(self.state(slug), [["confirmed", ""]])
        other = self.booked(self.public.book(slug, at(4, 10)))
        self.assertEqual(len(self.events(account)), 1, "the control: it is the other account that is asked now")
        self.admin.call("DELETE", f"/accounts/{account}/events/{list(self.events(account))[0]}")
        wait_until(30, lambda: self.public.booking("GET", other).json["status"] == "cancelled", "one deleted there is cancelled")
        self.assertEqual(self.public.booking("GET", made).json["status"], "confirmed")

    def test_the_answer_to_a_move_is_lost(self):
        slug, owner = self.business()
        made = self.booked(self.public.book(slug, at(3, 10)))
        for method in ("PATCH", "PUT"):
            self.admin.fault("calendar", "lost_answer", method=method, path_contains="/events", account=owner)
        moved = self.public.booking("POST", made, "/reschedule", {"start": text(at(3, 14))})
        self.assertEqual(moved.status, 200, moved)
        self.assertEventAt(owner, at(3, 14))

    def test_moved_to_a_time_that_is_not_free(self):
        slug, owner = self.business()
        made, other = (self.booked(self.public.book(slug, at(4, hour))) for hour in (10, 14))
        self.admin.call("POST", f"/accounts/{owner}/events", {
            "summary": "dentist", "start": {"dateTime": text(at(4, 16))}, "end": {"dateTime": text(at(4, 17))}})
        for hour, why in ((14, "another booking"), (16, "the owner's own event")):
            refused = self.public.booking("POST", made, "/reschedule", {"start": text(at(4, hour))})
            self.assertEqual((refused.status, refused.code), (409, "slot_taken"), (why, refused))
            self.assertTrue(refused.json["next_slots"])
        self.assertEqual(when(self.public.booking("GET", made).json["start"]), at(4, 10))
        self.assertEqual(self.sql(f"SELECT count(*) FROM slots s JOIN bookings b ON b.reference = s.booking WHERE b.business = '{slug}'"), [["2"]])

    def test_cancelled_while_the_calendar_is_away(self):
        slug, owner = self.business()
        made = self.booked(self.public.book(slug, at(3, 10)))
        self.admin.fault("calendar", "status", times=0, status=503, account=owner)
        gone = self.public.booking("POST", made, "/cancel")
        self.assertEqual((gone.status, gone.json["status"]), (200, "cancelling"), gone)
        self.assertEqual(len(self.events(owner)), 1)
        self.admin.clear_faults()
        self.sql(f"UPDATE bookings SET due_at = now() WHERE reference = '{made['reference']}'")
        self.assertEqual(self.settled(slug), ["cancelled"])
        self.assertEqual(self.events(owner), {})

    def test_the_answer_to_a_removal_is_lost(self):
        slug, owner = self.business()
        made = self.booked(self.public.book(slug, at(3, 10)))
        self.admin.fault("calendar", "lost_answer", method="DELETE", path_contains="/events", account=owner)
        gone = self.public.booking("POST", made, "/cancel")
        self.assertEqual((gone.status, gone.json["status"]), (200, "cancelled"), gone)
        self.assertEqual(self.events(owner), {})
