"""Q1 Q2 C3: stealing an account, or giving somebody one's own. Each attack is refused by the real programs, and
succeeds in a cluster of control programs from which exactly the rule that it names is taken away."""

import concurrent.futures
import copy
import pathlib
import sys
import unittest
import urllib.parse

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "control"))

from addresses import LISTED, LOOPBACKS, RETURNS
from client import Frontend, query_of
from cluster import RETURN_TO
from control import ControlCluster
from person import SESSION, Person, Scene

OTHER_KEY = "fedcba9876543210" * 4
LISTED_KEY = "00112233445566778899aabbccddeeff" * 2

ROWS = []


def attack(name, rule, beside=(), over=None):
    """`rule` stops it. `beside`: rules that would stop it as well; they are taken away too, and the attack must
    still be refused while only they are gone. `over`: parameters to call the same attack with, a row for each."""
    def keep(function):
        for given in over if over is not None else [()]:
            ROWS.append((name.format(*given), rule, tuple(beside), function, given))
        return function
    return keep


# ---- connect links and codes ----

@attack("a mailed connect link: the frontend redeems the code of the victim's browser for the victim", "CODE_OWNER")
def _(s):
    victim = s.person("victim")
    return s.redeem(victim.account, s.code(victim, s.cluster.link(s.name("mallory")))).status == 200


@attack("a planted code: the attacker's own calendar for the victim", "CODE_OWNER")
def _(s):
    mallory = s.person("mallory")
    return s.redeem(s.name("victim"), s.code(mallory, s.cluster.link(mallory.account))).status == 200


@attack("a stolen code, redeemed for another user", "CODE_OWNER")
def _(s):
    victim = s.person("victim")
    return s.redeem(s.name("mallory"), s.code(victim, s.cluster.link(victim.account))).status == 200


@attack("a stolen code, redeemed by another frontend", "CODE_OWNER")
def _(s):
    victim = s.person("victim")
    other = Frontend("127.0.0.1", s.cluster.port, OTHER_KEY)
    return s.redeem(victim.account, s.code(victim, s.cluster.link(victim.account)), other).status == 200


@attack("a code that was redeemed already", "CODE_ONCE")
def _(s):
    victim = s.person("victim")
    code = s.code(victim, s.cluster.link(victim.account))
    assert s.redeem(victim.account, code).status == 200
    return s.redeem(victim.account, code).status == 200


def at_once(n, work):
    """What `n` threads make of it at the same time."""
    with concurrent.futures.ThreadPoolExecutor(n) as pool:
        return [f.result() for f in [pool.submit(work, i) for i in range(n)]]


@attack("a code redeemed many times at once", "CODE_ONCE")
def _(s):
    victim = s.person("victim")
    code = s.code(victim, s.cluster.link(victim.account))
    good = [a for a in at_once(8, lambda i: s.redeem(victim.account, code)) if a.status == 200]
    assert good, "one of them"
    return len(good) > 1


@attack("a connect link opened in one browser, gone on with in another", "LINK_BROWSER")
def _(s):
    victim, mallory = s.person("victim"), s.person("mallory")
    link = s.cluster.link(victim.account)
    victim.set_out(link)
    return mallory.get(link).status == 302


@attack("the way back of one browser, taken by another", "STATE_BROWSER")
def _(s):
    victim, mallory = s.person("victim"), s.person("mallory")
    back = victim.consent(victim.set_out(s.cluster.link(victim.account)))
    mallory.set_out(s.cluster.link(mallory.account))
    landed = mallory.get(back)
    return landed.status == 302 and "code" in query_of(landed.headers["Location"])


@attack("the attacker's way back, planted in the victim's browser", "STATE_BROWSER")
def _(s):
    victim, mallory = s.person("victim"), s.person("mallory")
    back = mallory.consent(mallory.set_out(s.cluster.link(victim.account)))
    victim.set_out(s.cluster.link(victim.account))
    landed = victim.get(back)
    if landed.status != 302:
        return False
    return s.redeem(victim.account, query_of(landed.headers["Location"])["code"]).status == 200


@attack("a replayed state with a fresh code of Google's", "STATE_ONCE")
def _(s):
    victim = s.person("victim")
    google = victim.set_out(s.cluster.link(victim.account))
    jar = copy.deepcopy(victim.jar)
    assert victim.get(victim.consent(google)).status == 302
    victim.jar = jar
    landed = victim.get(victim.consent(google))
    return landed.status == 302 and "code" in query_of(landed.headers["Location"])


@attack("a state used many times at once, each with a code of Google's", "STATE_ONCE")
def _(s):
    victim = s.person("victim")
    google = victim.set_out(s.cluster.link(victim.account))
    backs = [victim.consent(google) for _ in range(6)]
    copies = [copy.copy(victim) for _ in backs]
    for one in copies:
        one.jar, one.tape = copy.deepcopy(victim.jar), []
    landed = at_once(len(backs), lambda i: copies[i].get(backs[i]))
    good = [a for a in landed if a.status == 302 and "code" in query_of(a.headers["Location"])]
    assert len(good) <= 1 or good[0].headers["Location"] != good[1].headers["Location"]
    return len([a for a in landed if a.status != 400]) > 1


# ---- which Google account ----

@attack("swapped sub: a second Google account for a user who has one", "SUBJECT_PINNED")
def _(s):
    victim = s.name("victim")
    s.cluster.connect(victim)
    code = s.code(s.person("mallory"), s.cluster.link(victim))
    return code is not None and s.redeem(victim, code).status == 200


@attack("swapped sub after a disconnect", "SUBJECT_PINNED")
def _(s):
    victim = s.name("victim")
    s.cluster.connect(victim)
    assert s.front.user("DELETE", victim, "connections/google").status == 200
    code = s.code(s.person("mallory"), s.cluster.link(victim))
    return code is not None and s.redeem(victim, code).status == 200


@attack("swapped sub in Google's own answer", "SUBJECT_PINNED")
def _(s):
    victim = s.person("victim")
    s.cluster.connect(victim.account)
    google = victim.set_out(s.cluster.link(victim.account))
    s.admin.fault("token", "id_token", reason="sub", account=victim.account)
    landed = victim.get(victim.consent(google))
    s.admin.clear_faults()
    return landed.status == 302 and s.redeem(victim.account, query_of(landed.headers["Location"])["code"]).status == 200


@attack("switching accounts without the user's grant", "GRANT_CHECK")
def _(s):
    victim = s.name("victim")
    s.cluster.connect(victim)
    made = s.front.user("POST", victim, "connect-links",
                        {"features": ["events"], "return_to": RETURN_TO, "switch_account": True}, grant=None)
    if made.status != 201:
        return False
    code = s.code(s.person("mallory"), made.json["url"])
    return code is not None and s.redeem(victim, code).status == 200


@attack("swapped sub on the web pages: not the account that signed in", "SUBJECT_PINNED")
def _(s):
    victim, mallory = s.person("victim").sign_in(), s.name("mallory")
    landed = victim.get(victim.consent(victim.set_out(victim.link()), mallory))
    return landed.status in (302, 303) and "connected" in landed.headers["Location"]


def web_state(person):
    return person.api("GET", "/v1/users/me/connections/google").json["state"]


@attack("someone else's link on the web pages: the victim's calendar for the attacker", "WEB_SAME_PERSON", ["SUBJECT_PINNED"])
def _(s):
    victim, mallory = s.person("victim").sign_in(), s.person("mallory").sign_in()
    opened = victim.get(mallory.link())
    if opened.status == 302:
        victim.get(victim.consent(opened.headers["Location"]))
    return web_state(mallory) == "active"


@attack("someone else's link of the web pages in a browser that is not signed in", "WEB_SAME_PERSON", ["SUBJECT_PINNED"])
def _(s):
    victim, mallory = s.person("victim"), s.person("mallory").sign_in()
    opened = victim.get(mallory.link())
    if opened.status == 302:
        victim.get(victim.consent(opened.headers["Location"]))
    return web_state(mallory) == "active"


# ---- where browsers are sent ----

@attack("open redirect: {0}", "RETURN_TO", over=RETURNS)
def _(s, what, url):
    front = Frontend("127.0.0.1", s.cluster.port, LISTED_KEY)
    body = {"features": ["events"], "return_to": LISTED}
    assert front.user("POST", "someone", "connect-links", body).status == 201, "the control: the listed one"
    return front.user("POST", "someone", "connect-links", {**body, "return_to": url}).status == 201


@attack("open redirect where loopback is listed: {0}", "RETURN_TO", over=LOOPBACKS)
def _(s, what, url):
    return s.front.user("POST", "someone", "connect-links", {"features": ["events"], "return_to": url}).status == 201


@attack("open redirect, all the way: the code goes to the attacker's host", "RETURN_TO")
def _(s):
    victim = s.person("victim")
    made = s.front.user("POST", victim.account, "connect-links", {"features": ["events"], "return_to": "https://evil.test/take"})
    if made.status != 201:
        return False
    landed = victim.get(victim.consent(victim.set_out(made.json["url"])))
    return landed.headers["Location"].startswith("https://evil.test/take?code=")


# ---- signing in ----

@attack("login CSRF: the attacker's way back from Google, planted in the victim's browser", "STATE_BROWSER")
def _(s):
    victim, mallory = s.person("victim"), s.person("mallory")
    victim.set_out()
    victim.get(mallory.consent(mallory.set_out()))
    return (victim.who() or {}).get("account") == f"{mallory.account}@example.test"


@attack("the victim's way back from Google, taken by the attacker's browser", "STATE_BROWSER")
def _(s):
    victim, mallory = s.person("victim"), s.person("mallory")
    mallory.set_out()
    mallory.get(victim.consent(victim.set_out()))
    return (mallory.who() or {}).get("account") == f"{victim.account}@example.test"


@attack("a replayed sign-in with a fresh code of Google's", "STATE_ONCE")
def _(s):
    victim = s.person("victim")
    google = victim.set_out()
    jar = copy.deepcopy(victim.jar)
    victim.get(victim.consent(google))
    assert victim.who()
    victim.jar = jar
    victim.get(victim.consent(google))
    return victim.who() is not None


@attack("a fixated session: the attacker's cookie, planted before the victim signs in", "SESSION_FRESH")
def _(s):
    victim, mallory = s.person("victim"), s.person("mallory").sign_in()
    victim.cookies()[SESSION] = mallory.session
    victim.sign_in()
    return (mallory.who() or {}).get("account") == f"{victim.account}@example.test"


# ---- stolen cookies ----

def stolen(s):
    victim = s.person("victim").sign_in()
    thief = Person(s.cluster)
    thief.cookies()[SESSION] = victim.session
    assert thief.who(), "the control: a stolen cookie is a session while that lives"
    return victim, thief


@attack("a stolen cookie after its owner signed out", "SESSION_LIVES")
def _(s):
    victim, thief = stolen(s)
    assert victim.form("/logout", {"csrf": victim.csrf}).status == 303
    assert victim.session is None
    return thief.who() is not None


@attack("a stolen cookie after its owner signed out everywhere, elsewhere", "SESSION_LIVES")
def _(s):
    victim, thief = stolen(s)
    elsewhere = Person(s.cluster, victim.account).sign_in()
    assert elsewhere.form("/logout", {"csrf": elsewhere.csrf, "everywhere": "1"}).status == 303
    return thief.who() is not None


def aged(s, victim, column, by):
    name = "(SELECT id FROM users WHERE frontend = 'web' ORDER BY created_at DESC LIMIT 1)"
    s.cluster.sql(f"UPDATE web_sessions SET {column} = {column} - interval '{by}' WHERE user_id = {name}")


@attack("a stolen cookie that nobody used for three days", "SESSION_LIVES")
def _(s):
    victim, thief = stolen(s)
    aged(s, victim, "used_at", "73 hours")
    return thief.who() is not None


@attack("a stolen cookie thirty days after signing in", "SESSION_LIVES")
def _(s):
    victim, thief = stolen(s)
    aged(s, victim, "created_at", "721 hours")
    return thief.who() is not None


@attack("a stolen cookie that was replaced meanwhile", "SESSION_LIVES")
def _(s):
    victim, thief = stolen(s)
    thief.cookies()[SESSION] = old = victim.session
    aged(s, victim, "changed_at", "16 minutes")
    assert victim.who() and victim.session != old, "the cookie is replaced with its age"
    assert victim.who()
    aged(s, victim, "last_until", "2 minutes")
    return thief.who() is not None


# ---- forged requests ----

CHAT = {"user": "me", "message": "Put lunch with Sam tomorrow at 3pm", "timezone": "UTC"}
FORGED = [
    ("sign out", lambda p, csrf, more: p.form("/logout", {"csrf": csrf} if csrf else {}, **more), lambda p: p.who() is None),
    ("connect", lambda p, csrf, more: p.form("/connect", [("features", "events")] + ([("csrf", csrf)] if csrf else []), **more), None),
    ("chat", lambda p, csrf, more: p.api("POST", "/v1/chat", CHAT, csrf, **more), None),
    ("forget the conversation", lambda p, csrf, more: p.api("DELETE", "/v1/users/me/session", None, csrf, **more), None),
    ("forget what is remembered", lambda p, csrf, more: p.api("DELETE", "/v1/users/me/memory", None, csrf, **more), None),
    ("disconnect", lambda p, csrf, more: p.api("DELETE", "/v1/users/me/connections/google", None, csrf, **more), None),
    ("void the grants", lambda p, csrf, more: p.api("DELETE", "/v1/users/me/grants", None, csrf, **more), None),
]


READ = [*FORGED, ("read the token", lambda p, csrf, more: p.api("GET", "/v1/session", None, None, **more), None)]


def forged(s, do, done, csrf, **more):
    victim = s.person("victim").sign_in()
    if do is FORGED[2][1] or do is FORGED[5][1]:
        victim.connect()
    got = do(victim, csrf(s, victim), more)
    if done is not None:
        return done(victim)
    if got.status >= 400:
        assert got.status == 403, got
    if do is FORGED[2][1]:
        events = [e["summary"] for e in s.admin.events(victim.account)]
        assert (len(events) == 2) == (got.status == 200), (events, got)
    return got.status < 400


@attack("cross-site request without a token: {0}", "SESSION_CSRF", over=FORGED)
def _(s, what, do, done):
    return forged(s, do, done, lambda s, victim: None)


@attack("cross-site request with another session's token: {0}", "SESSION_CSRF", over=FORGED)
def _(s, what, do, done):
    return forged(s, do, done, lambda s, victim: s.person("mallory").sign_in().csrf)


@attack("a request from another origin: {0}", "CROSS_SITE", over=READ)
def _(s, what, do, done):
    return forged(s, do, done, lambda s, victim: victim.csrf, Origin="https://evil.example", **{"Sec-Fetch-Site": None})


@attack("a request that the browser calls cross-site: {0}", "CROSS_SITE", over=READ)
def _(s, what, do, done):
    return forged(s, do, done, lambda s, victim: victim.csrf, Origin=None, **{"Sec-Fetch-Site": "cross-site"})


class Attacked(ControlCluster):
    frontends = {"other": (OTHER_KEY, ["loopback"]), "listed": (LISTED_KEY, [LISTED])}

    def __init__(self):
        super().__init__(extra="[gateway]\ntrusted_proxies=127.0.0.1")


class Controlled(Attacked):
    exchanged = ("cloisterd-control", "cloister-gateway-control", "cloister-keys-control")


class Attacks(unittest.TestCase):
    ran = refused = controls = 0

    @classmethod
    def setUpClass(cls):
        cls.real, cls.control = Attacked(), Controlled()

    @classmethod
    def tearDownClass(cls):
        print(f"    attacks: {cls.ran} scenarios, {cls.ran - cls.refused} succeeded, {cls.controls} controls succeeded")
        cls.real.stop()
        cls.control.stop()

    def run_row(self, rule, beside, function, given):
        type(self).ran += 1
        self.assertFalse(function(Scene(self.real), *given), "it succeeded")
        type(self).refused += 1
        if beside:
            with self.control.without(*beside):
                self.assertFalse(function(Scene(self.control), *given), f"{rule} does not stop it alone")
        with self.control.without(rule, *beside):
            self.assertTrue(function(Scene(self.control), *given), f"the control: without {rule} it must succeed")
        type(self).controls += 1


    # -- where the rule is Google's to keep, and we hand it what it needs --

    def stolen_google_code(self, **change):
        """The victim's code of Google's under the attacker's state and cookie. `change`: what the victim's request to
        Google would have had to lack for that."""
        type(self).ran += 1
        s = Scene(self.real)
        victim, mallory = s.person("victim"), s.person("mallory")
        mine = mallory.set_out(self.real.link(mallory.account))
        asked = query_of(victim.set_out(self.real.link(victim.account)))
        google = mine.split("?")[0]
        if "challenge" in change:
            del asked["code_challenge"], asked["code_challenge_method"]
        if "nonce" in change:
            asked["nonce"] = query_of(mine)["nonce"]
        taken = query_of(victim.consent(f"{google}?{urllib.parse.urlencode(asked)}"))["code"]
        own = urllib.parse.urlencode({"state": query_of(mine)["state"], "code": taken})
        landed = mallory.get(f"/connect/google/callback?{own}")
        return landed.status == 302 and s.redeem(mallory.account, query_of(landed.headers["Location"])["code"]).status == 200

    def test_stolen_google_code_by_challenge_and_nonce(self):
        """a stolen code of Google's under the attacker's state [PKCE challenge, nonce]"""
        self.assertFalse(self.stolen_google_code(), "as it is")
        self.assertFalse(self.stolen_google_code(nonce=None), "the challenge alone stops it")
        self.assertFalse(self.stolen_google_code(challenge=None), "the nonce alone stops it")
        type(self).refused += 3
        type(self).ran -= 1  # the next is the control
        self.assertTrue(self.stolen_google_code(challenge=None, nonce=None), "the control: without both it succeeds")
        type(self).controls += 1

    # -- what nobody offers --

    def test_no_parameter_leads_elsewhere(self):
        """There is no "next" to be abused: whatever is added, browsers are sent to Google and home again."""
        s = Scene(self.real)
        evil = "https://evil.test/"
        for name in ("next", "return_to", "redirect_uri", "url", "continue"):
            with self.subTest(parameter=name):
                person = s.person()
                google = person.set_out(f"/login?{name}={urllib.parse.quote(evil)}")
                self.assertTrue(google.startswith(self.real.named["GOOGLE_URL"]), google)
                self.assertNotIn("evil", google)
                landed = person.get(person.consent(google) + f"&{name}={urllib.parse.quote(evil)}")
                self.assertEqual((landed.status, landed.headers["Location"]), (302, person.base + "/"))
                sent = person.form("/connect", {"csrf": person.csrf, "features": "events", name: evil})
                self.assertNotIn("evil", sent.headers.get("Location", ""))
                sent = person.form(f"/logout?{name}={urllib.parse.quote(evil)}", {"csrf": person.csrf, name: evil})
                self.assertNotIn("evil", sent.headers.get("Location", ""))
        for path in ("//evil.test/", "/%2f%2fevil.test", "/\\evil.test", "/connect/%2f%2fevil.test"):
            self.assertNotIn("Location", s.person().get(f"http://127.0.0.1:{self.real.port}{path}").headers, path)

    def test_cookies_are_out_of_reach(self):
        """Of scripts, of other sites, of other hosts, of plain http elsewhere; and made anew each time."""
        victim = Scene(self.real).person("victim")
        victim.set_out(self.real.link(victim.account))
        victim.sign_in()
        lines = [line for seen in victim.tape for line in seen.cookies if "cloister" in line]
        self.assertEqual(len({line.split("=")[0] for line in lines}), 3, "connect, login, session")
        for line in lines:
            self.assertIn("; HttpOnly", line)
            self.assertIn("; SameSite=Lax", line)
            self.assertNotIn("domain=", line.lower())
        for name in ("__Host-cloister-session", "__Host-cloister-login"):
            mine = [line for line in lines if line.startswith(name)]
            self.assertTrue(mine)
            for line in mine:
                self.assertIn("; Secure", line)
                self.assertIn("; Path=/;", line + ";")


def add_rows():
    """A test for each row, so that each prints its name and fails by itself."""
    for at, (name, rule, beside, function, given) in enumerate(ROWS):
        def test(self, rule=rule, beside=beside, function=function, given=given):
            self.run_row(rule, beside, function, given)
        test.__doc__ = f"{name} [{rule}]"
        setattr(Attacks, f"test_{at:02d}", test)


add_rows()
