#!/usr/bin/python3
"""A mail server for tests (Debian's python3-aiosmtpd): STARTTLS and signing in required, what came is written to a file, one
JSON object a line. The recipient's name says what happens to the mail:

  again-N-…   451 the first N times        never-…   550
  slow-S-…    the answer to the mail's text comes S seconds late, after it has been written down
  drop-…      taken, written down, and the connection ends without an answer, the first time

usage: mail_stand_in.py PORT CERT KEY FILE USER PASSWORD; "ready" on standard output once it listens."""

import asyncio
import collections
import json
import ssl
import sys

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult

port, cert, key, path, user, password = sys.argv[1:]
tries = collections.Counter()


def number(name):
    return int(name.split("-")[1])


class Handler:
    async def handle_RCPT(self, server, session, envelope, address, options):
        name = address.split("@")[0]
        tries[name] += 1
        if name.startswith("never-"):
            return "550 no such mailbox"
        if name.startswith("again-") and tries[name] <= number(name):
            return "451 come again"
        envelope.rcpt_tos.append(address)
        return "250 fine"

    async def handle_DATA(self, server, session, envelope):
        name = envelope.rcpt_tos[0].split("@")[0]
        with open(path, "a", encoding="utf-8") as file:
            file.write(json.dumps({"from": envelope.mail_from, "to": envelope.rcpt_tos, "tls": session.ssl is not None,
                                   "text": envelope.content.decode("utf-8")}) + "\n")
        if name.startswith("slow-"):
            await asyncio.sleep(number(name))
        if name.startswith("drop-") and tries[name] == 1:
            server.transport.close()
        return "250 taken"


def known(server, session, envelope, mechanism, data):
    return AuthResult(success=(data.login.decode(), data.password.decode()) == (user, password))


context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
context.load_cert_chain(cert, key)
controller = Controller(Handler(), hostname="127.0.0.1", port=int(port), tls_context=context, require_starttls=True,
                        authenticator=known, auth_required=True)
controller.start()
print("ready", flush=True)
sys.stdin.read()
controller.stop()
