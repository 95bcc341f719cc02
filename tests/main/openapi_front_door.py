"""What can happen to a request on any route: requests that are not as HTTP or this server wants them, byte by byte."""

import http.client
import io
import resource
import socket

from client import Answer
from openapi_stage import HEAVY, OPERATIONS

ROUTE = OPERATIONS["health"]  # a route that refuses nothing itself
CONNECTIONS_OF_ONE_ADDRESS = 1024


def lines(*head, first="GET /healthz HTTP/1.1"):
    return "\r\n".join([first, "Host: x", *head, "", ""]).encode()


# (name, status, code, what is sent)
REQUESTS = (
    ("a method that the path does not take", 405, "method_not_allowed", lines(first="PUT /healthz HTTP/1.1")),
    ("a path where nothing is", 404, "not_found", lines(first="GET /nowhere HTTP/1.1")),
    ("a header that is none", 400, "bad_request", lines("a header")),
    ("a body where none is taken", 400, "bad_request", lines("Content-Length: 2") + b"{}"),
    ("a body in chunks", 411, "length_required", lines("Transfer-Encoding: chunked") + b"0\r\n\r\n"),
    ("a body that is too large", 413, "payload_too_large", lines("Content-Length: 70000")),
    ("an address that is too long", 414, "uri_too_long", lines(first="GET /" + "a" * 9000 + " HTTP/1.1")),
    ("an expectation", 417, "expectation_failed", lines("Expect: wonders")),
    ("too many headers", 431, "headers_too_large", lines(*["a: b"] * 70)),
    ("another version of HTTP", 505, "http_version", lines(first="GET /healthz HTTP/2.0")),
)
SLOW = ("a head that does not end", 408, "request_timeout", lines()[:-2])  # takes ten seconds
CROWD = ("more connections than one address may have", 503, "too_many_connections", lines())
NEVER = {"internal": "nothing that a test may do from outside makes Cloister fail inside"}


class Received:
    """Bytes in a socket's place, as http.client reads them."""

    def __init__(self, data):
        self.data = data

    def makefile(self, *_):
        return io.BytesIO(self.data)


def send(port, data, source="127.0.0.1"):
    got = b""
    with socket.create_connection(("127.0.0.1", port), 40, (source, 0)) as s:
        s.sendall(data)
        while chunk := s.recv(65536):
            got += chunk
    reply = http.client.HTTPResponse(Received(got))
    reply.begin()
    return Answer(reply.status, dict(reply.getheaders()), reply.read().decode())


def send_in_a_crowd(port, data):
    """The same while its address holds as many connections as it may."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, 4096)), hard))
    held = [socket.create_connection(("127.0.0.1", port), 10, (HEAVY, 0)) for _ in range(CONNECTIONS_OF_ONE_ADDRESS)]
    try:
        return send(port, data, HEAVY)
    finally:
        [s.close() for s in held]
