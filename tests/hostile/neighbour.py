"""What the others have, for attempts to reach for: a second user with a connection of their own, connections that
wait for their user, and one of everything that processes can share."""

import ctypes
import os
import re
import socket
import subprocess
import uuid

from client import Browser

LIBC = ctypes.CDLL("libc.so.6", use_errno=True)
# struct mq_attr: one message of 64 bytes. What all queues of a user may hold is counted across IPC namespaces.
SMALL = (ctypes.c_long * 8)(0, 1, 64)


class Neighbour:
    """As props for attempts (attempt.h): facts()."""

    def __init__(self, cluster):
        self.cluster, self.name = cluster, "cloister-" + uuid.uuid4().hex[:12]
        self.known = None
        self.socket = cluster.dir / "neighbour.sock"
        self.path = self.listen(str(self.socket))
        os.chmod(self.socket, 0o777)
        self.abstract = self.listen("\0" + self.name)
        self.ids = {}
        for word, option in (("shm", "-M"), ("sem", "-S"), ("msg", "-Q")):
            size = [] if word == "msg" else ["4096" if word == "shm" else "1"]
            made = subprocess.run(["ipcmk", option, *size, "-p", "0666"], stdout=subprocess.PIPE, check=True)
            self.ids[word] = int(re.search(rb"(\d+)\s*$", made.stdout).group(1))
        mask = os.umask(0)
        queue = LIBC.mq_open(f"/{self.name}".encode(), os.O_CREAT | os.O_RDWR, 0o666, SMALL)
        os.umask(mask)
        assert queue >= 0, os.strerror(ctypes.get_errno())
        LIBC.mq_close(queue)
        with open(f"/dev/shm/{self.name}", "w") as shared:
            shared.write("theirs")
        os.chmod(f"/dev/shm/{self.name}", 0o666)

    @staticmethod
    def listen(address):
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(address)
        listener.listen(64)
        return listener

    def pending(self):
        """A connection that Google has consented to and nobody has redeemed: its code is still to be shown."""
        name = "later" + uuid.uuid4().hex[:8]
        cluster = self.cluster
        cluster.admin.account(name, "Europe/Berlin", ())
        browser = Browser(cluster.named["CA_FILE"])
        before = {row[0] for row in cluster.sql("SELECT id FROM connections")}
        opened = browser.visit("GET", cluster.link(name))
        landed = browser.visit("GET", browser.consent(opened.headers["Location"], name))
        assert landed.status == 302, landed
        found = [row[0] for row in cluster.sql("SELECT id FROM connections") if row[0] not in before]
        return found[0]

    def facts(self, prisoner):
        """Looked up once, when there are users."""
        if self.known is None:
            cluster = self.cluster
            cluster.connect("neighbour")
            for words in ("Remember that I like mornings", "Am I free tomorrow at 3pm?"):
                got = cluster.front.stream(prisoner, words, timezone="Europe/Berlin")
                assert got.done and not got.error, got
            user = lambda name: cluster.sql(f"SELECT id FROM users WHERE name = '{name}'")[0][0]
            theirs = user("neighbour")
            connection = cluster.sql(f"SELECT id FROM connections WHERE user_id = '{theirs}'")[0][0]
            self.known = {"theirs": theirs, "connection": connection, "mine": user(prisoner), "pending": self.pending(),
                          "pending2": self.pending(), "spare": uuid.uuid4().hex, "queue": self.name, "socket": self.socket,
                          "model": cluster.named["MODEL_URL"].split("://", 1)[1],
                          "keys": cluster.dir / "run/keys/keys.sock", **self.ids}
        return " ".join(f"{key}={value}" for key, value in self.known.items())

    def close(self):
        for listener in (self.path, self.abstract):
            listener.close()
        for word, option in (("shm", "-m"), ("sem", "-s"), ("msg", "-q")):
            subprocess.run(["ipcrm", option, str(self.ids[word])], check=False)
        LIBC.mq_unlink(f"/{self.name}".encode())
        os.unlink(f"/dev/shm/{self.name}")
