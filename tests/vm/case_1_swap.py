"""With a swap file, and memory taken until it is used: what is locked stays out of it (N1)."""

import pathlib
import subprocess
import uuid

from machine import VmCase, run, wait_until

SWAP = pathlib.Path("/var/swap")
MIB = 1 << 20
HOLDER = """
import sys
held = bytearray(sys.argv[1].encode() * 65536)
print("ok", flush=True)
sys.stdin.read()
"""


class Swap(VmCase):
    def swapped(self):
        return int(pathlib.Path("/proc/swaps").read_text().splitlines()[-1].split()[3])

    def test_nothing_of_a_user_is_in_it(self):
        with SWAP.open("wb") as file:
            for _ in range(768):
                file.write(bytes(MIB))
        SWAP.chmod(0o600)
        run("mkswap", SWAP)
        word, control = "w" + uuid.uuid4().hex, "c" + uuid.uuid4().hex
        person = self.answers()
        run("swapon", SWAP)
        holder = subprocess.Popen(["python3", "-c", HOLDER, control], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        try:
            holder.stdout.readline()
            self.said(person, f"Put {word} tomorrow at 3pm")
            self.fill()
            found = self.search(word.encode(), control.encode())
        finally:
            holder.kill()
            holder.wait()
            run("swapoff", SWAP, timeout=300)
            SWAP.unlink()
        print(f"    {sum(found.values())} places, {found[word.encode()]} of them the user's")
        self.assertEqual(found[word.encode()], 0)
        self.assertGreater(found[control.encode()], 0, "the control: what is not locked went there")
        self.answers(person)

    def fill(self):
        """Others take more than there is, until half of the swap file is used."""
        script = "held = []\nimport time\nwhile True:\n    held.append(bytearray(b'x' * (8 << 20)))\n    time.sleep(0.01)"
        run("systemd-run", "-q", "--unit=filler", "-p", "OOMScoreAdjust=1000", "python3", "-c", script)
        try:
            wait_until(60, lambda: self.swapped() > 400 * 1024, "use of the swap file")
        finally:
            run("systemctl", "stop", "filler", check=False)

    def search(self, *needles):
        run("sync")
        found = dict.fromkeys(needles, 0)
        kept = b""
        with SWAP.open("rb", buffering=0) as file:
            while block := file.read(4 * MIB):
                text = kept + block
                for needle in needles:
                    found[needle] += text.count(needle)
                kept = block[-64:]
        return found
