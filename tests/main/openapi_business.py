"""Recipes for owners' businesses: somebody who has one, what customers left there, and what comes of each request."""

import http.client
import json
import uuid

from openapi_recipes import recipe
from openapi_requests import Asker
from openapi_stage import OPERATIONS


def ask(stage, name, asker=None, **more):
    return stage.send((asker or stage.first).request(OPERATIONS[name], **more))


def owner(stage):
    """Who is signed in on the web pages, with a calendar."""
    if not hasattr(stage, "owner"):
        browser = stage.browser().sign_in()
        browser.connect()
        stage.owner = Asker(session=browser.session, csrf=browser.csrf)
    return stage.owner


def published(stage, asker=None):
    """A business of the asker's that customers see; its slug."""
    slug = "salon-" + uuid.uuid4().hex[:10]
    answer = ask(stage, "putBusiness", asker, slug=slug, body={"publish": True})
    assert answer.status == 200, answer
    return slug


def customer(stage, method, path, body=None, key=None):
    """One request to the public gateway."""
    conn = http.client.HTTPConnection("127.0.0.1", stage.cluster.public_port, timeout=60)
    try:
        conn.request(method, path, None if body is None else json.dumps(body), {"Content-Type": "application/json", "Idempotency-Key": key or uuid.uuid4().hex})
        reply = conn.getresponse()
        answer = json.loads(reply.read())
        assert reply.status in (200, 201), answer
        return answer
    finally:
        conn.close()


def person():
    return {"name": "Sam", "email": uuid.uuid4().hex[:12] + "@customers.example"}


def by_phone():
    """Who left no e-mail address."""
    return {"name": "Sam", "phone": "+4930" + str(uuid.uuid4().int)[:8]}


def booked(stage, asker=None, who=person):
    slug = published(stage, asker)
    free = customer(stage, "GET", f"/v1/businesses/{slug}/availability?service=cut")["slots"]
    made = customer(stage, "POST", "/v1/bookings", {"business": slug, "service": "cut", "start": free[-1]["start"], "customer": who()})
    return slug, made["reference"], free


def asked(stage, asker=None, who=person):
    slug = published(stage, asker)
    return customer(stage, "POST", "/v1/inquiries", {"business": slug, "message": "Beards?", "customer": who()})["reference"]


for _name in ("listBusinesses", "listBookings", "listInquiries"):
    @recipe(_name, 200)
    def a_list(stage, name=_name):
        booked(stage)
        return ask(stage, name)

for _name in ("putBusiness", "getOwnBusiness", "publishBusiness", "unpublishBusiness", "deleteBusiness", "getNotifications", "setNotifications"):
    @recipe(_name, 200)
    def of_ones_own(stage, name=_name):
        return ask(stage, name, slug=published(stage))

    @recipe(_name, 200)
    def by_a_session_of_ones_own(stage, name=_name):
        return ask(stage, name, owner(stage), slug=published(stage, owner(stage)))

    if _name != "putBusiness":
        @recipe(_name, 403, "not_owner")
        def of_somebody_else(stage, name=_name):
            return ask(stage, name, slug=published(stage, stage.second))


@recipe("putBusiness", 409, "slug_taken")
def a_name_that_is_taken(stage):
    return ask(stage, "putBusiness", slug=published(stage, stage.second))


@recipe("putBusiness", 422, "draft_incomplete")
def published_too_early(stage):
    return ask(stage, "putBusiness", slug="early-" + uuid.uuid4().hex[:8], body={"profile": {"name": "Early"}, "publish": True})


@recipe("publishBusiness", 422, "draft_incomplete")
def a_draft_that_lacks_something(stage):
    slug = "early-" + uuid.uuid4().hex[:8]
    ask(stage, "putBusiness", slug=slug, body={"profile": {"name": "Early"}})
    return ask(stage, "publishBusiness", slug=slug)


@recipe("publishBusiness", 409, "changed_meanwhile")
def another_version_than_was_read(stage):
    return ask(stage, "publishBusiness", slug=published(stage), body={"version": 7})


@recipe("cancelOwnBooking", 200)
def a_booking_cancelled(stage):
    return ask(stage, "cancelOwnBooking", reference=booked(stage)[1])


@recipe("cancelOwnBooking", 409, "booking_over")
def a_booking_that_has_been(stage):
    reference = booked(stage)[1]
    stage.cluster.sql(f"UPDATE business.bookings SET starts_at = starts_at - interval '90 days', ends_at = ends_at - interval '90 days' WHERE reference = '{reference}'")
    return ask(stage, "cancelOwnBooking", reference=reference)


@recipe("rescheduleOwnBooking", 200)
def a_booking_moved(stage):
    _, reference, free = booked(stage)
    return ask(stage, "rescheduleOwnBooking", reference=reference, body={"start": free[-3]["start"]})


@recipe("rescheduleOwnBooking", 409, "too_late")
def to_a_time_that_has_been(stage):
    return ask(stage, "rescheduleOwnBooking", reference=booked(stage)[1])


@recipe("answerInquiry", 200)
def an_answer(stage):
    return ask(stage, "answerInquiry", reference=asked(stage))


@recipe("closeInquiry", 200)
def no_answer(stage):
    return ask(stage, "closeInquiry", reference=asked(stage))


# ---- the pages ----

for _name in ("businessesPage", "bookingsPage", "inquiriesPage"):
    @recipe(_name, 200)
    def a_page(stage, name=_name):
        booked(stage, owner(stage))
        return ask(stage, name, owner(stage))

for _name in ("businessesPage", "bookingsPage", "inquiriesPage", "businessPage", "noticesPage"):
    @recipe(_name, 303)
    def nobody_signed_in(stage, name=_name):
        return ask(stage, name, Asker())


for _name in ("businessPage", "noticesPage"):
    @recipe(_name, 200)
    def to_be_edited(stage, name=_name):
        return ask(stage, name, owner(stage), slug=published(stage, owner(stage)))

for _name in ("businessPage", "businessForm", "noticesPage", "noticesForm"):
    @recipe(_name, 403)
    def a_page_of_somebody_else(stage, name=_name):
        return ask(stage, name, owner(stage), slug=published(stage))

    @recipe(_name, 404)
    def a_page_of_nobody(stage, name=_name):
        return ask(stage, name, owner(stage), slug="no-such-business")


@recipe("businessesForm", 303)
def added(stage):
    return ask(stage, "businessesForm", owner(stage), body={"slug": "new-" + uuid.uuid4().hex[:8]})


@recipe("businessesForm", 422)
def a_name_in_use(stage):
    return ask(stage, "businessesForm", owner(stage), body={"slug": published(stage, owner(stage))})


@recipe("businessForm", 303)
def taken_off(stage):
    return ask(stage, "businessForm", owner(stage), slug=published(stage, owner(stage)))


@recipe("businessForm", 422)
def a_form_with_a_fault(stage):
    return ask(stage, "businessForm", owner(stage), slug=published(stage, owner(stage)), body={"act": "service", "name": "Wash", "duration_minutes": "long"})


@recipe("noticesForm", 303)
def told_elsewhere(stage):
    return ask(stage, "noticesForm", owner(stage), slug=published(stage, owner(stage)))


@recipe("noticesForm", 422)
def told_nowhere(stage):
    return ask(stage, "noticesForm", owner(stage), slug=published(stage, owner(stage)), body={"emails": "nobody"})


@recipe("bookingsForm", 303)
def cancelled_on_the_page(stage):
    return ask(stage, "bookingsForm", owner(stage), body={"reference": booked(stage, owner(stage))[1]})


@recipe("bookingsForm", 200)
def cancelled_and_nobody_is_told(stage):
    return ask(stage, "bookingsForm", owner(stage), body={"reference": booked(stage, owner(stage), by_phone)[1]})


@recipe("bookingsForm", 422)
def a_booking_of_nobody(stage):
    return ask(stage, "bookingsForm", owner(stage))


@recipe("inquiriesForm", 303)
def answered_on_the_page(stage):
    return ask(stage, "inquiriesForm", owner(stage), body={"reference": asked(stage, owner(stage))})


@recipe("inquiriesForm", 200)
def answered_and_nobody_is_told(stage):
    return ask(stage, "inquiriesForm", owner(stage), body={"reference": asked(stage, owner(stage), by_phone)})


@recipe("inquiriesForm", 422)
def a_question_of_nobody(stage):
    return ask(stage, "inquiriesForm", owner(stage))

