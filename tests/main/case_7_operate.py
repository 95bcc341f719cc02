"""The operator's side: cloisterctl, drain, park; stopped and started again within seconds."""

import json
import subprocess
import time

from base import Case
from cluster import TOP, wait_until


class Operate(Case):
    def test_list_show_park_stop(self):
        user = self.person()
        self.finished(self.front.stream(user, "What do I have tomorrow?", timezone="Europe/Berlin"))
        agent = self.cluster.agents()[0]
        for field in ("user", "origin", "pid", "state", "since", "idle_ms", "turns", "pss_kib"):
            self.assertIn(field, agent)
        self.assertGreater(agent["pss_kib"], 0)
        self.assertNotIn(user, json.dumps(agent), "an opaque id, not the name")
        self.assertEqual(self.cluster.ctl("show", agent["user"])[0], 0)
        self.assertEqual(self.cluster.ctl("park", agent["user"])[0], 0)
        wait_until(5, lambda: agent["pid"] not in [a["pid"] for a in self.cluster.agents()], "parked")
        self.finished(self.front.stream(user, "What do I have tomorrow?", timezone="Europe/Berlin"))
        self.assertEqual(self.cluster.ctl("stop", agent["user"])[0], 0)
        self.assertEqual(self.cluster.ctl("show", "0" * 32)[0], 2)
        self.assertEqual(self.cluster.ctl("nonsense")[0], 100)
        code, out, _ = self.cluster.ctl("status", "--json")
        self.assertEqual(code, 0)
        json.loads(out)

    def test_strangers_may_not(self):
        done = subprocess.run(["setpriv", "--reuid", "nobody", "--regid", "nogroup", "--clear-groups",
                               "/usr/bin/env", "-C", "/", self.cluster_ctl(), "--config", self.cluster.dir / "etc/cloister.conf", "list"],
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.assertIn(done.returncode, (3, 4))
        self.assertEqual(done.stdout, b"")

    def cluster_ctl(self):
        from cluster import PREFIX
        return PREFIX / "bin/cloisterctl"

    def test_stop_and_start_within_seconds(self):
        user = self.person()
        subprocess.run([TOP / "deploy/quickstart", "--stop"], env=self.cluster.env, check=True, stdin=subprocess.DEVNULL,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=90)
        began = time.monotonic()
        self.cluster.quickstart()
        self.finished(self.front.stream(user, "What do I have tomorrow?", timezone="Europe/Berlin"))
        print(f"    answered {time.monotonic() - began:.2f} s after the start began")
        self.assertLess(time.monotonic() - began, 15)

    def test_each_program_links_only_what_it_may_use(self):
        from cluster import PREFIX
        never = {"sbin/cloisterd": ("curl", "ssl"), "sbin/cloister-gateway": ("curl", "pq", "ssl"),
                 "libexec/cloister/cloister-agent": ("pq", "nng", "event", "sqlite"),
                 "sbin/cloister-egress": ("sodium", "ssl", "crypto", "curl", "pq"),
                 "sbin/cloister-keys": ("pq", "curl", "nng", "ssl"),
                 "sbin/cloister-business": ("curl", "ssl", "crypto"), "sbin/cloister-notify": ("nng", "sqlite"), "bin/cloisterctl": ("pq", "curl", "ssl")}
        for program, words in never.items():
            out = subprocess.run(["readelf", "-d", PREFIX / program], stdout=subprocess.PIPE, check=True).stdout.decode()
            linked = [line.split("[lib")[1].split(".so")[0] for line in out.splitlines() if "NEEDED" in line and "[lib" in line]
            self.assertIn("c", linked, "the control: something is found")
            for word in words:
                self.assertNotIn(word, [name.split("_")[0].split("-")[0] for name in linked], program)

    def test_configuration_check(self):
        from cluster import PREFIX
        for program in ("cloisterd", "cloister-keys", "cloister-egress", "cloister-gateway", "cloister-business", "cloister-notify"):
            done = subprocess.run([PREFIX / "sbin" / program, "--config", self.cluster.dir / "etc/cloister.conf", "-n"],
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            self.assertEqual(done.returncode, 0, done)
            bad = self.cluster.dir / "bad.conf"
            bad.write_text("[google]\nclient_identity=x\n")
            done = subprocess.run([PREFIX / "sbin" / program, "--config", bad, "-n"], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            self.assertNotEqual(done.returncode, 0)
            self.assertIn(b"client_identity", done.stderr)
