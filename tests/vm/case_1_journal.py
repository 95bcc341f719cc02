"""Structured fields for operators, and nothing in them that is somebody's."""

import pathlib
import uuid

from machine import SERVICES, VmCase, run


class Journal(VmCase):
    def test_fields(self):
        person = self.answers()
        self.said(person, "What do I have tomorrow?")
        for service in SERVICES:
            lines = [line for line in self.cluster.journal("-u", f"{service}.service") if line.get("SYSLOG_IDENTIFIER") == service.removesuffix("-public")]
            with self.subTest(service):
                self.assertTrue(lines)
                own = [line for line in lines if line["_TRANSPORT"] == "journal"]
                self.assertEqual(len(own), len(lines), "nothing went past the journal's own socket")
                self.assertTrue(all(line["PRIORITY"] in "34567" for line in own))
        gateway = self.cluster.journal("SYSLOG_IDENTIFIER=cloister-gateway")
        requests = {line["CLOISTER_REQUEST"] for line in gateway if "CLOISTER_REQUEST" in line}
        self.assertTrue(requests)
        one = sorted(requests)[0]
        found = self.cluster.journal(f"CLOISTER_REQUEST={one}")
        self.assertTrue(found)
        self.assertTrue(all(one in line["MESSAGE"] for line in found))

    def test_nothing_secret(self):
        """Whatever went through so far, on this whole machine: words, titles, keys, grants."""
        word, title = "w" + uuid.uuid4().hex, "t" + uuid.uuid4().hex
        person = self.answers()
        self.said(person, f"Put {title} tomorrow at 3pm")
        self.said(person, f"What about {word}?")
        self.front.ask(person, f"And {word}", grant="x" * 40)
        keys = run("systemd-creds", "decrypt", "--name=cloister-kek", "/etc/credstore.encrypted/cloister-kek", "-").strip()
        secret = {"word": word, "title": title, "key": self.front.key, "grant": self.front.grants[person], "kek": keys, "first kek": self.cluster.told.get("kek", keys),
                  "model": pathlib.Path(self.cluster.named["MODEL_KEY_FILE"]).read_text().strip(),
                  "client": pathlib.Path(self.cluster.named["CLIENT_SECRET_FILE"]).read_text().strip()}
        control = "c" + uuid.uuid4().hex
        run("logger", control)
        run("journalctl", "--sync")
        text = run("journalctl", "-o", "export", "--no-pager")
        self.assertIn(control, text)
        self.assertEqual([name for name, value in secret.items() if value in text], [])
