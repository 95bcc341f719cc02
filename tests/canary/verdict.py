"""What may be found where. Everything else that the scanner finds is a leak."""

import re

# PostgreSQL: its files but for what it logs, and its processes.
DATABASE = r"memory of \d+ postgres|(?!.*server\.log).*/pg/"

# kind of secret -> where it may be in the clear, once the request that it belonged to has ended.
MAY_BE = {
    "calendar": None,  # titles, descriptions, places, people
    "token": None,  # access and refresh tokens of Google
    "message": None,  # what the owner wrote, and with it what the model answered
    "conversation": None,  # a name that the caller chose
    "idempotency": None,
    "header": None,
    "grant": None,
    "cookie": None,
    "csrf": None,
    "link": None,
    "state": None,
    "code": None,
    "frontend": None,  # the hash alone is kept
    # Names of users and addresses to go back to are kept, in the database and where they are used; never told to operators,
    # logs or in errors.
    "name": r"(?!.*/log/|.*/server.log|.*/outputs/|cmdline|environ|task/)",
    # Bookings and inquiries are kept with their people, and drafts with their business: in the database and nowhere else.
    "customer": DATABASE,
    # What people search for, and which business, is what answers are kept under, in memory; nothing of it is written down.
    "search": r"memory of \d+ (postgres|cloister-(gatewa|busine))",
    "draft": DATABASE,
    # The secret of a booking's or inquiry's link is kept by nobody: a notice that waits has it sealed.
    "booking": None,
    "operator": r"memory of \d+ cloister-keys",  # the Google client's secret and the model's key live there
}


def leaks(found):
    bad = set()
    for find in found:
        place = MAY_BE[find.name.split("/")[0]]
        if place is None or not re.match(place, find.place):
            bad.add(find)
    return bad


def stray_while_running(found, turn, kinds):
    """Of a look while a turn runs: secrets of these kinds that are anywhere but in the turn itself."""
    return {f for f in found if f.name.split("/")[0] in kinds and not f.place.startswith(f"memory of {turn} ")}
