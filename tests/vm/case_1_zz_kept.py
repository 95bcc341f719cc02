"""What the checks after the machine's restart (case_2_…) find."""

import json

from machine import DIR, VmCase


class Kept(VmCase):
    def test_somebody_is_connected(self):
        person = self.answers()
        (DIR / "kept.json").write_text(json.dumps({"user": person, "grant": self.front.grants[person]}))
