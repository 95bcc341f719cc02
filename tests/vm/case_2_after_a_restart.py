"""The machine was restarted: everything is there again by itself, and connections outlive it."""

import json
import pathlib

from machine import DIR, SERVICES, VmCase, wait_until


class AfterRestart(VmCase):
    def test_it_is_up_by_itself(self):
        wait_until(60, self.cluster.is_ready, "ready")
        for service in SERVICES:
            self.assertTrue(self.cluster.active(service), service)

    def test_who_was_connected_still_is(self):
        kept = json.loads((DIR / "kept.json").read_text())
        self.front.grants[kept["user"]] = kept["grant"]
        wait_until(60, self.cluster.is_ready, "ready")
        self.said(kept["user"], "What do I have tomorrow?")

    def test_somebody_new(self):
        wait_until(60, self.cluster.is_ready, "ready")
        self.answers()
        self.assertEqual(pathlib.Path("/proc/swaps").read_text().count("\n"), 1)
