"""Agents in control groups (version 2) with memory, pids and cpu; what memory does to them and to everybody else."""

import concurrent.futures
import contextlib
import os
import pathlib
import subprocess
import time

from cluster import wait_until
from machine import AGENTS, SLOW, VmCase, number, run

MIB = 1 << 20
# Takes what its first argument says in MiB, writes to all of it over and over until its input ends.
EATER = """
import sys, threading
held = bytearray(int(sys.argv[1]) << 20)
over = threading.Event()
threading.Thread(target=lambda: (sys.stdin.read(), over.set()), daemon=True).start()
print("ok", flush=True)
while not over.is_set():
    for at in range(0, len(held), 4096):
        held[at] = 1
    over.wait(float(sys.argv[2]))
"""


class Agents(VmCase):
    def agent_of(self, user):
        """What `list` says of the agent that this user's question has just used."""
        before = {a["pid"] for a in self.cluster.agents()}
        self.said(user, "What do I have tomorrow?")
        new = [a for a in self.cluster.agents() if a["pid"] not in before and a["origin"] == "owner"]
        self.assertEqual(len(new), 1, new)
        return new[0]

    def fresh(self):
        """A connected user without an agent, and the agent of the next question."""
        user = self.person()
        for agent in self.cluster.agents():
            self.cluster.ctl("stop", agent["user"])
        wait_until(20, lambda: not self.cluster.agents(), "the end of agents")
        return user, self.agent_of(user)

    def group(self, agent):
        line = pathlib.Path(f"/proc/{agent['pid']}/cgroup").read_text().strip()
        return pathlib.Path("/sys/fs/cgroup" + line.removeprefix("0::"))

    @contextlib.contextmanager
    def slow_model(self, ms):
        self.admin.call("POST", "/settings", {"model_delay_ms": ms})
        try:
            yield
        finally:
            self.admin.call("POST", "/settings", {"model_delay_ms": 0})

    def test_groups_and_their_limits(self):
        _, agent = self.fresh()
        group = self.group(agent)
        self.assertEqual(group.parent, AGENTS)
        self.assertEqual({c for c in (AGENTS / "cgroup.subtree_control").read_text().split()}, {"cpu", "memory", "pids"})
        self.assertEqual((number(group / "memory.max"), number(group / "pids.max")), (320 * MIB, 8))
        self.assertEqual(number(group / "cpu.weight"), 100)
        self.assertGreater(number(group / "memory.peak") if (group / "memory.peak").exists() else number(group / "memory.current"), 0)
        walls = {wall["property"]: wall["layers"] for wall in self.cluster.status()["zygote"]["walls"]}
        self.assertIn("cgroup(cpu,memory,pids)", walls["exhaustion"])
        run("cloisterctl", "stop", agent["user"])
        wait_until(20, lambda: not group.exists(), "removal of the group")

    def test_processes_are_counted(self):
        """Whoever forks in there is told no by the kernel, and nobody outside notices."""
        user, agent = self.fresh()
        group = self.group(agent)
        script = f"echo $$ >{group}/cgroup.procs; for i in 1 2 3 4 5 6 7 8 9 10 11 12; do sleep 3 & done; wait"
        subprocess.run(["timeout", "20", "bash", "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
        self.assertGreater(int((group / "pids.events").read_text().split()[1]), 0, "it was refused")
        wait_until(20, lambda: number(group / "pids.current") == 1, "the end of those")
        self.said(user, "What do I have tomorrow?")

    def test_one_that_exceeds_its_memory_dies_alone(self):
        """A turn takes more than its group may have: it is told so, and a turn that runs beside it ends well."""
        other = self.answers()
        user, agent = self.fresh()
        group, pids = self.group(agent), self.cluster.pids()
        with self.slow_model(2000 * SLOW), concurrent.futures.ThreadPoolExecutor(2) as pool:
            asked = pool.submit(self.front.stream, user, "What do I have tomorrow?", timezone="Europe/Berlin")
            beside = pool.submit(self.front.stream, other, "What do I have tomorrow?", timezone="Europe/Berlin")
            wait_until(10, lambda: number(group / "pids.current") == 2, "its turn")
            (group / "memory.max").write_text("200K")  # what it has is now more than it may have
            got, neighbour = asked.result(), beside.result()
            if group.exists():
                (group / "memory.max").write_text(str(320 * MIB))
        print(f"    told: {got}")
        self.assertEqual(got.code, "agent_lost", got)
        self.finished(neighbour)
        self.assertEqual(self.cluster.pids(), pids, "no program was restarted")
        self.assertTrue([line for line in self.cluster.journal("-k", "-g", "Memory cgroup out of memory") if "cloister" in line["MESSAGE"]])
        self.said(user, "What do I have tomorrow?")

    @contextlib.contextmanager
    def eater(self, mib, *properties, pause=0.2):
        unit = f"eater-{time.monotonic_ns()}"
        command = ["systemd-run", "-q", "--pipe", "--wait", f"--unit={unit}", *properties, "python3", "-c", EATER, str(mib), str(pause)]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        try:
            yield process
        finally:
            process.stdin.close()
            run("systemctl", "stop", unit, check=False)
            process.wait(30 * SLOW)

    def idle_agents(self, n):
        for agent in self.cluster.agents():
            self.cluster.ctl("stop", agent["user"])
        people = [self.answers() for _ in range(n)]
        for user in people:
            self.said(user, "Put lunch with Sam tomorrow at 3pm")
        self.assertGreaterEqual(len(self.cluster.agents()), n)
        return people

    def test_short_of_memory_parks_the_idle(self):
        people = self.idle_agents(4)
        whole = next(int(line.split()[1]) for line in pathlib.Path("/proc/meminfo").read_text().splitlines() if line.startswith("MemAvailable"))
        total = next(int(line.split()[1]) for line in pathlib.Path("/proc/meminfo").read_text().splitlines() if line.startswith("MemTotal"))
        leave = total * 7 // 100  # under 10% of the machine, above 5%
        with self.eater((whole - leave) // 1024):
            wait_until(30, lambda: not self.cluster.agents(), "parking")
            self.assertEqual(self.cluster.status()["memory"]["short"], "low")
            got = self.front.stream(people[0], "Move it to four", timezone="Europe/Berlin")
            self.finished(got)
        self.assertEqual([e["start"]["dateTime"][11:13] for e in self.admin.events(people[0])], ["16"], "it still knew")

    @contextlib.contextmanager
    def waiting_for_memory(self):
        """A service that waits for memory most of the time, at a limit of its own."""
        big, unit = pathlib.Path("/var/tmp/big"), f"thrash-{time.monotonic_ns()}"
        with big.open("wb") as file:
            for _ in range(40):
                file.write(os.urandom(MIB))
            os.fsync(file.fileno())
        pathlib.Path("/proc/sys/vm/drop_caches").write_text("1")  # what is read again is its own, not what this program wrote
        thrash = ("import mmap; f = open('/var/tmp/big', 'rb'); m = mmap.mmap(f.fileno(), 0, prot=mmap.PROT_READ); m.madvise(mmap.MADV_RANDOM)\n"
                  "while True: sum(m[i] for i in range(0, len(m), 4096))")
        run("systemd-run", "-q", f"--unit={unit}", "-p", "MemoryMax=20M", "-p", "MemorySwapMax=0", "python3", "-c", thrash)
        try:
            wait_until(60, lambda: self.cluster.status()["memory"]["stalled_percent"] >= 10, "time lost")
            yield
        finally:
            run("systemctl", "stop", unit)
            big.unlink()

    def test_waiting_for_memory(self):
        """PSI: while a third is free, who waits has a limit of its own, which is nobody else's trouble; with less the idle are parked."""
        people = self.idle_agents(2)
        with self.waiting_for_memory():
            self.said(people[0], "What do I have tomorrow?")
            self.said(self.person(), "What do I have tomorrow?")
            self.assertGreaterEqual(len(self.cluster.agents()), 3)
            memory = {line.split(":")[0]: int(line.split()[1]) for line in pathlib.Path("/proc/meminfo").read_text().splitlines()}
            leave = memory["MemTotal"] * 18 // 100
            with self.eater((memory["MemAvailable"] - leave) // 1024, pause=5):
                wait_until(60, lambda: not self.cluster.agents(), "parking")
                print(f"    {self.cluster.status()['memory']}")
        self.answers(people[0])
