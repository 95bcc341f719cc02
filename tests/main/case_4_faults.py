"""Every fault the stand-ins offer: a right answer after retry, or a clear error with a next step."""

from base import Case, day_after, timed

ZONE = "Europe/Berlin"
READ = "What do I have tomorrow?"
WRITE = "Put lunch with Sam tomorrow at 3pm"


class Faults(Case):
    extra = "[model]\nturn_timeout_ms=20000\n"

    def reader(self):
        return self.person(ZONE, [timed("Alpha planning", day_after(1, ZONE), "10:00", "11:00", ZONE)])

    def right_answer(self, user):
        got = self.finished(self.front.stream(user, READ, timezone=ZONE))
        self.assertIn("Alpha planning", got.text)

    def clear_error(self, got, codes):
        self.assertIn(got.code, codes, got)
        self.assertTrue(got.error["detail"], got)
        self.assertNotIn("Alpha", got.error["detail"])
        return got

    def test_calendar_read_recovers(self):
        for kind, more in (("status", {"status": 403, "reason": "rateLimitExceeded"}),
                           ("status", {"status": 429, "reason": "rateLimitExceeded", "retry_after": 1}),
                           ("status", {"status": 500, "reason": "backendError"}),
                           ("status", {"status": 503, "reason": "backendError"}),
                           ("status", {"status": 401, "reason": "authError"}),
                           ("lost_answer", {}), ("truncate", {}), ("reset", {})):
            with self.subTest(kind=kind, **more):
                user = self.reader()
                self.admin.fault("calendar", kind, times=1, **more)
                self.right_answer(user)
                self.admin.clear_faults()

    def test_calendar_read_that_stays_broken_is_a_clear_error(self):
        codes = {"google_unavailable", "google_rate_limited", "google_quota", "google_rejected", "turn_timeout"}
        for kind, more in (("status", {"status": 503, "reason": "backendError"}),
                           ("status", {"status": 403, "reason": "rateLimitExceeded"}),
                           ("status", {"status": 403, "reason": "quotaExceeded"}),
                           ("malformed", {}), ("oversize", {}), ("hang", {}),
                           ("wrong_host_cert", {}), ("unknown_ca_cert", {}), ("expired_cert", {})):
            with self.subTest(kind=kind, **more):
                user = self.reader()
                self.admin.fault("calendar", kind, times=50, **more)
                self.clear_error(self.front.stream(user, READ, timezone=ZONE), codes)
                self.admin.clear_faults()

    def test_calendar_write_is_never_doubled(self):
        for kind, more in (("lost_answer", {}), ("status", {"status": 503, "reason": "backendError"}),
                           ("status", {"status": 429, "reason": "rateLimitExceeded", "retry_after": 1}),
                           ("truncate", {}), ("reset", {})):
            with self.subTest(kind=kind, **more):
                user = self.person(ZONE)
                self.admin.fault("calendar", kind, method="POST", path_contains="/events", times=1, **more)
                self.finished(self.front.stream(user, WRITE, timezone=ZONE))
                self.assertEqual(len(self.admin.events(user)), 1)
                self.admin.clear_faults()

    def test_write_whose_outcome_stays_unknown_says_so(self):
        user = self.person(ZONE)
        self.admin.fault("calendar", "lost_answer", path_contains="/events", times=50)
        got = self.clear_error(self.front.stream(user, WRITE, timezone=ZONE, key="w"), {"google_unavailable", "turn_timeout"})
        self.assertTrue(got.error.get("unknown_writes"), got)
        self.admin.clear_faults()
        self.finished(self.front.stream(user, WRITE, timezone=ZONE, key="w"))
        self.assertEqual(len(self.admin.events(user)), 1)

    def test_token_endpoint(self):
        user = self.reader()
        for kind, more in (("status", {"status": 503}), ("lost_answer", {}), ("reset", {})):
            with self.subTest(kind=kind):
                user = self.reader()
                self.admin.fault("token", kind, times=1, **more)
                self.right_answer(user)
                self.admin.clear_faults()
        for kind in ("malformed", "hang", "unknown_ca_cert"):
            with self.subTest(kind=kind):
                user = self.reader()
                self.admin.fault("token", kind, times=50)
                self.clear_error(self.front.stream(user, READ, timezone=ZONE), {"google_unavailable", "google_rejected", "turn_timeout"})
                self.admin.clear_faults()

    def test_model_recovers(self):
        for kind, more in (("status", {"status": 429, "retry_after": 1}), ("status", {"status": 529}),
                           ("status", {"status": 500}), ("reset", {}), ("truncate", {})):
            with self.subTest(kind=kind, **more):
                user = self.reader()
                self.admin.fault("model", kind, times=1, **more)
                got = self.front.stream(user, READ, timezone=ZONE)
                if got.code != "model_unavailable":  # text may have been shown before the stream broke
                    self.assertIn("Alpha planning", self.finished(got).text)
                self.admin.clear_faults()

    def test_model_that_stays_broken_is_a_clear_error(self):
        for kind, more, codes in (("status", {"status": 529}, {"model_unavailable"}),
                                  ("status", {"status": 429}, {"model_rate_limited"}),
                                  ("status", {"status": 401}, {"model_misconfigured", "model_rejected"}),
                                  ("status", {"status": 400}, {"model_rejected", "model_misconfigured"}),
                                  ("malformed", {}, {"model_unavailable"}),
                                  ("oversize", {}, {"model_unavailable", "budget_exhausted"}),
                                  ("midstream_error", {}, {"model_unavailable"}),
                                  ("hang", {}, {"turn_timeout", "model_unavailable"}),
                                  ("wrong_host_cert", {}, {"model_unavailable", "model_misconfigured"}),
                                  ("unknown_ca_cert", {}, {"model_unavailable", "model_misconfigured"}),
                                  ("expired_cert", {}, {"model_unavailable", "model_misconfigured"})):
            with self.subTest(kind=kind, **more):
                user = self.reader()
                self.admin.fault("model", kind, times=50, **more)
                self.clear_error(self.front.stream(user, READ, timezone=ZONE), codes)
                self.admin.clear_faults()

    def test_model_with_bad_arguments_or_unknown_tools(self):
        for words in ("bad arguments", "unknown tool"):
            with self.subTest(words=words):
                got = self.front.stream(self.reader(), f"{words}: what do I have tomorrow?", timezone=ZONE)
                self.assertTrue(got.done or got.code == "budget_exhausted", got)
        self.assertEqual(self.cluster.readyz(), True)
