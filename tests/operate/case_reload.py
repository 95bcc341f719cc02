"""N8: settings and secrets change while people talk; what cannot change says so; what is not good changes nothing."""

import json
import pathlib
import re
import subprocess
import threading
import unittest

from base import Case
from cluster import PREFIX, TOP, kill, wait_until
from load import Load


class Reload(Case):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.settings = cls.cluster.dir / "etc/cloister.conf"
        cls.good = cls.settings.read_text()

    def tearDown(self):
        self.settings.write_text(self.good)
        self.cluster.ctl("reload")
        super().tearDown()

    def setting(self, name):
        return subprocess.run([next(PREFIX.glob("*bin/cloister-launch")), "--config", self.settings, "print", name],
                              stdout=subprocess.PIPE, check=True).stdout.decode().strip()

    def write(self, section, key, value):
        """Sets one setting in the file as it was."""
        self.settings.write_text(self.good + f"\n[{section}]\n{key}={value}\n")

    def reload(self):
        code, out, err = self.cluster.ctl("reload", "--json")
        self.assertEqual(code, 0, err)
        return json.loads(out)

    def test_a_budget_holds_from_the_next_request(self):
        user = self.person()
        self.finished(self.front.stream(user, "hello"))
        self.write("budgets", "user_tokens_per_day", 1)
        self.finished(self.front.stream(user, "hello"))  # the control: not before the reload
        answer = self.reload()
        self.assertEqual(answer["changed"], [{"setting": "budgets.user_tokens_per_day", "takes_effect": "now", "restart": ""}])
        self.assertNotEqual(self.front.stream(user, "hello").status, 200)
        self.settings.write_text(self.good)
        self.reload()
        self.finished(self.front.stream(user, "hello"))

    def model_paths(self, since):
        return [r["path"] for r in self.admin.requests()[since:] if r["path"].startswith("/v1/") and r["method"] == "POST"]

    def other_model(self):
        """The stand-in speaks both providers' languages at one address."""
        base = self.cluster.named["MODEL_URL"] + "/v1"
        self.settings.write_text(self.good + f"\n[model]\nprovider=openai\nbase_url={base}\nmodel=qwen3\n")

    def test_another_model_from_the_next_turn_on(self):
        """Under load nobody fails; conversations go on; a turn that runs ends with the model that it began with."""
        users = [self.person() for _ in range(4)]
        user = self.person()
        self.finished(self.front.stream(user, "Put lunch with Sam tomorrow at 12:00.", timezone="Europe/Berlin"))
        with Load(self.front, users) as load:
            for round in range(3):
                wait_until(20, lambda n=len(load.answers): len(load.answers) >= n + 4, "answers")
                if round % 2 == 0:
                    self.other_model()
                else:
                    self.settings.write_text(self.good)
                changed = self.reload()["changed"]
                self.assertEqual({c["setting"]: c["takes_effect"] for c in changed},
                                 {"model.provider": "now", "model.base_url": "now", "model.model": "now"})
                self.assertEqual(self.reload()["changed"], [])
        self.assertEqual(load.failed, [])
        seen = len(self.admin.requests())
        self.finished(self.front.stream(user, "Move it to four", timezone="Europe/Berlin"))
        self.assertEqual(set(self.model_paths(seen)), {"/v1/chat/completions"})
        self.assertEqual([e["start"]["dateTime"][11:16] for e in self.admin.events(user)], ["16:00"])

    def test_a_turn_that_runs_ends_as_it_began(self):
        user, answers = self.person(), []
        self.finished(self.front.stream(user, "hello"))
        seen = len(self.admin.requests())
        self.admin.call("POST", "/settings", {"model_delay_ms": 1500})
        ask = lambda: answers.append(self.front.stream(user, "What do I have tomorrow?", timezone="Europe/Berlin"))
        threads = [threading.Thread(target=ask) for _ in range(2)]
        try:
            threads[0].start()
            wait_until(20, lambda: self.model_paths(seen), "its first call")
            threads[1].start()  # waits behind the first
            wait_until(20, lambda: json.loads(self.cluster.ctl("status", "--json")[1])["recent"]["queued"] == 1, "the second waits")
            self.other_model()
            self.reload()
        finally:
            for thread in threads:
                thread.join(60)
            self.admin.call("POST", "/settings", {"model_delay_ms": 0})
        for answer in answers:
            self.finished(answer)
        paths = self.model_paths(seen)
        old = [i for i, path in enumerate(paths) if path == "/v1/messages"]
        new = [i for i, path in enumerate(paths) if path == "/v1/chat/completions"]
        self.assertTrue(len(old) >= 2 and new and max(old) < min(new), paths)

    def test_another_model_waits_with_what_needs_a_restart(self):
        user = self.person()
        self.settings.write_text(self.good.replace("client_id=", "client_id=x") + "\n[model]\nmodel=other\nmax_output_tokens=99\n")
        changed = {c["setting"]: c["takes_effect"] for c in self.reload()["changed"]}
        self.assertEqual(changed, {"google.client_id": "after a restart", "model.model": "after a restart",
                                   "model.max_output_tokens": "after a restart"})
        zygote = self.cluster.zygote()
        self.settings.write_text(self.good + "\n[model]\nbase_url=https://elsewhere.example\n")
        self.assertEqual(self.reload()["changed"], [{"setting": "model.base_url", "takes_effect": "after a restart",
                                                     "restart": "cloister-egress cloister-keys cloisterd"}])
        self.settings.write_text(self.good)
        self.assertEqual(self.reload()["changed"], [])
        self.finished(self.front.stream(user, "hello"))
        self.assertEqual(self.cluster.zygote(), zygote)

    def test_what_needs_a_restart_says_so(self):
        self.write("gateway", "allowed_origins", "https://elsewhere.example")
        changed = self.reload()["changed"]
        self.assertEqual(changed, [{"setting": "gateway.allowed_origins", "takes_effect": "after a restart",
                                    "restart": "cloister-gateway cloister-gateway-public"}])
        self.assertEqual(self.reload()["changed"], changed, "until it has been restarted")
        self.settings.write_text(self.good)
        self.assertEqual(self.reload()["changed"], [])

    def test_a_link_that_leads_elsewhere_by_now(self):
        """The file is the one that was named, not the one that a link of this name led to when cloisterd started."""
        before, after = self.settings.with_name("before.conf"), self.settings.with_name("after.conf")
        before.write_text(self.good)
        after.write_text(self.good + "\n[agents]\nmax=77\n")
        for path in (before, after):
            path.chmod(self.settings.stat().st_mode & 0o777)
        self.settings.unlink()
        try:
            self.settings.symlink_to(before.name)
            kill(self.cluster.programs()["cloisterd"])
            wait_until(30, self.cluster.ready, "a cloisterd that was started by the link")
            self.settings.unlink()
            self.settings.symlink_to(after.name)
            self.assertEqual([c["setting"] for c in self.reload()["changed"]], ["agents.max"])
        finally:
            self.settings.unlink()
            self.settings.write_text(self.good)
            self.settings.chmod(before.stat().st_mode & 0o777)

    def test_a_listener_that_others_hold(self):
        """It outlives the gateway, so another address takes more than the restart that reload names: the log says what."""
        self.write("gateway", "owner_listen", "127.0.0.1:1")
        self.assertEqual([c["setting"] for c in self.reload()["changed"]], ["gateway.owner_listen"])
        kill(self.cluster.programs()["cloister-gateway"])
        wait_until(20, lambda: "gateway.owner_listen says 127.0.0.1:1, but" in self.cluster.log(), "a word in the log")
        line = next(line for line in self.cluster.log().splitlines() if "gateway.owner_listen says" in line)
        self.assertIn("systemctl edit cloister-gateway.socket", line)
        self.assertIn("cloister-launch, which is to be restarted", line)
        self.settings.write_text(self.good)
        kill(self.cluster.programs()["cloister-gateway"])
        wait_until(30, self.cluster.ready, "ready")

    def test_whom_turns_may_reach(self):
        """Taken off the list a host is reached by nobody, back on it it is, and cloister-egress stays the process it was."""
        user, egress = self.person(), self.cluster.programs()["cloister-egress"]
        listed = self.setting("egress.allow").split()
        self.finished(self.front.stream(user, "hello"))
        self.settings.write_text(self.good.replace(" " + listed[1], " new.example:443"))  # the model's
        self.assertNotIn(listed[1], self.setting("egress.allow"))
        answer = self.reload()
        self.assertEqual(answer["changed"], [{"setting": "egress.allow", "takes_effect": "now", "restart": ""}])
        self.assertEqual(answer["destinations"], "read again")
        wait_until(10, lambda: self.front.stream(user, "hello").error is not None, "the model is out of reach")
        self.settings.write_text(self.good)
        self.reload()
        wait_until(10, lambda: self.front.stream(user, "hello").error is None, "the model is in reach again")
        self.assertEqual(self.cluster.programs()["cloister-egress"], egress)

    def test_a_list_that_is_not_good_changes_nothing(self):
        user = self.person()
        self.write("egress", "allow", "https://model.example/v1")
        code, _, err = self.cluster.ctl("reload")
        self.assertEqual(code, 1)
        self.assertIn("egress.allow: every word must be host:port", err)
        subprocess.run(["kill", "-HUP", str(self.cluster.programs()["cloister-egress"])], check=True)
        wait_until(10, lambda: "not reloaded, nothing has changed: egress.allow" in self.cluster.log(), "a line in the log")
        self.finished(self.front.stream(user, "hello"))

    def test_what_is_not_good_changes_nothing(self):
        user = self.person()
        self.settings.write_text(self.good + "\n[budgets]\nuser_tokens_per_day=1\n[agents]\nmax=many\n")
        code, _, err = self.cluster.ctl("reload")
        self.assertEqual(code, 1)
        self.assertIn("agents.max must be", err)
        self.finished(self.front.stream(user, "hello"))
        self.write("model", "api_key_file", "/nonexistent/key")
        code, _, err = self.cluster.ctl("reload")
        self.assertEqual(code, 1)
        self.assertIn("/nonexistent/key", err)
        self.finished(self.front.stream(user, "hello"))

    def test_a_signal_does_the_same(self):
        user = self.person()
        self.write("budgets", "user_tokens_per_day", 1)
        self.finished(self.front.stream(user, "hello"))
        subprocess.run(["kill", "-HUP", str(self.cluster.launcher_pid())], check=True)
        wait_until(10, lambda: self.front.stream(user, "hello").status != 200, "the budget holds")
        self.assertTrue(self.cluster.programs().get("cloister-keys"), "nobody died of it")

    def test_secrets_are_exchanged_without_a_failed_request(self):
        """The client secret goes back and forth under load (access tokens hold for an hour, so a wrong one is not missed)."""
        users = [self.person() for _ in range(4)]
        secret_file = pathlib.Path(self.setting("google.client_secret_file"))
        old = secret_file.read_text()
        try:
            with Load(self.front, users) as load:
                wait_until(20, lambda: len(load.answers) >= 4, "answers")
                for i in range(10):
                    secret_file.write_text(f"GOCSPX-another-{i}" if i % 2 == 0 else old)
                    secrets = {s["secret"]: s["changed"] for s in self.reload()["secrets"]}
                    self.assertEqual(secrets, {"google-client-secret": True, "model-api-key": False}, i)
                many = len(load.answers)
                wait_until(20, lambda: len(load.answers) >= many + 4, "answers afterwards")
        finally:
            secret_file.write_text(old)
        self.assertEqual(load.failed, [])

    def test_turns_get_the_new_key(self):
        """A key that the provider does not know fails the next turn, the right one mends it (each other's control)."""
        user = self.person()
        key_file = pathlib.Path(self.setting("model.api_key_file"))
        old = key_file.read_text()
        try:
            key_file.write_text("sk-wrong-key")
            self.finished(self.front.stream(user, "hello"))  # not before the reload
            self.reload()
            self.assertIsNotNone(self.front.stream(user, "hello").error)
        finally:
            key_file.write_text(old)
        self.reload()
        self.finished(self.front.stream(user, "hello"))
        self.assertNotIn("sk-wrong-key", self.cluster.log())


class Advice(unittest.TestCase):
    """ipc/config_effect.def against the sources: whoever reads a setting at its start is named as to be restarted."""

    BOTH = {"cloister-gateway", "cloister-gateway-public"}
    # gateway/ is two programs; what but one of them reads.
    ONE = {"gateway_frontends_dir": {"cloister-gateway"}, "gateway_public_url": {"cloister-gateway"}, "google_auth_url": {"cloister-gateway"},
           "gateway_owner_listen": {"cloister-gateway"}, "gateway_public_listen": {"cloister-gateway-public"},
           "business_calls_per_minute": {"cloister-gateway-public"}, "business_client_calls_per_minute": {"cloister-gateway-public"},
           "business_business_calls_per_minute": {"cloister-gateway-public"}}

    def program(self, path, setting):
        folder, name = path.parts[0], path.name
        if path.parts[:2] == ("supervisor", "keys"):
            return {"cloister-keys"}
        if path.parts[:2] == ("supervisor", "egress"):
            return {"cloister-egress"}
        if folder == "supervisor":
            return set() if name.startswith("ctl_") else {"cloisterd"}
        if folder == "business":
            return {"cloister-notify"} if "notify_" in name or name == "proc_notify.c" else {"cloister-business"}
        return self.ONE.get(setting, self.BOTH) if folder == "gateway" else {"cloisterd"}  # agent/: its zygote

    def readers(self):
        got = {}
        for folder in ("agent", "business", "gateway", "supervisor"):
            for path in (TOP / folder).rglob("*.c"):
                for setting in set(re.findall(r"\bCONFIG_([a-z_]+)\b", path.read_text())):
                    got.setdefault(setting, set()).update(self.program(path.relative_to(TOP), setting))
        return got

    def test_whoever_reads_a_setting_is_named(self):
        rows = re.findall(r'^EFFECT\((\w+), (\w+), (\w+), "([^"]*)"\)', (TOP / "ipc/config_effect.def").read_text(), re.M)
        readers = self.readers()
        self.assertGreater(len(rows), 50)
        for section, key, how, programs in rows:
            if how == "RESTART":
                missing = readers.get(f"{section}_{key}", set()) - set(programs.split())
                self.assertEqual(missing, set(), f"[{section}] {key}")

    def test_what_has_no_row_restarts_all(self):
        text = (TOP / "ipc/config_effect.c").read_text()
        said = "".join(re.findall(r'"([a-z -]+)"', text[text.index("*ret_programs = \""):]))
        named = set(re.findall(r'^PROGRAM\("([\w-]+)"', (TOP / "deploy/programs.def").read_text(), re.M))
        self.assertGreater(len(named), 6)
        self.assertEqual(set(said.split()), named)
