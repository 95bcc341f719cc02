"""Q1 Q2 Q3 Q7 Q8 C3 N4: connect, ask, answer, change, remember, disconnect."""

import datetime
import json

from base import Case, day_after, length_of, starts_at, timed
from client import Browser, query_of
from cluster import RETURN_TO, wait_until


class Ask(Case):
    def test_free_and_put_lunch_there(self):
        zone = "Europe/Berlin"
        user = self.person(zone)
        got = self.finished(self.front.stream(user, "Am I free tomorrow at three? Put lunch with Sam there.", timezone=zone))
        events = self.admin.events(user)
        self.assertEqual(len(events), 1, (events, got))
        self.assertIn("lunch with sam", events[0]["summary"].lower())
        start = starts_at(events[0], zone)
        self.assertEqual((start.date(), start.hour, start.minute), (day_after(1, zone), 15, 0))
        tools = [d["name"] for e, d in got.events if e == "tool" and d["state"] == "done"]
        self.assertEqual(tools, ["check_availability", "create_event"])
        self.assertGreater(sum(1 for e, _ in got.events if e == "delta"), 1, "the answer streams")
        done = [d for e, d in got.events if e == "done"][0]
        self.assertTrue(done["turn"])
        self.assertGreater(done["usage"]["output_tokens"], 0)

    def test_busy_is_busy_and_nothing_is_put_there(self):
        zone = "America/New_York"
        day = day_after(1, zone)
        user = self.person(zone, [timed("Board meeting", day, "15:00", "16:00", zone)])
        got = self.finished(self.front.stream(user, "Am I free tomorrow at 3pm?", timezone=zone))
        self.assertRegex(got.text.lower(), r"not free|busy")
        free = self.finished(self.front.stream(user, "Am I free tomorrow at 5pm?", timezone=zone))
        self.assertRegex(free.text.lower(), r"free")
        self.assertNotRegex(free.text.lower(), r"not free|busy")
        self.assertNotIn("Board", got.text, "availability holds intervals only")

    def test_json_answer(self):
        user = self.person("Asia/Tokyo")
        got = self.finished(self.front.ask(user, "Am I free tomorrow at 10am?", timezone="Asia/Tokyo"))
        self.assertLessEqual({"proposals", "reply", "turn"}, set(got.json))
        self.assertIn("free", got.json["reply"].lower())

    def test_zones_days_and_lengths(self):
        for zone, hour in (("Asia/Kolkata", 9), ("America/Los_Angeles", 17), ("Australia/Lord_Howe", 11), ("Europe/London", 8)):
            with self.subTest(zone=zone):
                user = self.person(zone)
                day = day_after(9, zone)
                self.finished(self.front.stream(
                    user, f"Schedule site visit on {day} at {hour:02d}:30 for 45 minutes", timezone=zone))
                event, = self.admin.events(user)
                start = starts_at(event, zone)
                self.assertEqual((start.date(), start.hour, start.minute), (day, hour, 30))
                self.assertEqual(length_of(event), datetime.timedelta(minutes=45))

    def test_request_zone_differs_from_calendar(self):
        user = self.person("Europe/Berlin")
        day = day_after(3, "America/Chicago")
        self.finished(self.front.stream(user, f"Schedule call on {day} at 10:00", timezone="America/Chicago"))
        event, = self.admin.events(user)
        self.assertEqual(starts_at(event, "America/Chicago").hour, 10)

    def test_zone_comes_from_the_calendar(self):
        user = self.person("Asia/Tokyo")
        day = day_after(3, "Asia/Tokyo")
        self.finished(self.front.stream(user, f"Schedule dentist on {day} at 16:00"))
        event, = self.admin.events(user)
        self.assertEqual(starts_at(event, "Asia/Tokyo").hour, 16)

    def test_all_day_and_recurring(self):
        zone = "Europe/Berlin"
        user = self.person(zone)
        day = day_after(12, zone)
        self.finished(self.front.stream(user, f"Schedule inventory on {day} all day", timezone=zone))
        event, = self.admin.events(user)
        self.assertEqual(event["start"].get("date"), str(day))
        self.assertEqual(event["end"].get("date"), str(day + datetime.timedelta(days=1)))
        self.finished(self.front.stream(user, "Schedule standup every Monday at 9 for 4 weeks", timezone=zone))
        series = [e for e in self.admin.events(user) if "standup" in e["summary"].lower()][0]
        self.assertIn("FREQ=WEEKLY", series["recurrence"][0])
        self.assertEqual(series["start"]["timeZone"], zone)
        self.assertEqual(starts_at(series, zone).weekday(), 0)

    def test_follow_up_by_handle_after_agent_was_killed(self):
        from cluster import kill
        zone = "Europe/Berlin"
        user = self.person(zone)
        self.finished(self.front.stream(user, "Put lunch with Sam tomorrow at 3pm", timezone=zone))
        before = {a["user"]: a for a in self.cluster.agents()}
        for agent in before.values():
            kill(agent["pid"])
        self.finished(self.front.stream(user, "Move it to four", timezone=zone))
        event, = self.admin.events(user)
        self.assertEqual(starts_at(event, zone).hour, 16)
        self.finished(self.front.stream(user, "Delete it", timezone=zone))
        self.assertEqual(self.admin.events(user), [])

    def test_conversations_are_apart_and_can_be_forgotten(self):
        zone = "Europe/Berlin"
        user = self.person(zone)
        self.finished(self.front.stream(user, "Put lunch with Sam tomorrow at 3pm", timezone=zone, conversation="a"))
        self.front.stream(user, "Move it to four", timezone=zone, conversation="b")
        self.assertEqual(starts_at(self.admin.events(user)[0], zone).hour, 15, "another conversation does not know 'it'")
        self.assertEqual(self.front.user("DELETE", user, "session").status, 204)
        self.front.stream(user, "Move it to four", timezone=zone, conversation="a")
        self.assertEqual(starts_at(self.admin.events(user)[0], zone).hour, 15, "forgotten")

    def test_others_events_are_not_touched(self):
        zone = "Europe/Berlin"
        day = day_after(1, zone)
        user = self.person(zone, [timed("Dentist", day, "10:00", "11:00", zone)])
        for wish in ("Delete Dentist tomorrow", "Move Dentist to 4pm tomorrow"):
            got = self.finished(self.front.stream(user, wish, timezone=zone))
            self.assertEqual(sum(1 for e, _ in got.events if e == "proposal"), 1, got)
        event, = self.admin.events(user)
        self.assertEqual(starts_at(event, zone).hour, 10)

    def test_attendees_need_confirmation(self):
        user = self.person()
        got = self.finished(self.front.stream(
            user, "Schedule review tomorrow at 2pm and invite sam@example.com", timezone="Europe/Berlin"))
        self.assertEqual([e for e in self.admin.events(user) if e.get("attendees")], [])
        self.assertIn("Invites sam@example.com", got.text)

    def test_remember_list_use_delete(self):
        user = self.person()
        self.finished(self.front.stream(user, "Remember that I like mornings", timezone="Europe/Berlin"))
        items = self.front.user("GET", user, "memory").json
        items = items["items"] if isinstance(items, dict) else items
        self.assertEqual(len(items), 1)
        self.assertIn("mornings", items[0]["text"])
        self.assertEqual(self.front.user("DELETE", user, f"memory/{items[0]['id']}").status, 204)
        items = self.front.user("GET", user, "memory").json
        self.assertEqual(items["items"] if isinstance(items, dict) else items, [])

    def test_parallel_tool_calls(self):
        user = self.person()
        got = self.finished(self.front.stream(user, "Two at once please: what do I have tomorrow?", timezone="Europe/Berlin"))
        self.assertGreaterEqual(len([1 for e, d in got.events if e == "tool" and d["state"] == "running"]), 2)

    def test_repeated_key_makes_one_event(self):
        user = self.person()
        for _ in range(3):
            self.finished(self.front.stream(user, "Put lunch with Sam tomorrow at 3pm", timezone="Europe/Berlin", key="same-key"))
        self.assertEqual(len(self.admin.events(user)), 1)

    def test_long_answer_streams_whole(self):
        user = self.person()
        got = self.finished(self.front.stream(user, "long answer 20000", timezone="Europe/Berlin"))
        self.assertGreater(len(got.text), 15000)

    def test_long_answer_comes_whole_as_json_too(self):
        user = self.person()
        for length in (3000, 15000):
            got = self.finished(self.front.ask(user, f"long answer {length}", timezone="Europe/Berlin"))
            self.assertGreater(len(got.json["reply"]), length * 3 // 4)

    def test_model_that_loops_ends_by_budget(self):
        user = self.person()
        got = self.front.stream(user, "loop forever", timezone="Europe/Berlin")
        self.assertEqual(got.code, "budget_exhausted", got)

    def test_no_calendar_call_outside_a_request(self):
        user = self.person()
        self.finished(self.front.stream(user, "What do I have tomorrow?", timezone="Europe/Berlin"))
        self.admin.clear_requests()
        self.cluster.ctl("list")
        self.assertEqual([r for r in self.admin.requests() if "calendar" in r["path"]], [])
        self.finished(self.front.stream(user, "What do I have tomorrow?", timezone="Europe/Berlin"))
        self.assertTrue([r for r in self.admin.requests() if "calendar" in r["path"]], "the control: a request does call")


class OtherDialect(Case):
    provider = "openai"

    def test_free_and_put_lunch_there(self):
        zone = "Europe/Paris"
        user = self.person(zone)
        got = self.finished(self.front.stream(user, "Am I free tomorrow at three? Put lunch with Sam there.", timezone=zone))
        event, = self.admin.events(user)
        self.assertEqual(starts_at(event, zone).hour, 15, got)
        moved = self.finished(self.front.stream(user, "Move it to four", timezone=zone))
        self.assertEqual(starts_at(self.admin.events(user)[0], zone).hour, 16, moved)


class Connect(Case):
    def open_link(self, user, **more):
        browser = Browser(self.cluster.named["CA_FILE"])
        link = self.cluster.link(user, **more)
        return browser, link, browser.visit("GET", link)

    def test_subset_of_scopes_works_as_far_as_it_goes(self):
        zone = "Europe/Berlin"
        day = day_after(1, zone)
        user = "only-availability"
        busy = [timed("Secret surgery", day, "15:00", "16:00", zone)]
        got = self.cluster.connect(user, scopes=["openid", "email", "userinfo.email", "calendar.freebusy"], events=busy)
        self.assertFalse([s for s in got["scopes"] if s.endswith("calendar.events")])
        state = self.front.user("GET", user, "connections/google").json
        self.assertEqual(state["state"], "active")
        self.assertIn("events", json.dumps(state["missing"]))
        self.assertRegex(self.finished(self.front.stream(user, "Am I free tomorrow at 3pm?", timezone=zone)).text.lower(), "not free|busy")
        refused = self.front.stream(user, "Put lunch with Sam tomorrow at 5pm", timezone=zone)
        self.assertEqual(len(self.admin.events(user)), 1, refused)
        # Incremental consent adds the rest.
        self.cluster.connect(user, events=busy)
        self.finished(self.front.stream(user, "Put lunch with Sam tomorrow at 5pm", timezone=zone))
        self.assertTrue([e for e in self.admin.events(user) if "lunch" in e["summary"].lower()])

    def test_refused_consent(self):
        browser, _, opened = self.open_link("refuser")
        back = browser.consent(opened.headers["Location"], "refuser", allow=False)
        landed = browser.visit("GET", back)
        self.assertNotEqual(landed.status, 500)
        self.assertEqual(self.front.user("GET", "refuser", "connections/google").json.get("state", "none"), "none")

    def test_link_is_bound_to_its_browser_and_single_use(self):
        self.admin.account("binder")
        browser, link, opened = self.open_link("binder")
        self.assertEqual(opened.status, 302)
        other = Browser(self.cluster.named["CA_FILE"]).visit("GET", link)
        self.assertGreaterEqual(other.status, 400)
        back = browser.consent(opened.headers["Location"], "binder")
        stolen = Browser(self.cluster.named["CA_FILE"]).visit("GET", back)
        self.assertGreaterEqual(stolen.status, 400, "the callback wants the browser that began")
        landed = browser.visit("GET", back)
        self.assertEqual(landed.status, 302)
        self.assertGreaterEqual(browser.visit("GET", back).status, 400, "state is single use")
        code = query_of(landed.headers["Location"])["code"]
        wrong = self.front.user("POST", "somebody-else", "connections/redeem", {"code": code})
        self.assertGreaterEqual(wrong.status, 400)
        self.assertEqual(self.front.user("POST", "binder", "connections/redeem", {"code": code}).status, 200)

    def test_state_pkce_and_return_address(self):
        _, _, opened = self.open_link("checker")
        asked = query_of(opened.headers["Location"])
        self.assertEqual(asked["code_challenge_method"], "S256")
        self.assertEqual((asked["access_type"], asked["response_type"]), ("offline", "code"))
        self.assertGreater(len(asked["state"]), 20)
        self.assertIn("calendar.freebusy", asked["scope"])
        bad = self.front.user("POST", "checker", "connect-links", {"features": ["events"], "return_to": "https://evil.example/x"})
        self.assertEqual(bad.status, 400)
        self.assertEqual(self.front.user("POST", "checker", "connect-links", {"features": ["nope"], "return_to": RETURN_TO}).status, 400)

    def test_disconnect_ends_everything(self):
        user = self.person()
        self.finished(self.front.stream(user, "What do I have tomorrow?", timezone="Europe/Berlin"))
        gone = self.front.user("DELETE", user, "connections/google")
        self.assertEqual(gone.status, 200, gone)
        self.assertIn(True, [v for v in gone.json.values() if isinstance(v, bool)])
        self.assertTrue([r for r in self.admin.requests() if r["path"].startswith("/revoke")])
        refused = self.front.stream(user, "What do I have tomorrow?", timezone="Europe/Berlin")
        self.assertEqual(refused.code, "not_connected", refused)

    def test_disconnect_when_google_is_down(self):
        user = self.person()
        self.admin.fault("revoke", "status", status=503, times=20)
        gone = self.front.user("DELETE", user, "connections/google")
        self.assertEqual(gone.status, 200, gone)
        self.assertIn(False, [v for v in gone.json.values() if isinstance(v, bool)])
        self.assertEqual(self.front.stream(user, "hello").code, "not_connected")

    def test_dead_token_marks_the_connection_and_names_the_way_back(self):
        user = self.person()
        self.admin.call("POST", f"/tokens/{user}/kill")
        got = self.front.stream(user, "What do I have tomorrow?", timezone="Europe/Berlin")
        self.assertEqual(got.code, "reconnect_required", got)
        url = got.error["action_url"]
        self.assertEqual(self.front.user("GET", user, "connections/google").json["state"], "broken")
        again = self.front.stream(user, "What do I have tomorrow?", timezone="Europe/Berlin")
        self.assertEqual(again.code, "reconnect_required")
        browser = Browser(self.cluster.named["CA_FILE"])
        landed = browser.visit("GET", browser.consent(browser.visit("GET", url).headers["Location"], user))
        code = query_of(landed.headers["Location"])["code"]
        self.assertEqual(self.front.user("POST", user, "connections/redeem", {"code": code}).status, 200)
        self.finished(self.front.stream(user, "What do I have tomorrow?", timezone="Europe/Berlin"))

    def test_expired_access_token_is_refreshed(self):
        user = self.person()
        self.finished(self.front.stream(user, "What do I have tomorrow?", timezone="Europe/Berlin"))
        self.admin.fault("calendar", "status", status=401, reason="authError", times=1)
        self.finished(self.front.stream(user, "What do I have tomorrow?", timezone="Europe/Berlin"))
