"""The kinds of request that customers make, and owners with a business: each with secrets in every field. The owner is the
kind's user, whose calendar has secrets that no customer may come near."""

import itertools

from scanner import canary, letters

from front_shop import Shop, profile
from kinds import ask, good, kind

PLAIN = ("header", "idempotency")
hours = itertools.count()  # so that nobody's bookings meet


def shop_of(people, user, words):
    """The user's, opened the first time."""
    def owner(method, path, body=None):
        answer = people.front.request(method, f"{path}?user={user.name}", body, people.front.grant_headers(user.name))
        return people.front.keep_grant(user.name, answer)

    shop = Shop(people.cluster.public_port, lambda sort, value=None: words.secret(sort, value or (letters(24) if sort in PLAIN else canary())), owner)
    shop.hours = next(hours)
    if not hasattr(user, "slug"):
        user.slug = shop.open(agent_answers=True)
    return shop, user.slug


@kind(4)
def a_customer_books(people, user, words):
    shop, slug = shop_of(people, user, words)
    made = shop.book(slug)
    seen = shop.http("GET", f"/v1/bookings/{made['reference']}", Cloister_Booking=made["secret"])
    assert seen.status == 200, seen
    assert len(people.admin.events(user.name)) == 2, "the control: it stands in the calendar"


@kind(3)
def a_customer_books_by_a_tool(people, user, words):
    shop, slug = shop_of(people, user, words)
    made = shop.learn(shop.tool("create_booking", shop.booking(slug)))
    which = {"reference": made["reference"], "secret": made["secret"]}
    assert shop.tool("reschedule_booking", {**which, "start": shop.start()})["status"] == "confirmed"
    assert shop.tool("cancel_booking", {**which, "reason": shop.said("customer")})["status"] == "cancelled"


@kind(2)
def a_customer_looks_around(people, user, words):
    shop, slug = shop_of(people, user, words)
    sought = letters(16).lower()
    words.secret("search", sought)
    shop.http("GET", f"/v1/businesses?q={sought}&place={words.secret('search', letters(16).lower())}")
    shop.tool("search_businesses", {"query": words.secret("search"), "attributes": {letters(8).lower(): words.secret("search")}})
    assert shop.http("GET", f"/v1/businesses/{slug}/availability?service=cut").json["slots"]
    shop.page(f"/b/{slug}")


@kind(3)
def a_customer_inquires(people, user, words):
    """Its agent answers, so the words go through a turn."""
    shop, slug = shop_of(people, user, words)
    made = shop.ask(slug)
    seen = shop.http("GET", f"/v1/inquiries/{made['reference']}", Cloister_Booking=made["secret"])
    assert seen.status == 200, seen


@kind(2)
def a_customer_asks_several(people, user, words):
    shop, slug = shop_of(people, user, words)
    told = shop.tool("ask_businesses", {"message": words.secret("customer"), "businesses": [slug], "deadline_ms": 15000,
                                        "customer": shop.customer()})
    assert told["asked"] == 1, told


@kind(4)
def a_customer_chats(people, user, words):
    shop, slug = shop_of(people, user, words)
    conversation = words.secret("conversation", letters(24))
    for text in ("Which times are free tomorrow?", "Thank you"):
        assert shop.chat(slug, text, conversation).status == 200


@kind(2)
def a_customer_is_refused(people, user, words):
    shop, slug = shop_of(people, user, words)
    taken = shop.book(slug)["start"]
    again = shop.http("POST", "/v1/bookings", shop.booking(slug, taken), Idempotency_Key=shop.key())
    assert again.code == "slot_taken", again
    none = shop.http("GET", "/v1/bookings/B-22222-22222", Cloister_Booking=words.secret("booking", letters(22)))
    assert none.code == "unknown_booking", none


@kind(2)
def an_owner_writes_a_draft(people, user, words):
    shop, slug = shop_of(people, user, words)
    put = shop.owner("PUT", f"/v1/businesses/{slug}", {"profile": profile(shop.draft)})
    assert put.status == 200, put
    seen = shop.owner("GET", f"/v1/businesses/{slug}")
    assert seen.status == 200, seen


@kind(3)
def an_owner_reads_of_customers(people, user, words):
    """By hand, and through the owner's own turn."""
    shop, slug = shop_of(people, user, words)
    shop.book(slug)
    reference = shop.ask(slug)["reference"]
    for path in ("bookings", "inquiries"):
        got = people.front.user("GET", user.name, path)
        assert got.status == 200 and slug in got.body, got
    told = people.front.user("POST", user.name, f"inquiries/{reference}/answer", {"text": words.secret("customer")})
    assert told.status == 200, told
    good(ask(people, user, words, "Show me my bookings"))
