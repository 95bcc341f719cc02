"""Looking for secrets: which of them stands where, in any of the forms that a careless program would leave it in."""

import base64
import binascii
import os
import pathlib
import subprocess
import tempfile


class Secret:
    def __init__(self, kind, value):
        self.kind, self.value = kind, value

    def __hash__(self):
        return hash((self.kind, self.value))

    def __eq__(self, other):
        return (self.kind, self.value) == (other.kind, other.value)

    def __repr__(self):
        return f"<{self.kind} {self.value[:6]}…>"


def forms(value):
    """Name -> bytes of every form looked for: as it is, in hex, in base64 at each of the three places that it can begin at
    within longer text, in UTF-16; and the bytes that a token or hex key stands for, raw and in hex."""
    text = value.encode()
    got = {"plain": text, "hex": text.hex().encode(), "HEX": text.hex().upper().encode(), "UTF-16": value.encode("utf-16-le")}
    for shift in range(3):
        whole = base64.b64encode(b"\0" * shift + text)
        first = (0, 2, 3)[shift]  # characters that also depend on what stands before
        got[f"base64+{shift}"] = whole[first:len(whole) - (4 if (len(text) + shift) % 3 else 0)]
    raw = raw_of(value)
    if raw is not None:
        got["bytes"], got["bytes in hex"], got["bytes in base64"] = raw, raw.hex().encode(), base64.b64encode(raw).rstrip(b"=")
    # A form that says no more than another one would be found together with it.
    return {name: data for name, data in got.items() if name == "plain" or (data not in text and text not in data)}


def raw_of(value):
    body = value.removeprefix("cg1_")
    try:
        if len(body) == 64 and set(body) <= set("0123456789abcdef"):
            return binascii.unhexlify(body)
        raw = base64.b64decode(body + "=" * (-len(body) % 4), altchars="-_", validate=True)
    except (ValueError, binascii.Error):
        return None
    return raw if len(raw) >= 24 else None


def find(places, secrets):
    """`places`: name -> bytes. What was found: (place, kind, form)."""
    needles = [(s.kind, name, data) for s in secrets for name, data in forms(s.value).items()]
    return {(place, kind, form) for place, data in places.items() for kind, form, needle in needles if needle in data}


def find_in_files(top, skip, secrets):
    """The same for the files below `top` but those in or below `skip`; grep reads them, since a database is large."""
    lines, raw = [], []
    for secret in secrets:
        for name, data in forms(secret.value).items():
            (raw if b"\n" in data or b"\0" in data or name == "bytes" else lines).append((secret.kind, name, data))
    found = set()
    paths = [p for p in pathlib.Path(top).rglob("*") if p.is_file() and not any(p.is_relative_to(pathlib.Path(top, s)) for s in skip)]
    with tempfile.NamedTemporaryFile() as patterns:
        patterns.write(b"".join(data + b"\n" for _, _, data in lines))
        patterns.flush()
        hits = subprocess.run(["xargs", "-0", "grep", "-laF", "-f", patterns.name, "--"], input=b"\0".join(os.fsencode(p) for p in paths),
                              env={**os.environ, "LC_ALL": "C"}, stdout=subprocess.PIPE, stderr=subprocess.PIPE).stdout
    for name in filter(None, hits.split(b"\n")):
        data = pathlib.Path(os.fsdecode(name)).read_bytes()
        found |= {(os.fsdecode(name), kind, form) for kind, form, needle in lines if needle in data}
    for path in paths:
        try:
            data = path.read_bytes()
        except OSError:  # the database removed it meanwhile
            continue
        found |= {(str(path), kind, form) for kind, form, needle in raw if needle in data}
    return found
