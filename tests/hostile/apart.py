"""A part of the suite in namespaces of its own: processes, mounts, network, System V and POSIX objects, host name. What
gets out of a Cloister there has not got out of them, so that nobody else's programs are within reach, of a control
either; and addresses and ports are its own.

As a program: the first process of such namespaces. It runs its arguments and collects whatever orphans they leave."""

import json
import os
import pathlib
import resource
import socket
import subprocess
import sys
import threading

SPENT = "= spent "


def start(*command):
    """Runs it apart; what it says is to be read from `stdout`. Whoever kills what is returned ends all of it."""
    return subprocess.Popen(
        ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "--net", "--ipc", "--uts",
         sys.executable, __file__, *command], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)


def furnish():
    """Loopback, shared memory, and somebody to ask for names, who knows none."""
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "mode=1777", "shm", "/dev/shm"], check=True)
    names = pathlib.Path("/dev/shm/resolv.conf")
    names.write_text("nameserver 127.0.0.1\n")
    subprocess.run(["mount", "--bind", names, "/etc/resolv.conf"], check=True)
    asked = socket.socket(type=socket.SOCK_DGRAM)
    asked.bind(("127.0.0.1", 53))
    threading.Thread(target=know_none, args=(asked,), daemon=True).start()


def know_none(asked):
    """RFC 1035: the question comes back with "no such name"."""
    while True:
        data, peer = asked.recvfrom(4096)
        if len(data) >= 12:
            asked.sendto(data[:2] + b"\x81\x83" + data[4:6] + bytes(6) + data[12:], peer)


def collect(child):
    """Until `child` ends; its status."""
    while True:
        pid, status = os.wait()
        if pid == child:
            return os.waitstatus_to_exitcode(status)


def main():
    furnish()
    child = subprocess.Popen(sys.argv[1:])
    status = collect(child.pid)
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    print(SPENT + json.dumps(used.ru_utime + used.ru_stime), flush=True)
    return status & 0xff


if __name__ == "__main__":
    sys.exit(main())
