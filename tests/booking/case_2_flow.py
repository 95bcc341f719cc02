"""One booking at a time: made, seen, moved, cancelled, from either side; and what is refused."""

import datetime
import uuid

from cluster import wait_until
from front_door import FrontCase, at, text, when

HOUR = datetime.timedelta(hours=1)


class Flow(FrontCase):
    def test_booked_seen_moved_cancelled(self):
        slug, owner = self.business()
        start = at(3, 10)
        made = self.booked(self.public.book(slug, start, note="Fringe only"))
        event = self.assertEventAt(owner, start)
        self.assertIn("Bob Kunde", event["summary"])
        self.assertIn(made["reference"], event["description"])
        seen = self.public.booking("GET", made)
        self.assertEqual(seen.json["status"], "confirmed", seen)
        self.assertTrue(seen.json["can_cancel"] and seen.json["can_reschedule"])
        moved = self.public.booking("POST", made, "/reschedule", {"start": text(start + 2 * HOUR)})
        self.assertEqual(moved.status, 200, moved)
        self.assertEqual(when(moved.json["start"]), start + 2 * HOUR)
        self.assertEqual(self.assertEventAt(owner, start + 2 * HOUR)["id"], event["id"])
        again = self.public.booking("POST", made, "/reschedule", {"start": text(start + 2 * HOUR)})
        self.assertEqual(again.status, 200, "moving it to where it is already is fine")
        gone = self.public.booking("POST", made, "/cancel", {"reason": "ill"})
        self.assertEqual((gone.status, gone.json["status"]), (200, "cancelled"), gone)
        self.assertEqual(self.events(owner), {})
        again = self.public.booking("POST", made, "/cancel")
        self.assertEqual((again.status, again.json["status"]), (200, "cancelled"), "cancelling twice is fine")
        late = self.public.booking("POST", made, "/reschedule", {"start": text(start)})
        self.assertEqual((late.status, late.code), (409, "booking_over"), late)
        self.assertEqual(self.sql(f"SELECT count(*) FROM slots WHERE booking = '{made['reference']}'"), [["0"]])

    def test_free_times_follow(self):
        slug, owner = self.business()
        day, start = at(4, 0), at(4, 9)
        self.admin.call("POST", f"/accounts/{owner}/events", {
            "summary": "private", "start": {"dateTime": text(at(4, 12))}, "end": {"dateTime": text(at(4, 14))}})
        free = self.public.free(slug, day, day + 24 * HOUR)
        starts = [when(slot["start"]) for slot in free.json["slots"]]
        self.assertIn(start, starts)
        self.assertNotIn(at(4, 12), starts)
        self.assertNotIn(at(4, 13), starts)
        self.assertIn(at(4, 14), starts)
        self.assertNotIn("private", free.body)
        made = self.booked(self.public.book(slug, start))
        starts = [when(slot["start"]) for slot in self.public.free(slug, day, day + 24 * HOUR).json["slots"]]
        self.assertNotIn(start, starts)
        self.public.booking("POST", made, "/cancel")
        starts = [when(slot["start"]) for slot in self.public.free(slug, day, day + 24 * HOUR).json["slots"]]
        self.assertIn(start, starts)

    def test_buffers_keep_others_away(self):
        slug, owner = self.business()
        self.booked(self.public.book(slug, at(5, 10), service="talk"))
        refused = self.public.book(slug, at(5, 10) + HOUR / 2, service="talk")
        self.assertEqual((refused.status, refused.code), (409, "slot_taken"), refused)
        self.assertEqual([when(s["start"]) for s in refused.json["next_slots"]][:2], [at(5, 11), at(5, 11) + HOUR / 2])
        self.booked(self.public.book(slug, at(5, 11), service="talk"))

    def test_what_is_refused(self):
        slug, owner = self.business(hours={"timezone": "Europe/Berlin", "weekly": [
            {"days": ["mon", "tue", "wed", "thu", "fri", "sat", "sun"], "opens": "09:00", "closes": "17:00"}]})
        self.admin.call("POST", f"/accounts/{owner}/events", {
            "summary": "busy", "start": {"dateTime": text(at(6, 12))}, "end": {"dateTime": text(at(6, 13))}})
        for name, answer, wanted in (
                ("closed", self.public.book(slug, at(6, 20)), (409, "outside_hours")),
                ("not on the hour", self.public.book(slug, at(6, 10) + HOUR / 4), (409, "outside_hours")),
                ("past", self.public.book(slug, at(-1, 10)), (409, "too_late")),
                ("too far", self.public.book(slug, at(70, 10)), (409, "outside_hours")),
                ("busy in the calendar", self.public.book(slug, at(6, 12)), (409, "slot_taken")),
                ("unknown service", self.public.book(slug, at(6, 10), service="dye"), (404, "unknown_service")),
                ("unknown business", self.public.book("nobody-here", at(6, 10)), (404, "unknown_business")),
                ("nobody to reach", self.public.book(slug, at(6, 10), customer={"name": "Bob"}), (400, "invalid_argument"))):
            self.assertEqual((answer.status, answer.code), wanted, f"{name}: {answer} {answer.body}")
            if wanted[0] == 409:
                self.assertTrue(answer.json["next_slots"], name)
        self.assertEqual(len(self.events(owner)), 1, "nothing was booked")
        self.assertEqual(self.sql(f"SELECT count(*) FROM bookings WHERE business = '{slug}'"), [["0"]])

    def test_same_key_same_answer(self):
        slug, owner = self.business()
        key = uuid.uuid4().hex
        first = self.booked(self.public.book(slug, at(3, 15), key=key))
        self.assertEqual(self.booked(self.public.book(slug, at(3, 15), key=key)), first)
        other = self.public.book(slug, at(3, 16), key=key)
        self.assertEqual((other.status, other.code), (409, "key_reused"), other)
        self.assertEventAt(owner, at(3, 15))

    def test_secrets_open_one_door_each(self):
        slug, owner = self.business()
        mine, other = (self.booked(self.public.book(slug, at(4, hour))) for hour in (10, 12))
        for secret in (other["secret"], "x" * 24, mine["secret"][:-1]):
            for method, rest, body in (("GET", "", None), ("POST", "/cancel", {}), ("POST", "/reschedule", {"start": text(at(4, 15))}),
                                       ("GET", "/calendar.ics", None)):
                answer = self.public.booking(method, mine, rest, body, secret)
                self.assertEqual((answer.status, answer.code), (404, "unknown_booking"), (secret, rest, answer))
        cancel = mine["cancel_url"].split("secret=")[1]
        self.assertNotEqual(cancel, mine["secret"])
        refused = self.public.booking("POST", mine, "/reschedule", {"start": text(at(4, 15))}, cancel)
        self.assertEqual(refused.code, "unknown_booking", "a cancel link cannot move")
        done = self.public.booking("POST", mine, "/cancel", {}, cancel)
        self.assertEqual((done.status, done.json["status"]), (200, "cancelled"), done)
        self.assertEqual(self.sql(f"SELECT count(*) FROM bookings b WHERE b::text LIKE '%{mine['secret']}%'"), [["0"]])

    def test_calendar_file(self):
        slug, owner = self.business()
        made = self.booked(self.public.book(slug, at(3, 8)))
        ics = self.public.booking("GET", made, "/calendar.ics")
        self.assertEqual(ics.status, 200, ics)
        utc = at(3, 8).astimezone(datetime.timezone.utc).strftime("%Y%m%dT%H%M%SZ")
        for line in ("BEGIN:VCALENDAR", f"DTSTART:{utc}", f"UID:{made['reference']}@cloister", "STATUS:CONFIRMED"):
            self.assertIn(line, ics.body.replace("\r\n", "\n").split("\n"))

    def test_owner_lists_moves_cancels(self):
        slug, owner = self.business()
        made = self.booked(self.public.book(slug, at(5, 10), note="Knock twice"))
        listed = self.front.user("GET", owner, f"bookings?business={slug}")
        self.assertEqual(listed.status, 200, listed)
        (item,) = listed.json["bookings"]
        self.assertEqual((item["reference"], item["customer"]["name"], item["note"]), (made["reference"], "Bob Kunde", "Knock twice"))
        moved = self.front.user("POST", owner, f"bookings/{made['reference']}/reschedule", {"start": text(at(5, 10) + HOUR / 4)})
        self.assertEqual(moved.status, 200, moved)
        self.assertEventAt(owner, at(5, 10) + HOUR / 4)
        _, stranger = self.business()
        refused = self.front.user("POST", stranger, f"bookings/{made['reference']}/cancel", {})
        self.assertEqual((refused.status, refused.code), (404, "unknown_booking"), refused)
        gone = self.front.user("POST", owner, f"bookings/{made['reference']}/cancel", {"reason": "Water damage"})
        self.assertEqual(gone.status, 200, gone)
        self.assertEqual(self.events(owner), {})
        self.assertEqual(self.public.booking("GET", made).json["status"], "cancelled")
        told = self.sql(f"SELECT kind, to_kind FROM outbox WHERE reference = '{made['reference']}' ORDER BY id")
        self.assertEqual(sorted(map(tuple, told)), sorted([
            ("booking_confirmed", "owner"), ("booking_confirmed", "customer"), ("booking_moved", "customer"),
            ("booking_cancelled", "customer")]))

    def test_the_booking_follows_its_event(self):
        slug, owner = self.business()
        moved, deleted = (self.booked(self.public.book(slug, at(6, hour))) for hour in (9, 15))
        by_start = {when(e["start"]["dateTime"]): e for e in self.events(owner).values()}
        event = by_start[at(6, 9)]
        self.admin.call("DELETE", f"/accounts/{owner}/events/{by_start[at(6, 15)]['id']}")
        self.admin.call("DELETE", f"/accounts/{owner}/events/{event['id']}")
        keep = {k: event[k] for k in ("id", "summary", "extendedProperties") if k in event}
        self.admin.call("POST", f"/accounts/{owner}/events", {
            **keep, "start": {"dateTime": text(at(6, 11))}, "end": {"dateTime": text(at(6, 13))}})
        seen = self.public.booking("GET", moved).json
        self.assertEqual((when(seen["start"]), when(seen["end"])), (at(6, 11), at(6, 13)), seen)
        self.assertEqual(self.public.booking("GET", deleted).json["status"], "cancelled")
        starts = [when(s["start"]) for s in self.public.free(slug, at(6, 8), at(6, 18)).json["slots"]]
        self.assertEqual(starts, [at(6, h) for h in (8, 9, 10, 13, 14, 15, 16, 17)])
        for booking, kind in ((moved, "booking_moved"), (deleted, "booking_cancelled")):
            self.assertEqual(self.sql(f"SELECT to_kind FROM outbox WHERE reference = '{booking['reference']}' AND kind = '{kind}'"),
                             [["customer"]])

    def test_a_deleted_event_is_noticed_by_who_asks_for_times(self):
        slug, owner = self.business()
        made = self.booked(self.public.book(slug, at(7, 9)))
        (event,) = self.events(owner)
        self.admin.call("DELETE", f"/accounts/{owner}/events/{event}")
        self.sql(f"UPDATE bookings SET looked_at = now() - interval '1 minute' WHERE reference = '{made['reference']}'")

        def free():
            return at(7, 9) in [when(s["start"]) for s in self.public.free(slug, at(7, 8), at(7, 12)).json["slots"]]
        wait_until(10, free, "the time is free again")
        self.assertEqual(self.sql(f"SELECT status FROM bookings WHERE reference = '{made['reference']}'"), [["cancelled"]])


class Inquiries(FrontCase):
    def ask(self, slug, message, key=None):
        return self.public.request("POST", "/v1/inquiries", {
            "business": slug, "message": message, "customer": {"name": "Bob Kunde", "email": "bob@example.test"}},
            {"Idempotency-Key": key or uuid.uuid4().hex})

    def look(self, inquiry):
        return self.public.request("GET", f"/v1/inquiries/{inquiry['reference']}", None, {"Cloister-Booking": inquiry["secret"]})

    def test_asked_listed_answered(self):
        slug, owner = self.business()
        key = uuid.uuid4().hex
        made = self.ask(slug, "Do you cut curls?", key)
        self.assertEqual((made.status, made.json["status"]), (201, "open"), made)
        self.assertEqual(self.ask(slug, "Do you cut curls?", key).json, made.json)
        self.assertEqual(self.ask(slug, "Something else", key).code, "key_reused")
        (item,) = self.front.user("GET", owner, "inquiries").json["inquiries"]
        self.assertEqual((item["reference"], item["message"]), (made.json["reference"], "Do you cut curls?"))
        done = self.front.user("POST", owner, f"inquiries/{made.json['reference']}/answer", {"text": "Gladly."})
        self.assertEqual(done.status, 200, done)
        self.assertEqual(self.look(made.json).json["answer"], "Gladly.")
        self.assertEqual(self.look({**made.json, "secret": "y" * 24}).code, "unknown_inquiry")
        told = self.sql(f"SELECT kind, to_kind FROM outbox WHERE reference = '{made.json['reference']}' ORDER BY id")
        self.assertEqual(told, [["inquiry_new", "owner"], ["inquiry_answered", "customer"]])
        closed = self.front.user("POST", owner, f"inquiries/{made.json['reference']}/close", {})
        self.assertEqual(closed.status, 200, closed)

    def test_none_wanted(self):
        slug, _ = self.business(features={"booking": True, "inquiries": False, "chat": False, "agent_answers": False})
        self.assertEqual(self.ask(slug, "Hello?").code, "inquiries_off")

    def test_the_agent_answers(self):
        slug, _ = self.business(features={"booking": True, "inquiries": True, "chat": True, "agent_answers": True})
        made = self.ask(slug, "What do you do?")
        self.assertEqual((made.status, made.json["status"]), (201, "answered"), made)
        self.assertTrue(made.json["answer"])
        self.assertEqual(self.look(made.json).json["answer"], made.json["answer"])

    def test_several_at_once(self):
        talking = [self.business(features={"booking": True, "inquiries": True, "chat": True, "agent_answers": True})[0] for _ in range(3)]
        silent, _ = self.business()
        got = self.public.tool("ask_businesses", {"message": "What do you do?", "businesses": [*talking, silent, "nobody-here"]})
        result = got["structuredContent"]
        by_slug = {a["business"]: a for a in result["answers"]}
        self.assertEqual([by_slug[slug]["status"] for slug in talking], ["answered"] * 3, got)
        self.assertEqual((by_slug[silent]["status"], by_slug["nobody-here"]["status"]), ("recorded", "failed"))
        self.assertEqual((result["asked"], result["answered"]), (5, 3))
        rows = self.sql(f"SELECT count(*) FROM inquiries WHERE fanout = '{result['fanout']}'")
        self.assertEqual(rows, [["4"]])

    def test_a_late_one_does_not_hold_up_the_others(self):
        talking = [self.business(features={"booking": True, "inquiries": True, "chat": True, "agent_answers": True})[0] for _ in range(2)]
        self.admin.fault("model", "hang", times=1)
        got = self.public.tool("ask_businesses", {"message": "What do you do?", "businesses": talking, "deadline_ms": 4000})
        statuses = sorted(a["status"] for a in got["structuredContent"]["answers"])
        self.assertEqual(statuses, ["answered", "late"], got)
        for answer in got["structuredContent"]["answers"]:
            self.assertEqual(self.look(answer).json["business"], answer["business"], "its answer can be seen when it comes")
            self.assertIn(f"/inquiries/{answer['reference']}?secret={answer['secret']}", answer["url"])
