"""cloister-egress as whoever took it over would have it (egress_taken.c): what a turn makes of the connections that it
hands out. The real turn asks the calendar, with the user's real token; out is whatever of that reaches the wrong place.

Each attempt is made with every rule of the agent's in place, and with the one away that stops it: then it must be out."""

import pathlib
import shutil
import socket
import ssl
import subprocess
import threading
import uuid

from stage import Controls

TIME_MS = 6000  # of a turn, which tries a host again for as long
ZONE = "Europe/Berlin"
ASK = "What do I have tomorrow?"


def certificate(stage, name, subject, signed):
    """(certificate, key): by the authority that turns trust, or by itself."""
    folder = stage.dir / "outside-certs"
    folder.mkdir(exist_ok=True)
    cert, key, request = (folder / f"{name}.{end}" for end in ("pem", "key", "csr"))
    openssl = lambda *args: subprocess.run(["openssl", *args], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    openssl("req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=elsewhere",
            "-keyout", key, "-out", request)
    (folder / f"{name}.ext").write_text(f"subjectAltName={subject}\n")
    authority = ["-CA", stage.dir / "world/ca.pem", "-CAkey", stage.dir / "world/ca.key", "-CAcreateserial"] if signed else ["-signkey", key]
    openssl("x509", "-req", "-in", request, "-days", "1", "-extfile", folder / f"{name}.ext", *authority, "-out", cert)
    return cert, key


class Elsewhere:
    """A listener of the attacker's. With a certificate it speaks TLS; what it hears is kept."""

    def __init__(self, pair=None):
        self.heard, self.context = [], None
        if pair:
            self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.context.load_cert_chain(*pair)
        self.socket = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port = self.socket.getsockname()[1]
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                peer = self.socket.accept()[0]
            except OSError:
                return
            threading.Thread(target=self.hear, args=(peer,), daemon=True).start()

    def hear(self, peer):
        try:
            peer.settimeout(10)
            peer = self.context.wrap_socket(peer, server_side=True) if self.context else peer
            while data := peer.recv(65536):
                self.heard.append(data)
        except OSError:
            pass
        finally:
            peer.close()

    def close(self):
        self.socket.close()


class Victim:
    """Somebody new for each try: whose agent and whose connections are nobody's before."""

    def __init__(self, stage):
        self.stage, self.name = stage, "v" + uuid.uuid4().hex[:10]
        stage.connect(self.name)

    def ask(self):
        return self.stage.front.stream(self.name, ASK, timezone=ZONE)

    def tokens(self):
        return [t for tokens in self.stage.admin.call("GET", f"/tokens/{self.name}").values() for t in tokens]


def taken(stage, how, there, look):
    """What a turn's request comes to while egress is taken over."""
    victim, path = Victim(stage), pathlib.Path(stage.dir / "etc/taken")
    path.write_text(f"{how} {there.port}\n")
    try:
        got = victim.ask()
    finally:
        path.unlink()
        there.close()
    told = look(victim, b"".join(there.heard))
    return told or f"stopped: {got.code or 'it was answered'}"


def secrets_heard(victim, heard):
    found = [what for what in (*victim.tokens(), "Bearer ", "x-api-key") if what.encode() in heard]
    return "out: a request with its token" if found else ""


def another_host(stage):
    return taken(stage, "elsewhere", Elsewhere(certificate(stage, "named", "DNS:elsewhere.example.test", True)), secrets_heard)


def nobodys_host(stage):
    return taken(stage, "elsewhere", Elsewhere(certificate(stage, "nobodys", "IP:127.0.0.1", False)), secrets_heard)


def unasked(stage):
    """Even a first byte is one too many: what nobody asked for is closed unused."""
    return taken(stage, "unasked", Elsewhere(), lambda victim, heard: f"out: {len(heard)} bytes to it" if heard else "")


def handed(stage):
    """What egress hands out in its `file` mode."""
    return pathlib.Path(stage.dir / "etc/taken.file")


def folder(stage):
    """A turn that is taken over as well, and was handed a folder."""
    there = handed(stage)
    there.mkdir()
    (there / "theirs").write_text("something\n")
    there.chmod(0o755)
    path = pathlib.Path(stage.dir / "etc/taken")
    victim = Victim(stage)
    props = stage.outside.lay()
    path.write_text("file 1\n")
    try:
        got = stage.front.stream(victim.name, f"hostile turn use_folder {props}")
    finally:
        path.unlink()
        shutil.rmtree(there)
    return " ".join(got.text.split()) or f"stopped: {got.code}"


ATTEMPTS = [
    ("egress hands out a host that vouches for another name", another_host, ("tls-name",)),
    ("egress hands out a host for which nobody trusted vouches", nobodys_host, ("tls-authority",)),
    ("egress hands out connections that nobody asked for", unasked, ("dial-call",)),
    ("egress hands a folder to a turn that is taken over as well", folder, ("landlock",)),
]


def run(stage, judge):
    """`judge(title, who, walls, left, told, wanted)` hears each."""
    for title, attempt, walls in ATTEMPTS:
        for away, left, wanted in (((), "all", False), (walls, None, True)):
            stage.take_away(away)
            judge(title, "egress", walls, left, attempt(stage), wanted)
    stage.take_away(())


if __name__ == "__main__":
    played = Controls()
    try:
        run(played, lambda *told: print(*told, flush=True))
    finally:
        played.stop()
