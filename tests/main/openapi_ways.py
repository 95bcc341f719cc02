"""Ways to spoil a request, each for every operation that it concerns, and what comes of it."""

import itertools
import uuid

from openapi_requests import FORM, JSON, Asker
from openapi_stage import CHAT_KEY, DECISIONS, HASTY_KEY, MEMORY_KEY, STORMY

WAYS = []


def way(status, code, scene, concerns, name=None):
    """A way to get `status` (with `code`, where the answer names one) from every operation that `concerns` picks.
    The function gets the stage and the operation, and gives the request to send or the answer itself."""
    def keep(function):
        WAYS.append((scene, status, code, name or function.__name__.replace("_", " "), concerns, function))
        return function
    return keep


def for_user(op):
    return op.for_user


def by_name(op):
    """Whose it is, stands in the request; of a proposal Cloister knows it, and tells nobody else that there is one."""
    return op.for_user and op.name not in DECISIONS


def by_frontend(op):
    return op.takes("frontendKey") or op.for_user


def by_session(op):
    return op.takes("session", "csrf") or op.takes("session")


def changed_by_session(op):
    return op.takes("session", "csrf") or op.body == FORM


def json_body(op):
    return op.body == JSON


def form_body(op):
    return op.body == FORM


def documents(status):
    return lambda op: status in op.statuses


@way(400, "bad_request", "calm", lambda op: op.body is None and 400 in op.statuses)
def a_body_where_none_is_taken(stage, op):
    request = stage.good(op)
    request.headers["Content-Type"], request.body = "application/json", b"{}"
    return request


@way(400, "invalid_field", "calm", lambda op: "{user}" in op.path and by_frontend(op))
def a_user_with_a_control_character(stage, op):
    return stage.good(op, user="a\nb")


@way(400, "invalid_json", "calm", json_body)
def a_body_that_is_no_json(stage, op):
    request = stage.good(op)
    request.body = b"{not json"
    return request


@way(400, "invalid_utf8", "calm", json_body)
def a_body_that_is_no_utf8(stage, op):
    request = stage.good(op)
    request.body = b'{"message":"\xff\xfe"}'
    return request


@way(400, "invalid_field", "calm", lambda op: json_body(op) and op.right != "business")
def fields_of_a_wrong_type(stage, op):
    request = stage.good(op)
    request.body = b'{"user":7,"message":[],"features":{},"return_to":1,"code":false}'
    return request


@way(400, "invalid_argument", "calm", lambda op: op.name in ("putBusiness", "rescheduleOwnBooking", "answerInquiry"))
def arguments_of_a_wrong_type(stage, op):
    request = stage.good(op)
    request.body = b'{"profile":7,"email":[],"start":{},"text":1}'
    return request


@way(400, None, "calm", form_body)
def a_form_that_is_none(stage, op):
    request = stage.good(op)
    request.body = b"csrf=%zz"
    return request


ADDRESSES = itertools.cycle(f"127.0.1.{n}" for n in range(1, 200))


def elsewhere(request):
    """From an address that has shown no wrong key yet: one address may show some, and there are more operations than that."""
    request.source = next(ADDRESSES)
    return request


@way(401, "unauthorized", "calm", by_frontend)
def no_key(stage, op):
    request = elsewhere(stage.good(op))
    del request.headers["Authorization"]
    return request


@way(401, "unauthorized", "calm", by_frontend)
def a_wrong_key(stage, op):
    request = elsewhere(stage.good(op))
    request.headers["Authorization"] = "Bearer " + "0" * 64
    return request


@way(401, "grant_required", "calm", for_user)
def no_grant(stage, op):
    request = stage.good(op)
    del request.headers["Cloister-Grant"]
    return request


@way(401, "grant_invalid", "calm", for_user)
def the_grant_of_another_user(stage, op):
    request = stage.good(op)
    request.headers["Cloister-Grant"] = stage.second.grant
    return request


@way(401, "grant_revoked", "calm", by_name)
def a_grant_made_void(stage, op):
    return stage.revoked.request(op)


@way(401, "grant_expired", "short grants", by_name)
def an_old_grant(stage, op):
    return stage.old.request(op)


@way(401, "session_invalid", "calm", lambda op: by_session(op) and 401 in op.statuses)
def a_session_that_is_none(stage, op):
    return Asker(session="0" * 43, csrf="0" * 43).request(op)


@way(403, "csrf_invalid", "calm", changed_by_session)
def a_session_without_its_token(stage, op):
    return Asker(session=stage.web.session).request(op, body={"user": None})


@way(403, "csrf_invalid", "calm", lambda op: by_session(op) and 403 in op.statuses and not (op.method == "GET" and not op.path.startswith("/v1/")))
def a_session_from_another_site(stage, op):
    request = stage.web.request(op)
    request.headers["Sec-Fetch-Site"] = "cross-site"
    return request


@way(403, "not_allowed", "calm", lambda op: op.for_user)
def a_session_for_another_user(stage, op):
    return Asker(user="somebody", session=stage.web.session, csrf=stage.web.csrf).request(op)


@way(403, "not_allowed", "calm", by_frontend)
def a_key_that_is_good_for_something_else(stage, op):
    return Asker(key=MEMORY_KEY if op.right == "chat" else CHAT_KEY, user="ann", grant=stage.first.grant).request(op)


@way(404, "unknown_user", "calm", by_name)
def a_user_that_nobody_knows(stage, op):
    return Asker(key=stage.key, user="nobody-" + uuid.uuid4().hex, grant=stage.first.grant).request(op)


@way(413, "payload_too_large", "calm", lambda op: op.body is not None)
def a_large_body(stage, op):
    request = stage.good(op)
    request.body = b"x" * 70000
    return request


@way(415, "unsupported_media_type", "calm", lambda op: op.body is not None)
def a_body_of_another_type(stage, op):
    request = stage.good(op)
    request.headers["Content-Type"] = "text/plain"
    return request


@way(429, "rate_limited", "calm", by_frontend)
def a_hasty_frontend(stage, op):
    hasty = Asker(key=HASTY_KEY, user="ann", grant=stage.first.grant)
    return stage.until(429, lambda: hasty.request(op))


@way(429, None, "calm", lambda op: not by_frontend(op) and 429 in op.statuses)
def an_address_that_asks_too_often(stage, op):
    stage.storm()

    def again():
        request = stage.nobody(op)  # what is let pass before is to change nothing
        request.source = STORMY
        return request
    return stage.until(429, again)


@way(503, "database_unavailable", "no database", lambda op: 503 in op.statuses and "operators" not in op.tags)
def no_database(stage, op):
    return stage.good(op)


@way(503, "keys_unavailable", "no keys", lambda op: op.for_user and op.name not in ("chat", *DECISIONS))
def no_keys(stage, op):
    return stage.good(op)


@way(503, "supervisor_unavailable", "no cloisterd", documents(503))
def no_cloisterd(stage, op):
    return stage.good(op)


@way(503, "draining", "draining", lambda op: 503 in op.statuses and "operators" not in op.tags)
def draining(stage, op):
    return stage.good(op)


@way(504, "turn_timeout", "frozen", lambda op: 504 in op.statuses and op.name != "chat")
def cloisterd_does_not_answer(stage, op):
    return stage.good(op)
