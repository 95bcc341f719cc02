"""N1: many users at once, each in an agent of their own, each answer from their own calendar alone."""

import concurrent.futures
import uuid

from base import FULL, SANITIZED, Case, day_after, timed

USERS = 200 if FULL else 24 if SANITIZED else 60


class Apart(Case):
    def test_every_answer_holds_its_own_titles_alone(self):
        zone = "Europe/Berlin"
        day = day_after(1, zone)
        names = [f"apart{i}" for i in range(USERS)]
        secret = {n: f"Secret {uuid.uuid4().hex}" for n in names}

        def join(name):
            self.cluster.connect(name, timezone=zone, events=[timed(secret[name], day, "10:00", "11:00", zone)])

        def ask(name):
            return name, self.front.stream(name, "What do I have tomorrow?", timezone=zone)

        with concurrent.futures.ThreadPoolExecutor(16) as pool:
            list(pool.map(join, names))
        with concurrent.futures.ThreadPoolExecutor(USERS) as pool:
            answers = dict(pool.map(ask, names))
        for name in names:
            self.finished(answers[name])
            self.assertIn(secret[name], answers[name].text)
            for other in names:
                if other != name:
                    self.assertNotIn(secret[other], answers[name].text)
        agents = [a for a in self.cluster.agents() if a["origin"] == "owner"]
        self.assertEqual(len({a["pid"] for a in agents}), USERS)
        self.assertEqual(len({a["user"] for a in agents}), USERS)
