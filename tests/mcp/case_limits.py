"""Limits hold for answers that the gateway keeps, too."""

import json
import unittest
import urllib.error
import urllib.request

from stage import stage

AT_ONCE = 30 // 5 + 5  # [business] calls_per_minute: a fifth of them, and five
running = None


def setUpModule():
    global running
    running = stage("[gateway]\ntrusted_proxies=127.0.0.1\n[business]\ncalls_per_minute=30\n")


def tearDownModule():
    running.stop()


def search(address):
    """isError and the second text's facts of one and the same search over MCP."""
    body = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "search_businesses", "arguments": {"query": "linde"}}}
    with urllib.request.urlopen(urllib.request.Request(running.public + "/mcp", json.dumps(body).encode(), {
            "Content-Type": "application/json", "Accept": "application/json, text/event-stream", "X-Forwarded-For": address}), timeout=20) as got:
        result = json.loads(got.read())["result"]
    return result.get("isError", False), json.loads(result["content"][-1]["text"])


class Kept(unittest.TestCase):
    def test_who_asks_the_same_again_and_again(self):
        told = [search("192.0.2.1") for _ in range(AT_ONCE + 5)]
        fine = [facts for error, facts in told if not error]
        self.assertLessEqual(abs(len(fine) - AT_ONCE), 2)  # a token or two come back meanwhile
        self.assertTrue(all(len(facts["businesses"]) == 1 for facts in fine))
        error, facts = told[-1]
        self.assertTrue(error)
        self.assertEqual((facts["status"], facts["code"]), (429, "limited"))
        self.assertGreater(facts["retry_after_ms"], 0)
        self.assertFalse(search("192.0.2.2")[0])  # somebody else is not kept out

    def test_over_http(self):
        def ask(address):
            try:
                with urllib.request.urlopen(urllib.request.Request(running.public + "/v1/businesses?q=linde", headers={"X-Forwarded-For": address}), timeout=20) as got:
                    return got.status, got.headers
            except urllib.error.HTTPError as refused:
                return refused.code, refused.headers
        told = [ask("192.0.2.3") for _ in range(AT_ONCE + 5)]
        self.assertEqual(told[0][0], 200)
        status, headers = told[-1]
        self.assertEqual(status, 429)
        self.assertGreaterEqual(int(headers["Retry-After"]), 1)
        self.assertEqual(ask("192.0.2.4")[0], 200)
