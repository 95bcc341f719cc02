"""A hundred who want the same hour, at once and by every way in: one gets it, the others hear what else is free."""

import collections
import concurrent.futures
import json
import re
import threading
import uuid

from base import FULL
from client import Answer
from front_door import FrontCase, at, text, when

ROUNDS = 50 if FULL else 4
ASKERS = {"http": 40, "mcp": 35, "page": 20, "chat": 5}


class Parallel(FrontCase):
    def http(self, slug, start):
        answer = self.public.book(slug, start)
        return answer.status, answer.code, (answer.json or {}).get("next_slots")

    def mcp(self, slug, start):
        result = self.public.tool("create_booking", {
            "business": slug, "service": "cut", "start": text(start), "idempotency_key": uuid.uuid4().hex,
            "customer": {"name": "Mia Kundin", "phone": "+49 30 1234567"}})
        got = result.get("structuredContent") or {}
        if not result.get("isError"):
            return 201, None, None
        said = json.dumps(result)
        return 409, "slot_taken" if "slot_taken" in said else said, got.get("next_slots") or re.findall(r"\d{4}-\d\d-\d\dT", said)

    def page(self, slug, start):
        answer = self.public.page_form(slug, start)
        if answer.status in (200, 303) and "/bookings/" in answer.headers.get("Location", answer.body):
            return 201, None, None
        return answer.status, "slot_taken" if "taken" in answer.body.lower() or "no longer free" in answer.body.lower() else answer.body[-800:], \
            re.findall(r'value="\d{4}-\d\d-\d\dT[^"]+"', answer.body)

    def chat(self, slug, start):
        """A customer whose model calls the tool: the stand-in's obedient mind does what the message says. What the tool answered stands
        in what the model was sent next (told). The third of what comes back names the chat."""
        mark = uuid.uuid4().hex
        script = [["create_booking", {"service": "cut", "start": text(start), "name": "Eva " + mark, "email": "eva@example.test"}]]
        answer = self.public.request("POST", f"/v1/businesses/{slug}/chat", {
            "message": "Please book. OBEY" + json.dumps(script), "conversation": uuid.uuid4().hex})
        return (200, "chat", mark) if answer.status == 200 else (answer.status, f"chat: {answer} {answer.body[:300]}", mark)

    def overheard(self):
        """From now on the stand-in keeps what it is sent."""
        self.admin.call("POST", "/requests", {"bodies": True})
        self.addCleanup(self.admin.clear_requests)
        self.addCleanup(self.admin.call, "POST", "/requests", {"bodies": False})
        self.admin.clear_requests()

    def told(self, mark):
        """What create_booking told the model in the chat of that mark."""
        parts = []
        for request in self.admin.requests():
            body = request.get("body") or ""
            if request["service"] == "model" and mark in body:
                parts += [part for message in json.loads(body)["messages"] if isinstance(message["content"], list)
                          for part in message["content"]]
        booking = [part["id"] for part in parts if part["type"] == "tool_use" and part["name"] == "create_booking"]
        results = [part["content"] for part in parts if part["type"] == "tool_result" and part["tool_use_id"] in booking]
        self.assertTrue(results, "the model was told nothing")
        content = results[0] if isinstance(results[0], str) else results[0][0]["text"]
        return json.loads(content)

    def race(self, slug, start):
        ways = [way for way, n in ASKERS.items() for _ in range(n)]
        together = threading.Barrier(len(ways))

        def ask(way):
            together.wait(30)
            return way, *getattr(self, way)(slug, start)
        with concurrent.futures.ThreadPoolExecutor(len(ways)) as pool:
            return list(pool.map(ask, ways))

    def test_one_of_a_hundred_wins(self):
        self.admin.call("POST", "/obey", {"on": True})
        self.addCleanup(self.admin.call, "POST", "/obey", {})
        winners = collections.Counter()
        for _ in range(ROUNDS):
            slug, owner = self.business()
            start = at(8, 10)
            self.overheard()
            answers = self.race(slug, start)
            won = [way for way, status, code, _ in answers if status == 201]
            rows = self.sql("SELECT status, details->'customer'->>'name', details->>'channel' FROM bookings "
                            f"WHERE business = '{slug}'")
            self.assertEqual([row[0] for row in rows], ["confirmed"], answers)
            by_chat = rows[0][1].startswith("Eva ")
            self.assertEqual(len(won), 0 if by_chat else 1, answers)
            self.assertEventAt(owner, start)
            lost = [a for a in answers if a[1] != 201 and a[0] != "chat"]
            for way, status, code, after in lost:
                self.assertEqual(code, "slot_taken", (way, status, code))
                self.assertTrue(after, f"{way}: no other times")
            self.assertEqual(len(lost) + ASKERS["chat"] + len(won), 100)
            for way, status, code, mark in answers:
                if way != "chat":
                    continue
                self.assertEqual(code, "chat", code)
                told = self.told(mark)
                if rows[0][1] == "Eva " + mark:
                    self.assertEqual(told["status"], "confirmed", told)
                    continue
                self.assertEqual((told.get("code") or told.get("error")), "slot_taken", told)
                self.assertTrue(told["next_slots"], told)
                self.assertNotIn(start, [when(slot["start"]) for slot in told["next_slots"]])
            free = [when(s["start"]) for s in self.public.free(slug, at(8, 8), at(8, 13)).json["slots"]]
            self.assertEqual(free, [at(8, 8), at(8, 9), at(8, 11), at(8, 12)])
            winners["chat" if by_chat else won[0]] += 1
        print(f"    {ROUNDS} rounds, won by {dict(winners)}")

    def test_a_chat_can_win(self):
        """The control of the chats in the race: alone, they book."""
        self.admin.call("POST", "/obey", {"on": True})
        self.addCleanup(self.admin.call, "POST", "/obey", {})
        slug, owner = self.business()
        self.overheard()
        answer = self.chat(slug, at(8, 10))
        self.assertEqual(answer[1], "chat", answer)
        self.assertEqual(self.told(answer[2])["status"], "confirmed")
        self.assertEventAt(owner, at(8, 10))
        again = self.chat(slug, at(8, 10))
        self.assertIn("slot_taken", json.dumps(self.told(again[2])))
        self.assertEventAt(owner, at(8, 10))

    def test_one_key_a_hundred_times(self):
        """The same request, sent again and again at once, is one booking, and everybody gets its name."""
        slug, owner = self.business()
        key = uuid.uuid4().hex
        with concurrent.futures.ThreadPoolExecutor(30) as pool:
            answers = list(pool.map(lambda _: self.public.book(slug, at(8, 10), key=key), range(30)))
        self.assertEqual({a.status for a in answers}, {201}, [a.body[:200] for a in answers if a.status != 201][:3])
        self.assertEqual(len({a.json["reference"] for a in answers}), 1)
        self.assertEventAt(owner, at(8, 10))
