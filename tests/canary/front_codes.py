"""Rows of the table of codes for what the business front door answers: each is brought about over HTTP, by MCP where a tool
can, on a page where a form can, and by the chat where that can."""

import uuid

from scanner import canary, letters

from front_shop import Shop, at, profile

FRONT = []  # (code, status, scene, function)
GONE = {"booking": "B-22222-22222", "inquiry": "Q-22222-22222"}


def front(code, status, scene="calm"):
    def keep(function):
        FRONT.append((code, status, scene, function))
        return function
    return keep


def shop_of(stage):
    """The stage's own; its business has taken nothing yet."""
    if not hasattr(stage, "shop"):
        owner = lambda asker: lambda method, path, body=None: stage.keep(stage.cluster.front.request(
            method, f"{path}?user={asker.user}", body, {"Cloister-Grant": asker.grant}))
        plain = ("header", "idempotency")  # may have no letters but ASCII's
        said = lambda kind, value=None: stage.told(kind, value or (letters(24) if kind in plain else canary()))
        stage.shop = Shop(stage.cluster.public_port, said, owner(stage.first), stage.keep)
        stage.shop.stranger = owner(stage.second)
        stage.slug = stage.shop.open()
    return stage.shop, stage.slug


def refused(code, *answers):
    """Each of them was refused so; the last is the row's answer."""
    for answer in answers:
        told = answer.get("code") if isinstance(answer, dict) else answer.code
        assert told == code, f"{code} was to come of it, and {answer!r} did"
    return [a for a in answers if not isinstance(a, dict)][-1]


def by_both(shop, code, arguments):
    """create_booking, over HTTP and as a tool; the form of the page beside."""
    customer = arguments["customer"]
    shop.page(f"/b/{arguments['business']}/book", {
        "service": arguments["service"], "start": arguments["start"], "name": customer["name"], "email": customer["email"],
        "phone": customer.get("phone", ""), "note": arguments.get("note", ""), "key": uuid.uuid4().hex})
    return refused(code, shop.tool("create_booking", arguments), shop.http("POST", "/v1/bookings", arguments, Idempotency_Key=shop.key()))


@front("invalid_argument", 400)
def a_booking_by_nobody_who_can_be_told(shop, slug):
    arguments = shop.booking(slug, kind="message")
    arguments["customer"]["email"] = shop.said("message")
    refused("invalid_argument", shop.chat(slug, conversation=shop.said("conversation", letters(12))))
    return by_both(shop, "invalid_argument", arguments)


@front("unknown_business", 404)
def a_business_that_is_none(shop, slug):
    nobody = shop.said("search", letters(24).lower())  # PostgreSQL is asked for it
    shop.page(f"/b/{nobody}")
    return refused("unknown_business", shop.chat(nobody), shop.tool("get_business", {"business": nobody}),
                   shop.http("POST", "/v1/inquiries", shop.inquiry(nobody, "message"), Idempotency_Key=shop.key()),
                   by_both(shop, "unknown_business", shop.booking(nobody, kind="message")), shop.http("GET", f"/v1/businesses/{nobody}"))


@front("unknown_service", 404)
def a_service_that_is_none(shop, slug):
    service = shop.said("message", letters(24).lower())
    return refused("unknown_service", shop.tool("check_availability", {"business": slug, "service": service}),
                   by_both(shop, "unknown_service", shop.booking(slug, kind="message", service=service)),
                   shop.http("GET", f"/v1/businesses/{slug}/availability?service={service}"))


@front("unknown_booking", 404)
def a_booking_that_is_none(shop, slug):
    which = {"reference": GONE["booking"], "secret": shop.said("booking", letters(22))}
    shop.page(f"/bookings/{which['reference']}?secret={which['secret']}")
    return refused("unknown_booking", shop.tool("get_booking", which), shop.tool("cancel_booking", {**which, "reason": shop.said("message")}),
                   shop.http("POST", f"/v1/bookings/{which['reference']}/cancel", {"reason": shop.said("message")}, Cloister_Booking=which["secret"]),
                   shop.http("GET", f"/v1/bookings/{which['reference']}?secret={which['secret']}"),
                   shop.http("GET", f"/v1/bookings/{which['reference']}", Cloister_Booking=which["secret"]))


@front("unknown_inquiry", 404)
def an_inquiry_that_is_none(shop, slug):
    secret = shop.said("booking", letters(22))
    shop.page(f"/inquiries/{GONE['inquiry']}?secret={secret}")
    return refused("unknown_inquiry", shop.http("GET", f"/v1/inquiries/{GONE['inquiry']}", Cloister_Booking=secret))


@front("not_owner", 403)
def a_business_of_somebody_else(shop, slug):
    return refused("not_owner", shop.stranger("POST", f"/v1/businesses/{slug}/publish", {}), shop.stranger("GET", f"/v1/businesses/{slug}"))


@front("slug_taken", 409)
def an_address_that_somebody_has(shop, slug):
    return refused("slug_taken", shop.stranger("PUT", f"/v1/businesses/{slug}", {"profile": profile(lambda: shop.said("draft"))}))


@front("changed_meanwhile", 409)
def a_draft_of_another_version(shop, slug):
    return refused("changed_meanwhile", shop.owner("PUT", f"/v1/businesses/{slug}", {"profile": profile(shop.draft), "version": 4711}))


@front("draft_incomplete", 422)
def a_draft_that_cannot_be_published(shop, slug):
    early = {"profile": {"name": shop.draft(), "description": shop.draft()}, "publish": True}
    return refused("draft_incomplete", shop.owner("PUT", "/v1/businesses/early-" + uuid.uuid4().hex[:8], early))


@front("slot_taken", 409)
def a_time_that_somebody_has(shop, slug):
    start = shop.book(slug)["start"]
    return by_both(shop, "slot_taken", shop.booking(slug, start))


@front("outside_hours", 409)
def a_time_between_two(shop, slug):
    return by_both(shop, "outside_hours", shop.booking(slug, at(3, 9, 7)))


@front("too_late", 409)
def a_time_that_is_over(shop, slug):
    return by_both(shop, "too_late", shop.booking(slug, at(-2, 9)))


@front("booking_over", 409)
def a_booking_that_is_cancelled(shop, slug):
    made = shop.book(slug)
    which = {"reference": made["reference"], "secret": made["secret"]}
    gone = shop.http("POST", f"/v1/bookings/{made['reference']}/cancel", {"reason": shop.said("customer")}, Cloister_Booking=made["secret"])
    assert gone.status == 200, gone
    return refused("booking_over", shop.tool("reschedule_booking", {**which, "start": shop.start()}),
                   shop.http("POST", f"/v1/bookings/{made['reference']}/reschedule", {"start": shop.start()}, Cloister_Booking=made["secret"]))


@front("key_reused", 409)
def a_key_for_something_else(shop, slug):
    key = shop.key()
    first, second = (shop.http("POST", "/v1/bookings", shop.booking(slug), Idempotency_Key=key) for _ in "12")
    assert first.status == 201, first
    shop.learn(first.json)
    asked, again = (shop.http("POST", "/v1/inquiries", shop.inquiry(slug), Idempotency_Key=key + "i") for _ in "12")
    assert asked.status == 201, asked
    shop.learn(asked.json)
    return refused("key_reused", again, second)


@front("not_bookable", 409)
def a_business_without_bookings(shop, slug):
    return by_both(shop, "not_bookable", shop.booking(shop.open(booking=False)))


@front("inquiries_off", 409)
def a_business_without_inquiries(shop, slug):
    asked = shop.inquiry(shop.open(inquiries=False))
    shop.page(f"/b/{asked['business']}/inquire", {"message": asked["message"], "name": asked["customer"]["name"],
                                                   "email": asked["customer"]["email"], "phone": "", "key": uuid.uuid4().hex})
    return refused("inquiries_off", shop.tool("send_inquiry", asked), shop.http("POST", "/v1/inquiries", asked, Idempotency_Key=shop.key()))


@front("chat_off", 409)
def a_business_without_a_chat(shop, slug):
    return refused("chat_off", shop.chat(shop.open(chat=False)))


@front("limited", 429)
def somebody_who_asks_too_often(shop, slug):
    asked = shop.inquiry(slug)
    for _ in range(40):
        answer = shop.http("POST", "/v1/inquiries", {**asked, "message": shop.said("customer")}, Idempotency_Key=shop.key())
        if answer.status != 201:
            break
        shop.learn(answer.json)
    return refused("limited", shop.tool("send_inquiry", {**asked, "message": shop.said("customer")}), answer)


@front("cannot_confirm_now", 503)
def a_calendar_that_cannot_be_read(shop, slug):
    with shop.no_calendar():
        return by_both(shop, "cannot_confirm_now", shop.booking(slug, at(40, 9)))


@front("business_unavailable", 503, scene="no business")
def no_business_program(shop, slug):
    return refused("business_unavailable", shop.chat(slug), by_both(shop, "business_unavailable", shop.booking(slug, kind="message")),
                   shop.http("POST", "/v1/inquiries", shop.inquiry(slug, "message"), Idempotency_Key=shop.key()))
