#!/usr/bin/env python3
"""Publishes the demo's directory in a running Cloister by what every frontend has: each owner is connected through the
stand-in's consent pages, then puts and publishes businesses over the owners' API. May be repeated.

usage: load.py --api URL --key FILE --grants DIR --ca FILE --admin URL [--number N] [--public URL]"""

import argparse
import collections
import concurrent.futures
import hashlib
import os
import pathlib
import sys
import time
import urllib.error
import urllib.parse
import urllib.request

HERE = pathlib.Path(__file__).resolve().parent
sys.dont_write_bytecode = True
sys.path[:0] = [str(HERE), str(HERE.parents[1] / "tests/main")]

from client import Browser, Frontend, WorldAdmin, query_of  # noqa: E402
from directory import NUMBER, directory  # noqa: E402

AT_ONCE, TRIES = 8, 20
RETURN_TO = "http://127.0.0.1:8429/connected"


class Loader:
    def __init__(self, options):
        at = urllib.parse.urlsplit(options.api)
        self.front = Frontend(at.hostname, at.port, pathlib.Path(options.key).read_text().strip())
        self.grants, self.ca, self.admin = pathlib.Path(options.grants), options.ca, WorldAdmin(options.admin)
        self.grants.mkdir(mode=0o700, exist_ok=True)

    # Where deploy/lib/client.sh keeps them: `quickstart --user NAME --ask …` asks as this owner, too.
    def grant_file(self, user):
        return self.grants / hashlib.sha256(user.encode()).hexdigest()

    def connect(self, user, timezone):
        file = self.grant_file(user)
        if file.exists():
            self.front.grants[user] = file.read_text().partition(":")[2].strip()
            if self.front.user("GET", user, "connections/google").status == 200:
                return
        self.admin.account(user, timezone)
        browser = Browser(self.ca)
        made = self.must(self.front.user("POST", user, "connect-links", {"features": ["availability", "events"], "return_to": RETURN_TO}))
        opened = browser.visit("GET", made.json["url"])
        landed = browser.visit("GET", browser.consent(opened.headers["Location"], user))
        self.must(self.front.user("POST", user, "connections/redeem", {"code": query_of(landed.headers["Location"])["code"]}))
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with open(descriptor, "w", encoding="utf-8") as out:
            out.write(f"Cloister-Grant: {self.front.grants[user]}\n")

    @staticmethod
    def must(answer):
        if answer.status >= 300:
            raise RuntimeError(f"{answer.status} {answer.body[:300]}")
        return answer

    def ask(self, method, path, user, body):
        """Tries again what may be tried again: another program may just be starting."""
        for attempt in range(TRIES):
            got = self.front.request(method, f"{path}?user={urllib.parse.quote(user)}", body, self.front.grant_headers(user))
            if got.status not in (429, 503) or attempt + 1 == TRIES:
                break
            time.sleep(min(2, ((got.json or {}).get("retry_after_ms") or 200) / 1000))
        return self.must(got)

    def publish(self, one):
        path = f"/v1/businesses/{one['slug']}"
        self.ask("PUT", path, one["owner"], {"profile": one["profile"]})
        self.ask("POST", f"{path}/publish", one["owner"], {})

    def owner(self, user, businesses):
        self.connect(user, businesses[0]["timezone"])
        for one in businesses:
            self.publish(one)
        return len(businesses)


def found(public, slug):
    try:
        with urllib.request.urlopen(f"{public}/v1/businesses/{slug}", timeout=5) as answer:
            return answer.status == 200
    except OSError:
        return False


def main():
    parser = argparse.ArgumentParser()
    for name in ("api", "key", "grants", "ca", "admin"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--number", type=int, default=NUMBER)
    parser.add_argument("--public")
    options = parser.parse_args()
    loader, by_owner, began = Loader(options), collections.defaultdict(list), time.monotonic()
    for one in directory(options.number):
        by_owner[one["owner"]].append(one)
    done = told = 0
    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        # Who has most goes first, so that nobody is waited for at the end.
        order = sorted(by_owner, key=lambda user: -len(by_owner[user]))
        for count in concurrent.futures.as_completed([pool.submit(loader.owner, user, by_owner[user]) for user in order]):
            done += count.result()
            if done - told >= 50:
                print(f"  {done} of {options.number} businesses", file=sys.stderr)
                told = done
    while options.public and not found(options.public, by_owner["demo"][0]["slug"]):
        if time.monotonic() - began > 60:
            sys.exit("load.py: the directory is published, but the public gateway does not show it")
        time.sleep(0.1)
    print(f"The directory has {done} businesses ({time.monotonic() - began:.1f} s)", file=sys.stderr)


if __name__ == "__main__":
    main()
