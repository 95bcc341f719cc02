"""Addresses that a frontend may not send browsers back to, each with what is wrong about it: beside LISTED, the one that is
listed, and where `return_to=loopback` is."""

LISTED = "https://app.example/back"

RETURNS = [("another host", "https://evil.example/back"), ("prefix of the path", LISTED + "door"), ("below the path", LISTED + "/evil"),
           ("dots in the path", "https://app.example/back/../evil"), ("prefix of the host", "https://app.example.evil.test/back"),
           ("user name", "https://app.example@evil.test/back"), ("user name and password", "https://app.example:443@evil.test/back"),
           ("percent-encoded path", "https://app.example/%62ack"), ("percent-encoded host", "https://app.example%2f.evil.test/back"),
           ("fragment", LISTED + "#evil"), ("empty fragment", LISTED + "#"), ("query", LISTED + "?next=//evil.test"),
           ("upper-case host", "https://APP.EXAMPLE/back"), ("upper-case scheme", "HTTPS://app.example/back"),
           ("upper-case path", "https://app.example/BACK"), ("trailing dot of the host", "https://app.example./back"),
           ("trailing slash", LISTED + "/"), ("plain http", "http://app.example/back"), ("another port", "https://app.example:8443/back"),
           ("the default port", "https://app.example:443/back"), ("backslash", "https://app.example\\.evil.test/back"),
           ("doubled slash", "https://app.example//back"), ("loopback where it is not listed", "http://127.0.0.1:8429/connected")]
LOOPBACKS = [("a host that begins like loopback", "http://127.0.0.1.evil.test/x"), ("loopback as user name", "http://127.0.0.1@evil.test/x"),
             ("loopback and port as user name", "http://127.0.0.1:80@evil.test/x"), ("localhost as a prefix", "http://localhost.evil.test/x"),
             ("an address after the bracket", "http://[::1].evil.test/x"), ("a port that is none", "http://127.0.0.1:80evil.test/x"),
             ("backslash after loopback", "http://127.0.0.1\\@evil.test/x"), ("https loopback", "https://127.0.0.1/x")]
