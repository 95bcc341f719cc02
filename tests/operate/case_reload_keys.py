"""N8: the model's key and the host that it is for stay together, whatever is reloaded by whom and in which order: no key ever
reaches another provider than its own. Two stand-ins write down every key that they are shown."""

import http.server
import json
import os
import pathlib
import subprocess
import threading

from base import Case
from cluster import Cluster, PREFIX, free_port, kill, wait_until

KEYS = ("sk-of-the-old-one", "sk-of-the-new-one")
ANSWER = ('data: {"id":"c","object":"chat.completion.chunk","choices":[{"index":0,"delta":{"role":"assistant","content":"Hello."}}]}\n\n'
          'data: {"id":"c","object":"chat.completion.chunk","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\n'
          'data: {"id":"c","object":"chat.completion.chunk","choices":[],"usage":{"prompt_tokens":3,"completion_tokens":2}}\n\n'
          'data: [DONE]\n\n').encode()


class Provider(http.server.ThreadingHTTPServer):
    """A model that says hello, and knows who was let in with what."""

    daemon_threads = True

    def __init__(self):
        self.shown = []
        super().__init__(("127.0.0.1", free_port()), Handler)
        self.pair = "127.0.0.1:%d" % self.server_address[1]
        self.base = f"http://{self.pair}/v1"
        threading.Thread(target=self.serve_forever, daemon=True).start()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.server.shown.append((self.headers.get("Authorization") or "").removeprefix("Bearer ") + (self.headers.get("x-api-key") or ""))
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Content-Length", str(len(ANSWER)))
        self.end_headers()
        self.wfile.write(ANSWER)

    def log_message(self, *args):
        pass


class Two(Cluster):
    def __init__(self, providers):
        self.providers = providers
        super().__init__("openai")

    def write_config(self):
        super().write_config()
        text = self.config.read_text()
        listed = self.named["MODEL_URL"].split("://", 1)[1]
        key = self.dir / "model-key"
        key.write_text(KEYS[0])
        key.chmod(0o644)
        text = text.replace(listed + "\n", " ".join(p.pair for p in self.providers) + "\n")
        text = text.replace(f"base_url={self.named['MODEL_URL']}/v1", f"base_url={self.providers[0].base}")
        self.config.write_text(text.replace(self.named["MODEL_KEY_FILE"], str(key)))


class KeysAndHosts(Case):
    @classmethod
    def setUpClass(cls):
        cls.old, cls.new = Provider(), Provider()
        cls.cluster = Two((cls.old, cls.new))
        cls.front, cls.admin = cls.cluster.front, cls.cluster.admin
        cls.settings = cls.cluster.dir / "etc/cloister.conf"
        cls.good = cls.settings.read_text()

    @classmethod
    def tearDownClass(cls):
        super().tearDownClass()
        cls.old.shutdown()
        cls.new.shutdown()

    def setUp(self):
        self.key, self.secret = (pathlib.Path(self.setting(name)) for name in ("model.api_key_file", "google.client_secret_file"))
        self.kept = self.secret.read_text()
        self.user = self.person()
        self.said(self.old, KEYS[0])

    def tearDown(self):
        """All as at the start; another cloister-keys, which was told nothing."""
        super().tearDown()
        shown = set(self.old.shown), set(self.new.shown)
        self.old.shown.clear()
        self.new.shown.clear()
        self.settings.write_text(self.good)
        self.key.write_text(KEYS[0])
        self.secret.write_text(self.kept)
        keys = self.cluster.programs()["cloister-keys"]
        kill(keys)
        wait_until(30, lambda: self.cluster.programs().get("cloister-keys") not in (None, keys), "another cloister-keys")
        wait_until(30, lambda: self.cluster.ctl("reload")[0] == 0, "it is told all")
        self.said_at_last(self.old, KEYS[0])
        self.assertLessEqual(shown[0], {KEYS[0], ""}, "what the old one was shown")
        self.assertLessEqual(shown[1], {KEYS[1], ""}, "what the new one was shown")

    def said(self, provider, key):
        """A turn is answered, by this one, with this key."""
        before = len(provider.shown)
        self.finished(self.front.stream(self.user, "hello"))
        self.assertEqual(provider.shown[before:], [key])

    def turns_to_the_new_one(self, key=KEYS[1], more=""):
        self.key.write_text(key)
        self.settings.write_text(self.good + f"\n[model]\nbase_url={self.new.base}\n{more}")

    def reload(self, works=True):
        code, out, err = self.cluster.ctl("reload", "--json")
        self.assertEqual(code == 0, works, err)
        return {c["setting"]: c["takes_effect"] for c in json.loads(out)["changed"]}

    def signal(self, name):
        """As `systemctl reload` does; until that program has read all again."""
        words = {"cloisterd": "cloisterd: info: reloaded", "cloister-keys": "cloister-keys: info: reloaded"}[name]
        before = self.cluster.log().count(words)
        os.kill(self.cluster.programs()[name], 1)
        wait_until(20, lambda: self.cluster.log().count(words) > before, f"{name} has reloaded")

    def test_by_root_without_a_restart(self):
        """The control: both change at once, and back again."""
        self.turns_to_the_new_one()
        self.assertEqual(self.reload(), {"model.base_url": "now"})
        self.said(self.new, KEYS[1])
        self.key.write_text(KEYS[0])
        self.settings.write_text(self.good)
        self.assertEqual(self.reload(), {"model.base_url": "now"})
        self.said(self.old, KEYS[0])

    def test_a_host_that_takes_a_restart(self):
        """Its key waits for it, and is nobody else's."""
        self.turns_to_the_new_one()
        self.settings.write_text(self.settings.read_text().replace(f" {self.new.pair}", ""))
        self.assertEqual(self.reload()["model.base_url"], "after a restart")
        self.said(self.old, KEYS[0])
        self.turns_to_the_new_one()
        self.assertEqual(self.reload()["model.base_url"], "after a restart")  # it was not listed before
        self.said(self.old, KEYS[0])
        self.assertEqual(self.reload()["model.base_url"], "now")
        self.said(self.new, KEYS[1])

    def setting(self, name):
        return subprocess.run([next(PREFIX.glob("*bin/cloister-launch")), "--config", self.settings, "print", name],
                              stdout=subprocess.PIPE, check=True).stdout.decode().strip()

    def said_at_last(self, provider, key):
        before = len(provider.shown)
        wait_until(30, lambda: self.front.stream(self.user, "hello").error is None, "an answer")
        self.assertEqual(set(provider.shown[before:]), {key})

    def test_by_a_signal(self):
        """Whoever is not root hands nothing over, so the host stays until root does."""
        self.turns_to_the_new_one()
        self.signal("cloisterd")
        self.said(self.old, KEYS[0])
        self.assertEqual(self.reload(), {"model.base_url": "now"})
        self.said(self.new, KEYS[1])

    def test_one_that_wants_no_key(self):
        self.settings.write_text(self.good + f"\n[model]\nbase_url={self.new.base}\napi_key_file=\n")
        self.assertEqual(self.reload()["model.base_url"], "now")
        self.said(self.new, "")

    def test_beside_what_waits_for_a_restart(self):
        self.turns_to_the_new_one(more="turn_timeout_ms=110000\n")
        self.assertEqual(self.reload(), {"model.base_url": "after a restart", "model.turn_timeout_ms": "after a restart"})
        self.said(self.old, KEYS[0])

    def test_cloister_keys_is_away(self):
        """It has missed the key: the host stays, and all else is done."""
        keys = self.cluster.programs()["cloister-keys"]
        self.turns_to_the_new_one(more="[budgets]\nuser_tokens_per_day=900000\n")
        os.kill(keys, 19)
        try:
            self.assertEqual(self.reload(works=False), {"model.base_url": "after a restart", "budgets.user_tokens_per_day": "now"})
        finally:
            os.kill(keys, 18)
        self.said_at_last(self.old, KEYS[0])

    def test_cloister_keys_does_not_take_one(self):
        """Another secret that it refuses keeps the model's key from nobody."""
        self.secret.write_text("two\0words")
        self.turns_to_the_new_one()
        self.assertEqual(self.reload(works=False), {"model.base_url": "now"})
        self.said(self.new, KEYS[1])

    def test_a_signal_to_cloister_keys(self):
        """What stands in its file for the old host later is not what root handed over for the new one, nor the other way round."""
        self.turns_to_the_new_one()
        self.reload()
        self.said(self.new, KEYS[1])
        self.settings.write_text(self.good)
        self.key.write_text("sk-never-handed-over")
        self.signal("cloister-keys")
        self.said(self.new, KEYS[1])

    def test_cloisterd_alone_is_restarted(self):
        """Nothing was handed over for the host that it has now: turns fail by themselves and say what to do."""
        self.settings.write_text(self.good + f"\n[model]\nbase_url={self.new.base}\n")
        cloisterd = self.cluster.programs()["cloisterd"]
        os.kill(cloisterd, 9)
        wait_until(30, lambda: self.cluster.programs().get("cloisterd") not in (None, cloisterd) and self.cluster.ready(), "another cloisterd")
        ask = lambda: self.front.stream(self.user, "hello")
        wait_until(30, lambda: ask().code == "model_misconfigured", "the turn's own word")
        self.assertIn("cloisterctl reload as root", ask().error["detail"])
        self.assertEqual(self.new.shown, [])
        self.key.write_text(KEYS[1])
        self.reload()
        self.said(self.new, KEYS[1])
