"""Recipes for the answers of single operations: the good ones, and those that no general way brings about."""

from client import Frontend
from cluster import kill
from openapi_requests import Asker, Request
from openapi_stage import DECISIONS, KEEN, OPERATIONS, THRIFTY_KEY, header

RECIPES = []


def recipe(name, status, code=None, scene="calm"):
    """What the operation `name` answers with `status`, and how to get there."""
    def keep(function):
        RECIPES.append((scene, name, status, code, function))
        return function
    return keep


def as_described(name, status, fresh=False):
    """The request of the document, as it stands there."""
    @recipe(name, status)
    def as_described(stage):
        op = OPERATIONS[name]
        return stage.send(stage.user().request(op) if fresh else stage.good(op))


def by_session_too(name, status):
    @recipe(name, status)
    def by_a_session(stage):
        return stage.send(stage.web.request(OPERATIONS[name]))


for _name, _status in (("forgetSession", 204), ("listMemory", 200), ("forgetAll", 204), ("createConnectLink", 201),
                       ("getConnection", 200), ("asset", 200), ("docs", 200), ("openapi", 200), ("health", 200),
                       ("healthHead", 200), ("homeHead", 200), ("home", 200), ("ready", 200), ("metrics", 200)):
    as_described(_name, _status)
for _name, _status in (("disconnect", 200), ("revokeGrants", 204)):
    as_described(_name, _status, fresh=True)
for _name, _status in (("chat", 409), ("forgetSession", 204), ("listMemory", 200), ("forgetAll", 204), ("getConnection", 200),
                       ("showSession", 200), ("memoryPage", 200), ("connectPage", 200), ("connectBegin", 303), ("home", 200)):
    by_session_too(_name, _status)


@recipe("chat", 200)
def a_stream(stage):
    return stage.chat(stage.first, "What do I have tomorrow?", Accept="text/event-stream")


@recipe("chat", 200)
def a_whole_answer(stage):
    return stage.chat(stage.first, "What do I have tomorrow?")


@recipe("chat", 200)
def a_stream_that_fails(stage):
    with stage.fault("model", "status", status=401):
        return stage.chat(stage.first, "What do I have tomorrow?", Accept="text/event-stream")


@recipe("chat", 400, "invalid_timezone")
def a_zone_that_is_none(stage):
    return stage.send(stage.first.request(OPERATIONS["chat"], body={"timezone": "Mars/Olympus"}))


@recipe("chat", 406, "not_acceptable")
def nothing_acceptable(stage):
    return stage.chat(stage.first, "Hello", Accept="text/plain")


@recipe("chat", 409, "not_connected")
def a_user_who_disconnected(stage):
    user = stage.user()
    stage.send(user.request(OPERATIONS["disconnect"]))
    return stage.chat(user, "What do I have tomorrow?")


@recipe("chat", 409, "reconnect_required")
def a_user_who_took_the_access_back_at_google(stage):
    user = stage.user()
    stage.cluster.admin.call("POST", f"/tokens/{user.user}/kill", {})
    return stage.chat(user, "What do I have tomorrow?")


@recipe("chat", 422, "budget_exhausted")
def a_turn_without_end(stage):
    return stage.chat(stage.first, "loop forever")


@recipe("chat", 429, "budget_used_up")
def a_day_whose_budget_is_used_up(stage):
    name, front = stage.name(), Frontend("127.0.0.1", stage.cluster.port, THRIFTY_KEY)
    user = Asker(THRIFTY_KEY, name, stage.cluster.connect(name, front=front)["grant"])
    stage.chat(user, "What do I have tomorrow?")
    return stage.chat(user, "What do I have tomorrow?")


@recipe("chat", 502, "model_misconfigured")
def a_model_key_that_is_wrong(stage):
    with stage.fault("model", "status", status=401):
        return stage.chat(stage.first, "What do I have tomorrow?")


@recipe("chat", 502, "model_rejected")
def a_model_that_refuses_the_request(stage):
    with stage.fault("model", "status", status=400):
        return stage.chat(stage.first, "What do I have tomorrow?")


@recipe("chat", 502, "google_unavailable")
def google_that_answers_nonsense(stage):
    with stage.fault("calendar", "malformed"):
        return stage.chat(stage.first, "What do I have tomorrow?")


@recipe("chat", 502, "agent_lost")
def an_agent_that_is_killed(stage):
    return stage.while_it_hangs(stage.user(), lambda agent: kill(agent["pid"]))


# The owner's word on a proposal.

def on_both(status, code=None):
    """Comes of both words alike."""
    def keep(play):
        for name in DECISIONS:
            def recipe_of(stage, name=name):
                return play(stage, name)
            recipe_of.__name__ = f"{play.__name__}_{name}"
            recipe(name, status, code)(recipe_of)
        return play
    return keep


@on_both(200)
def a_word(stage, name):
    return stage.decide(name)


@on_both(200)
def a_word_as_a_stream(stage, name):
    return stage.decide(name, Accept="text/event-stream")


@on_both(404, "proposal_gone")
def a_word_on_nothing(stage, name):
    return stage.send(stage.first.request(OPERATIONS[name]))


@on_both(406, "not_acceptable")
def a_word_that_nothing_can_answer(stage, name):
    return stage.decide(name, (stage.decider, stage.open), Accept="text/plain")


@on_both(409, "proposal_used")
def a_word_after_another(stage, name):
    undecided = stage.undecided()
    stage.decide("rejectProposal", undecided)
    return stage.decide(name, undecided)


@on_both(502, "agent_lost")
def an_agent_killed_before_the_word(stage, name):
    return stage.while_it_is_stopped(stage.undecided(), lambda undecided: stage.decide(name, undecided), kill)


@on_both(409, "proposal_busy")
def a_word_while_another_is_under_way(stage, name):
    undecided, second = stage.undecided(), []
    stage.while_it_is_stopped(undecided, lambda it: stage.decide("confirmProposal", it),
                              lambda pid: (second.append(stage.decide(name, undecided)), kill(pid)))
    return second[0]


@recipe("confirmProposal", 409, "proposal_changed")
def a_word_on_an_event_that_was_changed(stage):
    user, known = stage.undecided()
    stage.cluster.admin.call("DELETE", f"/accounts/{user.user}/events/{user.event['id']}")
    stage.cluster.admin.call("POST", f"/accounts/{user.user}/events", {**user.event, "location": "elsewhere"})
    return stage.decide("confirmProposal", (user, known))


@recipe("confirmProposal", 502, "google_unavailable")
def a_word_while_google_answers_nonsense(stage):
    with stage.fault("calendar", "malformed"):
        return stage.decide("confirmProposal", (stage.decider, stage.open))


@recipe("confirmProposal", 410, "proposal_expired", scene="ten minutes later")
def a_word_too_late(stage):
    return stage.decide("confirmProposal", (stage.decider, stage.open))


@recipe("rejectProposal", 410, "proposal_expired", scene="ten minutes later")
def a_word_too_late_to_leave_it(stage):
    return stage.decide("rejectProposal", (stage.decider, stage.open))


@recipe("correctMemory", 200)
def correcting_one(stage):
    known = something_remembered(stage).json["items"]
    return stage.send(stage.first.request(OPERATIONS["correctMemory"], id=known[0]["id"]))


@recipe("correctMemory", 404, "not_found")
def correcting_what_is_not_there(stage):
    return stage.send(stage.first.request(OPERATIONS["correctMemory"]))


@recipe("memoryPage", 303)
def the_page_of_notes_for_nobody(stage):
    return stage.browser().get("/memory")


@recipe("memoryChange", 303)
def deleting_everything_on_the_page(stage):
    return stage.send(stage.web.request(OPERATIONS["memoryChange"], body={"act": "empty", "sure": "1", "id": None}))


@recipe("listMemory", 200)
def something_remembered(stage):
    stage.chat(stage.first, "Remember that I like mornings")
    return stage.send(stage.first.request(OPERATIONS["listMemory"]))


@recipe("forget", 204)
def forgetting_one(stage):
    known = something_remembered(stage).json["items"]
    return stage.send(stage.first.request(OPERATIONS["forget"], id=known[0]["id"]))


@recipe("forget", 404, "not_found")
def forgetting_what_is_not_there(stage):
    return stage.send(stage.first.request(OPERATIONS["forget"]))


@recipe("forget", 400, "invalid_field")
def an_id_that_is_none(stage):
    return stage.send(stage.first.request(OPERATIONS["forget"], id="a b"))


@recipe("createConnectLink", 401, "grant_required")
def another_account_without_the_grant(stage):
    asker = Asker(key=stage.key, user=stage.first.user)
    return stage.send(asker.request(OPERATIONS["createConnectLink"], body={"switch_account": True}))


@recipe("createConnectLink", 404, "unknown_user")
def another_account_of_nobody(stage):
    asker = Asker(key=stage.key, user="nobody-here", grant=stage.first.grant)
    return stage.send(asker.request(OPERATIONS["createConnectLink"], body={"switch_account": True}))


@recipe("redeem", 200)
def a_code(stage):
    user = stage.name()
    return stage.redeem(user, stage.code(user, account=user))


@recipe("redeem", 400, "code_invalid")
def a_code_that_is_none(stage):
    return stage.redeem(stage.first.user, "0" * 43)


@recipe("redeem", 409, "wrong_account")
def two_codes_of_two_accounts(stage):
    user, other = stage.name(), stage.name()
    codes = [stage.code(user, account=user), stage.code(user, account=other)]
    stage.redeem(user, codes[0])
    return stage.redeem(user, codes[1])


@recipe("disconnect", 404, "not_connected")
def nothing_to_disconnect(stage):
    user = stage.user()
    stage.send(user.request(OPERATIONS["disconnect"]))
    return stage.send(user.request(OPERATIONS["disconnect"]))


# The browser's routes.

@recipe("openConnectLink", 302)
def a_link(stage):
    return stage.browser().get(stage.link())


@recipe("openConnectLink", 400)
def a_link_that_is_none(stage):
    return stage.browser().get("/connect/" + "0" * 43)


@recipe("openConnectLink", 403)
def a_link_that_another_browser_opened(stage):
    link = stage.link()
    stage.browser().get(link)
    return stage.browser().get(link)


@recipe("openConnectLink", 410)
def a_link_of_yesterday(stage):
    link, user = stage.link_of()
    stage.cluster.sql(f"UPDATE connect_links SET expires_at = now() - interval '1 day' WHERE user_name = '{user}'")
    return stage.browser().get(link)


@recipe("connectCallback", 302)
def back_with_a_code(stage):
    browser = stage.browser()
    return browser.get(browser.consent(browser.set_out(stage.link())))


@recipe("connectCallback", 302)
def back_from_signing_in(stage):
    browser = stage.browser()
    return browser.get(browser.consent(browser.set_out("/login")))


@recipe("connectCallback", 400)
def back_with_nothing(stage):
    return stage.browser().get("/connect/google/callback")


@recipe("connectCallback", 403)
def back_in_another_browser(stage):
    browser = stage.browser()
    return stage.browser().get(browser.consent(browser.set_out(stage.link())))


@recipe("connectCallback", 409)
def back_with_a_refusal(stage):
    browser = stage.browser()
    return browser.get(browser.consent(browser.set_out(stage.link()), allow=False))


@recipe("connectCallback", 409)
def back_with_a_refusal_to_sign_in(stage):
    browser = stage.browser()
    return browser.get(browser.consent(browser.set_out("/login"), allow=False))


@recipe("connectCallback", 409)
def back_with_nothing_allowed(stage):
    browser = stage.browser()
    return browser.get(browser.consent(browser.set_out(stage.link()), scopes=["none of them"]))


@recipe("connectCallback", 409)
def back_with_another_account(stage):
    browser = stage.browser()
    return browser.get(browser.consent(browser.set_out(stage.link(stage.first.user))))


@recipe("connectCallback", 410)
def back_a_day_later(stage):
    browser = stage.browser()
    link, user = stage.link_of()
    back = browser.consent(browser.set_out(link))
    stage.cluster.sql(f"UPDATE connect_links SET state_expires_at = now() - interval '1 day' WHERE user_name = '{user}'")
    return browser.get(back)


@recipe("connectCallback", 502)
def back_when_google_does_not_take_its_own_code(stage):
    browser = stage.browser()
    back = browser.consent(browser.set_out(stage.link()))
    with stage.fault("token", "status", status=400, reason="invalid_grant"):
        return browser.get(back)


@recipe("signIn", 302)
def signing_in(stage):
    return stage.browser().get("/login")


@recipe("signIn", 429)
def signing_in_without_end(stage):
    return stage.until(429, lambda: Request("GET", "/login", {}, source=KEEN))


@recipe("signIn", 409, scene="plain http")
def signing_in_where_everybody_listens(stage):
    return stage.browser().get("/login")


@recipe("signOut", 303)
def signing_out(stage):
    return stage.send(stage.signed_in().request(OPERATIONS["signOut"]))


@recipe("signOut", 303)
def signing_out_everywhere(stage):
    return stage.send(stage.signed_in().request(OPERATIONS["signOut"], body={"everywhere": "1"}))


@recipe("connectPage", 303)
def the_connect_page_for_nobody(stage):
    return stage.browser().get("/connect")


@recipe("connectBegin", 400)
def connecting_nothing_known(stage):
    return stage.send(stage.web.request(OPERATIONS["connectBegin"], body={"features": "telepathy"}))


@recipe("home", 200)
def home_for_nobody(stage):
    return stage.browser().get("/")


def unchanged(name):
    @recipe(name, 304)
    def unchanged_since(stage):
        request = stage.good(OPERATIONS[name])
        request.headers["If-None-Match"] = header(stage.send(request), "etag")
        return stage.send(request)


unchanged("asset")
unchanged("openapi")


@recipe("asset", 404, "not_found")
def a_file_that_is_not_there(stage):
    return stage.send(Asker().request(OPERATIONS["asset"], name="nothing.css"))


# A cluster with room for one agent, grants that last for seconds and turns that may take three.

@recipe("getConnection", 200, scene="short grants")
def a_grant_renewed_in_a_header(stage):
    return stage.renewed(lambda user: stage.send(user.request(OPERATIONS["getConnection"])),
                         lambda answer: header(answer, "cloister-grant"))


@recipe("chat", 200, scene="short grants")
def a_grant_renewed_in_an_answer(stage):
    return stage.renewed(lambda user: stage.chat(user, "What do I have tomorrow?"), lambda answer: answer.json.get("grant"))


@recipe("chat", 200, scene="short grants")
def a_grant_renewed_in_a_stream(stage):
    return stage.renewed(lambda user: stage.chat(user, "What do I have tomorrow?", Accept="text/event-stream"),
                         lambda answer: answer.events[-1][1].get("grant"))


@recipe("chat", 504, "turn_timeout", scene="crowd")
def a_model_that_hangs(stage):
    with stage.fault("model", "hang"):
        return stage.chat(stage.user(), "What do I have tomorrow?")


@recipe("chat", 429, "busy", scene="crowd")
def more_turns_than_may_wait(stage):
    user = stage.user()
    with stage.fault("model", "hang"):
        return stage.together([lambda: stage.chat(user, "What do I have tomorrow?")] * 3, 429)


@recipe("chat", 503, "full", scene="crowd")
def more_agents_than_may_be(stage):
    users = [stage.user(), stage.user()]
    with stage.fault("model", "hang"):
        return stage.together([lambda u=u: stage.chat(u, "What do I have tomorrow?") for u in users], 503)
