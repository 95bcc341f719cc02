"""Q7 N5: what is remembered is seen, used, corrected and deleted by its owner, and stored under the owner's key alone."""

import pathlib
import sys

from base import Case

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "control"))

from control import ControlCluster

ZONE = "Europe/Berlin"
SAID = "I like mornings"


class Memory(Case):
    @classmethod
    def setUpClass(cls):
        cls.cluster = ControlCluster(cls.provider)
        cls.front, cls.admin = cls.cluster.front, cls.cluster.admin

    def rememberer(self):
        user = self.person()
        self.finished(self.front.stream(user, f"Remember that {SAID}", timezone=ZONE))
        item, = self.items(user)
        self.assertIn("mornings", item["text"])
        return user, item

    def items(self, user):
        answer = self.front.user("GET", user, "memory")
        self.assertEqual(answer.status, 200, answer)
        return answer.json["items"]

    def correct(self, user, item, text, **more):
        return self.front.user("PUT", user, f"memory/{item}", {"text": text}, **more)

    def recalled(self, user):
        return self.finished(self.front.stream(user, "What do you remember about me?", timezone=ZONE,
                                               conversation="another")).text

    def test_corrected_seen_and_used(self):
        user, item = self.rememberer()
        self.assertIn("mornings", self.recalled(user))
        answer = self.correct(user, item["id"], "I like evenings")
        self.assertEqual(answer.status, 200, answer)
        wanted = {**item, "text": "I like evenings"}
        self.assertEqual(answer.json, wanted, "the same note and day, another text")
        self.assertEqual(self.items(user), [wanted])
        said = self.recalled(user)
        self.assertIn("evenings", said)
        self.assertNotIn("mornings", said)
        self.assertEqual(self.correct(user, item["id"], "I like evenings").status, 200, "once more")
        self.assertEqual(self.front.user("DELETE", user, f"memory/{item['id']}").status, 204)
        self.assertEqual(self.correct(user, item["id"], "I like nights").json["code"], "not_found")
        self.assertEqual(self.items(user), [], "what was deleted is not brought back")
        self.assertNotIn("evenings", self.recalled(user))

    def test_stored_under_the_owners_key(self):
        user, item = self.rememberer()
        self.correct(user, item["id"], "I like zebra crossings")
        sealed, = self.cluster.sql("SELECT position('zebra'::bytea IN sealed), position('mornings'::bytea IN sealed) "
                                   f"FROM preferences WHERE id = '{item['id']}'")
        self.assertEqual(sealed, ["0", "0"])
        # Moved to another user's row it opens for nobody.
        other, _ = self.rememberer()
        self.cluster.sql(f"UPDATE preferences SET user_id = (SELECT id FROM users WHERE name = '{other}') WHERE id = '{item['id']}'")
        self.assertEqual(len(self.items(other)), 1)
        self.assertNotIn("zebra", self.recalled(other))

    def test_only_the_owner_corrects(self):
        user, item = self.rememberer()
        other, others = self.rememberer()
        self.assertEqual(self.correct(other, item["id"], "I was here").json["code"], "not_found")
        for grant, code in ((None, "grant_required"), (self.front.grants[other], "grant_invalid")):
            answer = self.correct(user, item["id"], "I was here", grant=grant)
            self.assertEqual((answer.status, answer.json["code"]), (401, code))
        self.assertEqual(self.items(user), [item])
        self.assertEqual(self.items(other), [others])

    def test_bounds(self):
        user, item = self.rememberer()
        for text in ("", "   ", "x" * 301, "two\nlines", "ä" * 301):
            answer = self.correct(user, item["id"], text)
            self.assertEqual((answer.status, answer.json["code"]), (400, "invalid_field"), text[:20])
        self.assertEqual(self.items(user), [item])
        self.assertEqual(self.correct(user, item["id"], "ä" * 300).status, 200, "the control")
        self.assertEqual(self.items(user)[0]["text"], "ä" * 300)


class OtherDialect(Memory):
    provider = "openai"
