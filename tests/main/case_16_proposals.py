"""N5 C1: whom a proposal invites, what a plain no does, and which of two proposals is the one. The rest of what becomes
of proposals stands in case_14_proposals.py."""

from base import Case, day_after, starts_at, timed

ZONE = "Europe/Berlin"


class WhichProposal(Case):
    def dentist(self):
        return self.person(ZONE, [timed("Dentist", day_after(1, ZONE), "10:00", "11:00", ZONE)])

    def say(self, user, message, **more):
        return self.finished(self.front.stream(user, message, timezone=ZONE, **more))

    def proposed(self, user, message, **more):
        """Asks for a change; returns the one proposal that came of it."""
        got = self.say(user, message, **more)
        proposal, = [d for e, d in got.events if e == "proposal"]
        self.assertEqual(set(proposal), {"id", "summary", "arguments", "expires_at"})
        self.assertIn(proposal["summary"], got.text, "a frontend that knows no proposals shows it all the same")
        self.assertRegex(got.text, r"Answer yes to do this, or no to leave it\.$")
        return proposal

    def decide(self, user, proposal, word):
        return self.front.request("POST", f"/v1/proposals/{proposal['id']}/{word}", {"user": user},
                                  self.front.grant_headers(user))

    def hour(self, user):
        return starts_at(self.admin.events(user)[0], ZONE).hour

    def gone(self, user):
        return all(e.get("status") == "cancelled" for e in self.admin.events(user))

    def test_no_leaves_it(self):
        user = self.dentist()
        self.proposed(user, "Delete Dentist tomorrow")
        self.assertEqual(self.say(user, "no thanks").text, "Left as it was.")
        self.say(user, "yes")
        self.assertFalse(self.gone(user))

    def test_guests_are_invited_once_it_is_confirmed(self):
        user = self.person(ZONE)
        proposal = self.proposed(user, "Schedule review tomorrow at 2pm and invite sam@example.com")
        self.assertEqual(proposal["arguments"]["guests"], ["sam@example.com"])
        self.assertIn("Google will mail the guests", proposal["summary"])
        self.assertEqual([e for e in self.admin.events(user) if e.get("attendees")], [])
        self.say(user, "yes please")
        event, = self.admin.events(user)
        self.assertEqual([a["email"] for a in event["attendees"]], ["sam@example.com"])

    def test_a_newer_one_takes_its_place(self):
        user = self.dentist()
        proposal = self.proposed(user, "Delete Dentist tomorrow")
        other = self.proposed(user, "Move Dentist to 4pm tomorrow")
        self.assertIn(self.decide(user, proposal, "confirm").code, ("proposal_gone", "proposal_used"))
        self.assertEqual(self.decide(user, other, "confirm").status, 200)
        self.assertEqual(self.hour(user), 16)
